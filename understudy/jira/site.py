"""The web application: routes, the gate in front of them, and how an error looks."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from understudy.jira import outgoing
from understudy.jira.pages import Pages
from understudy.jira.reindexing import IndexTasks
from understudy.jira.restcluster import ClusterRest
from understudy.jira.restindex import IndexRest
from understudy.jira.restissues import IssueRest
from understudy.jira.restpeople import PeopleRest
from understudy.jira.restprojects import ProjectRest
from understudy.jira.restsystem import SystemRest
from understudy.jira.services import PRODUCT, XSRF_COOKIE, Services, is_administrator
from understudy.jira.setup import SetupPages
from understudy.kit.errors import HttpProblem
from understudy.kit.html import element, page
from understudy.kit.lifecycle import State
from understudy.kit.logins import Identity
from understudy.kit.sabotage import STALE_AFTER_FAILOVER, StaleAfterFailover
from understudy.kit.static_files import StaticFiles
from understudy.kit.web import Site, SiteRules, redirect

STATUS_CODES = {
    State.STARTING: 200,
    State.STOPPING: 200,
    State.FIRST_RUN: 200,
    State.RUNNING: 200,
    State.MAINTENANCE: 503,
    State.ERROR: 500,
}
"""Source: Atlassian KB "Jira status endpoint response meanings"; STARTING is 200, so a code alone is not
readiness."""


class JiraSite:
    """Puts the routes together.

    Args:
        services: of the node.
        setup: the set-up pages.
    """

    def __init__(self, services: Services, setup: SetupPages) -> None:
        self._services = services
        self._setup = setup
        self._pages = Pages(services)
        self.tasks = IndexTasks(services)

    def build(self) -> ASGIApp:
        """The application."""
        services = self._services
        rules = SiteRules(
            context_path=services.settings.context_path,
            gate=self._gate,
            problem=self._problem,
            is_administrator=is_administrator,
            decorate=self._decorate,
        )
        site = Site(services.logins, rules)
        site.raw("/status", self._status)
        self._setup.add_to(site)
        for part in (
            SystemRest(services),
            PeopleRest(services),
            ClusterRest(services),
            IndexRest(services, self.tasks),
            ProjectRest(services),
            IssueRest(services),
            self._pages,
        ):
            part.add_to(site)
        if not services.settings.has("cdn-rest-absent"):
            StaticFiles(services.database).add_to(site)
        outgoing.add_links(site, services.properties)
        application: ASGIApp = _WithLatest(site.build(), services.settings.context_path)
        mesh = services.mesh
        if STALE_AFTER_FAILOVER in services.settings.kit.sabotage and mesh is not None:
            application = StaleAfterFailover(application, lambda: len(mesh.peers()))
        return application

    async def _status(self, _: Request) -> Response:
        state = self._services.lifecycle.state
        return JSONResponse({"state": state}, status_code=STATUS_CODES[state])

    def _gate(self, request: Request) -> Response | None:
        """What a request meets before any route while the node does not serve."""
        state = self._services.lifecycle.state
        if state in {State.RUNNING, State.STOPPING}:
            return None
        if state is State.FIRST_RUN:
            return self._setup.gate(request)
        path = request.url.path.removeprefix(self._services.settings.context_path)
        if state is State.MAINTENANCE and path.startswith("/rest/api/2/reindex"):
            return None
        reason = self._services.lifecycle.reason
        if path.startswith("/rest/"):
            return JSONResponse({"errorMessages": [reason], "errors": {}}, status_code=503)
        return HTMLResponse(page(f"{state}", element("p", reason), product=PRODUCT), status_code=503)

    def _problem(self, problem: HttpProblem, request: Request) -> Response:
        """REST answers are JSON; a page that needs a login leads to it."""
        path = request.url.path.removeprefix(self._services.settings.context_path)
        if path.startswith("/rest/"):
            messages = [] if problem.fields else [problem.message]
            body = {"errorMessages": messages, "errors": problem.fields}
            return JSONResponse(body, status_code=problem.status, headers=problem.headers)
        if problem.status == 401:
            return redirect(self._pages.login_url(request.url.path))
        details = [element("p", f"{name}: {text}") for name, text in problem.fields.items()]
        message = element("p", problem.message, class_="error", role="alert")
        response = self._pages.show("Error", message, *details, status=problem.status)
        response.headers.update(problem.headers)
        return response

    def _decorate(self, response: Response, identity: Identity, request: Request) -> None:
        """Headers of the product: which node answered, and as whom the caller is known."""
        if self._services.clustered:
            response.headers["X-ANODEID"] = self._services.node_id
        if identity.principal is not None:
            response.headers["X-AUSERNAME"] = identity.principal.name
            response.headers.setdefault("X-Seraph-LoginReason", "OK")
        session = identity.session
        if session is None or self._services.lifecycle.state is State.FIRST_RUN:
            return
        if request.cookies.get(XSRF_COOKIE) != session.xsrf_token:
            path = self._services.logins.rules.cookie_path
            response.set_cookie(XSRF_COOKIE, session.xsrf_token, path=path)


class _WithLatest:
    """``/rest/api/latest`` means the one version there is, as in the product."""

    def __init__(self, application: ASGIApp, context_path: str) -> None:
        self._application = application
        self._alias, self._real = f"{context_path}/rest/api/latest/", f"{context_path}/rest/api/2/"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(self._alias):
            scope = {**scope, "path": self._real + scope["path"].removeprefix(self._alias)}
        await self._application(scope, receive, send)
