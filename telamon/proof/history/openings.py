"""What was opened: the bytes of a file are there, whole, and those that were sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from telamon.products.traffic import Act, Promise
from telamon.proof.history.findings import Findings
from telamon.proof.history.model import Operation
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
    removed = {one.token: one.began for one in reversed(operations) if one.act is Act.REMOVE}
    for opening in openings:
        write = writes.get(opening.token)
        if write is None or opening.seen is None:
            continue
        if not opening.seen.missing:
            _check_bytes(write, opening, writes, findings=findings)
        elif write.before(opening) and removed.get(opening.token, float("inf")) > opening.ended:
            _note_missing(write, opening, operations, findings=findings)


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


def _note_missing(
    write: Operation, opening: Operation, operations: Sequence[Operation], *, findings: Findings
) -> None:
    token = write.token
    later = next(
        (
            one
            for one in operations
            if one.act is Act.OPEN
            and one.token == token
            and one.ok
            and one.seen
            and not one.seen.missing
            and one.ended >= opening.began
        ),
        None,
    )
    own = write.session == opening.session
    if opening.promise is Promise.EVENTUAL or (opening.promise is Promise.SESSION and not own):
        return
    if later is not None:
        fault = Fault.STALE_OWN_WRITE if own else Fault.STALE_READ
        words = f"{token} was acknowledged, could not be opened, and could be later"
        findings.add(fault, token, words=words, witness=(write, opening, later))
        return
    listed = next((one for one in reversed(operations) if _lists(one, token)), None)
    if listed is None:
        words = f"{token} was acknowledged, and cannot be opened"
        findings.add(Fault.LOST, token, words=words, witness=(write, opening))
    else:
        words = f"{token} is listed, and what it holds is not there"
        findings.add(Fault.DANGLING_ROW, token, words=words, witness=(write, listed, opening))


def _lists(operation: Operation, token: str) -> bool:
    shows = operation.act is Act.READ and operation.ok and operation.seen is not None
    return shows and operation.seen is not None and token in operation.seen.tokens
