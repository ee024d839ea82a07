"""What every store promises of the operations in it: memory, SQLite and a cluster run this same suite.

Who writes the Stack is not the same everywhere: people do on a cluster, so what a store promises of it is held apart
from this.
"""

from __future__ import annotations

from typing import Any

import pytest

from telamon.errors import ConflictError
from telamon.ports import Store, Stored

KIND = "Operation"
NAME = "restart-tiny-1"
ENDED: dict[str, Any] = {"phase": "Succeeded", "message": "it is done"}
SPEC = {
    "verb": "restart",
    "target": {"stack": "acme", "component": "tiny"},
    "params": {"in-window": "yes"},
    "generation": 1,
}


def operation(name: str = NAME, *, version: int = 0, **status: Any) -> Stored:
    """An operation, as the engine writes one."""
    return Stored(KIND, name, version, 0, SPEC, status)


def test_what_is_put_is_found(store: Store) -> None:
    written = store.put(operation(phase="Pending"))
    assert (dict(written.spec), written.status["phase"]) == (SPEC, "Pending")
    assert store.get(KIND, NAME) == written
    assert store.list(KIND) == (written,)
    assert store.get(KIND, "other") is None


def test_all_of_a_kind_are_listed_by_name(store: Store) -> None:
    for name in ("restart-tiny-2", NAME, "backup-tiny-3"):
        store.put(operation(name, phase="Pending"))
    assert [each.name for each in store.list(KIND)] == ["backup-tiny-3", NAME, "restart-tiny-2"]


def test_first_write_demands_absence(store: Store) -> None:
    first = store.put(operation(phase="Pending"))
    with pytest.raises(ConflictError, match=NAME):
        store.put(operation(phase="Running"))
    assert store.get(KIND, NAME) == first


def test_later_write_demands_presence(store: Store) -> None:
    with pytest.raises(ConflictError, match=NAME):
        store.put(operation(version=7, phase="Running"))
    assert store.list(KIND) == ()


def test_late_write_is_refused_and_changes_nothing(store: Store) -> None:
    first = store.put(operation(phase="Pending"))
    second = store.put(operation(version=first.version, phase="Running", message="one"))
    with pytest.raises(ConflictError, match=NAME):
        store.put(operation(version=first.version, phase="Running", message="two"))
    assert store.get(KIND, NAME) == second


def test_what_is_reported_takes_the_place_of_what_was_and_is_no_change_of_the_spec(store: Store) -> None:
    first = store.put(operation(phase="Pending", message="it waits"))
    second = store.put(operation(version=first.version, phase="Running", step="stop tiny-0"))
    assert (second.status["phase"], second.status["step"]) == ("Running", "stop tiny-0")
    assert "it waits" not in second.status.values()
    assert second.generation == first.generation
    assert dict(second.spec) == SPEC


def test_watch_goes_on_from_where_it_was(store: Store) -> None:
    one = store.put(operation(phase="Pending"))
    two = store.put(operation("restart-tiny-2", phase="Pending"))
    assert list(store.watch(KIND, since=0)) == [one, two]
    changed = store.put(operation(version=one.version, phase="Running"))
    assert list(store.watch(KIND, since=two.version)) == [changed]
    assert list(store.watch(KIND, since=changed.version)) == []


def test_delete_is_conditional_and_repeatable(store: Store) -> None:
    first = store.put(operation(phase="Pending"))
    ended = store.put(operation(version=first.version, **ENDED))
    with pytest.raises(ConflictError, match=NAME):
        store.delete(KIND, NAME, version=first.version)
    assert store.get(KIND, NAME) == ended
    store.delete(KIND, NAME, version=ended.version)
    store.delete(KIND, NAME, version=ended.version)
    assert store.get(KIND, NAME) is None


def test_versions_never_come_back(store: Store) -> None:
    first = store.put(operation(**ENDED))
    store.delete(KIND, NAME, version=first.version)
    assert store.put(operation(phase="Pending")).version > first.version
