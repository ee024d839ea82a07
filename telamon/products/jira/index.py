"""Jira's search index: a copy on every node, fed by replicated operations, seeded from a snapshot in the shared home.

Sources: Jira REST API 2, groups "index" and "index-snapshot"; Jira KB "Index startup procedure in Jira 9.4 and later":
a node that starts without an index takes the newest snapshot that is young enough, and rebuilds everything else.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Any

from telamon.indexfiles.place import IndexPlace
from telamon.products.base import Flow, Identity, IndexReport, Pause, Request, Response
from telamon.products.indexing import IndexStrategy, IndexWays, Rebuild
from telamon.products.rest import NO_CHECK, as_, demand, items

SUMMARY = Request("GET", "/rest/api/2/index/summary", timeout=10.0)
"""Speaks of the node that answers; experimental by the vendor's own word."""
SNAPSHOTS = Request("GET", "/rest/api/2/index-snapshot")
IS_RUNNING = Request("GET", "/rest/api/2/index-snapshot/isRunning")
MAKE_SNAPSHOT = Request("POST", "/rest/api/2/index-snapshot", headers=NO_CHECK, timeout=30.0)

REBUILD = Request("POST", "/rest/api/2/reindex", query={"type": "FOREGROUND"}, headers=NO_CHECK, timeout=30.0)
"""The node that is asked answers nobody else meanwhile, and hands its new index to the others. Sources: Atlassian KB
"How to reindex Jira using REST API"; "How to reindex Jira Data Center without downtime"."""
REBUILDING = Request("GET", "/rest/api/2/reindex", timeout=10.0)
"""The rebuild in progress, or else the last one; 404 where there was none."""

FRESH = timedelta(hours=12)
"""Age up to which a snapshot will do: half of the stricter of the two limits that the vendor's documents give (24
hours; 8 days), so that it is still young enough when the joining node comes to read it."""

TOLERANCE = 0.1
"""Part of the issues that may be missing from an index that counts as whole: the vendor's own limit at start-up
(``com.atlassian.jira.index.consistency.tolerance.percentage``)."""


WAYS = IndexWays(
    IndexPlace("caches/indexesV1"),
    (IndexStrategy.SNAPSHOT, IndexStrategy.COPY),
    shares=True,
    noted_apart=True,
)
"""How far the index has come is noted in the table ``nodeindexcounter``, beside each node's name: a node only applies
operations beyond its own note. A copy that is older than that note would lack what lies between for ever, unless the
node's comparison with the database at its start finds it; so whatever the stopped node may have noted must have been
applied by the source first. Sources: Jira KB "How Jira Data Center nodes recover after offline mode", "Lucene Index
Synchronization in Jira Data Center" and "Index startup procedure in Jira 9.4 and later"; local home layout in "Jira
application home directory"."""

ASKED, ASKED_EVERY = 40, 0.25
"""How often a node is asked whether it has applied what there was at the first time, and after how many seconds again:
for twice as long as it may take to look at what others have written. Source: "Document-based replication in Jira Data
Center" (the job runs every 5 seconds); "Lucene Index Synchronization in Jira Data Center" says once a second."""


def index_report() -> Flow[IndexReport | None]:
    """Ask one node about its own index; ``None`` where it cannot tell (releases before the resource existed)."""
    response = yield from as_(Identity.SERVICE_ACCOUNT, SUMMARY)
    if response.status == 404:
        return None
    summary = demand(SUMMARY, response).document()
    issues = summary.get("issueIndex")
    if not isinstance(issues, dict):
        return None
    if issues.get("indexReadable") is not True:
        return IndexReport(readable=False, behind=None, detail="Jira cannot read its issue index")
    queued = _queued(summary.get("replicationQueues"))
    missing = _missing(issues)
    detail = (
        f"{queued} operations queued, {issues.get('countInIndex')} of {issues.get('countInDatabase')} issues"
    )
    return IndexReport(readable=True, behind=max(queued, missing), detail=detail)


