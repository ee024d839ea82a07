"""Speaking to the products of a stack: straight to the address of each pod.

The API server could pass requests on to pods, but it takes the header ``Authorization`` off every request that it has
let in, and so would take away the log-in to the product as well; and the right to use it reaches every port of every
pod. So the operator must be where the addresses of pods lead somewhere: in the cluster, or in a network that routes
to it. Source: Kubernetes, ``k8s.io/apiserver/pkg/endpoints/filters/authentication.go``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from telamon.desired.calls import WorkloadProbe
from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.errors import PlatformError, TemporaryError
from telamon.plan.step import Call
from telamon.platforms.calls.credentials import Credentials
from telamon.platforms.calls.jobs import Jobs, Target
from telamon.platforms.calls.looks import Asked, CloseLooks, Known
from telamon.platforms.calls.parts import JobRecords
from telamon.platforms.calls.upgrades import UpgradeWatch
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.eyes import Said
from telamon.platforms.kubernetes.pods import address, incarnation, serves
from telamon.platforms.kubernetes.secrets import KubernetesSecrets
from telamon.ports import Clock
from telamon.products.base import Endpoint
from telamon.state.phase import Phase
from telamon.state.world import Copies, JobState, UpgradePhase

ADDRESSED_IN = 1.0
"""Seconds until it is worth asking again whether a pod has an address."""


class Speech:
    """Calls to pods, and close looks at them.

    Args:
        api: the API server, which holds the secrets.
        records: where jobs and notes are kept.
        clock: injected time.
    """

    def __init__(self, api: Api, records: JobRecords, clock: Clock) -> None:
        self._api = api
        self._records = records
        self._clock = clock
        self._looks = CloseLooks(clock)
        self._upgrades = UpgradeWatch(clock)
        self._log_ins: dict[str, Credentials] = {}
        self._jobs: dict[str, Jobs] = {}

    def call(self, part: KubernetesComponent, pod: Object, *, call: Call) -> None:
        """Start a product flow against a pod as a job; see :class:`telamon.platforms.calls.jobs.Jobs`.

        Raises:
            PlatformError: the component takes no calls.
            TemporaryError: the pod has no address yet.
        """
        if part.product is None:
            raise PlatformError(f"{call.component} takes no calls")
        probe = _probe(part, pod)
        if probe is None:
            raise TemporaryError(f"{call.member} has no address yet", delay=ADDRESSED_IN)
        name = part.desired.name
        if name not in self._jobs:
            self._jobs[name] = Jobs(self._records, self._as_whom(part), self._clock)
        self._jobs[name].call(Target(part, part.product, probe, call.member), call)

    def look(
        self, part: KubernetesComponent, pods: Sequence[Object], *, said: Mapping[str, Said]
    ) -> Mapping[str, Known]:
        """What close looks know of pods; those that are due begin.

        Args:
            part: the component.
            pods: those that run.
            said: what each said last, by member.
        """
        asked = {
            name: Asked(incarnation(pod), said[name].phase, serves(pod), _probe(part, pod))
            for pod in pods
            if (name := str(pod["metadata"]["name"])) in said
        }
        return self._looks.look(part, asked, credentials=self._as_whom(part))

    def registered(self, component: str) -> Mapping[str, bool]:
        """Nodes in a component's registry, and whether one counts them alive."""
        return self._looks.registered(component)

    def copies(self, part: KubernetesComponent, said: Mapping[str, Said]) -> Copies | None:
        """Whether every copy of a component's data is there; see :meth:`CloseLooks.copies`."""
        return self._looks.copies(part, {name: each.phase for name, each in said.items()})

    def upgrade(
        self, part: KubernetesComponent, pods: Sequence[Object], *, said: Mapping[str, Said]
    ) -> UpgradePhase | None:
        """Where a cluster stands with a rolling upgrade; arguments as of :meth:`look`."""
        running = {
            name: probe
            for pod in pods
            if (name := str(pod["metadata"]["name"])) in said
            and said[name].phase is Phase.RUNNING
            and (probe := _probe(part, pod)) is not None
        }
        return self._upgrades.phase(part, running, credentials=self._as_whom(part))

    def jobs(self, component: str) -> Mapping[str, JobState]:
        """The last job of each name."""
        return self._records.jobs(component)

    def keep(self, component: str, job: JobState) -> None:
        """Keep what came of a job that nobody ran here."""
        self._records.put(component, job)

    def close(self) -> None:
        """Give up what is said, and look no more."""
        for jobs in self._jobs.values():
            jobs.close()
        self._looks.close()

    def _as_whom(self, part: KubernetesComponent) -> Credentials:
        name = part.desired.name
        if name not in self._log_ins:
            secrets = KubernetesSecrets(self._api, part.part.namespace, self._clock)
            self._log_ins[name] = Credentials(secrets, self._records)
        return self._log_ins[name]


def _probe(part: KubernetesComponent, pod: Object) -> WorkloadProbe | None:
    """Where a pod listens for HTTP; ``None`` while it has no address."""
    host = address(pod)
    if not host:
        return None
    number = next(port.number for port in part.workload.ports if port.name == "http")
    return WorkloadProbe(Endpoint(host, number), part.part.front)
