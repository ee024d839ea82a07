"""Every drill: what is done to whom, and what must hold.

The figures demanded are those that the project promises for its own lab with two nodes a product; a drill without one
for some figure reports it and judges nothing by it. In every drill no acknowledged write is lost, the checker finds
nothing, and everything is ready again in time.
"""

from __future__ import annotations

import random
from collections.abc import Iterator

from telamon.errors import NotReadyError
from telamon.naming import EDGE
from telamon.plan.fault import (
    ClockJump,
    CorruptIndex,
    CrashLoop,
    CutLink,
    Fault,
    FullDisk,
    Hang,
    Kill,
    KillController,
    LostSharedHome,
    SlowDisk,
    Throttle,
)
from telamon.proof.drill.drills import (
    AT_ONCE,
    READS_GO_ON,
    Drill,
    Limit,
    Strike,
    at_once,
    lasting,
    victim,
)
from telamon.proof.drill.interrupting import of_interruptions
from telamon.proof.drill.links import of_links
from telamon.proof.drill.operating import of_operations, of_releases
from telamon.proof.drill.scene import PRIMARY, STANDBY, Scene
from telamon.proof.history.verdict import Fault as Anomaly


def catalogue() -> tuple[Drill, ...]:
    """Every drill, from the plain to the rare."""
    return (
        *_of_nodes(),
        *of_links(),
        *_of_homes(),
        *_of_the_database(),
        *_of_the_front(),
        *of_releases(),
        *_of_several(),
        *of_operations(),
        *of_interruptions(),
    )


# ---------------------------------------------------------------------------------------------------------------- nodes


def _of_nodes() -> Iterator[Drill]:
    yield Drill(
        "node-kill",
        "A node is killed",
        "Readers notice nothing: requests on the lost node are asked again elsewhere, its sessions go on there.",
        "product",
        lambda scene, product, dice: at_once(Kill(victim(scene, product, dice=dice).name)),
        (READS_GO_ON, Limit("stall", 0.3), Limit("logins", 0)),
    )
    yield Drill(
        "node-hang",
        "A node stands still and does not answer",
        "It is routed around within a second, killed and started again; readers are answered by others.",
        "product",
        lambda scene, product, dice: lasting(20.0, Hang(victim(scene, product, dice=dice).name)),
        (READS_GO_ON, Limit("stall", 1.2), Limit("routed_around", 1.0)),
    )
    yield Drill(
        "node-slow",
        "A node gets a fifth of its processor time",
        "It is slow and stays in its cluster; nobody is refused, and nothing is restarted that only needs time.",
        "product",
        lambda scene, product, dice: lasting(20.0, Throttle(victim(scene, product, dice=dice).name, 0.2)),
        (READS_GO_ON, Limit("stall", 5.0)),
        heals_within=90.0,
    )
    yield Drill(
        "node-crash-loop",
        "A node dies whenever it is started",
        "It is tried ever more rarely and serves nobody; the others do, and it comes back once it can.",
        "product",
        lambda scene, product, dice: lasting(30.0, CrashLoop(victim(scene, product, dice=dice).name)),
        (READS_GO_ON, Limit("stall", 1.2)),
        heals_within=150.0,
    )
    yield Drill(
        "node-clock-jump",
        "The clock of a node jumps an hour ahead",
        "Sessions, leases and heartbeats survive a wrong clock; what was written stays readable everywhere.",
        "product",
        lambda scene, product, dice: _clock(scene, product, dice, offset=3600.0),
        heals_within=150.0,
    )
    yield Drill(
        "node-clock-behind",
        "The clock of a node falls an hour behind",
        "The node works on although its own past seems to lie ahead; what was written stays readable everywhere.",
        "product",
        lambda scene, product, dice: _clock(scene, product, dice, offset=-3600.0),
        heals_within=150.0,
    )
    yield Drill(
        "companion-kill",
        "A node of a companion is killed",
        "The product goes on; what the companion does is back as soon as its node is.",
        "product",
        _companion_kill,
        (READS_GO_ON,),
        heals_within=90.0,
    )


def _clock(scene: Scene, product: str, dice: random.Random, *, offset: float) -> tuple[Strike, ...]:
    return lasting(15.0, ClockJump(victim(scene, product, dice=dice).name, offset))


