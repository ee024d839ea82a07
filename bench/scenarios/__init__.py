"""What is measured, in the order in which it is done."""

from __future__ import annotations

from bench.scenarios import (
    checking,
    commandline,
    faults,
    indexes,
    operating,
    reaching,
    releases,
    restoring,
    soaking,
    stackfiles,
    starting,
    steady,
)
from bench.scenarios.base import Scenario


def all_scenarios() -> tuple[Scenario, ...]:
    """Every scenario: starts first, then what hurts; what leaves other releases behind comes last."""
    return (
        *commandline.SCENARIOS,
        *checking.SCENARIOS,
        *stackfiles.SCENARIOS,
        *reaching.SCENARIOS,
        *indexes.SCENARIOS,
        *starting.SCENARIOS,
        *steady.SCENARIOS,
        *restoring.SCENARIOS,
        *faults.scenarios(),
        *operating.scenarios(),
        *releases.SCENARIOS,
        *soaking.SCENARIOS,
    )
