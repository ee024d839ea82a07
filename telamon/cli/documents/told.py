"""What ``-o json`` prints: what is kept of a stack and told again."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MemberIndex:
    """A line of the answer of ``index status``.

    Attributes:
        member: whose index.
        component: it belongs to.
        state: of the member.
        readable: whether the member can read its index.
        behind: operations that the index lacks; null where the product does not tell.
    """

    member: str
    component: str
    state: str
    readable: bool
    behind: int | None


@dataclass(frozen=True)
class JournalEntry:
    """A line of the journal.

    Attributes:
        sequence: its position, from 1.
        at: instant, in seconds since the epoch.
        component: whose.
        kind: intent, outcome, failure, healed, fact, retry, note or held.
        subject: the step, the fact or the member.
        detail: reason or outcome.
        member: the member concerned, or "".
    """

    sequence: int
    at: float
    component: str
    kind: str
    subject: str
    detail: str
    member: str


@dataclass(frozen=True)
class LogLine:
    """A line that a member wrote.

    Attributes:
        member: who.
        line: what, without the line end.
    """

    member: str
    line: str


@dataclass(frozen=True)
class Logs:
    """Answer of ``logs``. With ``--follow`` every entry or line is a document of its own, on one line.

    Attributes:
        entries: lines of the journal; empty where a member was named.
        lines: what the members wrote; empty where none was named.
    """

    entries: tuple[JournalEntry, ...]
    lines: tuple[LogLine, ...]


@dataclass(frozen=True)
class SecretKeys:
    """A secret without its values.

    Attributes:
        name: its name.
        keys: what it holds.
    """

    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class SecretList:
    """Answer of ``secret`` without a name.

    Attributes:
        secrets: every secret of the stack.
    """

    secrets: tuple[SecretKeys, ...]


@dataclass(frozen=True)
class SecretOne:
    """Answer of ``secret`` with a name.

    Attributes:
        name: of the secret.
        key: which of its values.
        value: the value itself.
    """

    name: str
    key: str
    value: str


@dataclass(frozen=True)
class Certificate:
    """Answer of ``trust``.

    Attributes:
        certificate: the authority's certificate (PEM).
    """

    certificate: str
