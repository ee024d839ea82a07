"""What is left of a component that nobody can compile any more: it is told by its labels, and ended in no order.

A Stack may be one that this version of Telamon cannot read, or whose images nobody has pinned, and be deleted all the
same; or a component may have left the file while nobody was there. Its volumes stay, as always.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telamon.desired.component import ComponentDesired
from telamon.desired.kubernetes.data import Object
from telamon.errors import DeniedError, NotReadyError
from telamon.naming import LABEL_COMPONENT, LABEL_STACK
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET, Api, Kind
from telamon.platforms.kubernetes.pods import held, life, ordinal, started
from telamon.platforms.kubernetes.spaces import Spaces
from telamon.ports import Clock
from telamon.state.world import ComponentState, MemberState

WITHDRAWN: Final = (
    STATEFUL_SET,
    Kind("gateway.networking.k8s.io/v1", "HTTPRoute"),
    Kind("gateway.networking.k8s.io/v1alpha2", "TCPRoute"),
    Kind("gateway.envoyproxy.io/v1alpha1", "HTTPRouteFilter"),
    Kind("gateway.envoyproxy.io/v1alpha1", "BackendTrafficPolicy"),
    Kind("networking.k8s.io/v1", "Ingress"),
    Kind("policy/v1", "PodDisruptionBudget"),
    Kind("v1", "Service"),
    Kind("v1", "ConfigMap"),
)
"""Kinds that the operator makes in the namespace of a product, but for volumes; they are taken away in this order."""


class Remains:
    """What is left of components of one stack.

    Args:
        api: the API server.
        stack: name of the stack.
        spaces: its namespaces.
        clock: injected time.
    """

    def __init__(self, api: Api, stack: str, spaces: Spaces, clock: Clock) -> None:
        self._api = api
        self._stack = stack
        self._spaces = spaces
        self._clock = clock

    def components(self) -> frozenset[str]:
        """The components of which a StatefulSet is there, in any namespace of the stack."""
        found = self._everywhere(STATEFUL_SET, {LABEL_STACK: self._stack})
        names = (str(item["metadata"]["labels"].get(LABEL_COMPONENT, "")) for item in found)
        return frozenset(name for name in names if name)

    def observe(self, desired: ComponentDesired) -> ComponentState:
        """Every pod of a component, as far as it has to be known for it to be ended.

        Args:
            desired: the component, of which no member is desired.
        """
        at = self._clock.now()
        pods = [pod for pod in self._of(POD, desired.name) if _is_numbered(pod)]
        members = (
            MemberState(
                str(pod["metadata"]["name"]),
                ordinal(pod),
                life=life(pod),
                started=started(pod),
                held=held(pod, at),
            )
            for pod in pods
        )
        return ComponentState(desired.name, desired.kind, at, members=tuple(members))

    def end(self, component: str) -> None:
        """Delete what makes the pods of a component: they end with it, each in the time that it has.

        Args:
            component: its name.
        """
        sets = tuple(self._of(STATEFUL_SET, component))
        for item in sets or tuple(self._of(POD, component)):
            self._api.delete(item)

    def withdraw(self, component: str) -> None:
        """Delete all else of a component; volumes stay.

        Args:
            component: its name.
        """
        for kind in WITHDRAWN:
            for item in self._of(kind, component):
                self._api.delete(item)

    def _of(self, kind: Kind, component: str) -> Iterator[Object]:
        return self._everywhere(kind, {LABEL_STACK: self._stack, LABEL_COMPONENT: component})

    def _everywhere(self, kind: Kind, labels: dict[str, str]) -> Iterator[Object]:
        for namespace in self._spaces.named():
            try:
                yield from self._api.list(kind, namespace=namespace, labels=labels)
            except NotReadyError:
                # A cluster without the kind has no object of it.
                return
            except DeniedError:
                # The operator keeps nothing there, or the namespace goes, and what is in it with it.
                continue


def _is_numbered(pod: Object) -> bool:
    """Whether it is one of a StatefulSet's, and not of a job."""
    return str(pod["metadata"]["name"]).rpartition("-")[2].isdecimal()
