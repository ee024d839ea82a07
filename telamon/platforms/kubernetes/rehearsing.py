"""What an object would be if it were applied now, as the API server tells it. Nothing is written.

Source: Kubernetes API concepts, "Dry-run".
"""

from __future__ import annotations

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.holding import HTTP, is_held, standing
from telamon.errors import DeniedError, PlatformError
from telamon.infra.cluster_drift import Compared
from telamon.platforms.kubernetes.api import STATEFUL_SET, Api, Kind
from telamon.platforms.kubernetes.objects import is_gating, shaped


def compared(api: Api, item: Object) -> Compared:
    """An object as it is rendered, as it lives, and as it would be.

    Args:
        api: the API server.
        item: as it was rendered.

    Raises:
        DeniedError: it may not be looked at, or not be rehearsed.
        TemporaryError: the API server does not answer.
    """
    kind, metadata = Kind.of(item), item["metadata"]
    live = api.get(kind, str(metadata["name"]), namespace=str(metadata.get("namespace", "")))
    if live is None:
        return Compared(item, None, None)
    wanted = item
    if kind == STATEFUL_SET:
        # Whether pods stay down until they are started is the operator's affair from one moment to the next.
        wanted = shaped(item, replicas=int(item["spec"]["replicas"]), gated=is_gating(live))
    elif item["kind"] == HTTP:
        # Whether users see the maintenance page is an operation's affair.
        (wanted,) = standing((item,), held=is_held(live))
    try:
        after = api.rehearse(wanted)
    except DeniedError:
        raise
    except PlatformError as error:
        return Compared(wanted, live, None, error.message)
    return Compared(wanted, live, after)
