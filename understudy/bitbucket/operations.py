"""Routes for those who operate the cluster: rolling upgrade, maintenance lock, external backup.

Sources: Bitbucket Data Center REST reference "Rolling Upgrades" (``/rest/zdu/...``) and, for the variant
``zdu-prose``, "Upgrade a Bitbucket cluster through the API without downtime" (``/rest/zdu/cluster/...``); Atlassian's
DIY backup scripts for ``/mvc/...``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import Response

from understudy.bitbucket.cluster import Member
from understudy.bitbucket.errors import invalid
from understudy.bitbucket.maintenance import Lock
from understudy.bitbucket.rolling import Overview
from understudy.bitbucket.services import Services, answer, no_content
from understudy.bitbucket.shapes import Json
from understudy.kit.errors import NotFound
from understudy.kit.web import Access, Call, Site

_ADMINISTRATOR = Access.ADMINISTRATOR
_TOKEN_HEADER = "x-atlassian-maintenance-token"  # noqa: S105 - the name of a header


class Operations:
    """The routes.

    Args:
        services: the parts of the node.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        base = "/rest/zdu/cluster" if self._services.settings.has("zdu-prose") else "/rest/zdu"
        routes: tuple[tuple[str, str, Callable[[Call], Response]], ...] = (
            ("GET", "/rest/zdu/cluster", self.cluster),
            ("GET", base + "/state", self.state),
            ("GET", base + "/nodes/{node}", self.node),
            ("POST", base + "/start", self.start),
            ("POST", base + "/cancel", self.cancel),
            ("POST", base + "/approve", self.approve),
            ("POST", "/mvc/maintenance/lock", self.lock),
            ("GET", "/mvc/maintenance/lock", self.lock_state),
            ("DELETE", "/mvc/maintenance/lock", self.unlock),
            ("GET", "/mvc/maintenance", self.maintenance),
            ("POST", "/mvc/maintenance", self.cancel_backup),
            ("DELETE", "/mvc/maintenance", self.cancel_backup),
            ("POST", "/mvc/admin/backups", self.begin_backup),
            ("POST", "/mvc/admin/backups/progress/client", self.progress),
        )
        for method, path, handler in routes:
            site.route(path, handler, methods=(method,), access=_ADMINISTRATOR)

    def cluster(self, _: Call) -> Response:
        """``GET cluster``."""
        return self._overview(self._services.rolling.overview())

    def state(self, _: Call) -> Response:
        """``GET state``."""
        overview = self._services.rolling.overview()
        local = next(member for member in overview.nodes if member.local)
        return answer({"state": overview.state, "buildInfo": self._node(local)})

    def node(self, call: Call) -> Response:
        """``GET nodes/{id}``."""
        for member in self._services.rolling.overview().nodes:
            if member.id == call.path("node"):
                return answer(self._node(member))
        raise NotFound("There is no node of that id.")

    def start(self, _: Call) -> Response:
        """``POST start``: switch upgrade mode on."""
        return self._overview(self._services.rolling.start())

    def cancel(self, _: Call) -> Response:
        """``POST cancel``: switch upgrade mode off."""
        return self._overview(self._services.rolling.cancel())

    def approve(self, _: Call) -> Response:
        """``POST approve``: finish."""
        return self._overview(self._services.rolling.approve())

    def _overview(self, overview: Overview) -> Response:
        shaped: Json = {
            "state": overview.state,
            "upgradeModeEnabled": overview.original is not None,
            "hasFinalizationTasks": False,
            "nodes": [self._node(member) for member in overview.nodes],
            "links": [{"rel": "self", "href": f"{self._services.shapes.base_url}/rest/zdu/cluster"}],
        }
        if overview.original is not None:
            shaped["originalVersion"] = overview.original
        return answer(shaped)

    def _node(self, member: Member) -> Json:
        shaped: Json = {
            "id": member.id,
            "name": member.name,
            "ipAddress": member.address,
            "state": member.state,
            "buildNumber": member.build_number,
            "version": member.version,
            "local": member.local,
            "portNumber": member.port,
            "links": [
                {"rel": "self", "href": f"{self._services.shapes.base_url}/rest/zdu/nodes/{member.id}"}
            ],
        }
        if member.local:
            load = self._services.maintenance.load()
            sessions = self._services.logins.sessions.count
            shaped |= {"tasksTotal": load["requests"] + load["git"], "activeUserCount": sessions}
        return shaped

    def lock(self, call: Call) -> Response:
        """``POST mvc/maintenance/lock``: close the cluster; the answer holds the token that opens it."""
        lock = self._services.maintenance.lock(call.principal.name, self._services.cluster)
        owner = self._services.shapes.user(call.principal)
        return answer({"unlockToken": lock.token, "owner": owner}, 202)

    def lock_state(self, _: Call) -> Response:
        """``GET mvc/maintenance/lock``: 404 when it is open."""
        lock = self._current()
        owner = self._services.shapes.named(lock.owner, self._services.shapes.people([lock.owner]))
        return answer({"owner": owner})

    def _current(self) -> Lock:
        lock = self._services.maintenance.current()
        if lock is None:
            raise NotFound("The system is not locked for maintenance.")
        return lock

    def unlock(self, call: Call) -> Response:
        """``DELETE mvc/maintenance/lock?token=``."""
        self._services.maintenance.unlock(call.query("token"), self._services.cluster)
        return answer({})

    def maintenance(self, call: Call) -> Response:
        """``GET mvc/maintenance``: the task; to who has the lock's token also whether everything is drained."""
        lock = self._current()
        if not lock.backup_state:
            raise NotFound("No maintenance task is under way.")
        shaped: Json = {
            "task": {"type": "BACKUP", "state": lock.backup_state, "startTime": lock.backup_began},
            "progress": {"message": "External backup", "percentage": lock.percentage},
        }
        if call.request.headers.get(_TOKEN_HEADER) == lock.token:
            shaped |= self._drain_states(lock)
        return answer(shaped)

    def _drain_states(self, lock: Lock) -> dict[str, Any]:
        if not lock.backing_up:
            return {"db-state": "AVAILABLE", "scm-state": "AVAILABLE"}
        requests, git = self._services.maintenance.drained(self._services.cluster)
        return {"db-state": _drain_word(requests), "scm-state": _drain_word(git)}

    def begin_backup(self, call: Call) -> Response:
        """``POST mvc/admin/backups?external=true``, with the lock's token in a header."""
        if call.query("external") != "true":
            raise invalid("Only external backups are held.", field="external")
        lock = self._services.maintenance.begin_backup(call.request.headers.get(_TOKEN_HEADER, ""))
        task = {"type": "BACKUP", "state": lock.backup_state, "startTime": lock.backup_began}
        return answer({"cancelToken": lock.cancel_token, "task": task}, 202)

    def progress(self, call: Call) -> Response:
        """``POST mvc/admin/backups/progress/client?token=&percentage=``."""
        percentage = call.whole_number("percentage", -1, high=100)
        if percentage < 0:
            raise invalid("percentage is needed.", field="percentage")
        self._services.maintenance.report(call.query("token"), percentage)
        return answer({}, 202)

    def cancel_backup(self, call: Call) -> Response:
        """``POST`` or ``DELETE mvc/maintenance?token=``: end the backup, keep the lock."""
        self._services.maintenance.cancel_backup(call.query("token"))
        return no_content()


def _drain_word(drained: bool) -> str:
    return "DRAINED" if drained else "DRAINING"
