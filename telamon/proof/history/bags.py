"""Bags: what was added is there, once, whole, from its acknowledgement to its removal, in one order for everybody."""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self

from telamon.products.traffic import Act, Promise
from telamon.proof.history.findings import Findings
from telamon.proof.history.model import Operation, Outcome
from telamon.proof.history.openings import check_opened, opened_by
from telamon.proof.history.verdict import Anomaly, Fault

MOST_MISSES: Final = 64
"""Reads that miss one element which are looked at: the first ones say as much as all of them."""


def check_bag(thing: str, operations: Sequence[Operation]) -> list[Anomaly]:
    """Find what is wrong with a bag.

    Args:
        thing: its name.
        operations: all that are about it, by the instant at which they began.
    """
    bag = _Bag.of(operations)
    findings = Findings(thing)
    _check_shown(bag, findings)
    _check_missed(bag, findings)
    _check_removed(bag, findings)
    check_opened(bag.adds, operations, findings=findings)
    if not findings.all():
        # With an element lost or stale no order can be right, and naming the element says more.
        _check_order(bag, findings)
    return findings.all()


@dataclass(frozen=True)
class _Read:
    """A read, and the tokens that it showed."""

    operation: Operation
    tokens: frozenset[str]


@dataclass(frozen=True)
class _Bag:
    """A bag's operations, arranged.

    Attributes:
        adds: by token.
        removals: those that were not refused, by token.
        reads: that showed something, by the instant at which they began; eventual ones are not among them.
        openings: likewise, by the token that was opened.
        loose: eventual reads.
        first: the first answer that showed a token.
        last: the last answer that showed it.
    """

    adds: Mapping[str, Operation]
    removals: Mapping[str, Sequence[Operation]]
    reads: Sequence[_Read]
    openings: Mapping[str, Sequence[_Read]]
    loose: Sequence[_Read]
    first: Mapping[str, Operation]
    last: Mapping[str, Operation]

    @classmethod
    def of(cls, operations: Iterable[Operation]) -> Self:
        adds: dict[str, Operation] = {}
        removals: dict[str, list[Operation]] = {}
        reads: list[_Read] = []
        openings: dict[str, list[_Read]] = {}
        loose: list[_Read] = []
        for operation in operations:
            if operation.act is Act.ADD:
                adds[operation.token] = operation
            elif operation.act is Act.REMOVE and operation.outcome is not Outcome.FAIL:
                removals.setdefault(operation.token, []).append(operation)
            elif operation.act is Act.READ and operation.ok and operation.seen is not None:
                read = _Read(operation, frozenset(operation.seen.tokens))
                (loose if operation.promise is Promise.EVENTUAL else reads).append(read)
            elif (token := opened_by(operation)) and operation.seen is not None:
                shown = frozenset[str]() if operation.seen.missing else frozenset({token})
                openings.setdefault(token, []).append(_Read(operation, shown))
        looks = itertools.chain(reads, *openings.values())
        by_end = sorted(looks, key=lambda read: read.operation.ended)
        return cls(adds, removals, reads, openings, loose, _first(by_end), _first(reversed(by_end)))

    def looks(self, token: str) -> Iterable[_Read]:
        """What might have shown an element, by the instant at which it began."""
        return heapq.merge(self.reads, self.openings.get(token, ()), key=lambda read: read.operation.began)

    def real(self, token: str) -> bool:
        """Whether a token was written, or may have been."""
        add = self.adds.get(token)
        return add is not None and add.outcome is not Outcome.FAIL

    def proof(self, token: str) -> Operation | None:
        """The first answer after which an element must be there: its acknowledgement, or a read that showed it."""
        add, shown = self.adds[token], self.first.get(token)
        if add.ok and (shown is None or add.ended <= shown.ended):
            return add
        return shown

    def leaving(self, token: str) -> float:
        """Instant from which an element may be gone."""
        return min((removal.began for removal in self.removals.get(token, ())), default=float("inf"))


def _first(reads: Iterable[_Read]) -> Mapping[str, Operation]:
    found: dict[str, Operation] = {}
    for read in reads:
        for token in read.tokens.difference(found):
            found[token] = read.operation
    return found


# ---------------------------------------------------------------------------------------------------- what a read shows


def _check_shown(bag: _Bag, findings: Findings) -> None:
    for read in (*bag.reads, *bag.loose):
        seen, copies = read.operation.seen, read.operation.copies
        if seen is not None and len(seen.tokens) != copies * len(read.tokens):
            _check_copies(bag, read.operation, Counter(seen.tokens), findings=findings)
        for token in read.tokens:
            if not bag.real(token):
                _note_unreal(bag, token, read.operation, findings=findings)
    looks = sorted((*bag.reads, *bag.loose), key=lambda read: read.operation.ended)
    for token, shown in _first(looks).items():
        add = bag.adds.get(token)
        if add is not None and add.began > shown.ended:
            words = f"{token} was shown before it was sent"
            findings.add(Fault.DIRTY_READ, token, words=words, witness=(add, shown))


