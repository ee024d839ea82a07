"""What is measured, in the order in which it is done."""

from __future__ import annotations

from bench.scenarios import commandline, faults, starting, steady
from bench.scenarios.base import Scenario


def all_scenarios() -> tuple[Scenario, ...]:
    """Every scenario: starts first, while there is nothing to lose, and what hurts most last."""
    return (*commandline.SCENARIOS, *starting.SCENARIOS, *steady.SCENARIOS, *faults.scenarios())
