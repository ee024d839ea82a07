"""Bad stack files by the thousand, each from a seed, with everything that must be said of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from telamon.errors import Problem
from telamon.products.registry import registry
from telamon.stackfile.build import to_yaml
from telamon.stackfile.reader import Reading, read
from tests.support.bytefaults import BYTE_FAULTS, spoilt_bytes
from tests.support.faults import DATA_FAULTS, expected, spoil, with_tokens_written
from tests.support.stackfiles import Draw, document, text

KINDS = tuple(DATA_FAULTS)
HEAD = "apiVersion: telamon.dev/v1alpha1\nkind: StackOverlay\nextends: base.yaml\n"
OVERLAY_FAULTS: Mapping[str, tuple[str, str]] = {
    "overlay of a missing file": ("extends", HEAD.replace("base.yaml", "bsae.yaml")),
    "overlay of an absolute path": ("extends", HEAD.replace("base.yaml", "/etc/passwd")),
    "overlay of an address": ("extends", HEAD.replace("base.yaml", "https://a.example/b.yaml")),
    "whole stack that extends": ("kind", HEAD.replace("StackOverlay", "Stack")),
    "overlay of nothing": ("kind", HEAD.replace("extends: base.yaml\n", "spec: {domain: a.b}\n")),
    "deletion of what is not there": ("nothing-to-delete", HEAD + "spec: {nodez: }\n"),
}
"""Overlays that cannot be laid over any file, each with the rule that must refuse it."""


@dataclass(frozen=True)
class BadFile:
    """A stack file that must be refused.

    Attributes:
        seed: what it is made from.
        content: the file.
        paths: where its faults are, as problems tell it; none where its bytes are no document at all.
        rule: what must refuse it; "" where the paths say it.
        base: the file beside it, ``base.yaml``, that it extends; "" where it extends none.
    """

    seed: int
    content: str | bytes
    paths: frozenset[str] = frozenset()
    rule: str = ""
    base: str = ""

    @property
    def faults(self) -> int:
        """How many faults were put into it."""
        return len(self.paths) or 1

    def missed(self, problems: Sequence[Problem]) -> int:
        """How many of its faults no problem points at."""
        if self.rule:
            return 0 if any(found.rule == self.rule and found.line >= 1 for found in problems) else 1
        written = str(self.content)
        located = {found.path for found in problems if points_at_its_path(found, written)}
        return len(self.paths - located)


def with_data_faults(kind: str, *, each: int, first: int = 0) -> Iterator[BadFile]:
    """Files with a fault of that kind; half of them hold further faults of other kinds.

    Args:
        kind: of :data:`DATA_FAULTS`.
        each: how many.
        first: where the seeds of all kinds begin.
    """
    made = 0
    seed = first + 1000 * KINDS.index(kind)
    while made < each:
        seed += 1
        rng = random.Random(seed)
        others = [rng.choice(KINDS) for _ in range(rng.choice([0, 0, 1, 3]))]
        data, faults = spoil(document(seed), [kind, *others], rng)
        if faults:
            made += 1
            written = with_tokens_written(text(data, Draw(seed)))
            yield BadFile(seed, written, frozenset(expected(faults)))


def with_byte_faults(kind: str, *, each: int, first: int = 0) -> Iterator[BadFile]:
    """Files that are spoilt below what they say; see :func:`with_data_faults`."""
    for seed in range(first, first + each):
        yield BadFile(seed, spoilt_bytes(kind, seed), rule=BYTE_FAULTS[kind][0])


def with_overlay_faults(kind: str, *, each: int, first: int = 0) -> Iterator[BadFile]:
    """Overlays over valid files that cannot be laid over them; see :func:`with_data_faults`."""
    rule, overlay = OVERLAY_FAULTS[kind]
    for seed in range(first, first + each):
        yield BadFile(seed, overlay, rule=rule, base=to_yaml(document(seed)))


def read_beside(content: str | bytes, *, base: str) -> Reading:
    """What the reader says of a file that may refer to one other, ``base.yaml``."""

    def load(reference: str, *, beside: str) -> tuple[str, bytes]:
        if reference != "base.yaml" or not base:
            raise FileNotFoundError(2, "No such file or directory", reference)
        return reference, base.encode()

    return read(content, source="stack.yaml", registry=registry(), loader=load)


def read_bad(bad: BadFile) -> Reading:
    """What the reader says of a bad file."""
    return read_beside(bad.content, base=bad.base)


def points_at_its_path(problem: Problem, written: str) -> bool:
    """Whether a key of the path stands on the line, and at or before the column."""
    lines = written.splitlines()
    if not 1 <= problem.line <= len(lines):
        return False
    line = lines[problem.line - 1]
    keys = [key.partition("[")[0] for key in problem.path.replace("].", ".").split(".")]
    return 1 <= problem.column <= len(line) + 1 and (any(key in line for key in keys) or "[" in problem.path)
