"""A plan as people read it: what is created, changed, replaced and destroyed.

The same reading feeds the summary and the guards, so nothing can be destroyed that is not shown. An action this module
does not know is refused, never left out. Source of the keys and actions: Terraform documentation, "JSON Output Format",
"Change Representation".
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from telamon.errors import RefusedError
from telamon.infra.canonical import NUMBER, canonical_json

HIDDEN: Final = "(sensitive)"
UNKNOWN: Final = "(known after apply)"
LONGEST: Final = 80
"""Characters of a value that are shown."""

TELLING: Final = re.compile(
    r"passw|passphrase|secret|token|credential|private_?key|access_?key|user_?data", re.IGNORECASE
)
"""Names whose values are never shown, even where the provider does not mark them as sensitive."""
NO_SECRET: Final = re.compile(r"_(arn|id|name|version|days|enabled|length)s?$|^manage_", re.IGNORECASE)
"""Endings of names that speak about a secret and hold none, e.g. ``master_user_secret_kms_key_id``."""


class Kind(StrEnum):
    """What happens to one resource."""

    NOTHING = "unchanged"
    READ = "read"
    CREATE = "created"
    UPDATE = "changed"
    REPLACE = "replaced"
    DESTROY = "destroyed"
    FORGET = "forgotten"


KINDS: Final[Mapping[tuple[str, ...], Kind]] = {
    ("no-op",): Kind.NOTHING,
    ("read",): Kind.READ,
    ("create",): Kind.CREATE,
    ("update",): Kind.UPDATE,
    ("delete", "create"): Kind.REPLACE,
    ("create", "delete"): Kind.REPLACE,
    ("delete",): Kind.DESTROY,
    ("forget",): Kind.FORGET,
}
DESTRUCTIVE: Final = frozenset({Kind.REPLACE, Kind.DESTROY, Kind.FORGET})
"""What cannot be taken back, or leaves something that nobody manages: each must be named by its address."""


@dataclass(frozen=True)
class Difference:
    """One value that changes.

    Attributes:
        path: dotted, e.g. ``input.size``.
        before: shown form, secrets hidden.
        after: the same afterwards.
        forces: whether this value is why the resource is replaced.
    """

    path: str
    before: str
    after: str
    forces: bool


@dataclass(frozen=True)
class Change:
    """What happens to one resource.

    Attributes:
        address: as Terraform names it; an object left from an interrupted replacement carries its key as well.
        type: of the resource, e.g. ``aws_db_instance``.
        kind: what happens.
        successor_first: of a replacement: whether the new one exists before the old one goes.
        moved_from: the address it had before, or "".
        reason: why, as Terraform gives it, or "".
        differences: of a change or replacement.
    """

    address: str
    type: str
    kind: Kind
    successor_first: bool = False
    moved_from: str = ""
    reason: str = ""
    differences: tuple[Difference, ...] = ()

    @property
    def destructive(self) -> bool:
        """Whether an approval has to name it."""
        return self.kind in DESTRUCTIVE


def read_changes(plan: Mapping[str, Any]) -> tuple[Change, ...]:
    """Every change of a plan, by address; what stays as it is is left out unless it moves.

    Args:
        plan: what ``terraform show -json`` prints, read by :func:`telamon.infra.canonical.read_object`.

    Raises:
        RefusedError: the plan failed, is incomplete, or holds an action that is not known here.
    """
    if plan.get("errored") or plan.get("complete") is False or plan.get("deferred_changes"):
        raise RefusedError(
            "the plan is not complete",
            guard="complete-plan",
            remedy="Mend what terraform plan reports, and plan again.",
        )
    if plan.get("action_invocations"):
        raise RefusedError("the plan runs actions, which nobody can review by address", guard="known-actions")
    found = (_change(item) for item in plan.get("resource_changes", ()))
    return tuple(
        sorted(
            (change for change in found if change.kind is not Kind.NOTHING or change.moved_from),
            key=lambda change: change.address,
        )
    )


def changed_outputs(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """The names of the outputs that change; never their values."""
    changes = plan.get("output_changes", {})
    return tuple(sorted(name for name, change in changes.items() if change["actions"] != ["no-op"]))


def secrets_in(plan: Mapping[str, Any]) -> frozenset[str]:
    """Every text that a plan marks as sensitive, to be searched for in what is shown.

    Args:
        plan: as for :func:`read_changes`.
    """
    items = [item["change"] for item in plan.get("resource_changes", ())]
    items += plan.get("output_changes", {}).values()
    found: set[str] = set()
    for change in items:
        for side in ("before", "after"):
            found.update(_hidden(change.get(side), change.get(f"{side}_sensitive", False)))
    declared = plan.get("configuration", {}).get("root_module", {}).get("variables", {})
    for name, variable in plan.get("variables", {}).items():
        if declared.get(name, {}).get("sensitive"):
            found.update(_hidden(variable.get("value"), True))
    return frozenset(found)


def _change(item: Mapping[str, Any]) -> Change:
    change = item["change"]
    kind = KINDS.get(tuple(change["actions"]))
    if kind is None:
        actions = ", ".join(map(str, change["actions"]))
        raise RefusedError(
            f"{item['address']}: nothing is known of the action {actions!r}",
            guard="known-actions",
            remedy="Use a release of Terraform that this release of Telamon knows.",
        )
    deposed = f" (deposed {item['deposed']})" if item.get("deposed") else ""
    return Change(
        address=f"{item['address']}{deposed}",
        type=item["type"],
        kind=kind,
        successor_first=change["actions"][0] == "create" and kind is Kind.REPLACE,
        moved_from=item.get("previous_address", ""),
        reason=item.get("action_reason", "").replace("_", " "),
        differences=_differences(change) if kind in {Kind.UPDATE, Kind.REPLACE} else (),
    )


def _differences(change: Mapping[str, Any]) -> tuple[Difference, ...]:
    before = dict(_leaves(change.get("before"), change.get("before_sensitive", False)))
    after = dict(_leaves(change.get("after"), change.get("after_sensitive", False)))
    after.update(dict.fromkeys(dict(_true(change.get("after_unknown", False))), (UNKNOWN, UNKNOWN)))
    forcing = tuple(".".join(map(str, path)) for path in change.get("replace_paths", ()))
    none = ("", "")
    paths = sorted(before.keys() | after.keys())
    return tuple(
        Difference(
            path,
            before=before.get(path, none)[1],
            after=after.get(path, none)[1],
            forces=any(path == force or path.startswith(f"{force}.") for force in forcing),
        )
        for path in paths
        if before.get(path, none)[0] != after.get(path, none)[0]
    )


def _leaves(value: Any, mask: Any, path: str = "") -> Iterator[tuple[str, tuple[str, str]]]:
    """Each leaf with what it is compared by, and what is shown of it."""
    exact = canonical_json(value).decode()
    if _is_number(value):
        yield path, (exact, value[NUMBER])
    elif isinstance(value, dict | list) and value and mask is not True and not _telling(path):
        for key, inner in _children(value):
            yield from _leaves(inner, _inner(mask, key), f"{path}.{key}" if path else str(key))
    elif value is None:
        yield path, ("", "")
    else:
        yield path, (exact, HIDDEN if mask is True or _telling(path) else _short(exact))


def _true(mask: Any, path: str = "") -> Iterator[tuple[str, bool]]:
    if mask is True:
        yield path, True
    elif isinstance(mask, dict | list):
        for key, inner in _children(mask):
            yield from _true(inner, f"{path}.{key}" if path else str(key))


def _hidden(value: Any, mask: Any) -> Iterator[str]:
    if isinstance(value, str):
        if mask is True and value:
            yield value
    elif isinstance(value, dict | list):
        for key, inner in _children(value):
            yield from _hidden(inner, _inner(mask, key))


def _children(value: dict[str, Any] | list[Any]) -> Iterator[tuple[str | int, Any]]:
    yield from value.items() if isinstance(value, dict) else enumerate(value)


def _inner(mask: Any, key: str | int) -> Any:
    if mask is True:
        return True
    if isinstance(mask, dict):
        return mask.get(key, False)
    return mask[key] if isinstance(mask, list) and isinstance(key, int) and key < len(mask) else False


def _is_number(value: Any) -> bool:
    return isinstance(value, dict) and value.keys() == {NUMBER}


def _telling(path: str) -> bool:
    last = path.rpartition(".")[2]
    return bool(TELLING.search(last)) and not NO_SECRET.search(last)


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