def settled() -> Flow[bool]:
    """See whether the node has applied every operation that there was when it was first asked.

    Others may go on writing meanwhile. Source: Jira REST API 2, ``/index/summary`` (``replicationQueues``).
    """
    wanted: Mapping[str, int] | None = None
    for attempt in range(ASKED):
        if attempt:
            yield Pause(ASKED_EVERY)
        summary = demand(SUMMARY, (yield from as_(Identity.SERVICE_ACCOUNT, SUMMARY))).document()
        issues, queues = summary.get("issueIndex"), summary.get("replicationQueues")
        if (
            not isinstance(issues, dict)
            or issues.get("indexReadable") is not True
            or not isinstance(queues, dict)
        ):
            return False
        left = {
            node: queue
            for node, queue in queues.items()
            if isinstance(queue, dict) and queue.get("queueSize") != 0
        }
        if wanted is None:
            wanted = {node: _operation(queue, "lastOperationInQueue") for node, queue in left.items()}
        if all(
            _operation(left[node], "lastConsumedOperation") >= wanted[node] for node in left.keys() & wanted
        ):
            return True
    return False


def _operation(queue: Mapping[str, Any], which: str) -> int:
    found = queue.get(which)
    return _whole(found.get("id")) if isinstance(found, dict) else 0


def _queued(queues: object) -> int:
    """Operations of other nodes that this one has not applied yet."""
    if not isinstance(queues, dict):
        return 0
    return sum(_whole(queue.get("queueSize")) for queue in queues.values() if isinstance(queue, dict))


def _missing(issues: Mapping[str, Any]) -> int:
    """Issues that the index lacks beyond what the vendor tolerates; archived ones are left out on purpose."""
    known = _whole(issues.get("countInDatabase")) - _whole(issues.get("countInArchive"))
    lacking = known - _whole(issues.get("countInIndex"))
    return lacking if lacking > TOLERANCE * known else 0


def _whole(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def prepare_join() -> Flow[bool]:
    """See that a fresh snapshot lies in the shared home before a node joins.

    Since Jira 9.1 a starting node no longer asks another for a snapshot: without one it rebuilds its whole index, about
    an hour for each million issues.
    """
    running = demand(IS_RUNNING, (yield from as_(Identity.SERVICE_ACCOUNT, IS_RUNNING)))
    if _says_yes(running):
        return False
    listed = demand(SNAPSHOTS, (yield from as_(Identity.SERVICE_ACCOUNT, SNAPSHOTS)))
    if _has_fresh(listed):
        return True
    # 409: somebody else has just begun one.
    demand(
        MAKE_SNAPSHOT,
        (yield from as_(Identity.SERVICE_ACCOUNT, MAKE_SNAPSHOT)),
        allowed=frozenset({200, 201, 202, 204, 409}),
    )
    return False


def _says_yes(response: Response) -> bool:
    body = response.json()
    if isinstance(body, dict):
        return any(value is True for value in body.values())
    return body is True


def _has_fresh(listed: Response) -> bool:
    """Whether a listed snapshot is young by the node's own clock, which is the one that judges it later."""
    answer = listed.json()
    # The vendor's description shows a list, and one of the clients generated from it a single object.
    snapshots = items([answer] if isinstance(answer, dict) else answer)
    made = [moment for moment in (_moment(item.get("timestamp")) for item in snapshots) if moment]
    now = _node_time(listed)
    return any(now is None or now - moment <= FRESH for moment in made)


def _node_time(response: Response) -> datetime | None:
    try:
        return parsedate_to_datetime(response.headers.get("date", "")).astimezone(UTC)
    except ValueError:
        return None


def _moment(value: object) -> datetime | None:
    """A time as epoch milliseconds or as ISO 8601; both were seen in this resource's clients."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return datetime.fromtimestamp(value / 1000, UTC)
        if isinstance(value, str):
            return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return None


def rebuild() -> Flow[None]:
    """Have a node make its index anew, unless it is at it."""
    if not (yield from rebuilt()).finished:
        return
    # 409: somebody else has just begun one.
    demand(
        REBUILD,
        (yield from as_(Identity.SERVICE_ACCOUNT, REBUILD)),
        allowed=frozenset({200, 202, 303, 409}),
    )


def rebuilt() -> Flow[Rebuild]:
    """How far a node is with making its index anew. A node that was restarted knows nothing of it any more."""
    response = yield from as_(Identity.SERVICE_ACCOUNT, REBUILDING)
    if response.status == 404:
        return Rebuild(finished=True, fault="the node knows of no rebuild: it was restarted meanwhile")
    task = demand(REBUILDING, response).document()
    words = f"{task.get('currentProgress', 0)} %"
    if not task.get("finishTime"):
        return Rebuild(finished=False, words=words)
    fault = "" if task.get("success") is True else f"it ended at {words}; the node's own log tells why"
    return Rebuild(finished=True, words=words, fault=fault)
