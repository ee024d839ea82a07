"""How long it takes to work out what a cluster's policies let through."""

from __future__ import annotations

import time
from statistics import median

from bench.machine import others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import Session
from telamon.reach.model import policy_of
from telamon.reach.solve import solve
from tests.unit.reach.cases import many, random_policies, workloads

WORKLOADS = 100
POLICIES = 200
TIMES = 5
"""Clusters of one run, each with policies of its own."""


def reaching(session: Session, repeat: int) -> Run:
    """Work out which ports are open from each workload to each other one."""
    session.pause()
    busy, began = others_busy(session.lab.root), time.time()
    seeds = range(repeat * TIMES, (repeat + 1) * TIMES)
    return Run({"matrix": median(map(_seconds, seeds))}, began, busy)


def _seconds(seed: int) -> float:
    documents, found = random_policies(seed, POLICIES), workloads(many(seed, WORKLOADS))
    before = time.monotonic()
    solve(found, [policy_of(document) for document in documents]).matrix()
    return time.monotonic() - before


SCENARIOS = (
    Scenario(
        "reach",
        "What policies let through",
        f"{WORKLOADS} workloads under {POLICIES} random policies: their documents are read, and for each pair of "
        f"workloads and each protocol the exact set of open ports is worked out, as `telamon reach` does; median of "
        f"{TIMES} clusters. That the answer is right the tests show, against a naive one and by real packets.",
        (Figure("matrix", "all flows worked out", "s", "median", 1.0),),
        reaching,
    ),
)
