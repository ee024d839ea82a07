"""REST about projects and repositories and the permissions on them.

Source: Bitbucket Data Center REST documentation, "Project" and "Repository".
"""

from __future__ import annotations

from starlette.responses import Response

from understudy.bitbucket.errors import Refusal, not_permitted
from understudy.bitbucket.permissions import PROJECT, REPOSITORY, Level
from understudy.bitbucket.rest_grants import GrantsRest
from understudy.bitbucket.services import RestRoutes, Services, answer, no_content, page_of
from understudy.bitbucket.shapes import paged
from understudy.kit.web import Access, Call, Site

ONE_PROJECT = "/projects/{project}"
ONE_REPOSITORY = ONE_PROJECT + "/repos/{slug}"
_ANYONE = Access.ANYONE


class ProjectsRest:
    """The routes.

    Args:
        services: the parts of the node.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        api = RestRoutes(site, "api")
        api.add("/projects", self.projects)
        api.add("/projects", self.create_project, methods=("POST",))
        api.add(ONE_PROJECT, self.project)
        api.add(ONE_PROJECT, self.update_project, methods=("PUT",))
        api.add(ONE_PROJECT, self.delete_project, methods=("DELETE",))
        api.add(ONE_PROJECT + "/repos", self.repositories_of)
        api.add(ONE_PROJECT + "/repos", self.create_repository, methods=("POST",))
        api.add("/repos", self.repositories)
        api.add(ONE_REPOSITORY, self.repository, access=_ANYONE)
        api.add(ONE_REPOSITORY, self.update_repository, methods=("PUT",))
        api.add(ONE_REPOSITORY, self.delete_repository, methods=("DELETE",))
        for path, scope in ((ONE_PROJECT, self._project_scope), (ONE_REPOSITORY, self._repository_scope)):
            GrantsRest(self._services, scope).add_to(site, path + "/permissions", access=Access.LOGGED_IN)

    def _project_scope(self, call: Call) -> tuple[str, int]:
        return PROJECT, self._services.project(call, Level.ADMIN).id

    def _repository_scope(self, call: Call) -> tuple[str, int]:
        return REPOSITORY, self._services.repository(call, Level.ADMIN).id

    def projects(self, call: Call) -> Response:
        """``GET projects``: those the caller may see."""
        start, limit = page_of(call)
        visible = self._services.permissions.visible_projects(call.principal)
        found = self._services.projects.projects(
            visible, start=start, limit=limit + 1, name=call.query("name")
        )
        return answer(paged(found, self._services.shapes.project, start=start, limit=limit))

    def create_project(self, call: Call) -> Response:
        """``POST projects``."""
        if not self._services.permissions.may_create_projects(call.principal):
            raise not_permitted("create projects")
        made = self._services.projects.create_project(call.principal, call.json())
        return answer(self._services.shapes.project(made), 201)

    def project(self, call: Call) -> Response:
        """``GET projects/{key}``."""
        return answer(self._services.shapes.project(self._services.project(call, Level.READ)))

    def update_project(self, call: Call) -> Response:
        """``PUT projects/{key}``."""
        project = self._services.project(call, Level.ADMIN)
        return answer(
            self._services.shapes.project(self._services.projects.update_project(project, call.json()))
        )

    def delete_project(self, call: Call) -> Response:
        """``DELETE projects/{key}``."""
        self._services.projects.delete_project(self._services.project(call, Level.ADMIN))
        return no_content()

    def repositories_of(self, call: Call) -> Response:
        """``GET projects/{key}/repos``."""
        project = self._services.project(call, Level.READ)
        return self._listed(call, project.id)

    def repositories(self, call: Call) -> Response:
        """``GET repos``: those the caller may read, wherever they are."""
        return self._listed(call, None)

    def _listed(self, call: Call, project: int | None) -> Response:
        start, limit = page_of(call)
        visible = self._services.permissions.visible_repositories(call.principal)
        found = self._services.projects.repositories(
            visible=visible, start=start, limit=limit + 1, project=project, name=call.query("name")
        )
        return answer(paged(found, self._services.shapes.repository, start=start, limit=limit))

    def create_repository(self, call: Call) -> Response:
        """``POST projects/{key}/repos``."""
        project = self._services.project(call, Level.ADMIN)
        made = self._services.projects.create_repository(project, call.json())
        return answer(self._services.shapes.repository(made), 201)

    def repository(self, call: Call) -> Response:
        """``GET projects/{key}/repos/{slug}``."""
        return answer(self._services.shapes.repository(self._services.repository(call, Level.READ)))

    def update_repository(self, call: Call) -> Response:
        """``PUT projects/{key}/repos/{slug}``."""
        repository = self._services.repository(call, Level.ADMIN)
        changed = self._services.projects.update_repository(repository, call.json())
        return answer(self._services.shapes.repository(changed))

    def delete_repository(self, call: Call) -> Response:
        """``DELETE projects/{key}/repos/{slug}``; one that is gone is fine."""
        try:
            repository = self._services.repository(call, Level.ADMIN)
        except Refusal as refusal:
            if refusal.status == 404:
                return no_content()
            raise
        self._services.projects.delete_repository(repository)
        message = {"context": None, "message": "Repository scheduled for deletion.", "exceptionName": None}
        return answer(message, 202)
