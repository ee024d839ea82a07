"""Registers with versions, and refs: the versions are the order, without a gap, and they agree with time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from telamon.products.traffic import Act, Promise, Shape
from telamon.proof.history.findings import Findings
from telamon.proof.history.model import Operation, Outcome
from telamon.proof.history.openings import check_opened
from telamon.proof.history.values import reads_of, value_of, writes_of
from telamon.proof.history.verdict import Anomaly, Fault

FOREVER: Final = float("inf")


def has_versions(operations: Iterable[Operation]) -> bool:
    """Whether the operations on a register tell its versions."""
    return any(one.aim or (one.seen is not None and one.seen.version) for one in operations)


def check_versions(thing: str, operations: Sequence[Operation]) -> list[Anomaly]:
    """Find what is wrong with a register that counts its versions, or with a ref.

    Args:
        thing: its name.
        operations: all that are about it, by the instant at which they began.
    """
    findings = Findings(thing)
    writes = writes_of(operations)
    reads = reads_of(operations, writes, findings=findings)
    shown = {value_of(read) for read in reads}
    happened = [write for write in writes.values() if write.ok or write.token in shown]
    points = [_Point(one, _version_of(one, writes)) for one in (*happened, *reads)]
    points.sort(key=lambda point: (point.operation.began, point.operation.number))
    answered = [point for point in points if point.operation.ok]
    _check_places(answered, writes, findings=findings)
    _check_time(points, writes, findings=findings)
    _check_gaps(answered, writes, findings=findings)
    check_opened(writes, operations, findings=findings)
    if any(one.shape is Shape.REF for one in operations):
        _check_targets(operations, findings)
    return findings.all()


@dataclass(frozen=True)
class _Point:
    """An operation that happened, and the version that it made or was shown; 0 for what nobody counted."""

    operation: Operation
    version: int

    @property
    def is_write(self) -> bool:
        return self.operation.act is Act.SET


def _version_of(operation: Operation, writes: Mapping[str, Operation]) -> int:
    """The version that is told, or that the write which is shown was to make."""
    if operation.seen is not None and operation.seen.version:
        return operation.seen.version
    if operation.act is Act.SET:
        return operation.aim
    shown = writes.get(value_of(operation))
    return 0 if shown is None else _version_of(shown, writes)


def _check_places(points: Sequence[_Point], writes: Mapping[str, Operation], *, findings: Findings) -> None:
    """Every version has one content, and every acknowledged write a version of its own."""
    places: dict[int, _Point] = {}
    lowest = min(points, key=lambda point: point.version, default=None)
    for point in sorted(points, key=lambda point: not point.is_write):
        token = value_of(point.operation)
        if point.operation.seen is not None and point.operation.seen.missing:
            continue
        there = places.setdefault(point.version, point)
        before = value_of(there.operation)
        wrote = writes.get(token)
        if wrote is not None and wrote.aim not in {0, point.version}:
            words = f"{token} was to be version {wrote.aim}, and was shown as version {point.version}"
            findings.add(Fault.MISMATCHED, token, words=words, witness=(wrote, point.operation))
        if not token and lowest is not None and point.version > lowest.version:
            words = f"version {point.version} was shown with nothing that anybody wrote since version {lowest.version}"
            witness = (lowest.operation, point.operation)
            findings.add(Fault.MISMATCHED, f"{point.version}", words=words, witness=witness)
        if token == before:
            continue
        if point.is_write:
            words = f"{before} and {token} were both acknowledged as version {point.version}"
            findings.add(Fault.LOST_UPDATE, token, words=words, witness=(there.operation, point.operation))
        else:
            was, shown = before or "from before the run", token or "what is from before the run"
            words = f"version {point.version} is {was}, and an answer showed {shown} as that version"
            findings.add(Fault.MISMATCHED, token, words=words, witness=(there.operation, point.operation))


def _check_time(points: Sequence[_Point], writes: Mapping[str, Operation], *, findings: Findings) -> None:
    """No version comes after a newer one that had been acknowledged, or shown, before."""
    answered = [point for point in points if point.operation.ok]
    everybody = _Newest(answered)
    sessions: dict[int, _Newest] = {}
    for point in points:
        operation = point.operation
        known = everybody
        if operation.promise is Promise.SESSION and not point.is_write:
            if operation.session not in sessions:
                own = [other for other in answered if other.operation.session == operation.session]
                sessions[operation.session] = _Newest(own)
            known = sessions[operation.session]
        newest = known.at(operation.began)
        if newest is None or newest.version < point.version + (not point.is_write):
            continue
        if point.is_write:
            _note_late(newest, point, answered, findings=findings)
        elif newest.version > point.version:
            _note_stale(newest, point, answered, writes=writes, findings=findings)


class _Newest:
    """The newest version that had been acknowledged or shown, as time goes by."""

    def __init__(self, points: Iterable[_Point]) -> None:
        self._waiting = sorted(points, key=lambda point: point.operation.ended, reverse=True)
        self._newest: _Point | None = None

    def at(self, instant: float) -> _Point | None:
        """That before an instant; instants only grow."""
        while self._waiting and self._waiting[-1].operation.ended < instant:
            point = self._waiting.pop()
            if self._newest is None or point.version > self._newest.version:
                self._newest = point
        return self._newest


def _note_late(newest: _Point, late: _Point, points: Sequence[_Point], *, findings: Findings) -> None:
    write = late.operation
    if write.ok:
        words = f"{write.token} was acknowledged as version {late.version} after version {newest.version}"
        findings.add(Fault.LOST_UPDATE, write.token, words=words, witness=(newest.operation, write))
        return
    read = next(point.operation for point in points if value_of(point.operation) == write.token)
    words = f"{write.token} was sent when version {newest.version} was there already, and was shown as {late.version}"
    findings.add(Fault.MISMATCHED, write.token, words=words, witness=(newest.operation, write, read))


def _note_stale(
    newest: _Point,
    stale: _Point,
    points: Sequence[_Point],
    *,
    writes: Mapping[str, Operation],
    findings: Findings,
) -> None:
    read, version = stale.operation, newest.version
    own = [
        point
        for point in points
        if point.operation.session == read.session
        and point.operation.before(read)
        and point.version > stale.version
    ]
    shown = writes.get(value_of(read))
    later = next(
        (one.operation for one in points if one.version >= version and one.operation.ended >= read.began),
        None,
    )
    token = value_of(newest.operation)
    write = writes.get(token)
    was = f"version {stale.version}" if stale.version else "what was there before the run"
    if later is None and write is not None and write.before(read):
        if findings.knows(token):
            # It had come back after an answer without it: that is a member that lags, and not a loss.
            return
        words = f"{token} was acknowledged as version {version}, and {was} stood there again from then on"
        findings.add(Fault.LOST, token, words=words, witness=(shown, write, read))
        return
    proof = next((one for one in own if one.is_write), own[0] if own else newest)
    witness = (shown, writes.get(value_of(proof.operation)), proof.operation, read, later)
    if not own:
        words = f"{was} was shown when version {version} was there already"
        findings.add(Fault.STALE_READ, token, words=words, witness=witness)
    elif proof.is_write:
        words = f"session {read.session} had version {proof.version} acknowledged, and was shown {was}"
        findings.add(Fault.STALE_OWN_WRITE, value_of(proof.operation), words=words, witness=witness)
    else:
        words = f"session {read.session} was shown version {proof.version}, and then {was}"
        findings.add(Fault.NON_MONOTONIC, value_of(proof.operation), words=words, witness=witness)


def _check_gaps(points: Sequence[_Point], writes: Mapping[str, Operation], *, findings: Findings) -> None:
    """Between the first version of the run and the last, each was made by somebody, in time."""
    sent: dict[int, float] = {}
    for write in writes.values():
        if write.outcome is Outcome.INFO and write.aim:
            sent[write.aim] = min(sent.get(write.aim, write.began), write.began)
    soonest: _Point | None = None
    for point, lower in pairwise(sorted(points, key=lambda point: -point.version)):
        if soonest is None or point.operation.ended < soonest.operation.ended:
            soonest = point
        # Versions between two that are there were made by writes without an answer, if by anybody.
        for version in range(point.version - 1, lower.version, -1):
            if sent.get(version, FOREVER) <= soonest.operation.ended:
                continue
            words = f"version {point.version} is there, and nobody made version {version}"
            above = soonest if version in sent else point
            witness = (lower.operation, above.operation)
            findings.add(Fault.VERSION_GAP, f"{version}", words=words, witness=witness)
            break


def _check_targets(operations: Sequence[Operation], findings: Findings) -> None:
    """What a ref points to can be opened."""
    for opening in operations:
        if opening.act is not Act.OPEN or not opening.ok or opening.seen is None or not opening.seen.missing:
            continue
        proof = next((one for one in operations if _names(one) and one.before(opening)), None)
        if proof is not None:
            words = f"the ref is there with {value_of(proof)}, and what it points to is not"
            findings.add(Fault.DANGLING_REF, "", words=words, witness=(proof, opening))


def _names(operation: Operation) -> bool:
    return operation.act in {Act.SET, Act.READ} and operation.ok and bool(value_of(operation))
