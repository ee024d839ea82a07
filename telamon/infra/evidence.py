"""Everything a plan rests on, and the statement with which somebody agrees to it.

Both are JSON in one form only, so that the bytes that were signed are the bytes that are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Final, Self, get_type_hints

from telamon.errors import RefusedError
from telamon.infra.canonical import Digest, canonical_json, digest, read_object

APPROVAL_NAMESPACE: Final = "telamon-infra"
"""What a signature under an approval is good for. A signature made for anything else, e.g. a Git commit, is not."""
PLAN_NAMESPACE: Final = "telamon-infra-plan"
"""The same for the signature of whoever made the plan."""
APPROVERS_NAMESPACE: Final = "telamon-infra-approvers"
"""The same for a signature under the next list of approvers."""


class Signed:
    """A document that is signed as it stands; base of the two below."""

    what: ClassVar[str]

    def content(self) -> bytes:
        """The bytes that are signed."""
        return canonical_json({"kind": self.what, **asdict(self)})  # type: ignore[call-overload]

    def digest(self) -> Digest:
        """The digest of :meth:`content`."""
        return digest(self.content())

    @classmethod
    def read(cls, content: bytes) -> Self:
        """Read what :meth:`content` wrote.

        Args:
            content: the bytes.

        Raises:
            RefusedError: they are anything else: another kind, a key too many or too few, or another form.
        """
        document = read_object(content, what=f"the {cls.what}")
        kind = document.pop("kind", None)
        hints = get_type_hints(cls)
        names = {field.name for field in fields(cls)}  # type: ignore[arg-type]
        if kind != cls.what or document.keys() != names:
            raise RefusedError(f"this is no {cls.what}", guard="readable")
        values = {name: _typed(document[name], hints[name], cls.what) for name in names}
        found = cls(**values)
        if found.content() != content:
            raise RefusedError(f"the {cls.what} is not in the form that is signed", guard="readable")
        return found


@dataclass(frozen=True)
class Evidence(Signed):
    """What was true when a plan was made. Applying derives each of these again.

    Attributes:
        stack: name of the stack.
        part: which of its states, e.g. ``network``.
        plan_id: drawn at random for each plan, so that a plan is good for one use.
        planner: who made it: the name in the list of approvers that belongs to the signing key.
        authors: who else had a hand in the change, e.g. the author of the pull request.
        planned_at: seconds since 1970.
        plan: digest of the canonical plan.
        plan_file: digest of the saved plan as it lies on the disk.
        lock: digest of the provider lock file; of nothing where there is none.
        tree: digest of the configuration folder.
        inputs: digest of what the earlier layers told; of nothing where it takes nothing from others.
        verdicts: digest of what the policies said.
        lineage: of the state; "" before the first apply.
        serial: of the state.
        approvers: digest of the list of approvers in force.
        ledger: digest of the last line of the audit log before this plan.
        destructive: addresses of everything that is destroyed, replaced or forgotten.
    """

    what: ClassVar[str] = "telamon infrastructure plan v2"

    stack: str
    part: str
    plan_id: str
    planner: str
    authors: tuple[str, ...]
    planned_at: int
    plan: Digest
    plan_file: Digest
    lock: Digest
    tree: Digest
    inputs: Digest
    verdicts: Digest
    lineage: str
    serial: int
    approvers: Digest
    ledger: Digest
    destructive: tuple[str, ...]


@dataclass(frozen=True)
class Statement(Signed):
    """What an approver signs.

    Attributes:
        stack: name of the stack.
        part: which of its states.
        evidence: digest of the :class:`Evidence`.
        approver: who signs; must be the owner of the key.
        issued_at: seconds since 1970; not good before.
        expires_at: not good from then on.
        names: addresses whose destruction, replacement or release the approver has seen.
    """

    what: ClassVar[str] = "telamon infrastructure approval v1"

    stack: str
    part: str
    evidence: Digest
    approver: str
    issued_at: int
    expires_at: int
    names: tuple[str, ...]


def _typed(value: Any, wanted: Any, what: str) -> Any:
    if wanted == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
    elif wanted is int:
        if isinstance(value, int) and not isinstance(value, bool):
            return value
    elif isinstance(value, str):
        return value
    raise RefusedError(f"the {what} holds a value of the wrong type", guard="readable")


def moved_on(then: Evidence, now: Evidence) -> Mapping[str, tuple[object, object]]:
    """What is no longer as it was when the plan was made.

    Args:
        then: as signed.
        now: as derived again.

    Returns:
        Attribute names, each with the value then and now.
    """
    before, after = asdict(then), asdict(now)
    return {name: (before[name], after[name]) for name in before if before[name] != after[name]}
