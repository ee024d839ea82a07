"""What registers and refs share: their writes by token, and the reads that name one write each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from telamon.products.traffic import Act, Promise
from telamon.proof.history.findings import Findings
from telamon.proof.history.model import Operation, Outcome
from telamon.proof.history.verdict import Fault


def writes_of(operations: Iterable[Operation]) -> Mapping[str, Operation]:
    """The writes that happened or may have, by token."""
    return {
        operation.token: operation
        for operation in operations
        if operation.act is Act.SET and operation.outcome is not Outcome.FAIL
    }


def value_of(operation: Operation) -> str:
    """The token that a write wrote or a read was shown; "" where it was shown none of this run."""
    if operation.act is Act.SET:
        return operation.token
    seen = operation.seen
    return seen.tokens[0] if seen is not None and seen.tokens else ""


def reads_of(
    operations: Sequence[Operation], writes: Mapping[str, Operation], *, findings: Findings
) -> list[Operation]:
    """The reads that show one value, whole, that was written; what is wrong with the others is noted.

    Args:
        operations: all that are about the thing.
        writes: as :func:`writes_of` gives them.
        findings: takes what is found.

    Returns:
        The reads, by the instant at which they began, without those that promise nothing about time.
    """
    refused = {one.token: one for one in operations if one.act is Act.SET and one.token not in writes}
    reads = [one for one in operations if one.act is Act.READ and one.ok and one.seen is not None]
    good = [read for read in reads if _is_whole(read, writes, refused, findings=findings)]
    return [read for read in good if read.promise is not Promise.EVENTUAL]


def _is_whole(
    read: Operation,
    writes: Mapping[str, Operation],
    refused: Mapping[str, Operation],
    *,
    findings: Findings,
) -> bool:
    tokens = read.seen.tokens if read.seen is not None else ()
    if not tokens:
        return True
    token = tokens[0]
    if unknown := next((one for one in tokens if one not in writes), None):
        write = refused.get(unknown)
        why = "which nobody wrote here" if write is None else "though that write was refused"
        findings.add(Fault.DIRTY_READ, unknown, words=f"{unknown} was shown, {why}", witness=(write, read))
        return False
    if len(set(tokens)) > 1:
        other = next(one for one in tokens if one != token)
        words = f"an answer showed a part of {token} and a part of {other}"
        findings.add(Fault.TORN, token, words=words, witness=(writes[token], writes[other], read))
        return False
    if len(tokens) != read.copies:
        few = len(tokens) < read.copies
        words = f"{token} was shown in {len(tokens)} places, and written in {read.copies}"
        findings.add(
            Fault.TORN if few else Fault.DUPLICATED, token, words=words, witness=(writes[token], read)
        )
        return False
    if writes[token].began > read.ended:
        words = f"{token} was shown before it was sent"
        findings.add(Fault.DIRTY_READ, token, words=words, witness=(writes[token], read))
        return False
    return True
