"""Releases that are no good, and releases that cannot roll: what users notice, and that the way back is found."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import partial

from bench.errors import BenchError
from bench.machine import others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.scenarios.operating import figures_of, file_in_force, release_of
from bench.session import PRODUCTS, Session, judge
from telamon.proof import measure
from telamon.proof.summary import summarise

BROKEN_RATE = 100.0
MAJOR_RATE = 60.0
BEFORE = 10.0
"""Seconds of load before the release is asked for."""
AFTER = 5.0
"""Seconds of load after all is well."""
STARTS_IN = 5.0
"""Seconds that a node takes to start, as the stack file says."""
OVERHEAD = 30.0
"""Seconds that an interruption may last beyond the start of a node."""
WELL_WITHIN = 240.0
DIES, ERRS = "98", "99"
"""Last numbers of releases that never start, and of those that start and answer with errors."""


def broken(session: Session, repeat: int, *, product: str, number: str) -> Run:
    """Ask for a release that is no good to be rolled out, and see that it goes no further than one node."""
    session.ensure_up()
    begin = release_of(session, product).rpartition(".")[0]
    return _change(
        session, repeat, product=product, rate=BROKEN_RATE, to=f"{begin}.{number}", agreed=False, good=False
    )


def major(session: Session, repeat: int, *, product: str, good: bool) -> Run:
    """Bring a product to its next major release in a planned interruption, or to one that never starts."""
    session.ensure_up()
    number = int(release_of(session, product).partition(".")[0]) + 1
    last = "1" if good else DIES
    return _change(
        session, repeat, product=product, rate=MAJOR_RATE, to=f"{number}.0.{last}", agreed=True, good=good
    )


def _change(
    session: Session, repeat: int, *, product: str, rate: float, to: str, agreed: bool, good: bool
) -> Run:
    """Send load, ask for a release, wait until all is well, and read the record."""
    session.prepared(product)
    old, before = release_of(session, product), file_in_force(session)
    busy, began = others_busy(session.lab.root), time.time()
    options = ["--downtime"] if agreed else []
    name = f"release-{to}-{repeat}".replace(".", "-")
    with session.load((product,), rate=rate, seed=repeat + 1, name=name) as (generator,):
        generator.sleep_until(BEFORE)
        start = time.monotonic()
        # A release that is taken back is no error of the bench: what came of it is seen below.
        with suppress(BenchError):
            session.lab.telamon("upgrade", product, to, "--file", str(before), "--yes", *options)
        now = release_of(session, product)
        if not good:
            # The file still asks for it.
            session.lab.telamon("up", str(file_in_force(session)), "--yes")
        well = session.lab.wait_ready(seconds=WELL_WITHIN)
        end = time.monotonic()
        time.sleep(AFTER)
        generator.ask_to_end()
        record = generator.finish()
    session.keep(record)
    judged = judge({product: record})
    start, end = start - record.epoch, end - record.epoch
    figures = {
        **figures_of(record, start, end=end),
        "elsewhere": float(now != (to if good else old)),
        "unwell": float(not well),
        "nodes": float(_started(session, product, since=began)),
        "lost": float(judged.lost),
        "doubled": float(judged.doubled),
        "untrue": float(judged.others),
    }
    note = f"{old} to {to}: {now} is in force"
    load = summarise(record, fault=start, healed=end)
    return Run(
        figures,
        began,
        busy,
        measure.void(record),
        notes=[note, *judged.notes()],
        loads=(load,),
        marks={"all ready": end - start},
    )


def _started(session: Session, product: str, *, since: float) -> int:
    """How many nodes of a product were started since an instant."""
    found = session.lab.telamon("logs", "--stack", str(session.lab.file), "--lines", "2000")
    starts = re.compile(rf"start ({re.escape(product)}-[0-9]+)\Z")
    entries: list[Mapping[str, object]] = found["entries"]
    matches = (
        starts.match(str(entry["subject"]))
        for entry in entries
        if entry["kind"] == "intent" and float(str(entry["at"])) >= since
    )
    return len({match.group(1) for match in matches if match is not None})


LOST = Figure("lost", "acknowledged writes lost", "", "sum", 0)
UNTRUE = Figure("untrue", "other answers that cannot be true", "", "sum", 0)
UNWELL = Figure("unwell", "not well again in the end", "", "sum", 0)
SENT = Figure("sent", "requests sent", "", "sum")
SECONDS = Figure("seconds", "takes", "s", "median")
LOAD = f"sessions with remember-me, {BEFORE:.0f} s before, during, and {AFTER:.0f} s after"


def _broken(product: str, number: str) -> Scenario:
    what = "never starts" if number == DIES else "starts and answers with errors"
    return Scenario(
        f"broken-release-{'dies' if number == DIES else 'errs'}-{product}",
        f"A release of {product.capitalize()} that {what}",
        f"{BROKEN_RATE:.0f} requests/s in 40 {LOAD}. An upgrade node by node to a release that {what}: it must be "
        "found out on the first node and taken back by itself.",
        (
            Figure("failed", "failed requests", "", "sum", 0),
            Figure("nodes", "nodes that were started", "", "worst", 1),
            Figure("elsewhere", "not on the old release in the end", "", "sum", 0),
            UNWELL,
            LOST,
            UNTRUE,
            Figure("stall", "stall", "s", "worst"),
            SENT,
            SECONDS,
        ),
        partial(broken, product=product, number=number),
    )


def _major(product: str, *, good: bool) -> Scenario:
    title = product.capitalize()
    which = "its next major release" if good else "a major release that never starts, and back"
    return Scenario(
        f"major-upgrade-{product}" if good else f"major-upgrade-fails-{product}",
        f"{title} to {which}",
        f"{MAJOR_RATE:.0f} requests/s in 40 {LOAD}. `telamon upgrade --downtime` to {which}, unattended. The "
        "interruption is the longest time that any session waited for a success from when its request was due; nodes "
        f"take {STARTS_IN:.0f} s to start.",
        (
            Figure("stall", "interruption", "s", "median", STARTS_IN + OVERHEAD if good else None),
            LOST,
            Figure("elsewhere", f"not on the {'new' if good else 'old'} release in the end", "", "sum", 0),
            UNWELL,
            UNTRUE,
            SENT,
            SECONDS,
        ),
        partial(major, product=product, good=good),
    )


SCENARIOS = (
    *(_broken(product, number) for product in PRODUCTS for number in (DIES, ERRS)),
    *(_major(product, good=False) for product in PRODUCTS),
    *(_major(product, good=True) for product in PRODUCTS),
)
"""Majors that succeed come last: they leave another release behind."""
