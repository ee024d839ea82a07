"""The right to act, as a Lease on the API server.

No clock of another machine is believed: who wants to take over watches the record, and takes it once it has not moved
for as long as it says it lasts, by the watcher's own steady clock. Every write names the version that it was decided
on, so of two that try at once one is refused.

Sources: Kubernetes, "Leases"; client-go, ``tools/leaderelection`` (the fields and what they mean).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.errors import ConflictError
from telamon.naming import LABEL_MANAGED_BY, MANAGER
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.ports import Clock

LEASE: Final = Kind("coordination.k8s.io/v1", "Lease")
LASTS: Final = 15
"""Seconds that a lease lasts which is not renewed."""


@dataclass
class KubernetesLease:
    """One lease, as one who wants it.

    Args:
        api: the API server.
        namespace: of the lease.
        name: of the lease.
        identity: of whoever wants it; the policy that fences compares it with what the API server knows of them.
        clock: injected time; only what passes on it counts.
    """

    api: Api
    namespace: str
    name: str
    identity: str
    clock: Clock
    _seen: str = field(init=False, default="")
    _since: float = field(init=False, default=0.0)

    def acquire(self) -> bool:
        """Take or renew it; ``False`` where another holds it."""
        found = self.api.get(LEASE, self.name, namespace=self.namespace)
        try:
            if found is None:
                self.api.create(self._made())
                return True
            spec = found.get("spec", {})
            holder = spec.get("holderIdentity") or ""
            if holder == self.identity:
                self.api.change(found, {"spec": {"renewTime": self._instant()}})
                return True
            if holder and not self._is_over(found):
                return False
            self.api.change(found, {"spec": self._taken(turn=int(spec.get("leaseTransitions") or 0) + 1)})
        except ConflictError:
            # Somebody else was faster, or has renewed.
            return False
        return True

    def release(self) -> None:
        """Give it up, if it is ours; the next one need not wait."""
        found = self.api.get(LEASE, self.name, namespace=self.namespace)
        if found is not None and found.get("spec", {}).get("holderIdentity") == self.identity:
            self.api.change(found, {"spec": {"holderIdentity": "", "renewTime": self._instant()}})

    def _is_over(self, found: Object) -> bool:
        """Whether the record has not moved for as long as it lasts."""
        version = str(found["metadata"]["resourceVersion"])
        now = self.clock.now()
        if version != self._seen:
            self._seen, self._since = version, now
        return now - self._since > float(found["spec"].get("leaseDurationSeconds") or LASTS)

    def _made(self) -> Object:
        labels = {LABEL_MANAGED_BY: MANAGER}
        metadata = {"name": self.name, "namespace": self.namespace, "labels": labels}
        return {
            "apiVersion": LEASE.version,
            "kind": LEASE.kind,
            "metadata": metadata,
            "spec": self._taken(turn=0),
        }

    def _taken(self, *, turn: int) -> dict[str, Any]:
        now = self._instant()
        return {
            "holderIdentity": self.identity,
            "leaseDurationSeconds": LASTS,
            "acquireTime": now,
            "renewTime": now,
            "leaseTransitions": turn,
        }

    def _instant(self) -> str:
        return datetime.fromtimestamp(self.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
