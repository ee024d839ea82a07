"""REST: the instance itself, its health, its apps, sessions and lists.

Sources: the vendor's REST reference, version 2, groups "serverInfo", "myself", "settings", "configuration", "field",
"issuetype", "priority", "status" and "resolution"; Atlassian KB "How to retrieve Health Check results using REST API"
for both paths of the checks; Atlassian "Cookie-based authentication" for ``/rest/auth/1/session``; public scripts that
install apps, which read the header ``upm-token`` of ``/rest/plugins/1.0/``.
"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import Response

from understudy.jira.catalogue import FIELDS, ISSUE_TYPES, PRIORITIES, RESOLUTION, STATUSES
from understudy.jira.health import run_checks
from understudy.jira.issuerows import choice_json, status_json, timestamp
from understudy.jira.properties import BASE_URL, TITLE
from understudy.jira.restpeople import principal_json
from understudy.jira.services import Services
from understudy.jira.websudo import require_web_sudo
from understudy.kit.errors import BadRequest, LoginRequired
from understudy.kit.web import Access, Call, Site, json_answer


class SystemRest:
    """Routes about the instance."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        admin = Access.ADMINISTRATOR
        site.route("/rest/api/2/serverInfo", self._server_info, access=Access.ANYONE)
        site.route("/rest/api/2/myself", self._myself)
        site.route("/rest/api/2/settings/baseUrl", self._set_base_url, methods=("PUT",), access=admin)
        site.route("/rest/api/2/configuration", self._configuration)
        site.route("/rest/api/2/field", self._fields)
        site.route("/rest/api/2/issuetype", self._issue_types)
        site.route("/rest/api/2/priority", self._priorities)
        site.route("/rest/api/2/status", self._statuses)
        site.route("/rest/api/2/resolution", self._resolutions)
        site.route("/rest/troubleshooting/1.0/check/", self._health, access=admin)
        site.route("/rest/troubleshooting/1.0/check", self._health, access=admin)
        site.route("/rest/supportHealthCheck/1.0/check/", self._health, access=admin)
        site.route("/rest/plugins/1.0/", self._plugins, access=admin)
        site.route("/rest/auth/1/session", self._log_in, methods=("POST",), access=Access.ANYONE)
        site.route("/rest/auth/1/session", self._session)
        site.route("/rest/auth/1/session", self._log_out, methods=("DELETE",))

    def _server_info(self, call: Call) -> Response:
        services = self._services
        release = services.settings.kit.release
        info: dict[str, Any] = {
            "baseUrl": services.configured_base_url(call.request),
            "version": str(release),
            "versionNumbers": [release.major, release.minor, release.patch],
            "deploymentType": "Server",
            "buildNumber": release.build_number,
            "databaseBuildNumber": services.upgrades.state().build_number,
            "serverTime": timestamp(datetime.now(UTC)),
            "serverTitle": services.properties.get(TITLE),
        }
        if call.query("doHealthCheck").lower() == "true":
            info["healthChecks"] = [
                {"name": check["name"], "description": check["description"], "passed": check["isHealthy"]}
                for check in run_checks(services)
            ]
        return json_answer(info)

    def _myself(self, call: Call) -> Response:
        return json_answer(principal_json(call.principal, self._services.base(call.request)))

    def _set_base_url(self, call: Call) -> Response:
        require_web_sudo(call, self._services)
        url = call.json_value()
        parts = urlsplit(url) if isinstance(url, str) else urlsplit("")
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise BadRequest("The base URL is not valid.")
        services = self._services
        with services.database.transaction() as connection:
            services.properties.put(connection, BASE_URL, value=str(url).rstrip("/"))
        services.properties.forget()
        if services.mesh is not None:
            services.mesh.broadcast({"kind": "properties"})
        return Response(status_code=204)

    def _configuration(self, _: Call) -> Response:
        names = (
            "votingEnabled",
            "watchingEnabled",
            "issueLinkingEnabled",
            "timeTrackingEnabled",
            "subTasksEnabled",
        )
        flags = dict.fromkeys(names, False)
        return json_answer(flags | {"unassignedIssuesAllowed": True, "attachmentsEnabled": True})

    def _fields(self, _: Call) -> Response:
        return json_answer(
            [
                {
                    "id": field_id,
                    "name": name,
                    "custom": False,
                    "orderable": True,
                    "navigable": field_id not in {"comment", "attachment"},
                    "searchable": True,
                    "clauseNames": [field_id.lower()],
                    "schema": {"type": kind, "system": field_id},
                }
                for field_id, name, kind in FIELDS
            ]
        )

    def _issue_types(self, call: Call) -> Response:
        base = self._services.base(call.request)
        return json_answer(
            [choice_json("issuetype", ISSUE_TYPES, value=one.id, base=base) for one in ISSUE_TYPES]
        )

    def _priorities(self, call: Call) -> Response:
        base = self._services.base(call.request)
        return json_answer(
            [choice_json("priority", PRIORITIES, value=one.id, base=base) for one in PRIORITIES]
        )

    def _statuses(self, call: Call) -> Response:
        base = self._services.base(call.request)
        return json_answer([status_json(one.id, base) for one in STATUSES])

    def _resolutions(self, call: Call) -> Response:
        base = self._services.base(call.request)
        return json_answer([choice_json("resolution", (RESOLUTION,), value=RESOLUTION.id, base=base)])

    def _health(self, _: Call) -> Response:
        return json_answer({"statuses": run_checks(self._services)})

    def _plugins(self, call: Call) -> Response:
        """No apps are installed; the header is what an installation would begin with."""
        base = self._services.settings.context_path
        links = {"self": f"{base}/rest/plugins/1.0/"}
        answer = json_answer({"plugins": [], "links": links}, headers={"upm-token": secrets.token_hex(8)})
        answer.headers["content-type"] = "application/vnd.atl.plugins.installed+json"
        return answer

    def _log_in(self, call: Call) -> Response:
        services = self._services
        body = call.json()
        name, password = str(body.get("username", "")), str(body.get("password", ""))
        checked = services.accounts.check_password(name, password)
        if checked.principal is None:
            raise LoginRequired("Login failed", headers={"X-Seraph-LoginReason": "AUTHENTICATED_FAILED"})
        session = services.logins.begin(checked.principal)
        cookie = {"name": services.logins.rules.session_cookie, "value": session.session_id}
        response = json_answer({"session": cookie, "loginInfo": {"loginCount": 1}})
        services.logins.set_session_cookie(response, session)
        return response

    def _session(self, call: Call) -> Response:
        base = self._services.base(call.request)
        user = principal_json(call.principal, base)
        return json_answer({"self": user["self"], "name": user["name"], "loginInfo": {"loginCount": 1}})

    def _log_out(self, call: Call) -> Response:
        response = Response(status_code=204)
        self._services.logins.log_out(call.request, response)
        return response
