"""Whoever brings a stack into a cluster waits for it, also while the API server is away."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.errors import TemporaryError, TimeoutExpired
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.raising import Raising
from telamon.platforms.memory.clock import ManualClock
from tests.support.manifests import rendered, small


class Cluster(Api):
    """An API server that is away for so many looks at a Stack, which then stands as it is said."""

    def __init__(self, *, away: int, ready: bool = True) -> None:
        self.away = away
        condition = {
            "type": "Ready",
            "status": str(ready),
            "observedGeneration": 1,
            "message": "jira: it starts",
        }
        self.stack: dict[str, Any] = {"metadata": {"generation": 1}, "status": {"conditions": [condition]}}

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        self.away -= 1
        if self.away >= 0:
            raise TemporaryError("the API server does not answer", delay=1.0)
        return self.stack


def raising(cluster: Cluster, said: list[str]) -> Raising:
    """A small stack on its way into a cluster."""
    known = small()
    return Raising(cluster, known, rendered(known), ManualClock(), said.append)


def test_an_api_server_that_is_away_for_a_while_is_waited_for() -> None:
    said: list[str] = []
    assert raising(Cluster(away=5), said).wait(timeout=60.0).ready
    assert said == ["waiting: the API server does not answer"]


@pytest.mark.parametrize(
    ("away", "why"), [(1000, "the API server does not answer"), (0, "jira: it starts")], ids=["away", "late"]
)
def test_what_is_not_so_in_time_is_said(away: int, why: str) -> None:
    with pytest.raises(TimeoutExpired, match=why):
        raising(Cluster(away=away, ready=False), []).wait(timeout=60.0)
