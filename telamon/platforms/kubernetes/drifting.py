"""Looking what lives otherwise in a cluster than a stack file renders it. Nothing is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, TypeVar

from telamon.desired.kubernetes.data import Bundle, Object
from telamon.desired.kubernetes.wanted import BroughtSecret, WantedSecret, brought, made_secrets
from telamon.errors import DeniedError, NotReadyError
from telamon.infra.cluster_drift import added, address, bound, differences, lacking
from telamon.infra.drift import Drift
from telamon.platforms.kubernetes.api import STATEFUL_SET, Api, Kind
from telamon.platforms.kubernetes.rehearsing import compared

NAMESPACE: Final = Kind("v1", "Namespace")
SECRET: Final = Kind("v1", "Secret")
CLUSTER_BINDING: Final = Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding")
SOUGHT: Final = (
    Kind("networking.k8s.io/v1", "NetworkPolicy"),
    Kind("rbac.authorization.k8s.io/v1", "RoleBinding"),
    Kind("rbac.authorization.k8s.io/v1", "Role"),
    Kind("v1", "ServiceAccount"),
    SECRET,
    Kind("v1", "Pod"),
    Kind("apps/v1", "Deployment"),
    STATEFUL_SET,
    Kind("apps/v1", "DaemonSet"),
    Kind("apps/v1", "ReplicaSet"),
    Kind("batch/v1", "Job"),
    Kind("batch/v1", "CronJob"),
    Kind("v1", "Service"),
    Kind("networking.k8s.io/v1", "Ingress"),
    Kind("gateway.networking.k8s.io/v1", "HTTPRoute"),
    Kind("v1", "ConfigMap"),
    Kind("v1", "PersistentVolumeClaim"),
    Kind("v1", "ResourceQuota"),
    Kind("v1", "LimitRange"),
    Kind("policy/v1", "PodDisruptionBudget"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler"),
)
"""Kinds of which objects that nobody rendered are told."""
Found = TypeVar("Found")


@dataclass(frozen=True)
class ClusterSeen:
    """What was seen.

    Attributes:
        drift: every difference.
        denied: what could not be looked at, as the API server refused it: which verb on what.
        looked: how many objects were held against what is rendered.
    """

    drift: tuple[Drift, ...]
    denied: tuple[str, ...]
    looked: int


@dataclass
class ClusterDrifting:
    """One stack in a cluster.

    Attributes:
        api: the API server.
        bundles: everything that the file renders.
        secrets: that it refers to.
    """

    api: Api
    bundles: Sequence[Bundle]
    secrets: Sequence[WantedSecret]
    _denied: list[str] = field(init=False, default_factory=list)

    def look(self, *, tell: Callable[[str], None]) -> ClusterSeen:
        """Hold what lives against what is rendered.

        Args:
            tell: is told what is looked at.

        Raises:
            NotReadyError: nothing of the stack is in this cluster.
            TemporaryError: the API server does not answer.
        """
        self._denied.clear()
        objects = [item for bundle in self.bundles for item in bundle.objects]
        spaces = self._spaces(objects)
        tell(f"kubernetes: comparing {len(objects)} objects")
        found = [each for item in objects for each in self._allowed(partial(self._differing, item))]
        tell(f"kubernetes: looking for what was added in {', '.join(spaces)}")
        found += added(
            [item for space in spaces for kind in SOUGHT for item in self._listed(kind, space)],
            rendered={address(item) for item in objects},
            referred=self._referred(objects),
        )
        bindings = self._allowed(lambda: self.api.list(CLUSTER_BINDING, namespace="", labels={}))
        found += bound(bindings, namespaces=spaces)
        found += self._lacking(spaces)
        return ClusterSeen(tuple(found), tuple(dict.fromkeys(self._denied)), len(objects))

    def _spaces(self, objects: Sequence[Object]) -> tuple[str, ...]:
        wanted = [str(item["metadata"]["name"]) for item in objects if item["kind"] == NAMESPACE.kind]
        there = [name for name in wanted if self._is_there(name)]
        if not there:
            raise NotReadyError(
                f"the cluster has none of the namespaces {', '.join(wanted)}",
                remedy="Name the cluster of the stack with --context, or apply what `telamon render` writes.",
            )
        return tuple(there)

    def _is_there(self, name: str) -> bool:
        try:
            return self.api.get(NAMESPACE, name) is not None
        except DeniedError as error:
            self._denied.append(error.message)
            # Whoever may look into a namespace need not be let look at the namespace itself.
            return True

    def _differing(self, item: Object) -> Sequence[Drift]:
        return tuple(differences(compared(self.api, item)))

    def _listed(self, kind: Kind, namespace: str) -> Sequence[Object]:
        try:
            return self._allowed(lambda: self.api.names(kind, namespace=namespace))
        except NotReadyError:
            # A cluster without the kind has no object of it.
            return ()

    def _referred(self, objects: Sequence[Object]) -> set[str]:
        """What others bring because the rendered objects refer to it, or make."""
        found = {f"{each.namespace}/Secret/{each.name}" for each in self.secrets}
        for item in objects:
            namespace = item["metadata"].get("namespace", "")
            found |= {f"{namespace}/Secret/{name}" for name in made_secrets(item)}
            if item["kind"] == STATEFUL_SET.kind:
                found |= {
                    f"{namespace}/PersistentVolumeClaim/{claim['metadata']['name']}-{item['metadata']['name']}-"
                    for claim in item["spec"].get("volumeClaimTemplates", ())
                }
        return found

    def _lacking(self, spaces: Sequence[str]) -> Iterator[Drift]:
        wanted = [each for each in self.secrets if each.namespace in spaces]
        there: dict[tuple[str, str], BroughtSecret] = {}
        judged: list[WantedSecret] = []
        for each in wanted:
            refused = len(self._denied)
            found = self._allowed(partial(self._brought, each))
            if len(self._denied) > refused:
                continue
            judged.append(each)
            if found:
                there[each.namespace, each.name] = found[0]
        yield from lacking(judged, there)

    def _brought(self, wanted: WantedSecret) -> Sequence[BroughtSecret]:
        """What a secret is like, in a list of one, or nothing; its values go no further than this line."""
        found = brought(self.api.get(SECRET, wanted.name, namespace=wanted.namespace))
        return () if found is None else (found,)

    def _allowed(self, call: Callable[[], Sequence[Found]]) -> Sequence[Found]:
        """What a question gives; one that is not allowed is kept for the end, so that all are told at once."""
        try:
            return call()
        except DeniedError as error:
            self._denied.append(error.message)
            return ()
