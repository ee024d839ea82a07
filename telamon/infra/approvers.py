"""Who may approve, how many it takes, and how the list passes on to the next one.

A list is a file that nobody edits: the next list is a new file, with the digest of the one before it and the
signatures of as many of *its* approvers as a plan takes. Whoever uses the lists keeps the digest of the last one that
was seen, so that neither the first list can be swapped nor the last one taken away.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telamon.errors import RefusedError
from telamon.infra.canonical import Digest, digest, read_object
from telamon.infra.signature import fingerprint, plain_key

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@-]{0,99}")
"""No space, comma, quote or wildcard: the name becomes a principal in ``allowed_signers`` of ``ssh-keygen``."""
LONGEST: Final = 30 * 86_400


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Person(_Frozen):
    """Somebody on the list.

    Attributes:
        name: e.g. an e-mail address.
        keys: the public keys, each a line of a ``.pub`` file.
    """

    name: str
    keys: Annotated[list[str], Field(min_length=1)]


class _Document(_Frozen):
    kind: Literal["telamon infrastructure approvers v1"]
    sequence: Annotated[int, Field(ge=1)]
    previous: str
    threshold: Annotated[int, Field(ge=1)]
    max_age: Annotated[int, Field(ge=60, le=LONGEST, alias="maxAgeSeconds")]
    approvers: Annotated[list[Person], Field(min_length=1)]
    planners: list[Person] = []
    revoked: list[str] = []


@dataclass(frozen=True)
class Approvers:
    """A list in force.

    Attributes:
        sequence: from 1.
        previous: digest of the list before, or "" for the first.
        digest: of this list.
        threshold: how many distinct people a plan takes.
        max_age: seconds for which a plan, and each approval of it, is fresh at most.
        owners: the name behind each key, of approvers and planners.
        approving: names of those who may approve; the others (e.g. a build server) may only plan.
        revoked: keys that are good for nothing any more.
    """

    sequence: int
    previous: str
    digest: Digest
    threshold: int
    max_age: int
    owners: Mapping[str, str]
    approving: frozenset[str]
    revoked: frozenset[str]

    @property
    def allowed_signers(self) -> str:
        """The list as ``ssh-keygen`` reads it; revoked keys are not in it."""
        lines = (f"{name} {key}\n" for key, name in self.owners.items() if key not in self.revoked)
        return "".join(sorted(lines))


@dataclass(frozen=True)
class Attested:
    """A signature, and what came out of checking it.

    Attributes:
        content: what is signed.
        signer: the name on the list whose key signed, or "" where there is a problem.
        key: fingerprint of the signing key, or "".
        guard: name of what is wrong, or "".
        problem: the same in words, or "".
    """

    content: bytes
    signer: str = ""
    key: str = ""
    guard: str = ""
    problem: str = ""


@dataclass(frozen=True)
class Link:
    """A list with the signatures that stand under it.

    Attributes:
        approvers: the list.
        signatures: checked against the list before it.
    """

    approvers: Approvers
    signatures: tuple[Attested, ...] = ()


@dataclass(frozen=True)
class Pin:
    """The last list that was seen.

    Attributes:
        sequence: its number.
        digest: its digest.
    """

    sequence: int
    digest: Digest


def read_approvers(content: bytes) -> Approvers:
    """Read a list.

    Args:
        content: its JSON, as ``docs/reference/approval.md`` describes it.

    Raises:
        RefusedError: it cannot be read, contradicts itself, or can never be met.
    """
    document = _document(content)
    owners: dict[str, str] = {}
    for person in [*document.approvers, *document.planners]:
        if not NAME.fullmatch(person.name):
            raise _wrong(f"{person.name!r} is no name for an approver")
        for key in map(plain_key, person.keys):
            if owners.setdefault(key, person.name) != person.name:
                raise _wrong(f"{fingerprint(key)} belongs to two people")
    revoked = frozenset(map(plain_key, document.revoked))
    approving = frozenset(person.name for person in document.approvers)
    able = {owners[key] for key in owners if key not in revoked} & approving
    if len(approving) != len(document.approvers):
        raise _wrong("an approver stands on it twice")
    if document.threshold > len(able):
        raise _wrong(f"it asks for {document.threshold} approvers and has {len(able)} with a key")
    return Approvers(
        sequence=document.sequence,
        previous=document.previous,
        digest=digest(content),
        threshold=document.threshold,
        max_age=document.max_age,
        owners=owners,
        approving=approving,
        revoked=revoked,
    )


def in_force(chain: Sequence[Link], pin: Pin | None) -> Approvers:
    """The list in force: the last of an unbroken chain that goes through the one last seen.

    Args:
        chain: every list, the oldest first.
        pin: the last one that was seen here, or ``None`` at the first time.

    Raises:
        RefusedError: there is none, the chain is broken, or it does not go through ``pin``.
    """
    if not chain:
        raise RefusedError(
            "there is no list of approvers",
            guard="approvers",
            remedy="Write the first one, 0001.json, as docs/reference/approval.md shows.",
        )
    lists = [link.approvers for link in chain]
    if lists[0].sequence != 1 or lists[0].previous:
        raise _wrong("the first list of approvers is missing")
    for before, link in pairwise(chain):
        _check_succession(before.approvers, link)
    if pin is not None and pin.digest not in {
        found.digest for found in lists if found.sequence == pin.sequence
    }:
        raise RefusedError(
            f"list {pin.sequence} of approvers is not the one that was seen here before",
            guard="approvers-pinned",
            remedy="A list is never edited or taken back: put it back, and let its approvers sign a next one.",
        )
    return lists[-1]


def _check_succession(before: Approvers, link: Link) -> None:
    after = link.approvers
    if after.sequence != before.sequence + 1 or after.previous != before.digest:
        raise _wrong(f"list {after.sequence} of approvers does not follow list {before.sequence}")
    agreed = {found.signer for found in link.signatures if not found.guard} & before.approving
    if len(agreed) < before.threshold:
        why = "".join(f"; {found.problem}" for found in link.signatures if found.guard)
        raise RefusedError(
            f"list {after.sequence} of approvers has {len(agreed)} of the {before.threshold} signatures that list "
            f"{before.sequence} asks for{why}",
            guard="approvers-succession",
            remedy="Let approvers of the list before it sign it: telamon infra approve --approvers FILE.",
        )


def _document(content: bytes) -> _Document:
    raw: dict[str, Any] = read_object(content, what="the list of approvers")
    try:
        return _Document.model_validate(raw)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise _wrong(f"{where}: {first['msg']}") from error


def _wrong(why: str) -> RefusedError:
    return RefusedError(f"the list of approvers is wrong: {why}", guard="approvers")
