"""Text in, a stack out, or everything that is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, replace
from datetime import date
from typing import Final

from pydantic import ValidationError

from telamon.errors import Problem, StackFileError
from telamon.model.stack import Stack
from telamon.stackfile import shape as shapes
from telamon.stackfile.findings import Finding, Registry, Rule, Subject, rule_name
from telamon.stackfile.overlay import is_nothing
from telamon.stackfile.refusals import Fault, faults
from telamon.stackfile.repair import repaired
from telamon.stackfile.rules import RULES
from telamon.stackfile.sources import Gatherer, Loader, no_files
from telamon.stackfile.tree import Block, Path, Scalar, dotted, find, plain, scalars, where
from telamon.stackfile.warnings import WARNINGS

_ROOT: Final = shapes.of_section(Stack)


@dataclass(frozen=True)
class Reading:
    """The outcome of reading a stack file.

    Attributes:
        source: name of the file.
        stack: what it says; ``None`` where it has problems.
        problems: everything that is wrong, by file and line; the file that was asked for comes first.
        warnings: what is allowed and doubtful, in the same order.
    """

    source: str
    stack: Stack | None
    problems: tuple[Problem, ...]
    warnings: tuple[Problem, ...] = ()

    def require(self) -> Stack:
        """The stack.

        Raises:
            StackFileError: there are problems; it carries all of them.
        """
        if self.stack is None:
            raise StackFileError(self.problems)
        return self.stack


def read(
    content: str | bytes,
    *,
    source: str,
    registry: Registry,
    loader: Loader = no_files,
    today: date | None = None,
) -> Reading:
    """Read a stack file, or an overlay and what it extends.

    Args:
        content: the file; bytes are taken for UTF-8.
        source: its name, as problems show it and as ``loader`` gets it.
        registry: the products that Telamon knows, by name.
        loader: reads the other files that it refers to.
        today: the date for which the end of vendor support is judged; ``None`` leaves that out.

    Returns:
        The stack, or every problem. It never raises for anything that stands in a file.
    """
    gatherer = Gatherer(loader)
    raw = content.encode("utf-8", errors="surrogatepass") if isinstance(content, str) else content
    document = gatherer.document(raw, source=source)
    if document is None:
        return Reading(source, None, _sorted(gatherer.problems, source))
    examined = _examine(document, unread=gatherer.unread, registry=registry, today=today)
    problems = _sorted([*gatherer.problems, *examined.problems], source)
    warnings = [] if examined.subject is None else _warnings(examined.subject, document)
    stack = examined.subject.stack if examined.subject is not None and not problems else None
    return Reading(source, stack, problems, _sorted(warnings, source))


@dataclass(frozen=True)
class _Examined:
    """What the models and the rules said of a document.

    Attributes:
        subject: the stack, mended where something was refused; ``None`` where that was not enough.
        problems: what was refused.
    """

    subject: Subject | None
    problems: tuple[Problem, ...]


def _examine(document: Block, *, unread: Sequence[Path], registry: Registry, today: date | None) -> _Examined:
    data = plain(document)
    stack, found_faults = _validated(data, document)
    if found_faults:
        stack, _ = _validated(repaired(data, found_faults, root=_ROOT), document)
    problems = [_located(found, document) for found in found_faults if _worth_saying(found, document, unread)]
    if stack is None:
        return _Examined(None, tuple(problems))
    subject = Subject(stack, registry, today)
    refused = {found.scope for found in found_faults}
    refused |= {path for path, scalar in scalars(document) if not scalar.sound or is_nothing(scalar)}
    refused |= set(unread)
    for rule in RULES:
        problems += [
            _stated(finding, rule, document) for finding in rule(subject) if not _rests_on(finding, refused)
        ]
    return _Examined(subject, tuple(problems))


def _validated(data: object, document: Block) -> tuple[Stack | None, list[Fault]]:
    try:
        return Stack.model_validate(data, by_alias=True, by_name=False), []
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        return None, faults(errors, root=_ROOT, document=document)


def _worth_saying(found: Fault, document: Block, unread: Sequence[Path]) -> bool:
    if found.rule == "missing-key" and any(found.path[: len(path)] == path for path in unread):
        return False
    node = find(document, found.path)
    # The text itself was refused already, with the line and the remedy.
    return not (isinstance(node, Scalar) and (not node.sound or is_nothing(node)))


def _rests_on(finding: Finding, refused: Set[Path]) -> bool:
    """Whether a finding speaks of a value that was refused, and so of what repair put there."""
    values = (finding.path, *finding.also, *finding.throughout)
    if any(path[:length] in refused for path in values for length in range(len(path) + 1)):
        return True
    return any(path[: len(whole)] == whole for path in refused for whole in finding.throughout)


def _located(found: Fault, document: Block) -> Problem:
    at = where(document, found.path, key=found.at_key)
    return Problem(at.file, at.line, at.column, dotted(found.path), found.message, found.remedy, found.rule)


def _stated(finding: Finding, rule: Rule, document: Block) -> Problem:
    at = where(document, finding.path)
    return Problem(
        at.file, at.line, at.column, dotted(finding.path), finding.message, finding.remedy, rule_name(rule)
    )


def _warnings(subject: Subject, document: Block) -> list[Problem]:
    return [_stated(finding, rule, document) for rule in WARNINGS for finding in rule(subject)]


def _sorted(problems: Iterable[Problem], source: str) -> tuple[Problem, ...]:
    return tuple(sorted(map(_shown, problems), key=lambda problem: (problem.file != source, problem)))


def _shown(problem: Problem) -> Problem:
    """The same problem in one line that is safe to print: a file may hold what makes a terminal do things."""
    if f"{problem.path}{problem.message}{problem.remedy}".isprintable():
        return problem
    return replace(
        problem,
        path=_printable(problem.path),
        message=_printable(problem.message),
        remedy=_printable(problem.remedy),
    )


def _printable(text: str) -> str:
    return "".join(
        character if character.isprintable() else character.encode("unicode_escape").decode()
        for character in text
    )
