"""What ``telamon import`` and ``telamon diff`` answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from telamon.importer.compare import ChartDifference


@dataclass(frozen=True)
class ChartValue:
    """One value of a chart, and what became of it.

    Attributes:
        product: whose chart it is.
        path: of the value, dots between keys.
        fate: "taken", "ours" (Telamon sees to it by itself), "lost", "open" (nothing is said by it) or "unknown".
        why: where it went, or the reason.
    """

    product: str
    path: str
    fate: str
    why: str


@dataclass(frozen=True)
class Imported:
    """Answer of ``import``.

    Attributes:
        stack: the stack file, as data.
        values: every value of every chart, in the order of the files.
    """

    stack: Mapping[str, Any]
    values: tuple[ChartValue, ...]


@dataclass(frozen=True)
class Compared:
    """Answer of ``diff``.

    Attributes:
        stack: name of the stack.
        restarts: workloads of the chart whose nodes get new pods.
        lost: how many differences are a loss.
        differences: everything that is otherwise.
    """

    stack: str
    restarts: tuple[str, ...]
    lost: int
    differences: tuple[ChartDifference, ...]
