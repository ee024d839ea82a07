"""What ``telamon promote`` and ``telamon compare`` answer."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

_SHOWN: Final = 19
"""Characters of a digest in a table: its kind, and enough to tell two apart."""


@dataclass(frozen=True)
class MovedImage:
    """An image of the stage that follows.

    Attributes:
        image: by the name under which it is pulled there.
        before: digest in the lock, or "".
        after: digest that it gets.
        changes: whether that is another one.
    """

    image: str
    before: str
    after: str
    changes: bool


@dataclass(frozen=True)
class PromotionObjection:
    """Why nothing moves.

    Attributes:
        guard: that says so.
        told: why.
        remedy: what would help.
    """

    guard: str
    told: str
    remedy: str


@dataclass(frozen=True)
class PromotionStep:
    """From one stage to the next.

    Attributes:
        before: whose digests move.
        after: whose lock gets them.
        green: instant since when the stage before is green, or "".
        images: of the next stage.
        objections: what speaks against it.
        file: the lock that is edited.
        patch: the edit, as a unified diff; "" where there is none.
    """

    before: str
    after: str
    green: str
    images: tuple[MovedImage, ...]
    objections: tuple[PromotionObjection, ...]
    file: str
    patch: str


@dataclass(frozen=True)
class Promoted:
    """Answer of ``promote``.

    Attributes:
        written: locks that were written.
        steps: every stage with the next one.
    """

    written: tuple[str, ...]
    steps: tuple[PromotionStep, ...]


@dataclass(frozen=True)
class Difference:
    """One thing that two environments say otherwise.

    Attributes:
        what: path in the stack file, or the name of an image.
        one: what the first says, or "".
        other: what the second says, or "".
    """

    what: str
    one: str
    other: str


@dataclass(frozen=True)
class Compared:
    """Answer of ``compare``.

    Attributes:
        one: name of the first stage.
        other: name of the second.
        settings: of the stack file that differ, defaults included.
        images: whose digest differs, by the name that people write.
    """

    one: str
    other: str
    settings: tuple[Difference, ...]
    images: tuple[Difference, ...]


def patch(file: str, *, before: str, after: str) -> str:
    """An edit as a unified diff, as ``git apply`` takes it; "" where there is none.

    Args:
        file: that is edited.
        before: its text, "" where it is not there yet.
        after: what it becomes.
    """
    name = file.removeprefix("/")
    source = f"a/{name}" if before else "/dev/null"
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), source, f"b/{name}"
    )
    return "".join(lines)


def promoted_text(answer: Promoted, *, dry: bool) -> str:
    """What people read after ``promote``.

    Args:
        answer: what came of it.
        dry: whether nothing was to be written.
    """
    lines: list[str] = []
    for step in answer.steps:
        lines += [*_step(step, written=step.file in answer.written, dry=dry), ""]
    return "\n".join(lines[:-1])


def compared_text(answer: Compared) -> str:
    """What people read after ``compare``.

    Args:
        answer: what tells two environments apart.
    """
    rows = [
        *((each.what, each.one, each.other) for each in answer.settings),
        *((each.what, _short(each.one), _short(each.other)) for each in answer.images),
    ]
    if not rows:
        return f"{answer.one} and {answer.other} differ in nothing"
    return "\n".join(
        table([("", answer.one, answer.other), *((what, *map(_said, told)) for what, *told in rows)])
    )


def table(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Rows with their columns below one another.

    Args:
        rows: each with the same number of cells.
    """
    cells = list(rows)
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    ]


def _step(step: PromotionStep, *, written: bool, dry: bool) -> Iterable[str]:
    yield f"{step.before} -> {step.after}" + (f", green since {step.green}" if step.green else "")
    rows = [(each.image, _short(each.before), _short(each.after)) for each in step.images if each.changes]
    if rows:
        yield from (f"  {line}" for line in table([("image", step.after, step.before), *rows]))
    for objection in step.objections:
        yield f"  refused: {objection.told}"
        yield f"    guard: {objection.guard}"
        yield f"    remedy: {objection.remedy}"
    count = f"{len(rows)} of {len(step.images)} images change"
    if step.objections:
        yield f"  nothing moves ({count})"
    elif written:
        yield f"  {step.file} is written: {count}"
    else:
        yield f"  {step.file} {'would be written' if dry and step.patch else 'stays'}: {count}"


def _short(digest: str) -> str:
    return digest[:_SHOWN] or "-"


def _said(text: str) -> str:
    return text or "-"


def lock_after(images: Iterable[MovedImage]) -> Mapping[str, str]:
    """The digests of a lock once everything has moved.

    Args:
        images: of the stage.
    """
    return {each.image: each.after for each in images}
