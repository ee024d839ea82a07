"""Operations under load: upgrades node by node, restarts, and another number of nodes."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from bench.machine import others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import PRODUCTS, Session, judge, sessions_at
from telamon.proof import measure
from telamon.proof.record import Record
from telamon.proof.summary import summarise
from telamon.stackfile.edit import set_text

RATE = 200.0
"""Requests per second over three products."""
RATE_OF_ONE = 100.0
"""Requests per second on one product: one node carries them all while the other starts, and a stand-in is one process
that computes on one core."""
BEFORE = 15.0
"""Seconds of load before the operation, which are the quiet that its latencies are compared with."""
STAYS = 10.0
"""Seconds for which a number of nodes lasts before it is changed again."""
LONG_BEFORE = 75.0
"""The same at the full rate: content was made a moment ago, and PostgreSQL, which looks for changed tables once a
minute, plans without statistics until then. Source: PostgreSQL, "Automatic Vacuuming" (``autovacuum_naptime``)."""
AFTER = 5.0
"""Seconds of load after its end."""
LONG_AFTER = 90.0
"""The same where the runs together are to send 100,000 requests."""

Act = Callable[[Session, str], str]
"""Does something to a product while it has load; returns what was done, in words."""


def under_load(
    session: Session,
    repeat: int,
    *,
    products: Sequence[str],
    act: Act,
    name: str,
    rate: float = RATE_OF_ONE,
    before: float = BEFORE,
    after: float = AFTER,
) -> Run:
    """Send load to products, operate on one after the other, and see what their users noticed."""
    session.ensure_up()
    for product in products:
        session.prepared(product)
    busy, began = others_busy(session.lab.root), time.time()
    with session.load(products, rate=rate, seed=repeat + 1, name=f"{name}-{repeat}") as generators:
        generators[-1].sleep_until(before)
        start = time.monotonic()
        words = [act(session, product) for product in products]
        end = time.monotonic()
        time.sleep(after)
        for generator in generators:
            generator.ask_to_end()
        records = [generator.finish() for generator in generators]
    for record in records:
        session.keep(record)
    judged = judge(dict(zip(products, records, strict=True)))
    noticed = [figures_of(record, start - record.epoch, end=end - record.epoch) for record in records]
    figures = {
        **{name: sum(one[name] for one in noticed) for name in ("sent", "failed", "logins")},
        **{name: max(one[name] for one in noticed) for name in ("stall", "slower", "p99", "seconds")},
        "lost": float(judged.lost),
        "doubled": float(judged.doubled),
        "untrue": float(judged.others),
    }
    void = next((why for record in records if (why := measure.void(record))), "")
    loads = tuple(summarise(one, fault=start - one.epoch, healed=end - one.epoch) for one in records)
    marks = {"done": end - start}
    return Run(figures, began, busy, void, notes=[*words, *judged.notes()], loads=loads, marks=marks)


def figures_of(record: Record, start: float, *, end: float) -> dict[str, float]:
    """What users noticed of something that lasted from ``start`` to ``end``."""
    samples = record.samples
    sessions = {sample.session for sample in samples}
    stall = measure.stall(samples, sessions, since=start, until=record.seconds)
    # What was slow because everything was new is no quiet to compare with.
    warm = [sample for sample in samples if sample.due >= start - BEFORE]
    phases = measure.phases(warm, fault=start, healed=end)
    quiet, during = phases.before, phases.during
    return {
        "sent": float(len(samples)),
        "failed": float(sum(measure.failures(samples).values())),
        "stall": stall.seconds if stall is not None else 0.0,
        "slower": during.p99 / quiet.p99 if quiet.p99 else 0.0,
        "p99": during.p99 * 1000,
        "seconds": end - start,
        "logins": float(measure.logins(record)),
    }


def upgrade(session: Session, product: str) -> str:
    """Bring a product to its next bug-fix release, node by node."""
    file = file_in_force(session)
    old = release_of(session, product)
    first, _, last = old.rpartition(".")
    new = f"{first}.{int(last) + 1}"
    session.lab.telamon("upgrade", product, new, "--file", str(file), "--yes")
    return f"{old} to {new}"


def restart(session: Session, product: str) -> str:
    """Restart every node of a product."""
    session.lab.telamon("restart", product, "--stack", str(session.lab.file))
    return "every node once"


def scale(session: Session, product: str) -> str:
    """Give a product a third node, let users have it for a while, and take it away again."""
    file = file_in_force(session)
    more = session.raw / "third-node.yaml"
    overlay = {
        "apiVersion": "telamon.dev/v1alpha1",
        "kind": "StackOverlay",
        "extends": file.name,
        "spec": {"products": {product: {"nodes": 3}}},
    }
    # JSON is YAML.
    more.write_text(json.dumps(overlay), encoding="utf-8")
    for wanted in (more, file):
        session.lab.telamon("up", str(wanted), "--yes")
        time.sleep(STAYS)
    return "two nodes, three, and two again"


def release_of(session: Session, product: str) -> str:
    """The release that a product runs."""
    members: Sequence[dict[str, str]] = session.lab.status()["members"]
    return next(found["version"] for found in members if found["component"] == product)


def file_in_force(session: Session) -> Path:
    """A copy of the stack file that names the releases in force."""
    text = session.lab.file.read_text(encoding="utf-8")
    for product in PRODUCTS:
        path = ("spec", "products", product, "version")
        edited = set_text(text, path, value=release_of(session, product), file=str(session.lab.file))
        if edited is not None:
            text = edited.text
    copy = session.raw / "upgraded.yaml"
    copy.write_text(text, encoding="utf-8")
    return copy


FIGURES = (
    Figure("failed", "failed requests", "", "sum", 0),
    Figure("stall", "stall", "s", "worst", 0.5),
    Figure("slower", "p99 against quiet p99", "", "median", 3.0),
    Figure("lost", "acknowledged writes lost", "", "sum", 0),
    Figure("sent", "requests sent", "", "sum"),
    Figure("p99", "99th percentile", "ms", "median"),
    Figure("seconds", "takes", "s", "median"),
    Figure("untrue", "other answers that cannot be true", "", "sum", 0),
    Figure("logins", "new logins", "", "sum", 0),
    Figure("doubled", "acknowledged writes that are there twice", "", "sum"),
)
HOW = (
    "STARTING takes 5 s and STOPPING 3 s. The stall is over all sessions; slower compares the 99th percentile during "
    "the operation with that before it."
)


def scenarios() -> tuple[Scenario, ...]:
    """Every operation on every product, and the upgrade of all of them."""
    found = []
    for product in PRODUCTS:
        title = product.capitalize()
        load = (
            f"{RATE_OF_ONE:.0f} requests/s on {title} in {sessions_at(RATE_OF_ONE)} sessions with remember-me"
        )
        for name, what, act in (
            (f"upgrade-{product}", f"Rolling upgrade of {title}", upgrade),
            (f"restart-{product}", f"Restart of {title} node by node", restart),
            (f"scale-{product}", f"A third node for {title}, and back to two", scale),
        ):
            how = f"{load}, {BEFORE:.0f} s before, during, and {AFTER:.0f} s after. {HOW}"
            found.append(
                Scenario(
                    name, what, how, FIGURES, partial(under_load, products=(product,), act=act, name=name)
                )
            )
    all_three = partial(
        under_load,
        products=PRODUCTS,
        act=upgrade,
        name="upgrade-all",
        rate=RATE,
        before=LONG_BEFORE,
        after=LONG_AFTER,
    )
    how = (
        f"{RATE:.0f} requests/s over all products, {LONG_BEFORE:.0f} s before, during, and {LONG_AFTER:.0f} s after "
        f"their upgrades, one after the other. {HOW} The last {BEFORE:.0f} s before count as quiet, and the product "
        "that fared worst counts."
    )
    return (*found, Scenario("upgrade-all", "Rolling upgrade of all three products", how, FIGURES, all_three))