def _check_copies(bag: _Bag, read: Operation, counts: Counter[str], *, findings: Findings) -> None:
    for token, count in counts.items():
        if not bag.real(token) or count == read.copies:
            continue
        whole, rest = divmod(count, read.copies)
        if rest:
            words = f"{token} was shown in part: {count} of {max(whole, 1) * read.copies} places hold it"
            findings.add(Fault.TORN, token, words=words, witness=(bag.adds[token], read))
        if whole > 1:
            words = f"{token} was written once, and is there {whole} times"
            findings.add(Fault.DUPLICATED, token, words=words, witness=(bag.adds[token], read))


def _note_unreal(bag: _Bag, token: str, read: Operation, *, findings: Findings) -> None:
    add = bag.adds.get(token)
    why = "which nobody wrote here" if add is None else "though that write was refused"
    findings.add(Fault.DIRTY_READ, token, words=f"{token} was shown, {why}", witness=(add, read))


# --------------------------------------------------------------------------------------------------- what a read misses


def _check_missed(bag: _Bag, findings: Findings) -> None:
    for token, misses in _misses(bag).items():
        add, first = bag.adds[token], misses[0]
        last = bag.last.get(token)
        if last is None or last.ended < first.began:
            _note_gone(bag, token, first, findings=findings)
            continue
        own = next((miss for miss in misses if add.session == miss.session and add.before(miss)), None)
        if own is not None:
            words = f"session {own.session} had {token} acknowledged, was shown the rest without it, and it came later"
            findings.add(Fault.STALE_OWN_WRITE, token, words=words, witness=(add, own, last))
            continue
        again = next(((miss, shown) for miss in misses if (shown := _shown_to(bag, token, miss))), None)
        if again is not None:
            miss, shown = again
            words = f"session {miss.session} was shown {token}, then a state without it, and it came later"
            findings.add(Fault.NON_MONOTONIC, token, words=words, witness=(add, shown, miss, last))
            continue
        words = f"{token} was there already when an answer was shown without it; it came later"
        findings.add(
            Fault.STALE_READ, token, words=words, witness=(add, _evidence(bag, token, first), first, last)
        )


def _note_gone(bag: _Bag, token: str, miss: Operation, *, findings: Findings) -> None:
    add = bag.adds[token]
    proof = _evidence(bag, token, miss)
    if add.ok:
        words = f"{token} was acknowledged, and was not there any more from {miss.began:.3f} s on"
        findings.add(Fault.LOST, token, words=words, witness=(add, proof, miss))
    else:
        words = f"{token} was shown without having been acknowledged, and then was never there"
        findings.add(Fault.DIRTY_READ, token, words=words, witness=(add, proof, miss))


def _evidence(bag: _Bag, token: str, miss: Operation) -> Operation | None:
    """What, besides its acknowledgement, says that an element had to be shown; ``None`` where that says enough."""
    add = bag.adds[token]
    if miss.promise is Promise.SESSION:
        return None if add.before(miss) and add.session == miss.session else _shown_to(bag, token, miss)
    return None if add.before(miss) else bag.proof(token)


def _shown_to(bag: _Bag, token: str, miss: Operation) -> Operation | None:
    """What had shown an element to the same session before."""
    own = (read for read in bag.looks(token) if read.operation.session == miss.session)
    return next(
        (read.operation for read in own if read.operation.before(miss) and token in read.tokens), None
    )


def _misses(bag: _Bag) -> Mapping[str, Sequence[Operation]]:
    """The reads that should have shown an element and did not, by token."""
    found: dict[str, list[Operation]] = {}
    everybody = _Known(_proofs(bag))
    sessions: dict[int, _Known] = {}
    for read in bag.reads:
        operation = read.operation
        known = everybody
        if operation.promise is Promise.SESSION:
            known = sessions.setdefault(operation.session, _Known(_own_proofs(bag, operation.session)))
        for token in known.at(operation.began) - read.tokens:
            misses = found.setdefault(token, [])
            if len(misses) < MOST_MISSES and bag.leaving(token) > operation.ended:
                misses.append(operation)
    return {token: misses for token, misses in found.items() if misses}


class _Known:
    """Elements that must be there, as time goes by.

    Args:
        proofs: instant after which, and token.
    """

    def __init__(self, proofs: Iterable[tuple[float, str]]) -> None:
        self._proofs = sorted(proofs, reverse=True)
        self._tokens: set[str] = set()

    def at(self, instant: float) -> set[str]:
        """Those that were there before an instant; instants only grow."""
        while self._proofs and self._proofs[-1][0] < instant:
            self._tokens.add(self._proofs.pop()[1])
        return self._tokens


