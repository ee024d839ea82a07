"""The audit log: a line a step, each with the digest of the line before it.

A line that is changed, taken out or put in breaks the chain; every plan carries the digest of the log's last line under
its signatures, so a log that is cut off before that line, or written anew, is found as well.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final, Literal, get_args

from telamon.errors import RefusedError
from telamon.infra.approvers import Pin
from telamon.infra.canonical import Digest, canonical_json, digest, read_object

Step = Literal[
    "approvers", "planned", "approved", "refused", "begun", "applied", "failed", "reverted", "unlocked"
]
START: Final = digest(b"")
"""What the first line has for the digest of the line before."""
CLOCKS_DIFFER: Final = 60
"""Seconds by which the clocks of those who share a log may differ."""


@dataclass(frozen=True)
class Line:
    """A step.

    Attributes:
        sequence: from 1.
        at: seconds since 1970.
        step: what was done; ``begun`` stands before the first act of an apply.
        who: the name on the list of approvers, or "".
        part: which state, or "".
        plan_id: which plan, or "".
        subject: a digest: of the evidence, or of the list of approvers.
        detail: in words, without a secret.
        previous: digest of the line before.
    """

    sequence: int
    at: int
    step: Step
    who: str
    part: str
    plan_id: str
    subject: Digest
    detail: str
    previous: Digest

    def content(self) -> bytes:
        """The line as it is written, its end included."""
        return canonical_json(asdict(self)) + b"\n"

    @property
    def digest(self) -> Digest:
        """What the next line refers to."""
        return digest(self.content())


@dataclass(frozen=True)
class Ledger:
    """An unbroken log.

    Attributes:
        lines: the oldest first.
    """

    lines: tuple[Line, ...] = ()

    @property
    def head(self) -> Digest:
        """Digest of the last line."""
        return self.lines[-1].digest if self.lines else START

    @property
    def latest(self) -> int:
        """When the last line was written, in seconds since 1970; 0 where there is none."""
        return self.lines[-1].at if self.lines else 0

    @property
    def pin(self) -> Pin | None:
        """The last list of approvers that was seen."""
        seen = [line for line in self.lines if line.step == "approvers"]
        return Pin(int(seen[-1].detail), seen[-1].subject) if seen else None

    def holds(self, head: Digest) -> bool:
        """Whether the log once ended with a line of this digest.

        Args:
            head: as a plan carries it.
        """
        return head == START or any(line.digest == head for line in self.lines)

    def steps_of(self, plan_id: str) -> tuple[Line, ...]:
        """What was done with a plan.

        Args:
            plan_id: of the plan.
        """
        return tuple(line for line in self.lines if line.plan_id == plan_id)

    def last_plan_of(self, part: str) -> str | None:
        """The id of the last plan of a state; ``None`` where none was made.

        Args:
            part: which state.
        """
        made = [line.plan_id for line in self.lines if line.step == "planned" and line.part == part]
        return made[-1] if made else None

    def next_line(
        self,
        step: Step,
        *,
        at: int,
        subject: Digest,
        who: str = "",
        part: str = "",
        plan_id: str = "",
        detail: str = "",
    ) -> Line:
        """The line that would follow.

        Args:
            step: what is done.
            at: seconds since 1970.
            subject: digest of what it is done to.
            who: by whom.
            part: which state.
            plan_id: which plan.
            detail: in words, without a secret.

        Raises:
            RefusedError: the clock stands well before the last line.
        """
        if self.latest - at > CLOCKS_DIFFER:
            raise RefusedError(
                f"the clock is {self.latest - at} seconds behind the audit log",
                guard="clock",
                remedy="Set the clock right; an approval that has expired is not made fresh by it.",
            )
        return Line(
            len(self.lines) + 1, max(at, self.latest), step, who, part, plan_id, subject, detail, self.head
        )


def read_ledger(content: bytes) -> Ledger:
    """Read an audit log and follow its chain.

    Args:
        content: all of it.

    Raises:
        RefusedError: the chain is broken, with the number of the first line that does not fit.
    """
    if content and not content.endswith(b"\n"):
        raise _broken(
            content.count(b"\n") + 1, "is cut short; if the machine failed while writing it, take it out"
        )
    lines: list[Line] = []
    previous = START
    for number, text in enumerate(content.splitlines(keepends=True), start=1):
        line = _line(text, number)
        if line.sequence != number or line.previous != previous:
            raise _broken(number, "does not follow the line before it")
        previous = line.digest
        lines.append(line)
    return Ledger(tuple(lines))


def _line(text: bytes, number: int) -> Line:
    try:
        line = Line(**read_object(text, what="a line"))
        fits = line.content() == text and line.step in get_args(Step)
    except (RefusedError, TypeError) as error:
        raise _broken(number, "cannot be read") from error
    if not fits:
        raise _broken(number, "is not in the form that is written")
    return line


def _broken(number: int, why: str) -> RefusedError:
    return RefusedError(
        f"line {number} of the audit log {why}",
        guard="audit-log",
        remedy="Find out who changed it; a copy of the log ends where its last line's digest was printed.",
    )
