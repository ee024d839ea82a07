"""The node's own health checks, as the troubleshooting plug-in answers them.

Source: Atlassian KB "How to retrieve health check results using REST API" for the route and the fields;
"Cluster Index Replication" and "Fresh index snapshot existence" are named there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from understudy.jira.recovery import maximum_snapshot_age_hours
from understudy.jira.services import Services
from understudy.kit.errors import DatabaseUnavailable, IndexProblem
from understudy.kit.homes import remove_durably, write_durably

_PLUGIN = "com.atlassian.troubleshooting.plugin-jira"
_QUEUE_LIMIT = 1000


@dataclass(frozen=True)
class Check:
    """A named check: gives why it is not healthy, or nothing."""

    key: str
    name: str
    description: str
    run: Callable[[Services], str]


def run_checks(services: Services) -> list[dict[str, object]]:
    """Every check that applies to this node, in the shape of the REST resource."""
    checks = CHECKS if services.clustered else tuple(check for check in CHECKS if check not in CLUSTER_CHECKS)
    return [_run(number, check, services) for number, check in enumerate(checks)]


def _run(number: int, check: Check, services: Services) -> dict[str, object]:
    try:
        failure = check.run(services)
    except DatabaseUnavailable as error:
        failure = f"The database cannot be reached: {error}"
    except IndexProblem as error:
        failure = str(error)
    return {
        "id": number,
        "completeKey": f"{_PLUGIN}:{check.key}",
        "name": check.name,
        "description": check.description,
        "isHealthy": not failure,
        "healthy": not failure,
        "failureReason": failure,
        "application": "JIRA",
        "time": int(time.time() * 1000),
        "severity": "CRITICAL" if failure else "UNDEFINED",
        "documentation": "",
        "tag": "Supported platforms",
    }


def _database(services: Services) -> str:
    services.database.fetch_one("select 1 as one")
    return ""


def _shared_home(services: Services) -> str:
    probe = services.settings.shared_home / "node-status" / services.node_id
    try:
        write_durably(probe, str(int(time.time())).encode())
    except OSError as error:
        return f"The shared home cannot be written: {error.strerror}."
    if probe.read_bytes() == b"":
        remove_durably(probe)
        return "The shared home does not keep what is written to it."
    return ""


def _index(services: Services) -> str:
    return services.index.trouble


def _cache_replication(services: Services) -> str:
    reached = {peer.node_id for peer in services.mesh.members()} if services.mesh is not None else set()
    missing = [node.node_id for node in services.registry.others_alive() if node.node_id not in reached]
    return f"No cache replication with: {', '.join(missing)}." if missing else ""


def _index_replication(services: Services) -> str:
    late = [row["node_id"] for row in services.index.queues() if row["size"] > _QUEUE_LIMIT]
    return f"The index is far behind what was written on: {', '.join(late)}." if late else ""


def _snapshot(services: Services) -> str:
    newest = services.index.snapshots.list()[:1]
    hours = maximum_snapshot_age_hours(services.settings)
    if newest and newest[0].age_seconds <= hours * 3600:
        return ""
    return f"There is no index snapshot of the last {hours:g} hours in the shared home."


CLUSTER_CHECKS = (
    Check(
        "clusterReplicationHealthCheck",
        "Cluster Cache Replication",
        "Checks that this node can send cache changes to every live node and receive theirs.",
        _cache_replication,
    ),
    Check(
        "clusterIndexReplicationHealthCheck",
        "Cluster Index Replication",
        "Checks that the index of this node keeps up with changes made on other nodes.",
        _index_replication,
    ),
    Check(
        "indexSnapshotHealthCheck",
        "Fresh index snapshot existence",
        "Checks that a node that starts would find a usable index snapshot.",
        _snapshot,
    ),
)
CHECKS = (
    Check("databaseHealthCheck", "Database connection", "Checks that the database answers.", _database),
    Check(
        "sharedHomeHealthCheck", "Shared home", "Checks that the shared home can be written.", _shared_home
    ),
    Check("luceneIndexHealthCheck", "Search index", "Checks that the index can be read and is fed.", _index),
    *CLUSTER_CHECKS,
)
