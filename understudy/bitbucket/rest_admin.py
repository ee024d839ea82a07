"""REST about the instance: properties, cluster, licence, health checks, apps.

Source: Bitbucket Data Center REST documentation, "System Maintenance"; Atlassian KB "How to retrieve health check
results using REST API"; Universal Plugin Manager's ``/rest/plugins/1.0/``.
"""

from __future__ import annotations

import time
from typing import Any

from starlette.responses import PlainTextResponse, Response

from understudy.bitbucket import properties
from understudy.bitbucket.cluster import Member
from understudy.bitbucket.errors import CompanionUnavailable, invalid
from understudy.bitbucket.services import RestRoutes, Services, answer
from understudy.bitbucket.shapes import Json
from understudy.kit.errors import DatabaseUnavailable
from understudy.kit.web import Access, Call, Site

_ADMINISTRATOR = Access.ADMINISTRATOR


class AdminRest:
    """The routes.

    Args:
        services: the parts of the node.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        api = RestRoutes(site, "api")
        api.add("/application-properties", self.application_properties, access=Access.ANYONE)
        api.add("/admin/cluster", self.cluster, access=_ADMINISTRATOR)
        api.add("/admin/license", self.licence, access=_ADMINISTRATOR)
        api.add("/admin/license", self.set_licence, methods=("POST",), access=_ADMINISTRATOR)
        site.route("/rest/plugins/1.0/", self.plugins, access=_ADMINISTRATOR)
        for path in ("/rest/troubleshooting/1.0/check/", "/rest/supportHealthCheck/1.0/check/"):
            site.route(path, self.health_checks, access=_ADMINISTRATOR)
        site.route("/plugins/servlet/applinks/whoami", self.who_am_i, access=Access.ANYONE)

    def application_properties(self, _: Call) -> Response:
        """``GET application-properties``: what this is."""
        release = self._services.settings.kit.release
        build = str(release.build_number)
        name = self._services.properties.recent(properties.DISPLAY_NAME, "Bitbucket")
        return answer(
            {"version": str(release), "buildNumber": build, "buildDate": build, "displayName": name}
        )

    def cluster(self, _: Call) -> Response:
        """``GET admin/cluster``: the members."""
        members = self._services.cluster.members()
        nodes = [_node(member) for member in members]
        return answer({"localNode": nodes[0], "nodes": nodes, "running": self._services.cluster.running})

    def licence(self, _: Call) -> Response:
        """``GET admin/license``."""
        values = self._services.properties.all()
        status = {
            "serverId": values.get(properties.SERVER_ID, ""),
            "currentNumberOfUsers": self._user_count(),
        }
        return answer(
            {"license": values.get(properties.LICENCE, ""), "unlimitedNumberOfUsers": True, "status": status}
        )

    def set_licence(self, call: Call) -> Response:
        """``POST admin/license``: replace it."""
        text = "".join(str(call.json().get("license", "")).split())
        if not text:
            raise invalid("A license is needed.", field="license")
        with self._services.database.transaction() as connection:
            properties.store(connection, properties.LICENCE, value=text)
        return self.licence(call)

    def _user_count(self) -> int:
        row = self._services.database.fetch_one("select count(*) as users from cwd_user where active = 1")
        return 0 if row is None else int(row["users"])

    def plugins(self, _: Call) -> Response:
        """``GET /rest/plugins/1.0/``: the installed apps; there are none."""
        response = answer({"plugins": [], "links": {"self": "/rest/plugins/1.0/"}})
        response.headers["upm-token"] = str(int(time.time()))
        return response

    def who_am_i(self, call: Call) -> Response:
        """``GET /plugins/servlet/applinks/whoami``: the caller's name, or nothing."""
        principal = call.identity.principal
        return PlainTextResponse("" if principal is None else principal.name)

    def health_checks(self, _: Call) -> Response:
        """``GET troubleshooting/1.0/check/``: the checks that were made just now."""
        checks = [
            self._check_database(),
            self._check_shared_home(),
            self._check_cluster(),
            self._check_search(),
        ]
        return answer({"statuses": checks})

    def _check_database(self) -> Json:
        try:
            self._services.database.fetch_one("select 1 as one")
            trouble = ""
        except DatabaseUnavailable as error:
            trouble = str(error)
        return _status(1, "databaseHealthCheck", name="Database", trouble=trouble)

    def _check_shared_home(self) -> Json:
        folder = self._services.settings.shared_home
        trouble = "" if folder.is_dir() else f"{folder} is not there"
        return _status(2, "sharedHomeHealthCheck", name="Shared home directory", trouble=trouble)

    def _check_cluster(self) -> Json:
        cluster = self._services.cluster
        alone = len(cluster.members()) == 1 and not cluster.lonely
        trouble = "No other node is a member, although others are configured." if alone else ""
        return _status(3, "clusterHealthCheck", name="Cluster members", trouble=trouble)

    def _check_search(self) -> Json:
        companion = self._services.companion
        try:
            health = companion.health() if companion.configured else "red"
            trouble = "" if health != "red" else "The search server is not configured or its state is red."
        except CompanionUnavailable as error:
            trouble = str(error)
        return _status(4, "searchHealthCheck", name="Search server", trouble=trouble)


def _node(member: Member) -> Json:
    return {
        "id": member.id,
        "name": member.name,
        "address": {"hostName": member.address, "port": member.port},
        "buildVersion": member.version,
        "local": member.local,
    }


def _status(number: int, key: str, *, name: str, trouble: str) -> dict[str, Any]:
    return {
        "id": number,
        "completeKey": f"com.atlassian.troubleshooting.plugin-bitbucket:{key}",
        "name": name,
        "description": f"Checks: {name}.",
        "isSoftLaunch": False,
        "isEnabled": True,
        "isHealthy": not trouble,
        "failureReason": trouble,
        "application": "Bitbucket",
        "severity": "major" if trouble else "undefined",
        "time": int(time.time() * 1000),
        "tag": "Supported Platforms",
        "healthy": not trouble,
    }
