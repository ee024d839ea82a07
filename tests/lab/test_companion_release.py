"""The editor of Confluence comes to its other release after Confluence itself has, a node at a time."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from telamon.model.stack import Stack
from tests.lab.load import Load
from tests.lab.support import until
from tests.lab.world import World, kept

pytestmark = [pytest.mark.timeout(900), pytest.mark.exhaustive]

OLD, NEW = "10.2.7", "10.2.8"
PRODUCT, EDITOR = "confluence", "confluence-synchrony"
ENV = {"UNDERSTUDY_START_SECONDS": "1", "UNDERSTUDY_STOP_SECONDS": "1"}
LOOKS_EVERY = 0.1
"""Seconds: a node that starts again takes ten times as long at least."""


def stack_of(version: str) -> Stack:
    """Confluence with an editor of two nodes."""
    product = {"version": version, "env": ENV, "companions": {"synchrony": {"nodes": 2}}}
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": "acme"},
            "spec": {"domain": "acme.example", "products": {PRODUCT: product}},
        }
    )


@dataclass(frozen=True)
class Look:
    """Releases of those that served at one moment, a member's each."""

    product: tuple[str | None, ...]
    editor: tuple[str | None, ...]
    under_way: bool


@dataclass
class Watch:
    """What was seen, in the order of time."""

    looks: list[Look] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)


@contextmanager
def watched(world: World) -> Iterator[Watch]:
    """Look at both, and ask the editor by the front door, until the block is left."""
    found, over = Watch(), threading.Event()

    def served(component: str) -> tuple[str | None, ...]:
        return tuple(member.release for member in world.view(component).serving())

    def look() -> None:
        while not over.wait(LOOKS_EVERY):
            under_way = any(one.status.phase in {"Pending", "Running"} for one in world.host.operations.all())
            found.looks.append(Look(served(PRODUCT), served(EDITOR), under_way))
            if (status := heartbeat(world)) != 200:
                found.refused.append(status)

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


def heartbeat(world: World) -> int:
    """With which code the front door answers for the editor; 0 where it does not."""
    host, port = world.front(PRODUCT)
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        with suppress(OSError, http.client.HTTPException):
            connection.request("GET", "/synchrony/heartbeat")
            return connection.getresponse().status
        return 0
    finally:
        connection.close()


@pytest.fixture(scope="module")
def world(module_root: Path) -> Iterator[World]:
    with kept(module_root, stack_of(OLD)) as made:
        yield made


def test_the_editor_follows_one_by_one_once_the_product_is_there(world: World) -> None:
    until(lambda: heartbeat(world) == 200)
    with Load(world.front(PRODUCT), sessions=4) as load, watched(world) as seen:
        until(load.enough(20))
        world.host.put(stack_of(NEW), "test")
        until(lambda: seen.looks and seen.looks[-1].editor == (NEW, NEW), within=300)
    world.settle(within=120)
    assert load.failures() == []
    assert seen.refused == []
    # Somebody was edited with at every moment, and nobody by the new release before all of Confluence ran it.
    assert all(look.editor for look in seen.looks)
    began = [look for look in seen.looks if NEW in look.editor]
    assert all(look.product == (NEW, NEW) and not look.under_way for look in began)
    assert any(set(look.editor) == {OLD, NEW} or len(look.editor) == 1 for look in seen.looks)
