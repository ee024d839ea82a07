"""Renewing what nodes log in to their database as, and the secret that they share.

The new value is kept first, in a secret of Telamon's own, and read by nobody before the journal names it: a role with a
password that nobody knows would have to be made again. Then a job makes the role, and one of these goes on alone.
"""

from __future__ import annotations

import secrets as randomness
from collections.abc import Mapping
from typing import Final

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.renewed import CLUSTER_KEY
from telamon.desired.kubernetes.renewing import disabling, enabling
from telamon.errors import PlatformError
from telamon.plan.works.rotation import DisableLogin, EnableLogin, RenewClusterSecret
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.secrets import KubernetesSecrets
from telamon.platforms.kubernetes.works import Works
from telamon.ports import Clock
from telamon.state.world import JobPhase, JobState

BYTES: Final = 32
"""Of randomness in a new secret."""


class Renewals:
    """Renews secrets of one stack.

    Args:
        api: the API server.
        works: the jobs of the stack.
        clock: injected time.
    """

    def __init__(self, api: Api, works: Works, clock: Clock) -> None:
        self._api = api
        self._works = works
        self._clock = clock

    def begin(
        self, part: KubernetesComponent, work: EnableLogin | DisableLogin | RenewClusterSecret, *, job: str
    ) -> JobState | None:
        """Begin such a work; one that was begun is left alone, unless it has failed.

        Args:
            part: the product's own nodes.
            work: what is to be done.
            job: name of the work.

        Returns:
            How it ended, where that is known at once; ``None`` where a job of the cluster does it.

        Raises:
            TemporaryError: a job of that name that has failed is on its way out.
        """
        try:
            return self._begun(part, work, job=job)
        except PlatformError as error:
            return self._ended(job, JobPhase.FAILED, detail=str(error))

    def _begun(
        self, part: KubernetesComponent, work: EnableLogin | DisableLogin | RenewClusterSecret, *, job: str
    ) -> JobState | None:
        if isinstance(work, RenewClusterSecret):
            self._keep(part, part.part.namespace, values={CLUSTER_KEY: _fresh()})
            return self._ended(job, JobPhase.SUCCEEDED)
        if part.logins is None:
            raise PlatformError(f"Telamon does not keep whom {part.desired.name} logs in to its database as")
        if part.desired.login == work.role:
            raise PlatformError(f"nodes of {part.desired.name} log in as {work.role}")
        wanted = (enabling if isinstance(work, EnableLogin) else disabling)(part, work.role, job=job)
        if self._works.makes_room(wanted):
            if isinstance(work, EnableLogin):
                # A job that was begun may have read its password already, so a new one is made before it alone.
                password = _fresh()
                for namespace in (part.logins.namespace, part.part.namespace):
                    self._keep(part, namespace, values={work.role: password})
            self._works.begin(part, wanted)
        return None

    def _keep(self, part: KubernetesComponent, namespace: str, *, values: Mapping[str, str]) -> None:
        KubernetesSecrets(self._api, namespace, self._clock).put(part.renews, values)

    def _ended(self, job: str, phase: JobPhase, *, detail: str = "") -> JobState:
        result = "done" if phase is JobPhase.SUCCEEDED else ""
        return JobState(job, phase, ended=self._clock.now(), result=result, detail=detail)


def _fresh() -> str:
    return randomness.token_urlsafe(BYTES)
