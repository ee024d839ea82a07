"""Who takes writes: the one record that every promotion goes by.

The record is a fact of the journal. It names the term, the primary, and the standby that certainly has every
acknowledged write, if there is one. It is written *before* what it speaks of begins, and taken back *before* that
ends:

* a standby is entered only after commits have begun to wait for it and it has everything from before;
* it is taken out before a single commit goes without it;
* an heir is entered as primary only after the old primary was ended for certain.

So whoever reads the record may be late, and is never wrong: ``docs/adr/0020-one-writer.md`` has the argument.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from telamon.plan.view import WRITER, Memory, View
from telamon.state.phase import Phase
from telamon.state.world import Life, MemberState, Role


@dataclass(frozen=True)
class Writer:
    """The record.

    Attributes:
        term: counts the changes that matter, from 1.
        primary: the member that takes writes, or is about to.
        synced: the standby that has every acknowledged write, or "".
    """

    term: int
    primary: str
    synced: str = ""

    @property
    def fact(self) -> str:
        """The record as a fact of the journal."""
        return f"{WRITER}{self.term}:{self.primary}:{self.synced}"

    def alone(self) -> Writer:
        """The primary goes on without a standby; what any standby attests counts no more."""
        return Writer(self.term + 1, self.primary)

    def with_standby(self, standby: str) -> Writer:
        """The same with a standby that is in sync."""
        return replace(self, synced=standby)

    def succeeded(self) -> Writer:
        """The standby in sync becomes the primary, without a standby of its own yet."""
        return Writer(self.term + 1, self.synced)


def recorded(memory: Memory) -> Writer | None:
    """The record, or ``None`` where there never was one."""
    found = next((fact for fact in memory.facts if fact.startswith(WRITER)), None)
    if found is None:
        return None
    term, primary, synced = found.removeprefix(WRITER).split(":")
    return Writer(int(term), primary, synced)


def heir(view: View, record: Writer) -> MemberState | None:
    """The standby that may take over now without losing an acknowledged write; ``None`` where there is none.

    It is recorded as in sync, its own data attests the same term, and it runs.
    """
    found = view.seen.member(record.synced) if record.synced else None
    part = found.replication if found is not None else None
    if found is None or part is None or view.desired.member(found.name) is None:
        return None
    runs = found.life is Life.ALIVE and found.phase is Phase.RUNNING
    entitled = part.role is Role.STANDBY and part.attested == record.term
    return found if runs and entitled and not view.is_set_aside(found.name) else None


def is_out_of_touch(member: MemberState | None, *, now: float, patience: float) -> bool:
    """Whether a primary has not heard of a standby for longer than commits may wait for it.

    Args:
        member: the standby, if it was seen at all.
        now: instant of the judgement, seconds.
        patience: seconds.
    """
    part = member.replication if member is not None else None
    if member is None or part is None or part.role is not Role.STANDBY:
        return True
    return part.lost_since is not None and now - part.lost_since > patience
