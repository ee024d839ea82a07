"""Drills of links: a relay stands between any two parts but the balancers and the nodes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from functools import partial

from telamon.errors import NotReadyError
from telamon.naming import WRITER
from telamon.plan.fault import BlackHoleLink, CutLink, DelayLink, LinkFault
from telamon.proof.drill.drills import READS_GO_ON, WRITES_GO_ON, Drill, Limit, Strike, lasting, victim
from telamon.proof.drill.scene import Scene


def of_links() -> Iterator[Drill]:
    """Those in which parts of a stack no longer reach one another, or do so late."""
    yield Drill(
        "nodes-cut",
        "Two nodes of a cluster no longer reach one another",
        "Nobody writes over what the other has written; the cluster is one again once the link is back.",
        "product",
        _cut_peers,
        heals_within=180.0,
    )
    yield Drill(
        "node-database-hole",
        "Everything between a node and the database is swallowed",
        "The node is taken out of rotation; its users are served by others.",
        "product",
        lambda scene, product, dice: lasting(
            15.0, BlackHoleLink(victim(scene, product, dice=dice).name, WRITER)
        ),
        (Limit("stall", 15.0),),
        heals_within=150.0,
    )
    yield Drill(
        "node-database-cut",
        "A node no longer reaches the database",
        "It says so and is taken out of rotation; its users are served by others, and it is back once the link is.",
        "product",
        lambda scene, product, dice: lasting(15.0, CutLink(victim(scene, product, dice=dice).name, WRITER)),
        (Limit("stall", 15.0),),
        heals_within=150.0,
    )
    yield from _of_links_to_companions()
    yield Drill(
        "database-slow",
        "The database answers 30 ms late, each way",
        "Everything takes longer, nothing fails, and nobody is restarted for it.",
        "stack",
        lambda _scene, _product, _dice: lasting(20.0, DelayLink("*", WRITER, 0.03)),
        (READS_GO_ON, Limit("failed_writes", 0), Limit("stall", 5.0)),
    )
    yield Drill(
        "database-cut",
        "Nobody reaches the database",
        "Nodes say so and wait, instead of being restarted one after the other; writes are back soon after it is.",
        "stack",
        lambda _scene, _product, _dice: lasting(10.0, CutLink("*", WRITER)),
        heals_within=120.0,
    )


def _of_links_to_companions() -> Iterator[Drill]:
    yield Drill(
        "companion-cut",
        "The nodes of a product no longer reach any companion of it",
        "What the companions do fails at once, everything else goes on; nothing that was written is missing later.",
        "product",
        lambda scene, product, _dice: _to_companions(scene, product, CutLink, seconds=15.0),
        (WRITES_GO_ON,),
        heals_within=120.0,
    )
    yield Drill(
        "companion-hole",
        "Everything between a product and its companions is swallowed",
        "Who waits for a companion is answered in time all the same; nothing that was written is missing later.",
        "product",
        lambda scene, product, _dice: _to_companions(scene, product, BlackHoleLink, seconds=15.0),
        (WRITES_GO_ON,),
        heals_within=120.0,
    )
    yield Drill(
        "companion-slow",
        "The companions of a product answer 200 ms late, each way",
        "What they do takes longer, nothing fails, and nobody is restarted for it.",
        "product",
        lambda scene, product, _dice: _to_companions(
            scene, product, partial(DelayLink, delay=0.2), seconds=20.0
        ),
        (READS_GO_ON, WRITES_GO_ON, Limit("stall", 5.0)),
    )


def _to_companions(
    scene: Scene, product: str, fault: Callable[[str, str], LinkFault], *, seconds: float
) -> tuple[Strike, ...]:
    """The links of all nodes of a product to all of its companions."""
    targets = sorted({member.component for member in scene.companions(product)})
    if not targets:
        raise NotReadyError(f"{product} has no companion")
    return tuple(Strike(0.0, fault(f"{product}-*", f"{target}-*"), seconds) for target in targets)


def _cut_peers(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
    nodes = scene.of(product)
    if len(nodes) < 2:
        raise NotReadyError(f"{product} has no second node that serves")
    one, other = dice.sample(nodes, 2)
    return (
        Strike(0.0, CutLink(one.name, other.name), 15.0),
        Strike(0.0, CutLink(other.name, one.name), 15.0),
    )
