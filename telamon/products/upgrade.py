"""The REST by which a cluster is led from one release to another.

Three products share the states and the verbs of a rolling upgrade (switch upgrade mode on, approve, cancel). They
differ in where the verbs are, in which jumps are allowed, and in whether final tasks that failed can be tried again by
REST: Jira documents it, Confluence is believed to (its ZduManager has retryFinalization), Bitbucket does not list it.

Sources: Atlassian, Jira REST API 2 ``cluster/zdu``; Bitbucket "Zero downtime upgrade REST"; "Upgrade a Confluence
cluster through the API without downtime", whose paths differ from those that the vendor's performance toolkit uses, so
both are tried.
"""

from __future__ import annotations

from collections.abc import Sequence

from telamon.errors import ProductError
from telamon.model.products import ProductSpec
from telamon.products.base import Flow, Identity, Request, Response
from telamon.products.rest import NO_CHECK, PATIENCE, as_, demand
from telamon.state.world import UpgradePhase

FORCED = "ATL_FORCE_CFG_UPDATE"
"""Has the official image write the configuration files anew at every start."""


def rewritten_at_start(spec: ProductSpec) -> str:
    """What is wrong where configuration files are written anew at every start, or "".

    They hold the build number of the data; a node that starts with another one refuses to join, or upgrades alone.
    Source: atlassian/data-center-helm-charts, user guide "Upgrade the products".
    """
    if spec.env.get(FORCED, "").lower() != "true":
        return ""
    return f"env.{FORCED} is true, so every start writes the configuration anew, the build number included"


def phase(paths: Sequence[str]) -> Flow[UpgradePhase | None]:
    """Where the cluster stands.

    Args:
        paths: places that may tell; the first that exists does.

    Returns:
        ``None`` where no place tells, or what it tells is not known.
    """
    response = yield from _first(tuple(Request("GET", path) for path in paths))
    if response is None:
        return None
    state = response.document().get("state")
    return UpgradePhase(state) if state in set(UpgradePhase) else None


def change(paths: Sequence[str]) -> Flow[None]:
    """Tell the cluster something.

    Args:
        paths: places that may listen; the first that exists does.

    Raises:
        ProductError: it refuses, or no place listens.
    """
    requests = tuple(Request("POST", path, headers=NO_CHECK, timeout=PATIENCE) for path in paths)
    response = yield from _first(requests)
    if response is None:
        raise ProductError(
            f"there is no {' nor '.join(paths)}",
            remedy="The product may be of a release without upgrade mode.",
        )


def _first(requests: Sequence[Request]) -> Flow[Response | None]:
    for request in requests:
        response = yield from as_(Identity.SERVICE_ACCOUNT, request)
        if response.status not in {404, 405}:
            return demand(request, response)
    return None


def smoke(paths: Sequence[str]) -> Flow[str]:
    """Ask a node for what every user asks for; it must answer each of them well.

    Args:
        paths: of pages and resources that exist in every instance.

    Returns:
        What was wrong, or "".
    """
    for path in paths:
        response = yield Request("GET", path, identity=Identity.SERVICE_ACCOUNT)
        if response is None or not response.answered:
            return f"GET {path}: {response.error if response is not None else 'no answer'}"
        if response.status in {401, 403}:
            return f"GET {path} answered HTTP {response.status}: it does not take the service account's credentials"
        if not 200 <= response.status < 300:
            return f"GET {path} answered HTTP {response.status}"
    return ""
