"""A history out of a record: which requests say something about a thing, and how they ended."""

from __future__ import annotations

from collections.abc import Iterable

from telamon.products.traffic import Act
from telamon.proof.history.model import History, Operation, Outcome
from telamon.proof.meaning import Sense
from telamon.proof.record import Cause, KindFacts, Record, Sample


def history_of(record: Record) -> History:
    """The history that a record holds.

    Args:
        record: of a load run; its audit belongs to it.
    """
    samples = (*record.samples, *record.audits)
    return History(tuple(_operations(samples, record)))


def _operations(samples: Iterable[Sample], record: Record) -> Iterable[Operation]:
    for number, sample in enumerate(samples):
        facts = record.kinds[sample.kind]
        sense = facts.sense
        if sense is None or not sample.thing:
            continue
        outcome = outcome_of(sample, facts)
        yield Operation(
            number=number,
            session=sample.session,
            kind=sample.kind,
            act=sense.act,
            shape=sense.shape,
            thing=sample.thing,
            began=sample.sent if outcome is Outcome.OK else sample.begun,
            ended=sample.answered,
            outcome=outcome,
            token=_token(sample, sense),
            aim=sample.aim,
            seen=sample.seen,
            promise=sense.promise,
            copies=sense.copies,
        )


def _token(sample: Sample, sense: Sense) -> str:
    return sample.element if sense.act in {Act.REMOVE, Act.OPEN} else sample.token


def outcome_of(sample: Sample, facts: KindFacts) -> Outcome:
    """Say how an operation ended, as far as its client can know.

    A write that was refused with a status below 500, or whose connection was never made, has not happened. All that
    ended without a right answer otherwise may have happened.

    Args:
        sample: of a request.
        facts: what the record says of its kind.
    """
    if not facts.write:
        return Outcome.OK if sample.seen is not None else Outcome.FAIL
    if sample.cause is Cause.OK:
        return Outcome.FAIL if sample.status in facts.refuses else Outcome.OK
    if sample.cause is Cause.REFUSED or (sample.cause is Cause.UNEXPECTED and 400 <= sample.status < 500):
        return Outcome.FAIL
    return Outcome.INFO
