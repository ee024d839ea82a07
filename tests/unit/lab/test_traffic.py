"""Who is on the balancers' lists, also when nobody desires them any more."""

from __future__ import annotations

from pathlib import Path

from telamon.desired.lab.data import Rotation
from telamon.platforms.lab.traffic import Traffic
from telamon.products.base import Endpoint

PLACES = {f"wiki-{n}": Endpoint(f"127.9.1.{n}", 8090) for n in range(3)}


def rotation(*members: str, **moved: Endpoint) -> Rotation:
    return Rotation("wiki", "wiki", "wiki.json", {name: PLACES[name] for name in members} | moved)


def test_a_member_that_nobody_desires_any_more_is_still_listed_until_it_is_drained(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path)
    for name in PLACES:
        traffic.admit((rotation(*PLACES),), name)
    fewer = (rotation("wiki-0", "wiki-1"),)
    assert traffic.admitted(fewer, balancers=()) == set(PLACES)
    traffic.drain(fewer, "wiki-2", balancers=())
    assert traffic.admitted(fewer, balancers=()) == {"wiki-0", "wiki-1"}


def test_a_member_that_has_moved_must_be_admitted_at_its_new_place(tmp_path: Path) -> None:
    traffic = Traffic(tmp_path)
    traffic.admit((rotation("wiki-0"),), "wiki-0")
    moved = rotation(**{"wiki-0": Endpoint("127.9.2.0", 8090)})
    assert traffic.listed((moved,)) == frozenset()
    traffic.admit((moved,), "wiki-0")
    assert traffic.listed((moved,)) == {"wiki-0"}
