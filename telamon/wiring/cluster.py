"""Adapters for stacks on a Kubernetes cluster: what the operator there is made of."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from telamon.errors import MachineError
from telamon.naming import LABEL_COMPONENT, LABEL_STACK, OPERATION_KIND

if TYPE_CHECKING:
    from telamon.platforms.clock import SteadyClock
    from telamon.platforms.kubernetes.announcing import Announcer
    from telamon.platforms.kubernetes.api import Api
    from telamon.platforms.kubernetes.compiler import KubernetesCompiler
    from telamon.platforms.kubernetes.journal import KubernetesJournal
    from telamon.platforms.kubernetes.lease import KubernetesLease
    from telamon.platforms.kubernetes.metrics import Metrics
    from telamon.platforms.kubernetes.platform import KubernetesPlatform
    from telamon.platforms.kubernetes.prepared import Prepared
    from telamon.platforms.kubernetes.records import KubernetesRecords
    from telamon.platforms.kubernetes.serving_pairs import ServingPairs
    from telamon.platforms.kubernetes.store import KubernetesStore
    from telamon.platforms.kubernetes.watching import Watch

_SERVER: Final = "the database server of a cluster is kept by whoever made it: RDS, an operator, its owner"
REFUSED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "switchover": _SERVER,
    }
)
"""Verbs of operations that are not performed on a cluster, and why."""
POD_NAME: Final = "authentication.kubernetes.io/pod-name"
"""What the API server knows of a token that is bound to a pod. Source: Kubernetes, "Managing Service Accounts"."""


@dataclass
class StackParts:
    """What keeping one stack on a cluster is made of.

    Attributes:
        store: its Stack and operations.
        journal: its record.
        platform: eyes and verbs.
        compiler: from the Stack to what is kept.
        announcer: tells people.
        records: what is remembered of calls to products.
    """

    store: KubernetesStore
    journal: KubernetesJournal
    platform: KubernetesPlatform
    compiler: KubernetesCompiler
    announcer: Announcer
    records: KubernetesRecords
    _api: Api
    _stack: str
    _watches: dict[str, list[Watch]] = field(default_factory=dict)

    def look_out(self, told: Callable[[str], None], asked: Callable[[], None]) -> None:
        """Watch the namespaces of the components; those that are watched already go on being so.

        Args:
            told: is called with the name of a component of which something changes.
            asked: is called when an operation appears, changes or goes.
        """
        from telamon.platforms.kubernetes.api import POD, STATEFUL_SET
        from telamon.platforms.kubernetes.store import OPERATION
        from telamon.platforms.kubernetes.watching import Watch

        def tell(item: Mapping[str, Any]) -> None:
            if item["kind"] == OPERATION_KIND:
                asked()
                return
            component = str((item["metadata"].get("labels") or {}).get(LABEL_COMPONENT, ""))
            # Forgotten first: whoever is woken looks at once.
            self.platform.changed(component)
            told(component)

        def is_whole(namespace: str) -> bool:
            return all(watch.is_whole for watch in self._watches.get(namespace, ())) and (
                namespace in self._watches
            )

        self.platform.watched(is_whole)
        own = {LABEL_STACK: self._stack}
        for namespace in self.store.namespaces:
            if namespace not in self._watches:
                self._watches[namespace] = [
                    Watch(self._api, kind, namespace, labels, tell)
                    for kind, labels in ((POD, own), (STATEFUL_SET, own), (OPERATION, {}))
                ]
                for watch in self._watches[namespace]:
                    watch.start()

    def prepared(self) -> Prepared:
        """Whether what others apply for the stack is in force; raises TemporaryError where nobody answers."""
        from telamon.platforms.kubernetes.prepared import look

        return look(self._api, self.compiler.applied_by_others())

    def forget(self) -> None:
        """Take the record away, with the stack that it is of."""
        self.records.clear()
        self.journal.clear()

    def close(self) -> None:
        """Let go of everything; pods go on."""
        for watches in self._watches.values():
            for watch in watches:
                watch.end()
        self.platform.close()


@dataclass
class ClusterParts:
    """What the operator of a cluster is made of.

    Attributes:
        namespace: of the Stacks, of the lease, and of the operator.
        identity: as whom the API server knows this process.
        lease: the right to act.
        clock: time.
        pairs: certificates with which it answers for admission.
        metrics: what it counts.
        image: of the jobs that take backups; "" where nobody has said which.
    """

    namespace: str
    identity: str
    lease: KubernetesLease
    clock: SteadyClock
    pairs: ServingPairs
    metrics: Metrics
    image: str
    _connect: Callable[[], Api]
    _api: Api

    def stack(self, name: str) -> StackParts:
        """What keeping a stack is made of."""
        from telamon.platforms.kubernetes.announcing import Announcer
        from telamon.platforms.kubernetes.compiler import KubernetesCompiler
        from telamon.platforms.kubernetes.journal import KubernetesJournal
        from telamon.platforms.kubernetes.platform import KubernetesPlatform
        from telamon.platforms.kubernetes.records import KubernetesRecords
        from telamon.platforms.kubernetes.store import KubernetesStore
        from telamon.wiring.ground import static_network

        api = self._connect()
        announcer = Announcer(api, self.namespace, name, identity=self.identity, clock=self.clock)
        store = KubernetesStore(api, self.namespace, name, told=announcer.tell_of_operation)
        records = KubernetesRecords(api, self.namespace, name)
        platform = KubernetesPlatform(
            api, name, self.clock, records=records, network=static_network, image=self.image
        )
        return StackParts(
            store,
            KubernetesJournal(api, self.namespace, name),
            platform,
            KubernetesCompiler(platform, store),
            announcer,
            records,
            api,
            name,
        )

    def watch_stacks(self, told: Callable[[str], None]) -> Watch:
        """Watch the Stacks; returns what ends it.

        Args:
            told: is called with the name of each that is there, appears, changes or goes.
        """
        from telamon.platforms.kubernetes.store import STACK
        from telamon.platforms.kubernetes.watching import Watch

        watch = Watch(self._api, STACK, self.namespace, {}, lambda item: told(str(item["metadata"]["name"])))
        watch.start()
        return watch

    def stacks(self) -> Sequence[str]:
        """The names of all Stacks."""
        from telamon.platforms.kubernetes.store import STACK

        found = self._api.list(STACK, namespace=self.namespace, labels={})
        return [str(item["metadata"]["name"]) for item in found]

    def end_orphans(self, instant: str) -> tuple[str, ...]:
        """End the operations whose Stack is gone; returns the names of those Stacks.

        Args:
            instant: now; RFC 3339.
        """
        from telamon.platforms.kubernetes.store import break_off_orphans

        return break_off_orphans(self._api, self.namespace, instant=instant)

    def close(self) -> None:
        """Let go."""
        self._api.close()


def cluster_parts(
    kubeconfig: Path | None, context: str | None, *, namespace: str, image: str
) -> ClusterParts:
    """Log in to a cluster as its operator.

    Args:
        kubeconfig: file; ``None``: as ``kubectl`` finds it, or the service account of the pod.
        context: of the kubeconfig; ``None`` for the one in use.
        namespace: of the Stacks, the lease and the operator.
        image: of the jobs that take backups; "" where nobody has said which.

    Raises:
        MachineError: the library for clusters, or a kubeconfig, is missing.
        TemporaryError: the API server does not answer.
    """
    from telamon.platforms.clock import SteadyClock

    try:
        from telamon.platforms.kubernetes.api import Api
        from telamon.platforms.kubernetes.lease import KubernetesLease
        from telamon.platforms.kubernetes.metrics import Metrics
        from telamon.platforms.kubernetes.serving_pairs import ServingPairs
    except ImportError as error:
        raise MachineError(
            "a library for clusters is missing",
            remedy="Install telamon[kubernetes], which brings lightkube and what else is needed.",
        ) from error
    clock, metrics = SteadyClock(), Metrics()

    def connect() -> Api:
        return Api(kubeconfig, context=context, asked=metrics.asked)

    api = connect()
    identity = _identity(api.whoami())
    lease = KubernetesLease(api, namespace, "telamon-operator", identity, clock)
    pairs = ServingPairs(api, namespace, clock)
    return ClusterParts(namespace, identity, lease, clock, pairs, metrics, image, connect, api)


def _identity(known: Mapping[str, Any]) -> str:
    """The name of the pod as the API server knows it, so that it can tell a leader from one who was deposed.

    Whoever runs elsewhere has none; then machine and process tell two apart.
    """
    names = (known.get("extra") or {}).get(POD_NAME) or ()
    return str(names[0]) if names else f"{socket.gethostname()}-{os.getpid()}"
