"""What the vendor's Helm chart of a product calls things, so that its values can be carried into a stack file.

Source: atlassian/data-center-helm-charts, ``values.yaml`` and templates of each chart, version 2.0.9.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

CHART_RELEASE = "2.0.9"
"""Version of the charts whose keys are known."""


class Fate(StrEnum):
    """What becomes of a value of a chart."""

    TAKEN = "taken"
    """It stands in the stack file."""
    OURS = "ours"
    """Telamon sees to it by itself; the reason says how."""
    LOST = "lost"
    """Nothing does the same; the reason says what to do."""
    OPEN = "open"
    """Nothing is said by it: it is empty, or belongs to something that is off."""
    UNKNOWN = "unknown"
    """The chart has no such value."""


@dataclass(frozen=True)
class Keys:
    """Values that have one fate, for one reason.

    Attributes:
        fate: of all of them.
        why: where they go, or why not; a sentence, or a path of the stack file.
        paths: in the values, dots between keys; each stands for everything below it.
        switch: path of the value without which none of them means anything.
    """

    fate: Fate
    why: str
    paths: tuple[str, ...]
    switch: str = ""


@dataclass(frozen=True)
class ChartCompanion:
    """A companion as the chart has it.

    Attributes:
        name: of the companion.
        switch: path of the value that turns it on.
        nodes: path of how many there are; "" where the chart has one alone.
        requests: path of what each asks for.
        heap: path of the largest heap; "" where there is none.
        size: path of the size of its volumes; "" where it has none.
        external: paths of the addresses of one that others keep up, with the sections of their log-ins.
    """

    name: str
    switch: str
    nodes: str = ""
    requests: str = ""
    heap: str = ""
    size: str = ""
    external: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Chart:
    """A product's chart.

    Attributes:
        section: key of the product's own values, which is also the chart's name.
        keys: what only this chart has, and what becomes of it.
        variables: path of a value to the variable that the image reads it from.
        object_stores: kind of files that can lie in S3 to the path of its bucket.
        companions: that the chart can run.
        license: path of the licence's secret; "" where the chart takes none.
        ssh: path of the service for git over SSH; "" where there is none.
        code_cache: path of the size of the code cache; "" where the chart leaves it alone.
    """

    section: str
    keys: tuple[Keys, ...] = ()
    variables: Mapping[str, str] = field(default_factory=dict)
    object_stores: Mapping[str, str] = field(default_factory=dict)
    companions: tuple[ChartCompanion, ...] = ()
    license: str = ""
    ssh: str = ""
    code_cache: str = ""
