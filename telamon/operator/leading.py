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
from telamon.operator.admission import Admission, Desk, Verdict, answering
from telamon.operator.cluster import ClusterOperator
from telamon.operator.logs import Looks
from telamon.operator.probes import Probes, probes
from telamon.wiring.cluster import ClusterParts, cluster_parts

LOG = logging.getLogger("telamon.operator")

RENEWS_EVERY: Final = 2.0
"""Seconds between two renewals, and between two looks of one who waits."""
RENEWED_WITHIN: Final = 10.0
"""Seconds without a renewal after which a leader is none any more; a lease lasts longer than that."""

CERTIFICATE_EVERY: Final = 30.0
"""Seconds between two looks at the certificate for admission; until there is one it is :data:`RENEWS_EVERY`."""


@dataclass(frozen=True)
class Addresses:
    """Where an operator listens.

    Attributes:
        probes: address and port of probes and metrics.
        admission: address and port that the API server asks.
    """

    probes: tuple[str, int]
    admission: tuple[str, int]


def operate(
    asked: threading.Event,
    *,
    kubeconfig: Path | None,
    context: str | None,
    namespace: str,
    image: str,
    addresses: Addresses,
    looks: Looks,
) -> None:
    """Keep the Stacks of a cluster until asked to end.

    Args:
        asked: is set when the process is to end.
        kubeconfig: file; ``None``: the service account of the pod, or as ``kubectl`` finds it.
        context: of the kubeconfig; ``None`` for the one in use.
        namespace: of the Stacks, the lease and the operator.
        image: of the jobs that take backups; "" where nobody has said which.
        addresses: where it listens.
        looks: mark which look a line of the log belongs to.

    Raises:
        ConflictError: another one leads by now.
        TelamonError: nobody can log in to the cluster, or an address cannot be listened on.
    """
    parts = cluster_parts(kubeconfig, context, namespace=namespace, image=image)
    metrics, desk = parts.metrics, Desk()

    def told(kind: str, verdict: Verdict) -> None:
        metrics.judged(kind, allowed=not verdict.code)

    try:
        with (
            probes(addresses.probes, parts.clock, metrics=metrics.text) as (answers, heard),
            answering(addresses.admission, Admission(parts, told=told), desk=desk) as judging,
        ):
            LOG.info("probes and metrics are at %s:%s, admission is at %s:%s", *heard, *judging)
            LOG.info("%s waits for the lease in %s", parts.identity, namespace)
            leadership = _Leadership(parts, asked, answers, looks)
            certificates = _Certificates(parts, asked, leadership.leading, desk)
            threading.Thread(target=certificates.run, name="certificates", daemon=True).start()
            leadership.run()
    finally:
        parts.close()


@dataclass
class _Leadership:
    parts: ClusterParts
    asked: threading.Event
    probes: Probes
    looks: Looks
    leading: threading.Event = field(init=False, default_factory=threading.Event)
    _renewed: float = field(init=False, default=float("-inf"))

    def run(self) -> None:
        """Wait for the lease, lead as long as it is ours, and give it up at the end."""
        self.parts.metrics.leads(self.parts.lease.name, leading=False)
        while not self._try():
            if self.asked.wait(RENEWS_EVERY):
                return
        LOG.info("%s leads", self.parts.identity)
        self.leading.set()
        self.parts.metrics.leads(self.parts.lease.name, leading=True)
        operator = ClusterOperator(self.parts, self.looks)
        operator.start()
        try:
            self._lead()
        finally:
            self.leading.clear()
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


@dataclass
class _Certificates:
    """Sees to the certificate for admission: whoever leads keeps it, and everybody answers with it."""

    parts: ClusterParts
    asked: threading.Event
    leading: threading.Event
    desk: Desk
    _trouble: str = field(init=False, default="")

    def run(self) -> None:
        """Look now and then until the process is to end."""
        while True:
            has_one = self._look()
            if self.asked.wait(CERTIFICATE_EVERY if has_one else RENEWS_EVERY):
                return

    def _look(self) -> bool:
        """Whether there is one to answer with."""
        try:
            if self.leading.is_set():
                self.parts.pairs.keep()
            pair = self.parts.pairs.pair()
            if pair is not None:
                self.desk.use(pair.certificate, pair.key)
        except TelamonError as error:
            if str(error) != self._trouble:
                LOG.warning("nobody is asked for admission: %s", error)
            self._trouble = str(error)
            return False
        self._trouble = ""
        return pair is not None
