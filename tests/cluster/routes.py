"""Envoy Gateway as far as an operator sees it: its kinds, and what it says of each route."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.gateway import CONTROLLER
from telamon.errors import TelamonError
from telamon.platforms.kubernetes.api import STATUS, Api, Kind
from tests.cluster.support import until

ROUTE: Final = Kind("gateway.networking.k8s.io/v1", "HTTPRoute")
CLASS: Final = Kind("gateway.networking.k8s.io/v1", "GatewayClass")
TCP: Final = Kind("gateway.networking.k8s.io/v1alpha2", "TCPRoute")
DEFINED: Final = (
    CLASS,
    ROUTE,
    Kind("gateway.networking.k8s.io/v1", "Gateway"),
    Kind("gateway.envoyproxy.io/v1alpha1", "ClientTrafficPolicy"),
    Kind("gateway.envoyproxy.io/v1alpha1", "EnvoyProxy"),
    Kind("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy"),
    Kind("gateway.envoyproxy.io/v1alpha1", "HTTPRouteFilter"),
)


def define(api: Api, namespace: str, *more: Kind) -> None:
    """Let an API server know the kinds of a front door, whatever their fields; those are judged elsewhere.

    Args:
        api: as somebody with every right.
        namespace: any, in which routes are listed until they can be.
        more: kinds besides those of every front door.
    """
    kinds = (*DEFINED, *more)
    for kind in kinds:
        group, _, version = kind.version.partition("/")
        schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
        served = {"name": version, "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
        names = {"kind": kind.kind, "plural": kind.plural, "listKind": f"{kind.kind}List"}
        spec = {
            "group": group,
            "scope": "Cluster" if kind == CLASS else "Namespaced",
            "names": {**names, "singular": kind.kind.lower()},
            "versions": [{**served, "subresources": {"status": {}}}],
        }
        # A group of Kubernetes' own needs somebody's word for it.
        words = {"api-approved.kubernetes.io": "https://github.com/kubernetes-sigs/gateway-api/pull/2466"}
        metadata = {"name": f"{kind.plural}.{group}", "annotations": words}
        item = {"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition"}
        api.apply({**item, "metadata": metadata, "spec": spec}, over=None)
    until(lambda: all(_is_served(api, kind, "" if kind == CLASS else namespace) for kind in kinds))


def say(api: Api, route: Object, **said: str) -> None:
    """Say of a route what a gateway says that has looked at it.

    Args:
        api: as somebody with every right.
        route: as it lives.
        said: status by the type of the condition.
    """
    conditions = [
        {
            "type": type_,
            "status": status,
            "reason": "Looked",
            "message": "the stand-in has looked",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
            "observedGeneration": route["metadata"]["generation"],
        }
        for type_, status in said.items()
    ]
    parents = [
        {"parentRef": parent, "controllerName": CONTROLLER, "conditions": conditions}
        for parent in route["spec"]["parentRefs"]
    ]
    api.change(route, {"status": {"parents": parents}}, part=STATUS)


@contextmanager
def taking(api: Api, namespace: str) -> Iterator[None]:
    """Take every route of a namespace as it is, until the block is left."""
    over = threading.Event()

    def take() -> None:
        taken: Mapping[str, Any] = {}
        while not over.wait(0.05):
            try:
                for route in api.list(ROUTE, namespace=namespace, labels={}):
                    name, generation = route["metadata"]["name"], route["metadata"]["generation"]
                    if taken.get(name) != generation:
                        say(api, route, Accepted="True", ResolvedRefs="True")
                        taken = {**taken, name: generation}
            except TelamonError:
                # It has changed in between, or the API server is busy: looked at again.
                continue

    thread = threading.Thread(target=take)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _is_served(api: Api, kind: Kind, namespace: str) -> bool:
    try:
        api.list(kind, namespace=namespace, labels={})
    except TelamonError:
        return False
    return True
