"""Answers that do not depend on a route: errors, and what a node says while it cannot serve."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from understudy.confluence.settings import WikiSettings
from understudy.confluence.setupforms import PRODUCT
from understudy.kit.errors import HttpProblem
from understudy.kit.html import element
from understudy.kit.html import page as whole_page
from understudy.kit.lifecycle import Lifecycle, State
from understudy.kit.web import Endpoint, redirect

_CODES = {State.MAINTENANCE: 503, State.ERROR: 500}


def status_endpoint(lifecycle: Lifecycle, settings: WikiSettings) -> Endpoint:
    """``GET /status``: the state of the life cycle and nothing deeper.

    200 but for MAINTENANCE and ERROR; the codes outside RUNNING are not documented, so each has a variant.
    Source: JAC/CONF-41395, JAC/CONFSERVER-102144.
    """
    codes = dict(_CODES)
    if settings.has("status-error-503"):
        codes[State.ERROR] = 503
    if settings.has("status-starting-503"):
        codes[State.STARTING] = 503

    async def status(_: Request) -> Response:
        state = lifecycle.state
        return JSONResponse({"state": str(state)}, status_code=codes.get(state, 200))

    return status


def problem_answer(problem: HttpProblem, request: Request, *, context_path: str) -> Response:
    """An error: JSON below ``/rest``, the way to the login page or an error page elsewhere."""
    path = request.url.path.removeprefix(context_path)
    if path.startswith(("/rest/", "/rpc/")):
        return rest_problem(problem)
    if problem.status == 401:
        target = quote(path + (f"?{request.url.query}" if request.url.query else ""))
        return redirect(f"{context_path}/login.action?os_destination={target}")
    return _error_page(problem.status, problem.message, problem.headers)


def rest_problem(problem: HttpProblem) -> Response:
    """An error in the shape of the REST interface."""
    return JSONResponse(
        {
            "statusCode": problem.status,
            "data": {
                "authorized": problem.status not in {401, 403},
                "valid": True,
                "errors": [],
                "successful": False,
            },
            "message": problem.message,
            "reason": HTTPStatus(problem.status).phrase,
        },
        status_code=problem.status,
        headers=problem.headers,
    )


def unavailable(state: State, reason: str, *, path: str) -> Response:
    """A node that is starting, or has failed: 503 with the reason."""
    if path.startswith("/rest/"):
        return rest_problem(HttpProblem(reason, status=503))
    return _error_page(503, f"{state}: {reason}", {})


def no_context(trouble: str) -> Response:
    """The application context is missing: 500 for every page."""
    return _error_page(500, trouble, {})


def already_set_up(context_path: str) -> Response:
    """A set-up page of a node that has been set up leads home."""
    return redirect(f"{context_path}/")


def to_setup(context_path: str, path: str) -> Response:
    """Everything leads to the set-up until it is finished.

    Clients report chains of more than five redirects; which hops they are made of is not documented.
    """
    hops = {"/": "/index.action", "/index.action": "/login.action", "/login.action": "/dashboard.action"}
    return redirect(context_path + hops.get(path, "/bootstrap/selectsetupstep.action"))


def _error_page(status: int, message: str, headers: dict[str, str]) -> Response:
    title = HTTPStatus(status).phrase
    text = whole_page(title, element("p", message, class_="error"), product=PRODUCT)
    return HTMLResponse(text, status_code=status, headers=headers)
