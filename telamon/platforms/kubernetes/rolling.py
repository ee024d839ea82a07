"""What a cluster keeps of machines that are replaced one by one: who does it, what was decided, how far it has come.

It is one Lease beside the operators': only one in a cluster acts, and whoever comes after somebody who was killed reads
from its annotation where to go on.

Sources: Kubernetes, "Leases"; "Annotations" (an object's annotations hold 256 KiB in all).
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Final

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.errors import ConflictError, NotReadyError
from telamon.naming import ANNOTATION_ROLL
from telamon.plan.rolling import Chosen, Roll
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.draining import EMPTYING, LOOKING, Right
from telamon.platforms.kubernetes.lease import LEASE, KubernetesLease
from telamon.ports import Clock

NAME: Final = "telamon-machines"
"""The lease of whoever replaces machines."""
_LEASES: Final = "coordination.k8s.io"
READING: Final = (*LOOKING, Right("get", _LEASES, "leases"))
"""What whoever looks at a roll needs."""
ROLLING: Final = (*EMPTYING, *(Right(verb, _LEASES, "leases") for verb in ("get", "create", "patch")))
"""What whoever replaces machines needs."""


@dataclass(frozen=True)
class Book:
    """Who replaces machines, and what is written down of it.

    Attributes:
        api: the API server.
        lease: whoever holds it acts.
    """

    api: Api
    lease: KubernetesLease

    def hold(self) -> None:
        """Keep the right to act.

        Raises:
            ConflictError: somebody else has it by now.
        """
        if not self.lease.acquire():
            raise self._lost()

    def write(self, roll: Roll | None) -> None:
        """Write down how far it has come; nothing once it is done.

        Args:
            roll: as it is now.

        Raises:
            ConflictError: somebody else holds the lease by now, or it is gone.
        """
        found = _live(self.api)
        if found is None or found["spec"].get("holderIdentity") != self.lease.identity:
            raise self._lost()
        text = None if roll is None else json.dumps(_plain(roll), sort_keys=True)
        self.api.change(found, {"metadata": {"annotations": {ANNOTATION_ROLL: text}}})

    def _lost(self) -> ConflictError:
        return ConflictError(
            f"{holder(self.api)} replaces machines of this cluster by now",
            remedy="Wait until it is done; `telamon machines roll` goes on with what is left.",
        )


def kept(api: Api) -> Roll | None:
    """What was decided and is not done yet; ``None`` where nothing is.

    Args:
        api: the API server.

    Raises:
        NotReadyError: what is written there cannot be read.
    """
    text = _written(api)
    if text is None:
        return None
    try:
        found = json.loads(text)
        return Roll(
            asked=str(found["asked"]),
            machines=tuple(Chosen(**each) for each in found["machines"]),
            standing=frozenset(found["standing"]),
            stacks=tuple(found["stacks"]),
            minor=found["minor"],
            into=str(found["into"]),
            emptied=frozenset(found["emptied"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise NotReadyError(
            f"what Lease {OPERATOR_NAMESPACE}/{NAME} tells of machines that are replaced cannot be read",
            remedy="`telamon machines roll --forget` drops it; no machine changes by that.",
        ) from error


def lease_for(api: Api, identity: str, *, clock: Clock) -> KubernetesLease:
    """The lease of whoever replaces machines.

    Args:
        api: the API server.
        identity: of whoever wants it, together with the user that the API server knows.
        clock: injected time.
    """
    user = api.whoami().get("username") or "somebody"
    return KubernetesLease(api, OPERATOR_NAMESPACE, NAME, f"{user} on {identity}", clock)


def asked_for(api: Api) -> str:
    """Which machines a roll that is not done replaces, in words; "" where there is none.

    Args:
        api: the API server.
    """
    written = _written(api)
    try:
        return "" if written is None else str(json.loads(written)["asked"])
    except (ValueError, KeyError, TypeError):
        return "what cannot be read"


def holder(api: Api) -> str:
    """Who replaces machines now, or "somebody".

    Args:
        api: the API server.
    """
    return str(((_live(api) or {}).get("spec") or {}).get("holderIdentity") or "somebody")


def _live(api: Api) -> Object | None:
    return api.get(LEASE, NAME, namespace=OPERATOR_NAMESPACE)


def _written(api: Api) -> str | None:
    annotations = (_live(api) or {"metadata": {}})["metadata"].get("annotations") or {}
    return annotations.get(ANNOTATION_ROLL)


def _plain(roll: Roll) -> Object:
    return {**asdict(roll), "standing": sorted(roll.standing), "emptied": sorted(roll.emptied)}
