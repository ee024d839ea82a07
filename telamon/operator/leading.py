"""``python -m telamon.operator --kubernetes``: one operator of several, of which one acts.

Who leads has renewed its lease not long ago by its own steady clock. Whoever cannot renew it in time ends as a process,
and comes back as one who waits: nothing of a leader lives on in it. A process that was frozen and wakes up too late may
still send what it had decided; the policy that :mod:`telamon.desired.kubernetes.fencing` renders has the API server
refuse that, because it knows who holds the lease and who asks.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from telamon.errors import ConflictError, TelamonError
from telamon.operator.cluster import ClusterOperator
from telamon.operator.probes import Probes, probes
from telamon.wiring.cluster import ClusterParts, cluster_parts

LOG = logging.getLogger("telamon.operator")

RENEWS_EVERY: Final = 2.0
"""Seconds between two renewals, and between two looks of one who waits."""
RENEWED_WITHIN: Final = 10.0
"""Seconds without a renewal after which a leader is none any more; a lease lasts longer than that."""


def operate(
    asked: threading.Event,
    *,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
    listen: tuple[str, int],
) -> None:
    """Keep the Stacks of a cluster until asked to end.

    Args:
        asked: is set when the process is to end.
        kubeconfig: file; ``None``: the service account of the pod, or as ``kubectl`` finds it.
        context: of the kubeconfig; ``None`` for the one in use.
        namespace: of the Stacks, the lease and the operator.
        listen: address and port of the probes.

    Raises:
        ConflictError: another one leads by now.
        TelamonError: nobody can log in to the cluster, or the probes cannot listen.
    """
    parts = cluster_parts(kubeconfig, context, namespace=namespace)
    try:
        with probes(listen, parts.clock) as answers:
            LOG.info("%s waits for the lease in %s", parts.identity, namespace)
            _Leadership(parts, asked, answers).run()
    finally:
        parts.close()


@dataclass
class _Leadership:
    parts: ClusterParts
    asked: threading.Event
    probes: Probes
    _renewed: float = field(init=False, default=float("-inf"))

    def run(self) -> None:
        """Wait for the lease, lead as long as it is ours, and give it up at the end."""
        while not self._try():
            if self.asked.wait(RENEWS_EVERY):
                return
        LOG.info("%s leads", self.parts.identity)
        operator = ClusterOperator(self.parts)
        operator.start()
        try:
            self._lead()
        finally:
            operator.end()
        self.parts.lease.release()
        LOG.info("%s gives the lease up", self.parts.identity)

    def _lead(self) -> None:
        while not self.asked.wait(RENEWS_EVERY):
            if not self._try() and self._is_over():
                raise ConflictError(f"{self.parts.identity} leads no longer")

    def _try(self) -> bool:
        """Take or renew the lease; an API server that does not answer has not said no."""
        # Taken before asking: by the clock of whoever watches, the renewal is no older than this.
        began = self.parts.clock.now()
        try:
            held = self.parts.lease.acquire()
        except TelamonError as error:
            LOG.warning("the lease could not be renewed: %s", error)
            return False
        self.probes.beat()
        if held:
            self._renewed = began
        else:
            self._renewed = float("-inf")
        return held

    def _is_over(self) -> bool:
        return self.parts.clock.now() - self._renewed > RENEWED_WITHIN
