"""Registers without versions: every read names the write it saw, and so the writes fall into clusters."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from telamon.products.traffic import Act, Promise
from telamon.proof.history.findings import Findings
from telamon.proof.history.model import Operation
from telamon.proof.history.openings import check_opened
from telamon.proof.history.values import reads_of, value_of, writes_of
from telamon.proof.history.verdict import Anomaly, Fault

BEGINNING: Final = ""
"""The value from before the run, which no token of the run names."""
FOREVER: Final = float("inf")


def check_register(thing: str, operations: Sequence[Operation]) -> list[Anomaly]:
    """Find what is wrong with a register.

    Args:
        thing: its name.
        operations: all that are about it, by the instant at which they began.
    """
    findings = Findings(thing)
    writes = writes_of(operations)
    reads = reads_of(operations, writes, findings=findings)
    clusters = _clusters(writes, [read for read in reads if read.promise is Promise.STRICT])
    _check_clusters(clusters, findings)
    _check_sessions(writes, [read for read in reads if read.promise is Promise.SESSION], findings=findings)
    check_opened(writes, operations, findings=findings)
    return findings.all()


@dataclass(frozen=True)
class _Cluster:
    """A write and the reads that saw it.

    Attributes:
        token: what was written; :data:`BEGINNING` for what was there before the run.
        write: the write; ``None`` for what was there before.
        ends_first: the operation that was answered first; ``None`` for the instant before all.
        begins_last: the operation that was sent last.
        reads: the reads.
    """

    token: str
    write: Operation | None
    ends_first: Operation | None
    begins_last: Operation
    reads: Sequence[Operation]

    @property
    def since(self) -> float:
        """Instant at which the value had certainly been there; before all for that from before the run."""
        return self.ends_first.ended if self.ends_first is not None else -FOREVER

    @property
    def until(self) -> float:
        """Instant at which the value was certainly there last."""
        return self.begins_last.began

    def clashes(self, other: _Cluster) -> bool:
        """Whether each must have come before the other."""
        return self.since < other.until and other.since < self.until

    def precedes(self, other: _Cluster) -> bool:
        """Whether this write had been acknowledged before the other was sent."""
        if self.write is None:
            return True
        return other.write is not None and self.write.before(other.write)


def _clusters(writes: Mapping[str, Operation], reads: Iterable[Operation]) -> list[_Cluster]:
    by_token: dict[str, list[Operation]] = {}
    for read in reads:
        by_token.setdefault(value_of(read), []).append(read)
    found = []
    for token in dict.fromkeys((*writes, *by_token)):
        write, own = writes.get(token), by_token.get(token, [])
        if write is not None and not own and not write.ok:
            # Nobody saw it, and nobody was told: it need not have happened.
            continue
        members = own if write is None else [write, *own]
        answered = [one for one in members if one.ok]
        first = None if write is None else min(answered, key=lambda one: one.ended)
        found.append(_Cluster(token, write, first, max(members, key=lambda one: one.began), own))
    return found


def _check_clusters(clusters: Sequence[_Cluster], findings: Findings) -> None:
    """Compare each cluster with the one that is in force for longest among those before it.

    By the instant since which they were there, a cluster clashes with one before it if, and only if, that one was
    still there afterwards and its own begin lies before that; the longest-lived one is as good as all.
    """
    longest: _Cluster | None = None
    for cluster in sorted(clusters, key=lambda one: (one.since, one.until)):
        if longest is not None and longest.clashes(cluster):
            _note_clash(longest, cluster, clusters, findings=findings)
        if longest is None or cluster.until > longest.until:
            longest = cluster


def _note_clash(one: _Cluster, other: _Cluster, clusters: Sequence[_Cluster], *, findings: Findings) -> None:
    older, newer = _by_age(one, other)
    stale = older.begins_last
    proof = _proof(newer, stale)
    witness: tuple[Operation | None, ...] = (older.write, newer.write, proof, stale)
    if not older.precedes(newer):
        witness = (*witness, older.ends_first, newer.begins_last)
    token = newer.token
    shown = older.token or "what was there before the run"
    if _is_gone(newer, older, clusters):
        words = f"{token} was acknowledged, and {shown} stood there again from then on"
        findings.add(Fault.LOST, token, words=words, witness=(older.write, newer.write, stale))
    elif proof.session == stale.session and proof.act is Act.SET:
        words = f"session {stale.session} had {token} acknowledged, and was shown {shown}"
        findings.add(Fault.STALE_OWN_WRITE, token, words=words, witness=witness)
    elif proof.session == stale.session:
        words = f"session {stale.session} was shown {token}, and then {shown}"
        findings.add(Fault.NON_MONOTONIC, token, words=words, witness=witness)
    else:
        words = f"{shown} was shown when {token} stood there already"
        findings.add(Fault.STALE_READ, token, words=words, witness=witness)


def _by_age(one: _Cluster, other: _Cluster) -> tuple[_Cluster, _Cluster]:
    """The older and the newer of two that clash; what the older was shown as last is what was stale.

    Where time does not order the writes, that one is called older whose last operation is a read, or was sent later.
    """
    if one.precedes(other) and one.begins_last.act is Act.READ:
        return one, other
    if other.precedes(one) and other.begins_last.act is Act.READ:
        return other, one
    ranked = sorted((one, other), key=lambda found: (found.begins_last.act is Act.READ, found.until))
    return ranked[1], ranked[0]


def _proof(newer: _Cluster, stale: Operation) -> Operation:
    """An operation that shows that the newer value stood there before a read; one of the same session if there is."""
    members = [*newer.reads] if newer.write is None else [newer.write, *newer.reads]
    before = [one for one in members if one.before(stale)]
    own = [one for one in before if one.session == stale.session]
    return min(own or before or members, key=lambda one: (one.act is not Act.SET, one.ended))


def _is_gone(newer: _Cluster, older: _Cluster, clusters: Sequence[_Cluster]) -> bool:
    """Whether, from the first stale answer after an acknowledged write on, only what is older was ever shown."""
    write = newer.write
    if write is None or not older.precedes(newer):
        return False
    stale = next((read for read in older.reads if write.before(read)), None)
    if stale is None:
        return False
    return all(
        cluster.token == older.token or cluster.precedes(newer)
        for cluster in clusters
        if any(read.ended >= stale.began for read in cluster.reads)
    )


def _check_sessions(
    writes: Mapping[str, Operation], reads: Sequence[Operation], *, findings: Findings
) -> None:
    """A session is never shown what was overwritten before something that it wrote or was shown.

    Writes that time does not order are ordered for a session by what it was shown itself.
    """
    own = [write for write in writes.values() if write.ok]
    by_session: dict[int, list[Operation]] = {}
    for one in (*own, *reads):
        by_session.setdefault(one.session, []).append(one)
    known_to = {session: _Known.of(operations) for session, operations in by_session.items()}
    for read in reads:
        known, shown = known_to[read.session], writes.get(value_of(read))
        for one in known.operations:
            newer = writes.get(value_of(one))
            if newer is None or newer is shown or not one.before(read):
                continue
            order = _order(shown, newer, known)
            if order is not None:
                _note_backwards(one, read, (shown, newer), order=order, findings=findings)
                break


@dataclass(frozen=True)
class _Known:
    """What a session wrote or was shown.

    Attributes:
        operations: its acknowledged writes and its reads.
        first: of each value, what was answered first.
        last: of each value, what was sent last.
    """

    operations: Sequence[Operation]
    first: Mapping[str, Operation]
    last: Mapping[str, Operation]

    @classmethod
    def of(cls, operations: Sequence[Operation]) -> Self:
        first: dict[str, Operation] = {}
        last: dict[str, Operation] = {}
        for one in operations:
            value = value_of(one)
            first[value] = min(first.get(value, one), one, key=lambda found: found.ended)
            last[value] = max(last.get(value, one), one, key=lambda found: found.began)
        return cls(operations, first, last)


def _order(shown: Operation | None, newer: Operation, known: _Known) -> tuple[Operation, ...] | None:
    """What, besides time, says that a value came after the one that was shown; ``None`` where it need not have."""
    if shown is None or shown.before(newer):
        return ()
    sooner, later = known.first[shown.token], known.last[newer.token]
    return (sooner, later) if sooner.before(later) else None


def _note_backwards(
    known: Operation,
    read: Operation,
    writes: tuple[Operation | None, Operation],
    *,
    order: tuple[Operation, ...],
    findings: Findings,
) -> None:
    shown, newer = writes
    older = "what was there before the run" if shown is None else shown.token
    own = known.act is Act.SET
    fault = Fault.STALE_OWN_WRITE if own else Fault.NON_MONOTONIC
    verb = "had" if own else "was shown"
    words = f"session {read.session} {verb} {newer.token}{' acknowledged' if own else ''}, and then was shown {older}"
    findings.add(fault, newer.token, words=words, witness=(shown, newer, *order, known, read))
