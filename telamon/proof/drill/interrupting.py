"""Drills of operations that users are kept out for, whose controller is killed in the middle of them."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Final

from telamon.errors import NotReadyError
from telamon.proof.drill.deeds import GoBack, Operate
from telamon.proof.drill.drills import Drill, Limit, Strike
from telamon.proof.drill.operating import (
    DOWNTIME,
    LONG_OPERATION_WITHIN,
    MAJOR_NEVER_STARTS,
    broken,
    killing,
    later,
)
from telamon.proof.drill.scene import Scene

LET_IN_AFTER: Final = 15.0
"""Seconds after which users are let in again who were shown the maintenance page."""


def of_interruptions() -> Iterator[Drill]:
    """Those in which users wait; what was acknowledged to them before is there afterwards."""
    yield Drill(
        "maintenance-controller-kill",
        "The controller is killed again and again while users are shown a page and let in again",
        "The page is there from the one word to the other, whoever carries that out; the nodes go on running.",
        "product",
        _in_maintenance,
        heals_within=120.0,
    )
    yield Drill(
        "secret-controller-kill",
        "The controller is killed again and again while the nodes of a cluster are given a new secret",
        "No two nodes with different secrets ever run at the same time; users are let in once enough serve.",
        "product",
        _in_secret,
        heals_within=180.0,
    )
    yield Drill(
        "restore-controller-kill",
        "The controller is killed again and again while a backup is taken and put back",
        "What was acknowledged before the backup is there afterwards, whoever carries it out; what came later may go.",
        "product",
        _in_restore,
        heals_within=240.0,
        goes_back=True,
    )
    yield Drill(
        "major-upgrade-controller-kill",
        "The controller is killed again and again while a product comes to a later major release",
        "The next controller goes on where things stand; what was acknowledged is there afterwards. It stays there.",
        "product",
        _in_major_upgrade,
        heals_within=240.0,
    )
    yield Drill(
        "failed-major-upgrade-controller-kill",
        "The controller is killed again and again while a major release that never starts is tried and taken back",
        "The product is back at its old release with everything that was acknowledged, without anybody's help.",
        "product",
        _in_failed_major_upgrade,
        (Limit("reached", 2),),
        heals_within=240.0,
    )


def _in_maintenance(_scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    shown = killing(dice, Operate("maintenance-on", product), until=6.0)
    let_in = killing(dice, Operate("maintenance-off", product), until=6.0, begin=LET_IN_AFTER)
    return (*shown, *let_in)


def _in_secret(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    if product not in scene.secrets:
        raise NotReadyError(f"the nodes of {product} share no secret that Telamon keeps")
    deed = Operate("rotate-cluster-secret", product, params={DOWNTIME: "yes"})
    return killing(dice, deed, until=25.0, within=LONG_OPERATION_WITHIN)


def _in_restore(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    _needs_backups(scene)
    if product not in scene.databases:
        raise NotReadyError(f"{product} has no database")
    return killing(dice, GoBack(product), until=40.0, within=LONG_OPERATION_WITHIN)


def _in_major_upgrade(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    _needs_backups(scene)
    return killing(dice, later(scene, product, way=DOWNTIME), until=40.0, within=LONG_OPERATION_WITHIN)


def _in_failed_major_upgrade(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    _needs_backups(scene)
    deed = broken(scene, product, among=scene.never_start_major, what=MAJOR_NEVER_STARTS)
    return killing(dice, deed, until=40.0, within=LONG_OPERATION_WITHIN)


def _needs_backups(scene: Scene) -> None:
    if not scene.saves:
        raise NotReadyError("restic, which keeps backups, is not installed")
