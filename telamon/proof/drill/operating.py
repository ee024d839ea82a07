"""Drills of what people ask for: releases that are no good, and a controller that is killed in the middle of it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Final

from telamon.errors import NotReadyError
from telamon.naming import DATABASE
from telamon.plan.fault import KillController
from telamon.products.release import numbers
from telamon.proof.drill.deeds import REFUSED, SUCCEEDED, AskForRelease, Deed, Grow, Operate
from telamon.proof.drill.drills import (
    AT_ONCE,
    OPERATION_WITHIN,
    READS_GO_ON,
    WRITES_GO_ON,
    Drill,
    Limit,
    Strike,
    lasting,
    victim,
)
from telamon.proof.drill.scene import STANDBY, Scene

KILLS: Final = 4
"""How often the controller is killed in the middle of something."""
LONG_OPERATION_WITHIN: Final = 220.0
"""Seconds that one may take that starts every node anew, and another one first."""
MAJOR_NEVER_STARTS: Final = "majorNeverStarts"
DOWNTIME: Final = "downtime"
"""Words of the stack file for releases that take an interruption to come to."""
RELEASED_AFTER: Final = 30.0
"""Seconds after which a member in quarantine is taken back: its evidence is gathered by then, whoever has died."""


def of_releases() -> Iterator[Drill]:
    """Those in which a product is asked to become what it never will be."""
    yield Drill(
        "broken-release-never-starts",
        "A product is brought to a release that never starts",
        "The upgrade stops at the first node and is taken back by itself; users notice nothing.",
        "product",
        lambda scene, product, _dice: lasting(OPERATION_WITHIN, _dying(scene, product)),
        (READS_GO_ON, WRITES_GO_ON, Limit("reached", 1)),
        heals_within=120.0,
    )
    yield Drill(
        "broken-release-errs",
        "A product is brought to a release that starts and answers with errors",
        "The first node of it is found out before users reach it, and everything is taken back by itself.",
        "product",
        lambda scene, product, _dice: lasting(
            OPERATION_WITHIN, broken(scene, product, among=scene.erring, what="errs")
        ),
        (READS_GO_ON, WRITES_GO_ON, Limit("reached", 1)),
        heals_within=120.0,
    )


def of_operations() -> Iterator[Drill]:
    """Those in which operations meet one another, or lose whoever carries them out."""
    yield Drill(
        "two-operations-at-once",
        "Two products are restarted node by node at the same time, and one of them twice",
        "Each goes its way without the other; the second restart of one is refused, and users notice nothing.",
        "stack",
        _operate_twice,
        (READS_GO_ON, WRITES_GO_ON),
        heals_within=120.0,
    )
    yield Drill(
        "operation-controller-kill",
        "The controller is killed again and again while a product is restarted node by node",
        "The next controller goes on where things stand; each node is restarted once, and users notice nothing.",
        "product",
        _in_restart,
        (READS_GO_ON, WRITES_GO_ON),
        heals_within=120.0,
    )
    yield Drill(
        "upgrade-controller-kill",
        "The controller is killed again and again while a release that never starts is rolled out and taken back",
        "The next controller goes on where things stand, forward or back; one node at most ever had the release.",
        "product",
        lambda scene, product, dice: killing(dice, _dying(scene, product), until=30.0),
        (READS_GO_ON, WRITES_GO_ON, Limit("reached", 1)),
        heals_within=180.0,
    )
    yield from _of_changes()
    yield from _of_what_nodes_keep()
    yield Drill(
        "quarantine-controller-kill",
        "The controller is killed again and again while a node is set aside, and while it is taken back",
        "The node is out until its release and in afterwards, whoever carries that out; users notice nothing.",
        "product",
        _in_quarantine,
        (READS_GO_ON, WRITES_GO_ON),
        heals_within=120.0,
    )
    yield Drill(
        "switchover-controller-kill",
        "The controller is killed again and again while the standby of the database takes over in order",
        "One server takes writes at any time, and the next controller finds out which; what was acknowledged stays.",
        "stack",
        _in_switchover,
        heals_within=120.0,
    )


def _of_changes() -> Iterator[Drill]:
    """Those in which the stack file asks for something else."""
    yield Drill(
        "later-release-controller-kill",
        "The controller is killed again and again while a later release is rolled out",
        "The next controller goes on where things stand, and every node has the release at the end; it stays there.",
        "product",
        _in_upgrade,
        (READS_GO_ON, WRITES_GO_ON),
        heals_within=180.0,
    )
    yield Drill(
        "scale-controller-kill",
        "The controller is killed again and again while a node more is started, and while it is taken away",
        "The node serves once it has an index, and leaves nothing behind; users notice nothing.",
        "product",
        _in_growth,
        (READS_GO_ON, WRITES_GO_ON),
        heals_within=180.0,
    )


def _of_what_nodes_keep() -> Iterator[Drill]:
    """Those whose operations are about indexes, backups and log-ins."""
    yield Drill(
        "index-sync-controller-kill",
        "The controller is killed again and again while a node is given the index of another one",
        "The next controller goes on where things stand; no node ever serves with a torn index.",
        "product",
        _in_index_sync,
        (READS_GO_ON, WRITES_GO_ON),
        heals_within=120.0,
    )
    yield Drill(
        "index-rebuild-controller-kill",
        "The controller is killed again and again while a search index is made anew",
        "The next controller goes on where things stand; whoever makes the index serves nobody until it is whole.",
        "product",
        _in_index_rebuild,
        (READS_GO_ON, WRITES_GO_ON),
        heals_within=180.0,
    )
    yield Drill(
        "backup-controller-kill",
        "The controller is killed again and again while a backup is taken and judged",
        "The next controller takes the work up again, and there is a whole backup at its end; users notice nothing.",
        "product",
        _in_backup,
        (READS_GO_ON, WRITES_GO_ON),
        heals_within=180.0,
    )
    yield Drill(
        "rotation-controller-kill",
        "The controller is killed again and again while a product gets another log-in to its database",
        "The next controller goes on where things stand: every node can log in at any time, and users notice nothing.",
        "product",
        _in_rotation,
        (READS_GO_ON, WRITES_GO_ON),
        heals_within=180.0,
    )


def _operate_twice(scene: Scene, _product: str, dice: random.Random) -> tuple[Strike, ...]:
    if len(scene.products) < 2:
        raise NotReadyError("the stack has one product alone")
    one, other = dice.sample(scene.products, 2)
    for product in (one, other):
        _needs_two(scene, product)
    return (
        Strike(0.0, Operate("restart", one), OPERATION_WITHIN),
        Strike(0.0, Operate("restart", other), OPERATION_WITHIN),
        Strike(1.0, Operate("restart", one, REFUSED), OPERATION_WITHIN),
    )


def _in_restart(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    _needs_two(scene, product)
    return killing(dice, Operate("restart", product), until=20.0)


def _in_upgrade(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    _needs_two(scene, product)
    return killing(dice, later(scene, product, way="rolling"), until=30.0, within=LONG_OPERATION_WITHIN)


def _in_growth(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    _needs_two(scene, product)
    return killing(dice, Grow(product), until=30.0, within=LONG_OPERATION_WITHIN)


def _in_index_sync(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    if not scene.index_folders.get(product):
        raise NotReadyError(f"the nodes of {product} keep no search index")
    _needs_two(scene, product)
    target = victim(scene, product, dice=dice).name
    return killing(dice, Operate("index-sync", product, member=target), until=20.0)


def _in_index_rebuild(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    if product not in scene.rebuilt:
        raise NotReadyError(f"{product} cannot be asked to make its search index anew")
    _needs_two(scene, product)
    return killing(dice, Operate("index-rebuild", product), until=12.0)


def _in_backup(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    if not scene.saves:
        raise NotReadyError("restic, which keeps backups, is not installed")
    return killing(dice, Operate("backup", product), until=8.0)


def _in_rotation(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    if product not in scene.databases:
        raise NotReadyError(f"{product} has no database")
    _needs_two(scene, product)
    return killing(dice, Operate("rotate-database-password", product), until=30.0)


def _in_quarantine(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    _needs_two(scene, product)
    aside = victim(scene, product, dice=dice).name
    there = killing(dice, Operate("quarantine", product, member=aside), until=12.0)
    back = killing(dice, Operate("release", product, member=aside), until=12.0, begin=RELEASED_AFTER)
    return (*there, *back)


def _in_switchover(scene: Scene, _product: str, dice: random.Random) -> tuple[Strike, ...]:
    scene.server(STANDBY)
    return killing(dice, Operate("switchover", DATABASE), until=8.0)


def killing(
    dice: random.Random, deed: Deed, *, until: float, begin: float = 0.0, within: float = OPERATION_WITHIN
) -> tuple[Strike, ...]:
    """Something is asked for, and whoever carries it out is killed at some instants of it.

    Args:
        dice: choose the instants.
        deed: what is asked for.
        until: seconds after its begin in which the controller is killed.
        begin: seconds after the first strike of the drill.
        within: seconds in which it must be at its end.
    """
    instants = sorted(round(begin + dice.uniform(0.05, until), 3) for _ in range(KILLS))
    return (
        Strike(begin, deed, within),
        *(Strike(instant, KillController(), AT_ONCE) for instant in instants),
    )


def broken(scene: Scene, product: str, *, among: Mapping[str, str], what: str) -> AskForRelease:
    """A release is asked for that is no good.

    Args:
        scene: where.
        product: that is asked to become it.
        among: releases of that sort, by product.
        what: what the sort is called in the stack file.

    Raises:
        NotReadyError: the file names none, or one that the product has left behind.
    """
    release, place = among.get(product), f"spec.drills.brokenReleases.{product}.{what}"
    if release is None:
        raise NotReadyError(f"no broken release of {product} is known: name one in {place}")
    _demand_later(scene, product, release, place=place)
    return AskForRelease(product, release, "Failed", downtime=what == MAJOR_NEVER_STARTS)


def later(scene: Scene, product: str, *, way: str) -> AskForRelease:
    """A release is asked for that the product comes to for good.

    Args:
        scene: where.
        product: that is asked to become it.
        way: ``rolling`` or ``downtime``, as the stack file says.

    Raises:
        NotReadyError: the file names none, or none that is later than what the product has.
    """
    releases = scene.later_major if way == DOWNTIME else scene.later
    release, place = releases.get(product), f"spec.drills.laterReleases.{product}.{way}"
    if release is None:
        raise NotReadyError(f"no later release of {product} is known: name one in {place}")
    _demand_later(scene, product, release, place=place)
    return AskForRelease(product, release, SUCCEEDED, downtime=way == DOWNTIME)


def _demand_later(scene: Scene, product: str, release: str, *, place: str) -> None:
    there = max((member.release for member in scene.of(product)), key=numbers)
    if numbers(release) <= numbers(there):
        raise NotReadyError(
            f"{product} is at {there} already: name a later release than {release} in {place}"
        )


def _dying(scene: Scene, product: str) -> AskForRelease:
    return broken(scene, product, among=scene.never_start, what="neverStarts")


def _needs_two(scene: Scene, product: str) -> None:
    if len(scene.of(product)) < 2:
        raise NotReadyError(f"{product} has no second node that serves")
