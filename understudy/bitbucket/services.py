"""Everything a route may need, handed over once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from understudy.bitbucket.cluster import Cluster
from understudy.bitbucket.comments import Comments
from understudy.bitbucket.companion import Companion
from understudy.bitbucket.errors import not_permitted
from understudy.bitbucket.git import Git
from understudy.bitbucket.indexing import Indexer
from understudy.bitbucket.maintenance import Maintenance
from understudy.bitbucket.permissions import Level, Permissions
from understudy.bitbucket.projects import Project, Projects, Repository
from understudy.bitbucket.properties import Properties
from understudy.bitbucket.pulls import PullRequests
from understudy.bitbucket.refs import Refs
from understudy.bitbucket.rolling import RollingUpgrade
from understudy.bitbucket.settings import BitbucketSettings
from understudy.bitbucket.shapes import DEFAULT_LIMIT, HIGHEST_LIMIT, Shapes
from understudy.bitbucket.sshkeys import SshKeys
from understudy.kit.accounts import Accounts
from understudy.kit.database import Database
from understudy.kit.lifecycle import Lifecycle
from understudy.kit.logins import Logins
from understudy.kit.outgoing import Outgoing
from understudy.kit.web import Access, Call, Handler, Site, json_answer, xsrf_checked

API_VERSIONS = ("latest", "1.0")


@dataclass(frozen=True)
class Services:
    """The parts of one node."""

    settings: BitbucketSettings
    lifecycle: Lifecycle
    database: Database
    accounts: Accounts
    logins: Logins
    properties: Properties
    permissions: Permissions
    git: Git
    projects: Projects
    refs: Refs
    pulls: PullRequests
    comments: Comments
    keys: SshKeys
    shapes: Shapes
    companion: Companion
    indexer: Indexer
    cluster: Cluster
    rolling: RollingUpgrade
    maintenance: Maintenance
    outgoing: Outgoing

    def project(self, call: Call, level: Level) -> Project:
        """The project in the path, if the caller may do this much with it.

        Raises:
            Refusal: no such project, or not permitted.
        """
        project = self.projects.project(call.path("project"))
        held = self.permissions.level(call.identity.principal, project.place)
        if held is Level.NONE and level is Level.READ and self._sees_inside(call, project):
            held = Level.READ
        if held < level:
            raise not_permitted()
        return project

    def _sees_inside(self, call: Call, project: Project) -> bool:
        """Whether somebody may read at least one repository of a project."""
        visible = self.permissions.visible_projects(call.principal)
        return visible is None or project.id in visible

    def repository(self, call: Call, level: Level) -> Repository:
        """The repository in the path, if the caller may do this much with it.

        Raises:
            Refusal: no such repository, or not permitted.
        """
        repository = self.projects.repository(call.path("project"), call.path("slug"))
        self.permissions.require(call.identity.principal, repository.place, level=level)
        return repository


def page_of(call: Call) -> tuple[int, int]:
    """``start`` and ``limit`` of a request."""
    start = call.whole_number("start", 0)
    return start, call.whole_number("limit", DEFAULT_LIMIT, low=1, high=HIGHEST_LIMIT)


class RestRoutes:
    """Adds routes below ``/rest/<root>/``, for each version they can be asked for.

    Args:
        site: where to.
        root: name of the part of the REST.
    """

    def __init__(self, site: Site, root: str) -> None:
        self._site = site
        self._root = root

    def add(
        self,
        path: str,
        handler: Handler,
        *,
        methods: tuple[str, ...] = ("GET",),
        access: Access = Access.LOGGED_IN,
    ) -> None:
        """Add a route.

        What a browser could be made to send by another site needs the header against that.
        """

        def guarded(call: Call) -> Response:
            kind = call.request.headers.get("content-type", "").split(";")[0].strip()
            if call.identity.by_cookie and call.request.method != "GET" and kind != "application/json":
                xsrf_checked(call)
            return handler(call)

        for version in API_VERSIONS:
            path_of_version = f"/rest/{self._root}/{version}{path}"
            self._site.route(path_of_version, guarded, methods=methods, access=access)


def no_content() -> Response:
    """204."""
    return Response(status_code=204)


def answer(value: Mapping[str, Any] | list[Any], status: int = 200) -> Response:
    """A JSON answer."""
    return json_answer(value, status=status)
