"""The edge: what a node answers in each state, and how errors look.

Source: Bitbucket KB "How to monitor if Bitbucket Server is up and running" (STARTING 503, FIRST_RUN 200, RUNNING 200,
MAINTENANCE 200); the code of ERROR is not documented, so the variant ``error-503`` exists.
"""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from understudy.bitbucket.errors import Refusal
from understudy.bitbucket.maintenance import Maintenance
from understudy.bitbucket.settings import BitbucketSettings
from understudy.kit import html
from understudy.kit.errors import HttpProblem
from understudy.kit.lifecycle import Lifecycle, State
from understudy.kit.logins import Identity
from understudy.kit.web import redirect

PRODUCT = "Understudy of a git server"
_MACHINE_PATHS = ("/rest/", "/mvc/", "/plugins/")
_OPERATOR_PATHS = ("/mvc/maintenance", "/mvc/admin/backups")
_UNCOUNTED_PATHS = ("/status", *_OPERATOR_PATHS)


class Edge:
    """Answers for the node as a whole.

    Args:
        settings: of the node.
        lifecycle: of the node.
    """

    def __init__(self, settings: BitbucketSettings, lifecycle: Lifecycle) -> None:
        self._settings = settings
        self._lifecycle = lifecycle
        error = 503 if settings.has("error-503") else 500
        self._codes = {State.STARTING: 503, State.STOPPING: 503, State.ERROR: error}

    async def status(self, _: Request) -> Response:
        """``GET /status``: never blocks."""
        await asyncio.sleep(0)
        state = self._lifecycle.state
        return JSONResponse({"state": state}, self._codes.get(state, 200))

    def gate(self, request: Request) -> Response | None:
        """Answer in place of a route while the node cannot serve it."""
        path = request.url.path.removeprefix(self._settings.context_path)
        state = self._lifecycle.state
        if state in {State.RUNNING, State.STOPPING}:
            return None
        if state is State.MAINTENANCE and path.startswith(_OPERATOR_PATHS):
            return None
        if state is State.FIRST_RUN and not path.startswith((*_MACHINE_PATHS, "/scm/")):
            return None if path == "/setup" else redirect(f"{self._settings.context_path}/setup")
        status = 500 if state is State.ERROR else 503
        texts = {
            State.STARTING: "The server is starting.",
            State.FIRST_RUN: "The server is not set up yet.",
            State.MAINTENANCE: "The server is locked for maintenance.",
            State.ERROR: f"The server could not start: {self._lifecycle.reason}",
        }
        return self.problem(HttpProblem(texts[state], status=status, headers={"Retry-After": "5"}), request)

    def problem(self, problem: HttpProblem, request: Request) -> Response:
        """An error as JSON for machines and as a page for people."""
        path = request.url.path.removeprefix(self._settings.context_path)
        if path.startswith(_MACHINE_PATHS):
            return JSONResponse({"errors": _errors(problem)}, problem.status, headers=problem.headers)
        if path.startswith("/scm/"):
            return Response(
                f"{problem.message}\n", problem.status, headers=problem.headers, media_type="text/plain"
            )
        if problem.status == 401 and request.method == "GET":
            target = f"{self._settings.context_path}/login?next={request.url.path}"
            return redirect(target)
        title = {401: "Log in", 403: "Not permitted", 404: "Not found"}.get(problem.status, "Not available")
        page = html.page(title, html.element("p", problem.message, class_="error"), product=PRODUCT)
        return HTMLResponse(page, problem.status, headers=problem.headers)

    def decorate(self, response: Response, identity: Identity) -> None:
        """Say who made the request, as the product does."""
        if identity.principal is not None:
            response.headers["X-AUSERNAME"] = identity.principal.name
            response.headers["X-AUSERID"] = str(identity.principal.user_id)


def _errors(problem: HttpProblem) -> list[dict[str, Any]]:
    exception = problem.exception if isinstance(problem, Refusal) else None
    fields: list[tuple[str | None, str]] = [*problem.fields.items()] or [(None, problem.message)]
    return [{"context": field, "message": message, "exceptionName": exception} for field, message in fields]


class CountRequests:
    """Counts requests under way, all but those that ask about the state or drive a backup.

    Args:
        application: what answers.
        maintenance: keeps the count.
        context_path: in front of every path.
    """

    def __init__(self, application: ASGIApp, maintenance: Maintenance, *, context_path: str) -> None:
        self._application = application
        self._maintenance = maintenance
        self._uncounted = tuple(context_path + path for path in _UNCOUNTED_PATHS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http" or scope["path"].startswith(self._uncounted):
            await self._application(scope, receive, send)
            return
        with self._maintenance.requests.one():
            await self._application(scope, receive, send)
