"""The products' own health checks, over the REST of their troubleshooting plug-in.

Source: Atlassian KB "How to retrieve health check results using REST API". The plug-in is the same in Jira, Confluence
and Bitbucket; it asks for an administrator.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from telamon.products.base import Flow, HealthReport, Identity, Request, ask
from telamon.products.rest import NO_CHECK, demand, items

PATH = "/rest/troubleshooting/1.0/check/"
OLD_PATH = "/rest/supportHealthCheck/1.0/check/"
"""Where the plug-in stood before it was renamed."""

TIMEOUT = 10.0

_UNANSWERED = "the product's own checks"
_REACHING = ("connect", "reach", "availab")
_READING = ("cannot be read", "cannot be opened", "not open", "corrupt", "damaged")


def health_checks() -> Flow[tuple[HealthReport, ...]]:
    """Ask one node for its checks.

    A node that is RUNNING and answers 5xx here has lost what it needs to tell who asks: its database. A product that
    can still answer says so in a check of its own.

    Returns:
        Every check; one unhealthy report that concerns the database where the node answers 5xx; nothing where it does
        not answer at all, which the status page is there to tell.

    Raises:
        ProductError: the account may not ask.
    """
    request = Request("GET", PATH, identity=Identity.SERVICE_ACCOUNT, headers=NO_CHECK, timeout=TIMEOUT)
    response = yield from ask(request)
    if response.status == 404:
        request = Request(
            "GET", OLD_PATH, identity=Identity.SERVICE_ACCOUNT, headers=NO_CHECK, timeout=TIMEOUT
        )
        response = yield from ask(request)
    if not response.answered:
        return ()
    if response.status >= 500:
        reason = f"HTTP {response.status} to a request that needs the database"
        return (HealthReport(_UNANSWERED, healthy=False, reason=reason, concerns_database=True),)
    demand(request, response)
    return tuple(_report(status) for status in items(response.document().get("statuses")))


def _report(status: Mapping[str, Any]) -> HealthReport:
    name = str(status.get("name") or status.get("completeKey") or "unnamed check")
    return HealthReport(
        name=name,
        healthy=status.get("isHealthy") is True,
        reason=str(status.get("failureReason") or ""),
        concerns_database=_is_connection_check(status),
        concerns_index=_is_index_check(status),
    )


def _is_connection_check(status: Mapping[str, Any]) -> bool:
    """Whether the check is about reaching the database at all, as against its version, collation or driver.

    A restart may cure the one and never the others, so only what says so counts.
    """
    name = str(status.get("name") or "").strip().lower()
    told = " ".join(str(status.get(key) or "") for key in ("completeKey", "name", "description")).lower()
    return name == "database" or ("database" in told and any(word in told for word in _REACHING))


def _is_index_check(status: Mapping[str, Any]) -> bool:
    """Whether the check is about reading the index, as against its age, its size or how far it lags."""
    told = " ".join(str(status.get(key) or "") for key in ("completeKey", "name")).lower()
    reason = str(status.get("failureReason") or "").lower()
    return "index" in told and any(word in reason for word in _READING)
