"""REST: state of the index, snapshots, re-indexes.

Source: the vendor's REST reference, groups "index", "index-snapshot" and "reindex"; field names as in the
client jira.js.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from understudy.jira.issuerows import timestamp
from understudy.jira.reindexing import IndexTasks, Reindex
from understudy.jira.services import Services
from understudy.kit.errors import BadRequest, IndexProblem, NotFound
from understudy.kit.web import Access, Call, Site, json_answer

_KINDS = {"FOREGROUND": True, "BACKGROUND": False, "BACKGROUND_PREFERRED": False, "": False}


class IndexRest:
    """Routes about the index of this node."""

    def __init__(self, services: Services, tasks: IndexTasks) -> None:
        self._services = services
        self._tasks = tasks

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        admin = Access.ADMINISTRATOR
        site.route("/rest/api/2/index/summary", self._summary, access=admin)
        site.route("/rest/api/2/index-snapshot", self._snapshots, access=admin)
        site.route("/rest/api/2/index-snapshot", self._make_snapshot, methods=("POST",), access=admin)
        site.route("/rest/api/2/index-snapshot/isRunning", self._snapshot_running, access=admin)
        site.route("/rest/api/2/reindex", self._begin, methods=("POST",), access=admin)
        site.route("/rest/api/2/reindex", self._progress, access=admin)
        site.route("/rest/api/2/reindex/progress", self._progress, access=admin)

    def _summary(self, _: Call) -> Response:
        services = self._services
        row = (
            services.database.fetch_one("select count(*) as total, max(updated) as newest from jiraissue")
            or {}
        )
        newest = row.get("newest")
        issue_index: dict[str, Any] = {
            "indexReadable": not services.index.trouble,
            "countInDatabase": row.get("total", 0),
            "lastUpdatedInDatabase": timestamp(newest) if newest else None,
        }
        if issue_index["indexReadable"]:
            in_index = services.index.current.greatest("updated")
            issue_index["countInIndex"] = services.index.current.count
            issue_index["lastUpdatedInIndex"] = _from_milliseconds(in_index)
        return json_answer(
            {
                "nodeId": services.node_id,
                "reportTime": timestamp(datetime.now(UTC)),
                "issueIndex": issue_index,
                "replicationQueues": self._queues(),
            }
        )

    def _queues(self) -> dict[str, Any]:
        """What is left to take over of each node; empty while the index cannot be read."""
        try:
            rows = self._services.index.queues()
        except IndexProblem:
            return {}
        return {
            row["node_id"]: {
                "lastConsumedOperation": _operation_json(row["consumed"], row["consumed_at"]),
                "lastOperationInQueue": _operation_json(row["newest"], row["newest_at"]),
                "queueSize": row["size"],
            }
            for row in rows
        }

    def _snapshots(self, _: Call) -> Response:
        found = [
            {"absolutePath": str(snapshot.path), "timestamp": int(snapshot.made_at * 1000)}
            for snapshot in self._services.index.snapshots.list()
        ]
        if self._services.settings.has("snapshot-list-bean"):
            return json_answer(found[0] if found else {})
        return json_answer(found)

    def _make_snapshot(self, _: Call) -> Response:
        path = self._tasks.begin_snapshot()
        return json_answer({"futureAbsolutePath": str(path)}, status=202)

    def _snapshot_running(self, _: Call) -> Response:
        return json_answer({"running": self._tasks.snapshot_running})

    def _begin(self, call: Call) -> Response:
        kind = call.query("type").upper()
        if kind not in _KINDS:
            raise BadRequest(f"The re-index type '{kind}' is not known.")
        task = self._tasks.begin(foreground=_KINDS[kind])
        return json_answer(self._task_json(call, task), status=202)

    def _progress(self, call: Call) -> Response:
        task = self._tasks.find(call.whole_number("taskId", 0) or None)
        if task is None:
            raise NotFound("No re-index is running or has run.")
        return json_answer(self._task_json(call, task))

    def _task_json(self, call: Call, task: Reindex) -> dict[str, Any]:
        base = self._services.base(call.request)
        return {
            "progressUrl": f"{base}/rest/api/2/reindex/progress?taskId={task.task_id}",
            "currentProgress": task.progress,
            "type": task.kind,
            "submittedTime": timestamp(task.submitted_at),
            "startTime": timestamp(task.submitted_at),
            "finishTime": None if task.finished_at is None else timestamp(task.finished_at),
            "success": task.succeeded,
        }


def _operation_json(operation: int | None, moment: datetime | None) -> dict[str, Any] | None:
    if operation is None or moment is None:
        return None
    return {"id": operation, "replicationTime": timestamp(moment)}


def _from_milliseconds(value: int | None) -> str | None:
    return None if value is None else timestamp(datetime.fromtimestamp(value / 1000, UTC))