def _companion_kill(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    found = scene.companions(product)
    if not found:
        raise NotReadyError(f"{product} has no companion")
    return at_once(Kill(dice.choice(found).name))


# ---------------------------------------------------------------------------------------------------------------- homes


def _of_homes() -> Iterator[Drill]:
    yield Drill(
        "shared-home-lost",
        "The shared home is gone on all nodes",
        "What needs no file goes on; nothing is written beside the home, and every file is there when it is back.",
        "product",
        _lose_home,
        heals_within=150.0,
        # A product that does not find a file says that there is none.
        tolerates=frozenset({Anomaly.STALE_OWN_WRITE}),
    )
    yield Drill(
        "index-torn",
        "A node dies, and pages of its search index are overwritten",
        "The node finds its index broken, recovers it before it serves, and never answers from a torn one.",
        "product",
        _tear_index,
        (READS_GO_ON,),
        heals_within=150.0,
    )
    yield Drill(
        "node-disk-full",
        "The file system of a node's home is full",
        "The node may fail, the others do not; it comes back by itself once there is room.",
        "product",
        lambda scene, product, dice: lasting(15.0, FullDisk(victim(scene, product, dice=dice).name)),
        heals_within=150.0,
    )
    yield Drill(
        "node-disk-slow",
        "The file system of a node's home takes writes for a fifth of the time",
        "The node is slow where it writes to its own disk; nobody is refused, and nothing is restarted for it.",
        "product",
        lambda scene, product, dice: lasting(20.0, SlowDisk(victim(scene, product, dice=dice).name, 0.2)),
        (READS_GO_ON, Limit("stall", 5.0)),
        heals_within=150.0,
    )


def _lose_home(scene: Scene, product: str, _dice: random.Random) -> tuple[Strike, ...]:
    if product not in scene.shared_homes:
        raise NotReadyError(f"the nodes of {product} share no home")
    return lasting(12.0, LostSharedHome(product))


def _tear_index(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    folder = scene.index_folders.get(product, "")
    if not folder:
        raise NotReadyError(f"the nodes of {product} keep no search index")
    chosen = victim(scene, product, dice=dice).name
    # In this order, because nothing can be promised of answers from an index that is torn under a living node.
    return (Strike(0.0, Kill(chosen), AT_ONCE), Strike(0.0, CorruptIndex(chosen, folder), AT_ONCE))


# ------------------------------------------------------------------------------------------ database, front, controller


def _of_the_database() -> Iterator[Drill]:
    yield Drill(
        "database-kill",
        "The database server is killed",
        "It is back by itself, and every acknowledged write is there.",
        "stack",
        lambda scene, _product, _dice: at_once(Kill(scene.server(PRIMARY).name)),
        (Limit("writes_back", 5.0),),
    )
    yield Drill(
        "database-hang",
        "The database server stands still",
        "It is found silent, ended and started again; nobody writes to two of them.",
        "stack",
        lambda scene, _product, _dice: lasting(20.0, Hang(scene.server(PRIMARY).name)),
        (Limit("writes_back", 20.0),),
        heals_within=90.0,
    )
    yield Drill(
        "standby-kill",
        "The standby of the database is killed",
        "Writes go on, first recorded as having no second copy; the standby catches up by itself.",
        "stack",
        lambda scene, _product, _dice: at_once(Kill(scene.server(STANDBY).name)),
        (READS_GO_ON, Limit("writes_back", 10.0)),
        heals_within=120.0,
    )
    yield Drill(
        "standby-cut",
        "The servers of the database no longer reach one another",
        "One of them goes on taking writes, and only that one; the other follows again once it can.",
        "stack",
        _cut_servers,
        (READS_GO_ON,),
        heals_within=150.0,
    )


def _cut_servers(scene: Scene, _product: str, _dice: random.Random) -> tuple[Strike, ...]:
    primary, standby = scene.server(PRIMARY).name, scene.server(STANDBY).name
    return (
        Strike(0.0, CutLink(primary, standby), 15.0),
        Strike(0.0, CutLink(standby, primary), 15.0),
    )


def _of_the_front() -> Iterator[Drill]:
    yield Drill(
        "balancer-kill",
        "One of the balancers is killed",
        "Nobody is refused: the other one has the same port.",
        "stack",
        lambda scene, _product, dice: at_once(Kill(victim(scene, EDGE, dice=dice).name)),
        (Limit("refused", 0), Limit("stall", 1.2)),
    )
    yield Drill(
        "balancers-kill",
        "All balancers are killed at the same time",
        "The front door is open again within seconds, with the same members behind it.",
        "stack",
        lambda scene, _product, _dice: tuple(
            Strike(0.0, Kill(member.name), AT_ONCE) for member in scene.of(EDGE)
        ),
        (Limit("stall", 5.0),),
    )
    yield Drill(
        "controller-kill",
        "The controller is killed again and again while a node heals",
        "Users notice only the node; the next controller takes over what it finds, and nothing is started twice.",
        "product",
        _kill_controller,
        (READS_GO_ON, Limit("stall", 0.3)),
        heals_within=90.0,
    )


def _kill_controller(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    chosen = victim(scene, product, dice=dice).name
    instants = sorted(round(dice.uniform(0.05, 12.0), 3) for _ in range(3))
    return (
        Strike(0.0, Kill(chosen), AT_ONCE),
        *(Strike(instant, KillController(), AT_ONCE) for instant in instants),
    )


# -------------------------------------------------------------------------------------------------------------- several


def _of_several() -> Iterator[Drill]:
    yield Drill(
        "two-at-once",
        "Two things break within three seconds",
        "Whatever was acknowledged is there, and everything is ready again without anybody's help.",
        "stack",
        _two_at_once,
        heals_within=180.0,
    )


def _two_at_once(scene: Scene, _product: str, dice: random.Random) -> tuple[Strike, ...]:
    product = dice.choice(scene.products)
    blows: list[tuple[Fault, float]] = [
        (Kill(victim(scene, product, dice=dice).name), AT_ONCE),
        (Hang(victim(scene, product, dice=dice).name), 15.0),
        (Kill(scene.server(PRIMARY).name), AT_ONCE),
        (Kill(victim(scene, EDGE, dice=dice).name), AT_ONCE),
        (KillController(), AT_ONCE),
    ]
    first, second = dice.sample(blows, 2)
    return (Strike(0.0, *first), Strike(round(dice.uniform(0.0, 3.0), 3), *second))
