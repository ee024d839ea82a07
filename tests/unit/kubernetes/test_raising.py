"""Whoever brings a stack into a cluster waits for it, also while the API server is away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.site import Site
from telamon.desired.kubernetes.wanted import WantedSecret, wanted_secrets
from telamon.errors import NotReadyError, TemporaryError, TimeoutExpired
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.raising import Raising
from telamon.platforms.memory.clock import ManualClock
from tests.support.manifests import JIRA, SMALL, objects, rendered, site_of, small, stack_of


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


class Prepared(Api):
    """An API server that has everything that is rendered, and the secrets that somebody has brought."""

    def __init__(self, known: Site, secrets: Sequence[Object]) -> None:
        self._there = {_key(item): item for item in (*objects(known), *secrets)}

    def serves(self, version: str) -> bool:
        return bool(version)

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        return self._there.get((kind, namespace, name))

    def apply(self, item: Object, *, over: Object | None) -> Object:
        assert over == item
        return item


def _key(item: Object) -> tuple[Kind, str, str]:
    metadata = item["metadata"]
    return Kind.of(item), str(metadata.get("namespace", "")), str(metadata["name"])


def brought(wanted: WantedSecret, **changes: str) -> Object:
    """A secret as somebody brings it."""
    metadata = {"namespace": wanted.namespace, "name": wanted.name}
    item = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": wanted.type or "Opaque"}
    return {**item, "data": dict.fromkeys(wanted.keys, "YQ=="), **changes}


def test_a_secret_of_another_type_than_it_has_to_be_of_is_told() -> None:
    text = SMALL.replace("PRODUCTS", JIRA).replace("MORE", "")
    known = site_of(
        stack_of(text.replace("kind: cert-manager, issuer: issuer", "kind: secret, secret: mine"))
    )
    wanted = wanted_secrets(known, rendered(known))
    mine = next(each for each in wanted if each.name == "mine")
    assert (mine.namespace, mine.keys, mine.type) == (
        "acme-edge",
        ("tls.crt", "tls.key"),
        "kubernetes.io/tls",
    )
    secrets = [brought(each) for each in wanted]
    whole = Prepared(known, secrets)
    Raising(whole, known, rendered(known), ManualClock(), print).prepare()
    opaque = Prepared(known, [*secrets, brought(mine, type="Opaque")])
    with pytest.raises(NotReadyError, match=r"acme-edge/mine \(of type Opaque, and has to be of type kubern"):
        Raising(opaque, known, rendered(known), ManualClock(), print).prepare()


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
