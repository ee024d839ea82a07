"""The lab under load, without any fault: how quick it is, and how much memory it takes."""

from __future__ import annotations

import time
from collections import Counter
from functools import partial

from bench.machine import others_busy
from bench.processes import proportional_bytes
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import PRODUCTS, Session
from telamon.proof import measure
from telamon.proof.summary import summarise

RATE = 100.0
QUIET_SECONDS = 20.0
MEMORY_SECONDS = 30.0
LOOK_EVERY = 3.0
MIB = 2**20


def quiet(session: Session, repeat: int, *, product: str) -> Run:
    """Send load to one product."""
    session.ensure_up()
    session.prepared(product)
    busy, began = others_busy(session.lab.root), time.time()
    with session.load((product,), rate=RATE, seed=repeat + 1, name=f"quiet-{repeat}") as (generator,):
        generator.sleep_until(QUIET_SECONDS)
        record = generator.finish()
    session.keep(record)
    found = measure.latencies(record.samples)
    figures = {
        "p50": found.p50 * 1000,
        "p99": found.p99 * 1000,
        "failed": float(sum(found.failed.values())),
    }
    load = summarise(record, fault=record.seconds, healed=record.seconds)
    return Run(figures, began, busy, measure.void(record), loads=(load,))


def memory(session: Session, repeat: int) -> Run:
    """Look at the memory of everything, again and again, while every product has load."""
    session.ensure_up()
    for product in PRODUCTS:
        session.prepared(product)
    busy, began = others_busy(session.lab.root), time.time()
    peak: Counter[str] = Counter()
    with session.load(PRODUCTS, rate=RATE, seed=repeat + 1, name=f"memory-{repeat}") as generators:
        instant = 0.0
        while instant < MEMORY_SECONDS:
            instant += LOOK_EVERY
            generators[-1].sleep_until(instant)
            seen = Counter(proportional_bytes(session.lab.root))
            peak = max(peak, seen, key=lambda sums: sums.total())
        for generator in generators:
            generator.ask_to_end()
        records = [generator.finish() for generator in generators]
    for record in records:
        session.keep(record)
    notes = [", ".join(f"{member} {size / MIB:.0f}" for member, size in peak.most_common())]
    loads = tuple(summarise(record, fault=record.seconds, healed=record.seconds) for record in records)
    # Memory is what it is, whether or not the generator was late.
    return Run({"peak": peak.total() / MIB}, began, busy, notes=notes, loads=loads)


SCENARIOS = (
    Scenario(
        "memory",
        "Memory of the whole lab under load",
        f"Sum of PSS of every process of the lab (nodes, companions, PostgreSQL, balancers, controller, and all their "
        f"children), the largest of one look every {LOOK_EVERY:.0f} s during {MEMORY_SECONDS:.0f} s at {RATE:.0f} "
        f"requests/s over all products.",
        (Figure("peak", "largest sum of PSS", "MiB", "worst", 1536.0),),
        memory,
    ),
    *(
        Scenario(
            f"quiet-{product}",
            f"{product.capitalize()} under load, no fault",
            f"{RATE:.0f} requests/s for {QUIET_SECONDS:.0f} s. Nothing was demanded; the other figures are read "
            "against this one.",
            (
                Figure("p50", "median answer", "ms", "median"),
                Figure("p99", "99th percentile", "ms", "median"),
                Figure("failed", "failed", "", "sum"),
            ),
            partial(quiet, product=product),
        )
        for product in PRODUCTS
    ),
)
