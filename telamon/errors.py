"""Every error Telamon raises on purpose, and the exit code each branch ends the program with.

::

    TelamonError
    ├── UsageError             2   the command line was wrong
    │   └── units.UnitError        a quantity such as "2GB" cannot be read
    ├── StackFileError         3   the stack file has problems (all of them, each located)
    ├── RefusedError           4   a guard said no, and nothing was touched
    ├── ConflictError          5   something else is in progress, or the object moved on meanwhile
    ├── MachineError           6   the machine lacks something: rights, disk, port, locale, a library
    ├── PlatformError          7   a part under the products failed: database, balancer, process, network
    │   └── DeniedError            whoever asks is known, and lacks a right
    ├── ProductError           8   a product failed, or answered what it never should
    │   └── SetupRequired          a person must finish a set-up page
    ├── NotReadyError          9   what was asked for is not there yet
    │   ├── NoController           nobody keeps the stack just now
    │   └── TimeoutExpired         … and the time given to wait for it is over
    ├── InternalError         70   a defect of Telamon itself
    ├── TemporaryError        75   retry later, after ``delay`` seconds
    └── Interrupted          130   the person pressed Ctrl-C or asked it to end

Codes 70 and 75 are ``EX_SOFTWARE`` and ``EX_TEMPFAIL`` of sysexits.h, and 130 is what a shell reports for SIGINT, so
that scripts which know these conventions need no table.

Rules for those who raise:
    * A foreign exception is translated where it is caught, at the edge, with ``raise … from error``; its text is cut
      by :func:`brief`, and whoever translates makes sure that no secret is in it.
    * "Retry later" and "never" are different types: only :class:`TemporaryError` is retried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


class TelamonError(Exception):
    """Base of all of them; carries the way out where one is known.

    Args:
        message: what is wrong, one sentence, without a secret.
        remedy: what the reader can do about it, or ``None`` where nothing better than the message is known.
    """

    exit_code: ClassVar[int] = 1
    meaning: ClassVar[str] = "failed for a reason without a code of its own"

    def __init__(self, message: str, *, remedy: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy

    def __str__(self) -> str:
        return self.message


class UsageError(TelamonError):
    """The command line was wrong: an unknown verb or member, an option that does not fit."""

    exit_code = 2
    meaning = "the command line was wrong"


@dataclass(frozen=True, order=True)
class Problem:
    """One thing that is wrong (or, as a warning, doubtful) in a stack file.

    Attributes:
        file: the file as the reader named it; an overlay's base has its own name here.
        line: from 1.
        column: from 1, in characters.
        path: dotted path of the value, e.g. ``spec.products.jira.nodes``; empty for the text as a whole.
        message: what is wrong.
        remedy: what to write instead.
        rule: name of the check that said so, stable enough to search for.
    """

    file: str
    line: int
    column: int
    path: str
    message: str
    remedy: str
    rule: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}:{self.column}"
        return f"{where}: {self.path}: {self.message}" if self.path else f"{where}: {self.message}"


class StackFileError(TelamonError):
    """The stack file has problems. All of them are here, sorted by file and line, never only the first.

    Args:
        problems: at least one.
    """

    exit_code = 3
    meaning = "the stack file has problems"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        if not self.problems:
            raise InternalError("a stack file was refused without a problem")
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        super().__init__(f"{count} in {self.problems[0].file}: {self.problems[0]}")


class RefusedError(TelamonError):
    """A guard said no before anything was touched.

    Args:
        message: why not.
        guard: name of the guard; the same name stands in the plan, in status conditions and in the journal.
        remedy: what would make the guard agree.
    """

    exit_code = 4
    meaning = "a guard refused; nothing was touched"

    def __init__(self, message: str, *, guard: str, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.guard = guard


class ConflictError(TelamonError):
    """Something else is in progress, or what was decided on has changed meanwhile."""

    exit_code = 5
    meaning = "something else is in progress, or the object has moved on"


class MachineError(TelamonError):
    """The machine lacks something: a right, room on the disk, a port, a locale, a library, a short enough path."""

    exit_code = 6
    meaning = "the machine lacks something"


class PlatformError(TelamonError):
    """A part under the products failed: the database, the balancer, a process, the network."""

    exit_code = 7
    meaning = "a part under the products failed"


class DeniedError(PlatformError):
    """Whoever asks is known, and lacks a right."""


class ProductError(TelamonError):
    """A product failed, or answered what it never should."""

    exit_code = 8
    meaning = "a product failed"


class SetupRequired(ProductError):
    """The product shows a set-up page that no profile names; a person must go on.

    Args:
        message: what is known about the page.
        url: where a person goes on.
        form: the form as the product calls it.
    """

    meaning = "a person must finish a set-up page"

    def __init__(self, message: str, *, url: str, form: str) -> None:
        super().__init__(message, remedy=f"Open {url} and finish the page; Telamon goes on by itself.")
        self.url = url
        self.form = form


class NotReadyError(TelamonError):
    """What was asked for is not there yet."""

    exit_code = 9
    meaning = "not ready yet"


class NoController(NotReadyError):
    """No controller answers for this stack."""

    meaning = "no controller runs for this stack"


class TimeoutExpired(NotReadyError):
    """The time given to wait is over.

    Args:
        message: what was waited for, and what it looked like last.
        waited: seconds.
        remedy: how to wait longer or look closer.
    """

    meaning = "the time given to wait is over"

    def __init__(self, message: str, *, waited: float, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.waited = waited


class InternalError(TelamonError):
    """A defect of Telamon itself: a state that its own rules exclude."""

    exit_code = 70
    meaning = "a defect of Telamon itself"


class TemporaryError(TelamonError):
    """It did not work now and may work later.

    Args:
        message: what did not work.
        delay: seconds to let pass before the next attempt.
        remedy: what shortens the wait, if anything does.
    """

    exit_code = 75
    meaning = "failed for now; try again later"

    def __init__(self, message: str, *, delay: float, remedy: str | None = None) -> None:
        super().__init__(message, remedy=remedy)
        self.delay = delay


class Interrupted(TelamonError):
    """The person pressed Ctrl-C, or asked the program to end."""

    exit_code = 130
    meaning = "interrupted"


BRANCHES: tuple[type[TelamonError], ...] = (
    UsageError,
    StackFileError,
    RefusedError,
    ConflictError,
    MachineError,
    PlatformError,
    ProductError,
    NotReadyError,
    InternalError,
    TemporaryError,
    Interrupted,
)
"""The branches of the tree, by exit code. A class below a branch ends the program with its branch's code."""


