"""Something is lost under load: a node, the database, a balancer."""

from __future__ import annotations

import math
import os
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from bench.errors import BenchError
from bench.lab import Member
from bench.machine import others_busy
from bench.newcomers import Newcomers
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import PRODUCTS, Session, judge, sessions_at
from telamon.proof import measure
from telamon.proof.record import Record
from telamon.proof.summary import failed, summarise

RATE = 100.0
BEFORE = 10.0
"""Seconds of load before the fault."""
AT_LEAST = 12.0
"""Seconds of load after the fault, however soon all is well."""
AFTER = 5.0
"""Seconds of load after all is well."""
HEALS_WITHIN = 90.0


@dataclass(frozen=True)
class Blow:
    """What is done to whom, and who is asked meanwhile.

    Attributes:
        name: of the scenario.
        component: that is hit.
        products: that are asked.
        number: of the signal.
        serving: whether one is hit that serves, or one that does not.
    """

    name: str
    component: str
    products: tuple[str, ...]
    number: signal.Signals
    serving: bool = True


@dataclass(frozen=True)
class Struck:
    """What came of it.

    Attributes:
        victim: who was hit.
        at: instant of the blow, on the monotonic clock.
        ready: instant from which all was well again; infinity where that did not come in time.
        records: by product.
        newcomers: those to the first of the products.
        began: wall clock.
        busy: cores that were busy just before.
    """

    victim: Member
    at: float
    ready: float
    records: Mapping[str, Record]
    newcomers: Newcomers
    began: float
    busy: float

    def fault(self, record: Record) -> float:
        """The instant of the blow in seconds of a run."""
        return self.at - record.epoch

    @property
    def void(self) -> str:
        """Why this proves nothing."""
        return next((why for record in self.records.values() if (why := measure.void(record))), "")


def strike(session: Session, repeat: int, *, blow: Blow) -> Struck:
    """Send load, strike, wait until all is well, and read the records."""
    session.ensure_up()
    for product in blow.products:
        session.prepared(product)
    members = [found for found in session.lab.members(blow.component) if found.serving is blow.serving]
    if not members:
        raise BenchError(f"{blow.component} has nobody to hit")
    victim = members[repeat % len(members)]
    busy, began = others_busy(session.lab.root), time.time()
    lab = session.lab
    load = session.load(blow.products, rate=RATE, seed=repeat + 1, name=f"{blow.name}-{repeat}")
    newcomers = Newcomers(session.prepared(blow.products[0]).plan)
    with load as generators, newcomers:
        generators[-1].sleep_until(BEFORE)
        pid = lab.pid(victim.name)
        at = time.monotonic()
        os.kill(pid, blow.number)
        healed = lab.wait_replaced(victim.name, pid, seconds=HEALS_WITHIN) and lab.wait_ready(
            seconds=HEALS_WITHIN
        )
        ready = time.monotonic() if healed else math.inf
        time.sleep(max(at + AT_LEAST - time.monotonic(), AFTER))
        for generator in generators:
            generator.ask_to_end()
        records = {
            product: generator.finish() for product, generator in zip(blow.products, generators, strict=True)
        }
    for record in records.values():
        session.keep(record)
    if not healed:
        session.pause()
    return Struck(victim, at, ready, records, newcomers, began, busy)


def node(session: Session, repeat: int, *, blow: Blow) -> Run:
    """Hit one node of a product."""
    struck = strike(session, repeat, blow=blow)
    (record,) = struck.records.values()
    fault, samples = struck.fault(record), record.samples
    hurt = {
        session for session, member in measure.pins(samples, fault).items() if member == struck.victim.address
    }
    stall = measure.stall(samples, hurt, since=fault, until=record.seconds)
    address = struck.victim.address
    again = min(
        measure.first_answer_of(samples, address, since=fault),
        struck.newcomers.first_answer_of(address, since=struck.at) - record.epoch,
    )
    judged = judge(struck.records)
    others = measure.moved(samples, since=fault, until=record.seconds) - hurt
    figures = {
        "failed_reads": float(failed(record, safe=True)),
        "failed_writes": float(failed(record, safe=False)),
        "stall": stall.seconds if stall is not None else math.inf,
        "routed_around": measure.routed_around(samples, hurt, fault=fault),
        "serving_again": again - fault,
        "not_restarted": float(math.isinf(again)),
        "lost": float(judged.lost),
        "doubled": float(judged.doubled),
        "untrue": float(judged.others),
        "logins": float(measure.logins(record)),
        "moved": float(len(others)),
    }
    return Run(
        figures,
        struck.began,
        struck.busy,
        struck.void or ("" if hurt else "no session was on the member"),
        notes=[f"{struck.victim.name} was hit; {len(hurt)} sessions were on it", *judged.notes()],
        loads=(summarise(record, fault=fault, healed=again),),
        marks={"serves again": again - fault},
    )


def shared(session: Session, repeat: int, *, blow: Blow) -> Run:
    """Hit what all products share."""
    struck = strike(session, repeat, blow=blow)
    judged = judge(struck.records)
    backs = {
        product: measure.writes_back(record, fault=struck.fault(record))
        for product, record in struck.records.items()
    }
    refused = sum(measure.failures(record.samples).get("refused", 0) for record in struck.records.values())
    figures = {
        "refused": float(refused),
        "failed_reads": float(sum(failed(record, safe=True) for record in struck.records.values())),
        "failed_writes": float(sum(failed(record, safe=False) for record in struck.records.values())),
        "writes_back": max(backs.values()),
        "ready": struck.ready - struck.at,
        "lost": float(judged.lost),
        "doubled": float(judged.doubled),
        "untrue": float(judged.others),
        "logins": float(sum(measure.logins(record) for record in struck.records.values())),
    }
    back = ", ".join(f"{product} {seconds:.2f} s" for product, seconds in backs.items())
    return Run(
        figures,
        struck.began,
        struck.busy,
        struck.void,
        notes=[f"{struck.victim.name} was hit; writes back: {back}", *judged.notes()],
        loads=tuple(
            summarise(record, fault=struck.fault(record), healed=struck.ready - record.epoch)
            for record in struck.records.values()
        ),
        marks={"all ready": struck.ready - struck.at},
    )


