"""What was opened: the bytes of a file are there, whole, and those that were sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from telamon.products.traffic import Act, Promise
from telamon.proof.history.findings import Findings
from telamon.proof.history.model import Operation, Outcome
from telamon.proof.history.verdict import Fault


def check_opened(
    writes: Mapping[str, Operation], operations: Sequence[Operation], *, findings: Findings
) -> None:
    """Find what is wrong with the elements that were opened.

    Args:
        writes: the writes of the thing, by token.
        operations: all that are about the thing, by the instant at which they began.
        findings: takes what is found.
    """
    openings = [one for one in operations if one.act is Act.OPEN and one.ok and one.seen is not None]
    if not openings:
        return
    removals = [one for one in operations if one.act is Act.REMOVE and one.outcome is not Outcome.FAIL]
    removed = {one.token: one.began for one in reversed(removals)}
    for opening in openings:
        write = writes.get(opening.token)
        if write is None or opening.seen is None:
            continue
        if not opening.seen.missing:
            _check_bytes(write, opening, writes, findings=findings)
        elif removed.get(opening.token, float("inf")) > opening.ended:
            proof = _proof(write, opening, operations)
            if proof is not None:
                _note_missing(write, opening, operations, proof=proof, findings=findings)


def opened_by(operation: Operation) -> str:
    """The token that an opening asked for and that it must tell the truth of; "" of whatever else there is."""
    opens = operation.act is Act.OPEN and operation.ok and operation.seen is not None
    return operation.token if opens and operation.promise is not Promise.EVENTUAL else ""


def _check_bytes(
    write: Operation, opening: Operation, writes: Mapping[str, Operation], *, findings: Findings
) -> None:
    sent, found = write.seen, opening.seen
    if (
        sent is None
        or found is None
        or found.size < 0
        or (sent.size, sent.digest) == (found.size, found.digest)
    ):
        return
    token = write.token
    other = next(
        (one for one in writes.values() if one.seen and one is not write and one.seen.digest == found.digest),
        None,
    )
    if other is not None:
        words = f"the content of {token} is that of {other.token}"
        findings.add(Fault.MISMATCHED, token, words=words, witness=(write, other, opening))
    elif sent.size != found.size:
        words = f"{token} was written with {sent.size} bytes, and {found.size} are there"
        findings.add(Fault.TORN, token, words=words, witness=(write, opening))
    else:
        words = f"the {found.size} bytes of {token} are not those that were written"
        findings.add(Fault.MISMATCHED, token, words=words, witness=(write, opening))


def _proof(write: Operation, opening: Operation, operations: Sequence[Operation]) -> Operation | None:
    """What says that an element was there before it was opened: its acknowledgement, or what was shown."""
    if opening.promise is Promise.EVENTUAL:
        return None
    strict = opening.promise is Promise.STRICT
    if write.before(opening) and (strict or write.session == opening.session):
        return write
    known = (one for one in operations if strict or one.session == opening.session)
    return next((one for one in known if one.before(opening) and _shows(one, write.token)), None)


def _note_missing(
    write: Operation,
    opening: Operation,
    operations: Sequence[Operation],
    *,
    proof: Operation,
    findings: Findings,
) -> None:
    token = write.token
    later = next(
        (
            one
            for one in operations
            if one.act is Act.OPEN and _shows(one, token) and one.ended >= opening.began
        ),
        None,
    )
    was = "was acknowledged" if proof is write else "was shown"
    if later is not None:
        fault = Fault.STALE_READ
        if proof.session == opening.session:
            fault = Fault.STALE_OWN_WRITE if proof is write else Fault.NON_MONOTONIC
        words = f"{token} {was}, could not be opened, and could be later"
        findings.add(fault, token, words=words, witness=(write, proof, opening, later))
        return
    listed = next((one for one in reversed(operations) if _lists(one, token)), None)
    if listed is None:
        words = f"{token} {was}, and cannot be opened"
        findings.add(Fault.LOST, token, words=words, witness=(write, proof, opening))
    else:
        words = f"{token} is listed, and what it holds is not there"
        findings.add(Fault.DANGLING_ROW, token, words=words, witness=(write, proof, listed, opening))


def _shows(operation: Operation, token: str) -> bool:
    """Whether an operation was shown an element, by a list or by what it holds."""
    if operation.promise is Promise.EVENTUAL:
        return False
    opened = opened_by(operation) == token and operation.seen is not None and not operation.seen.missing
    return opened or _lists(operation, token)


def _lists(operation: Operation, token: str) -> bool:
    shows = operation.act is Act.READ and operation.ok and operation.seen is not None
    return shows and operation.seen is not None and token in operation.seen.tokens