def brief(error: BaseException, *, limit: int = 200) -> str:
    """Cut a foreign exception's text to what fits in a sentence.

    Args:
        error: the exception.
        limit: longest result, in characters.

    Returns:
        The first line with text, shortened with an ellipsis; the exception's type name where it has no text.
    """
    lines = (line.strip() for line in str(error).splitlines())
    first = next((line for line in lines if line), type(error).__name__)
    return first if len(first) <= limit else f"{first[: limit - 1]}…"


ASKED_AGAIN_AFTER = 5.0
"""Seconds after which something temporary may be tried again, where whoever told of it named no time."""


def told(error: TelamonError) -> dict[str, Any]:
    """An error as one process tells it to another: plain data, read by :func:`retold`."""
    document: dict[str, Any] = {
        "error": error.message,
        "remedy": error.remedy,
        "branch": type(error).__name__,
        "exit": error.exit_code,
    }
    if isinstance(error, RefusedError):
        document["guard"] = error.guard
    if isinstance(error, TemporaryError):
        document["delay"] = error.delay
    return document


def retold(document: Mapping[str, Any]) -> TelamonError:
    """The error that another process told; of its branch, and an internal one where the branch needs more than that.

    Args:
        document: what :func:`told` made, perhaps in another version.
    """
    message, remedy = str(document.get("error", "the controller refused")), document.get("remedy")
    plain: Mapping[int, type[TelamonError]] = {
        error.exit_code: error
        for error in (UsageError, ConflictError, MachineError, PlatformError, ProductError, NotReadyError)
    }
    code = document.get("exit")
    if code == RefusedError.exit_code:
        return RefusedError(message, guard=str(document.get("guard", "")), remedy=remedy)
    if code == TemporaryError.exit_code:
        return TemporaryError(message, delay=float(document.get("delay", ASKED_AGAIN_AFTER)), remedy=remedy)
    return plain.get(code if isinstance(code, int) else 0, InternalError)(message, remedy=remedy)