LOST = Figure("lost", "acknowledged writes lost", "", "sum", 0)
DOUBLED = Figure("doubled", "acknowledged writes that are there twice", "", "sum")
UNTRUE = Figure("untrue", "other answers that cannot be true", "", "sum", 0)
LOGINS = Figure("logins", "new logins", "", "sum", 0)
WRITES = Figure("failed_writes", "failed writes", "", "sum")
MOVED = Figure("moved", "sessions moved that were not on it", "", "sum")


def _node_scenarios(product: str) -> tuple[Scenario, ...]:
    title = product.capitalize()
    kill = Blow(f"node-kill-{product}", product, (product,), signal.SIGKILL)
    stop = Blow(f"node-stop-{product}", product, (product,), signal.SIGSTOP)
    load = f"{RATE:.0f} requests/s on {title} in {sessions_at(RATE)} sessions with remember-me"
    return (
        Scenario(
            kill.name,
            f"kill -9 of a {title} node",
            f"{load}; after {BEFORE:.0f} s one node is killed, each in turn. STARTING takes 5 s and writes go on "
            "meanwhile, so the node has a backlog to catch up. Ten times a second somebody asks who belongs to no "
            "session: it serves again when it answers one of them.",
            (
                Figure("failed_reads", "failed GETs", "", "sum", 0),
                Figure("stall", "stall", "s", "worst", 0.3),
                Figure("serving_again", "serving again", "s", "median", 12.0),
                LOST,
                LOGINS,
                WRITES,
                DOUBLED,
                UNTRUE,
                MOVED,
            ),
            partial(node, blow=kill),
        ),
        Scenario(
            stop.name,
            f"SIGSTOP of a {title} node",
            f"{load}; after {BEFORE:.0f} s one node is stopped, each in turn, and never continued: it must be noticed, "
            "killed and started again.",
            (
                Figure("routed_around", "routed around", "s", "worst", 1.0),
                Figure("not_restarted", "not restarted", "", "sum", 0),
                LOST,
                Figure("stall", "stall", "s", "worst", 1.2),
                Figure("serving_again", "serving again", "s", "median"),
                Figure("failed_reads", "failed GETs", "", "sum"),
                LOGINS,
                WRITES,
                DOUBLED,
                UNTRUE,
                MOVED,
            ),
            partial(node, blow=stop),
        ),
    )


def _shared_scenarios() -> tuple[Scenario, ...]:
    balancer = Blow("balancer-kill", "edge", PRODUCTS, signal.SIGKILL)
    load = f"{RATE:.0f} requests/s over all products"
    return (
        Scenario(
            balancer.name,
            "kill -9 of one of two Envoys",
            f"{load}; after {BEFORE:.0f} s one balancer is killed, each in turn. Requests that were under way on its "
            "connections are reset; nobody may be refused.",
            (
                Figure("refused", "refused connections", "", "sum", 0),
                LOST,
                Figure("failed_reads", "failed GETs", "", "sum"),
                WRITES,
                Figure("ready", "all ready again", "s", "median"),
            ),
            partial(shared, blow=balancer),
        ),
        *(
            _database_scenario(blow, title, done=done, demanded=demanded, load=load)
            for blow, title, done, demanded in _DATABASE_BLOWS
        ),
    )


_DATABASE_BLOWS = (
    (
        Blow("database-kill", "database", PRODUCTS, signal.SIGKILL),
        "kill -9 of the database's primary",
        "the primary's postmaster is killed, and the standby takes over",
        5.0,
    ),
    (
        Blow("database-stop", "database", PRODUCTS, signal.SIGSTOP),
        "SIGSTOP of the database's primary",
        "the primary's postmaster is stopped and never continued: it must be noticed, ended and succeeded",
        None,
    ),
    (
        Blow("database-standby-kill", "database", PRODUCTS, signal.SIGKILL, serving=False),
        "kill -9 of the database's standby",
        "the standby's postmaster is killed; commits wait for it for a moment, and then go on without it",
        None,
    ),
)


def _database_scenario(blow: Blow, title: str, *, done: str, demanded: float | None, load: str) -> Scenario:
    return Scenario(
        blow.name,
        title,
        f"{load}; after {BEFORE:.0f} s {done}. Writes are back with the first that is acknowledged of those due after "
        "the last that failed, the slowest product counts. Every acknowledged write is read back afterwards.",
        (
            Figure("writes_back", "writes back", "s", "median", demanded),
            LOST,
            Figure("failed_reads", "failed GETs", "", "sum"),
            WRITES,
            DOUBLED,
            UNTRUE,
            Figure("ready", "all ready again", "s", "median"),
        ),
        partial(shared, blow=blow),
    )


def scenarios() -> tuple[Scenario, ...]:
    """Every fault, those of nodes first."""
    return (*(one for product in PRODUCTS for one in _node_scenarios(product)), *_shared_scenarios())
