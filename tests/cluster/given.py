"""A cluster of somebody else, in place of one that the tests make: they go there as guests and leave nothing behind."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.platforms.kubernetes.api import Api, Kind
from tests.cluster.support import until

GIVEN: Final = os.environ.get("TELAMON_CLUSTER")
"""The kubeconfig of a cluster that is there already; ``None`` where the tests make one."""
ours: Final = pytest.mark.skipif(
    GIVEN is not None, reason="needs a cluster of its own, and TELAMON_CLUSTER names another"
)
"""Mark of tests that need the stand-ins' images on the nodes, break a node, or look at an API server from within."""
GOES: Final = 180.0
"""Seconds for what was made there to end."""


class Guest(Api):
    """An API server that remembers what was made through it, and was not there before."""

    def __init__(self, kubeconfig: Path) -> None:
        super().__init__(kubeconfig)
        self._found: dict[tuple[Kind, str, str], bool] = {}

    def create(self, item: Object) -> Object:
        """Make an object, and remember it."""
        made = super().create(item)
        self._found.setdefault(_key(item), False)
        return made

    def apply(self, item: Object, *, over: Object | None) -> Object:
        """Bring an object to what is desired, and remember whether it was there."""
        kind, namespace, name = key = _key(item)
        if key not in self._found:
            self._found[key] = self.get(kind, name, namespace=namespace) is not None
        return super().apply(item, over=over)

    def leave(self) -> None:
        """Take away everything that was made, the newest first, and wait until it is gone."""
        made = [key for key, was_there in reversed(self._found.items()) if not was_there]
        for kind, namespace, name in made:
            found = self.get(kind, name, namespace=namespace)
            if found is not None:
                self.delete(found)
        until(
            lambda: not any(self.get(kind, name, namespace=space) for kind, space, name in made), within=GOES
        )


@contextmanager
def guest(kubeconfig: Path) -> Iterator[Guest]:
    """Somebody else's API server, on which nothing stays that is made meanwhile."""
    api = Guest(kubeconfig)
    try:
        yield api
    finally:
        api.leave()
        api.close()


def _key(item: Object) -> tuple[Kind, str, str]:
    metadata = item["metadata"]
    return Kind.of(item), str(metadata.get("namespace", "")), str(metadata["name"])
