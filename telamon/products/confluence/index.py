"""Confluence's search index: a copy on every node, kept in step through a journal in the database.

The product tells no figures about it. What it promises: a node that starts recovers its index before it is RUNNING,
and only then (Atlassian, "Administer your Data Center search index"). What can be seen is whether a search is answered,
and whether the product's own health checks complain of the index.
"""

from __future__ import annotations

from telamon.errors import TemporaryError
from telamon.indexfiles.place import IndexPlace
from telamon.products.base import Flow, Identity, IndexReport, Request, ask
from telamon.products.health import health_checks
from telamon.products.indexing import IndexStrategy, IndexWays, Rebuild
from telamon.products.rest import BUSY_DELAY, NO_CHECK, as_, demand, settle

WAYS = IndexWays(IndexPlace("index", positions=("journal",)), (IndexStrategy.SNAPSHOT, IndexStrategy.COPY))
"""A node that starts without a position in the journal takes the snapshot of the shared home or of another node, by
itself; nobody needs to be asked for one. The index of changes lies in a folder within the index. Sources: Atlassian,
"Administer your Data Center search index"; JAC/CONFSERVER-43391; Confluence KB "Startup check: split index
migration"."""

SEARCH = Request(
    "GET",
    "/rest/api/content/search",
    identity=Identity.SERVICE_ACCOUNT,
    query={"cql": "type=page", "limit": "1"},
    timeout=10.0,
)
"""The smallest search there is; it reads the index of the node that answers."""

REBUILD = Request("POST", "/rest/api/index/reindex", headers=NO_CHECK, json={}, timeout=30.0)
REBUILDING = Request("GET", "/rest/api/index/reindex", timeout=10.0)
"""The rebuild in progress, or else the last one. Source of both: Confluence Data Center REST API, group "Index
Management"; Atlassian, "Administer your Data Center search index": one node makes it and hands it to the others."""


def index_report() -> Flow[IndexReport | None]:
    """Search on one node.

    Raises:
        TemporaryError: it cannot be told just now, because the node does not answer or has lost its database.
    """
    response = yield from ask(SEARCH)
    answered = response.status < 500
    if answered:
        yield from settle(SEARCH, response, identity=Identity.SERVICE_ACCOUNT)
        demand(SEARCH, response)
    checks = yield from health_checks()
    complaints = [check.reason for check in checks if check.concerns_index and not check.healthy]
    if complaints:
        return IndexReport(readable=False, behind=None, detail="; ".join(complaints))
    if answered:
        return IndexReport(readable=True, behind=None, detail="a search was answered")
    # A lost database fails a search as well, and no restart of the node would cure that.
    if not checks or any(check.concerns_database and not check.healthy for check in checks):
        raise TemporaryError("the index cannot be told from the database just now", delay=BUSY_DELAY)
    return IndexReport(readable=False, behind=None, detail=f"a search answered HTTP {response.status}")


def rebuild() -> Flow[None]:
    """Have a node make the index anew, unless it is at it."""
    task = demand(REBUILDING, (yield from as_(Identity.SERVICE_ACCOUNT, REBUILDING))).document()
    if task.get("finished") is not False:
        demand(REBUILD, (yield from as_(Identity.SERVICE_ACCOUNT, REBUILD)))


def rebuilt() -> Flow[Rebuild]:
    """How far a node is with making the index anew. Where it knows of none, it answers a sentence, not an object."""
    task = demand(REBUILDING, (yield from as_(Identity.SERVICE_ACCOUNT, REBUILDING))).document()
    if "finished" not in task:
        return Rebuild(finished=True, fault="the node knows of no rebuild: it was restarted meanwhile")
    return Rebuild(finished=task["finished"] is True, words=f"{task.get('percentageComplete', 0)} %")
