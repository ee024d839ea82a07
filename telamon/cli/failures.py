"""Errors in words, and in JSON."""

from __future__ import annotations

from typing import Any, Final

from telamon.cli.terminal import printable
from telamon.errors import Interrupted, Problem, RefusedError, SetupRequired, StackFileError, TelamonError

RED: Final = "\x1b[1;31m"
YELLOW: Final = "\x1b[33m"
PLAIN: Final = "\x1b[0m"


def as_document(error: TelamonError) -> dict[str, Any]:
    """An error as ``-o json`` prints it.

    Args:
        error: what ended the verb.

    Returns:
        ``error``, ``remedy`` (or null), ``branch`` and ``exit``; for a stack file ``problems`` as well, for a refusal
        ``guard``, and for a set-up page ``url``.
    """
    document: dict[str, Any] = {
        "error": error.message,
        "remedy": error.remedy,
        "branch": type(error).__name__,
        "exit": error.exit_code,
    }
    match error:
        case StackFileError():
            document["problems"] = [problem_document(problem) for problem in error.problems]
        case RefusedError():
            document["guard"] = error.guard
        case SetupRequired():
            document["url"] = error.url
        case _:
            pass
    return document


def as_text(error: TelamonError, *, styled: bool) -> str:
    """An error as people read it.

    Args:
        error: what ended the verb.
        styled: whether colours are welcome.
    """
    if isinstance(error, StackFileError):
        count = len(error.problems)
        found = "1 problem" if count == 1 else f"{count} problems"
        lines = [problem_text(problem, styled=styled) for problem in error.problems]
        return "\n".join((*lines, f"{_mark('error', RED, styled=styled)} {found}"))
    # Somebody who pressed Ctrl-C or said no has made no error.
    mark = "" if isinstance(error, Interrupted) else f"{_mark('error', RED, styled=styled)} "
    lines = [f"{mark}{printable(error.message)}"]
    if isinstance(error, RefusedError) and error.guard:
        lines.append(f"  guard: {error.guard}")
    if error.remedy:
        lines.append(f"  remedy: {printable(error.remedy)}")
    return "\n".join(lines)


def problem_text(problem: Problem, *, styled: bool, warning: bool = False) -> str:
    """A located problem or warning as people read it, in the form that editors recognise.

    Args:
        problem: what is wrong, or doubtful.
        styled: whether colours are welcome.
        warning: whether it is only doubtful.
    """
    where = f"{problem.file}:{problem.line}:{problem.column}:"
    mark = f" {_mark('warning', YELLOW, styled=styled)}" if warning else ""
    path = f" {problem.path}:" if problem.path else ""
    said = f"{where}{mark}{printable(path)} {printable(problem.message)} [{problem.rule}]"
    return f"{said}\n    {printable(problem.remedy)}" if problem.remedy else said


def problem_document(problem: Problem) -> dict[str, Any]:
    """A located problem or warning as ``-o json`` prints it."""
    return dict(vars(problem))


def _mark(word: str, colour: str, *, styled: bool) -> str:
    return f"{colour}{word}:{PLAIN}" if styled else f"{word}:"
