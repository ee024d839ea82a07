"""A stack on a cluster as its operator has told of it, for whoever may not speak to pods.

Policies let nobody but the operator and the front door reach a pod, so a person's plan rests on what the API server
tells of pods and objects, and on what the status of the Stack tells of their products. Nothing is written.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.platforms.calls.looks import Known
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.eyes import Said
from telamon.platforms.kubernetes.looking import Look
from telamon.platforms.kubernetes.platform import KubernetesPlatform
from telamon.platforms.kubernetes.pods import life, release, started
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.ports import Clock, StaticNetwork
from telamon.state.classify import Condition
from telamon.state.phase import Phase
from telamon.state.world import Copies, IndexState, JobState, Life, UpgradePhase

PHASES: Final[Mapping[str, Phase]] = MappingProxyType(
    {
        Condition.SERVING: Phase.RUNNING,
        Condition.READY: Phase.RUNNING,
        Condition.JOINING: Phase.RUNNING,
        Condition.ISOLATED: Phase.RUNNING,
        Condition.INDEX_BROKEN: Phase.RUNNING,
        Condition.CATCHING_UP: Phase.RUNNING,
        Condition.DATABASE_LOST: Phase.RUNNING,
        Condition.SETUP_REQUIRED: Phase.FIRST_RUN,
        Condition.MAINTENANCE: Phase.MAINTENANCE,
        Condition.FAILED: Phase.ERROR,
        Condition.STOPPING: Phase.STOPPING,
        Condition.HUNG: Phase.UNREACHABLE,
    }
)
"""What a member says of itself, by the state in which the operator tells of it; in all others it starts."""
APART: Final = frozenset({Condition.JOINING, Condition.ISOLATED})
"""States in which its cluster does not count a member in."""


class ReportedPlatform(KubernetesPlatform):
    """One stack on a cluster, looked at through the eyes of its operator.

    Args:
        api: the API server, as a person.
        stack: name of the stack.
        clock: injected time.
        records: what is remembered of calls to products.
        network: gives what delivers static files in a region.
        status: of the Stack; empty where there is none yet.
    """

    def __init__(
        self,
        api: Api,
        stack: str,
        clock: Clock,
        *,
        records: KubernetesRecords,
        network: Callable[[str], StaticNetwork],
        status: Mapping[str, Any],
    ) -> None:
        super().__init__(api, stack, clock, records=records, network=network)
        self._told = {(each["component"], each["name"]): each for each in status.get("members") or ()}

    def _asked(self, part: KubernetesComponent, found: Look) -> Mapping[str, Said]:
        """What each pod said when the operator looked; of one that is younger nobody has told yet."""
        alive = [pod for pod in found.pods if life(pod) is Life.ALIVE]
        return {str(pod["metadata"]["name"]): self._said(part, pod) for pod in alive}

    def _said(self, part: KubernetesComponent, pod: Object) -> Said:
        began, told = started(pod) or self._clock.now(), self._of(part, pod)
        since = told.get("since")
        at = began if since is None else datetime.fromisoformat(str(since)).timestamp()
        if at < began:
            return Said(Phase.STARTING, began)
        return Said(PHASES.get(str(told.get("state", "")), Phase.STARTING), at)

    def _known(
        self, part: KubernetesComponent, alive: Sequence[Object], *, said: Mapping[str, Said]
    ) -> Mapping[str, Known]:
        running = [pod for pod in alive if said[str(pod["metadata"]["name"])].phase is Phase.RUNNING]
        return {str(pod["metadata"]["name"]): self._closely(part, pod, said=said) for pod in running}

    def _closely(self, part: KubernetesComponent, pod: Object, *, said: Mapping[str, Said]) -> Known:
        told, since = self._of(part, pod), said[str(pod["metadata"]["name"])].since
        state, index = str(told["state"]), told.get("index")
        return Known(
            joined=state not in APART,
            joined_since=since,
            index=None if index is None else IndexState(bool(index["readable"]), index.get("behind")),
            database_lost_since=since if state == Condition.DATABASE_LOST else None,
        )

    def _upgrading(
        self, part: KubernetesComponent, alive: Sequence[Object], *, said: Mapping[str, Said]
    ) -> UpgradePhase | None:
        """Of pods of two releases the cluster is mixed; what else it says of an upgrade, no status tells."""
        wanted = part.desired.upgrade
        if wanted is None or not wanted.mode:
            return None
        of_two = len({release(pod) for pod in alive}) > 1
        return UpgradePhase.MIXED if of_two else UpgradePhase.STABLE

    def _copies(self, part: KubernetesComponent, said: Mapping[str, Said]) -> Copies | None:
        """Copies are taken to be whole where every member serves: one that leaves is waited for by the operator."""
        if not part.desired.keeps_copies:
            return None
        down = [name for name, each in said.items() if each.phase is not Phase.RUNNING]
        return Copies(
            whole=not down and bool(said), detail=f"{', '.join(down)} does not serve" if down else ""
        )

    def _jobs(self, part: KubernetesComponent) -> Mapping[str, JobState]:
        """What became of calls to the product, as the operator has kept it; long work belongs to an operation."""
        return self._speech.jobs(part.desired.name)

    def _of(self, part: KubernetesComponent, pod: Object) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self._told.get((part.desired.name, str(pod["metadata"]["name"])), {})
        return found
