"""How a Stack in a cluster stands, and since when it has been as it should be.

An operator there writes conditions when they change, and nothing while all is well. That somebody looks all the time is
told by the Lease of whoever leads: it is renewed every few seconds. A stretch is counted from the last of what may have
broken it: a condition that changed, a spec that was written, a leader that came. What nobody looked at does not count.

Sources: Kubernetes API conventions, "Typical status properties" (``lastTransitionTime``, ``observedGeneration``);
Kubernetes, "Leases" (``acquireTime``, ``renewTime``) and "Server-Side Apply" (times of managed fields).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.errors import NotReadyError
from telamon.model.status import GREEN
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.lease import LEASE
from telamon.platforms.kubernetes.store import STACK


def stack_as_told(api: Api, name: str) -> dict[str, Any]:
    """A Stack as its cluster tells it, with the stretch in which it has been as it should be.

    Args:
        api: the API server.
        name: of the stack.

    Raises:
        NotReadyError: there is no such Stack.
        DeniedError: it, or the operator's lease, may not be read.
    """
    found = api.get(STACK, name, namespace=OPERATOR_NAMESPACE)
    if found is None:
        raise NotReadyError(
            f"the cluster has no Stack {OPERATOR_NAMESPACE}/{name}",
            remedy="Bring it up there, or name its cluster with --context.",
        )
    green = stretch(found, api.get(LEASE, OPERATOR, namespace=OPERATOR_NAMESPACE))
    status = {key: value for key, value in (found.get("status") or {}).items() if key != "green"}
    return {**found, "status": status if green is None else {**status, "green": green}}


def stretch(stack: Object, lease: Object | None) -> dict[str, Any] | None:
    """Since when a Stack has been as it should be, and until when somebody has looked; ``None`` where it is not so.

    Args:
        stack: as it lives.
        lease: of whoever leads the operators.
    """
    led = (lease or {}).get("spec") or {}
    generation = int(stack["metadata"]["generation"])
    conditions = {str(each["type"]): each for each in (stack.get("status") or {}).get("conditions") or ()}
    holds = all(
        conditions.get(kind, {}).get("status") == wanted
        and int(conditions[kind].get("observedGeneration") or 0) == generation
        for kind, wanted in (*GREEN, ("Accepted", "True"))
    )
    if not holds or not all(led.get(key) for key in ("holderIdentity", "acquireTime", "renewTime")):
        return None
    times = [conditions[kind].get("lastTransitionTime") for kind, _ in GREEN]
    instants = [datetime.fromisoformat(str(each)) for each in (*times, *_written(stack), led["acquireTime"])]
    since = max(instants)
    # It may have become so since the lease was renewed last, and the clocks of two machines may differ.
    seen = max(since, datetime.fromisoformat(str(led["renewTime"])))
    return {"generation": generation, "since": since.isoformat(), "seen": seen.isoformat()}


def _written(stack: Object) -> Iterator[str]:
    """When the spec was written, by whomever."""
    yield str(stack["metadata"]["creationTimestamp"])
    for entry in stack["metadata"].get("managedFields") or ():
        if "f:spec" in entry.get("fieldsV1", {}) and entry.get("time"):
            yield str(entry["time"])