def _proofs(bag: _Bag) -> Iterable[tuple[float, str]]:
    for token in bag.adds:
        if bag.real(token) and (proof := bag.proof(token)) is not None:
            yield proof.ended, token


def _own_proofs(bag: _Bag, session: int) -> Iterable[tuple[float, str]]:
    for token, add in bag.adds.items():
        if add.ok and add.session == session:
            yield add.ended, token
    for read in itertools.chain(bag.reads, *bag.openings.values()):
        if read.operation.session == session:
            yield from ((read.operation.ended, token) for token in read.tokens if bag.real(token))


# -------------------------------------------------------------------------------------------------- what a read revives


def _check_removed(bag: _Bag, findings: Findings) -> None:
    for token, removals in bag.removals.items():
        add = bag.adds.get(token)
        if add is None or add.outcome is Outcome.FAIL:
            continue
        gone = min((one for one in removals if one.ok), key=lambda one: one.ended, default=None)
        absent: list[tuple[Operation, Operation]] = []
        shown: dict[int, Operation] = {}
        for read in bag.looks(token):
            operation = read.operation
            if token not in read.tokens:
                if came := _came(bag, token, operation, shown=shown):
                    absent.append((came, operation))
                continue
            known = shown.setdefault(operation.session, operation)
            if operation.ended < known.ended:
                shown[operation.session] = operation
            if gone is not None and gone.before(operation) and _binds(gone, operation):
                words = f"{token} was removed, and is there again at {operation.began:.3f} s"
                findings.add(Fault.RESURRECTED, token, words=words, witness=(add, gone, operation))
            elif blank := next(
                (one for one in absent if one[1].before(operation) and _binds(one[1], operation)), None
            ):
                removal = min(removals, key=lambda one: one.began)
                if removal.began <= blank[1].ended:
                    words = f"{token} had gone, and is there again at {operation.began:.3f} s"
                    findings.add(
                        Fault.RESURRECTED, token, words=words, witness=(add, removal, *blank, operation)
                    )


def _came(bag: _Bag, token: str, look: Operation, *, shown: Mapping[int, Operation]) -> Operation | None:
    """What says that an element had come before a look, by its acknowledgement or by what was shown."""
    add = bag.adds[token]
    if add.before(look) and _binds(add, look):
        return add
    proof = shown.get(look.session) if look.promise is Promise.SESSION else bag.first.get(token)
    return proof if proof is not None and proof.before(look) else None


def _binds(earlier: Operation, later: Operation) -> bool:
    """Whether what an operation did or showed must show in a later read."""
    if earlier.promise is Promise.SESSION and not earlier.writes and earlier.session != later.session:
        return False
    return later.promise is Promise.STRICT or earlier.session == later.session


# ----------------------------------------------------------------------------------------------- the order of the adds


def _check_order(bag: _Bag, findings: Findings) -> None:
    """The reads are a chain by inclusion, and no read shows an element without those acknowledged before it."""
    gone = frozenset(bag.removals)
    strict = [
        _Read(read.operation, read.tokens - gone)
        for read in bag.reads
        if read.operation.promise is Promise.STRICT
    ]
    strict.sort(key=lambda read: (len(read.tokens), read.operation.began))
    for smaller, larger in itertools.pairwise(strict):
        if smaller.tokens <= larger.tokens:
            continue
        one, other = min(smaller.tokens - larger.tokens), min(larger.tokens - smaller.tokens)
        words = f"one answer showed {one} without {other}, and another one {other} without {one}"
        witness = (bag.adds[one], bag.adds[other], smaller.operation, larger.operation)
        findings.add(Fault.OUT_OF_ORDER, one, words=words, witness=witness)
        return
    _check_causes(bag, strict, findings=findings)


def _check_causes(bag: _Bag, chain: Sequence[_Read], *, findings: Findings) -> None:
    """In a chain of reads, an element acknowledged before another was sent is shown no later than that one."""
    place: dict[str, int] = {}
    for number, read in enumerate(chain):
        for token in read.tokens.difference(place):
            place[token] = number
    real = [add for token, add in bag.adds.items() if bag.real(token) and token not in bag.removals]
    acknowledged = sorted((add for add in real if add.ok), key=lambda add: add.ended, reverse=True)
    latest: Operation | None = None
    for later in sorted(real, key=lambda add: add.began):
        while acknowledged and acknowledged[-1].ended < later.began:
            add = acknowledged.pop()
            if latest is None or place.get(add.token, len(chain)) > place.get(latest.token, len(chain)):
                latest = add
        shown = place.get(later.token, len(chain))
        if latest is not None and place.get(latest.token, len(chain)) > shown:
            words = f"{latest.token} was acknowledged before {later.token} was sent, and an answer showed only that"
            witness = (latest, later, chain[shown].operation)
            findings.add(Fault.OUT_OF_ORDER, later.token, words=words, witness=witness)
            return
