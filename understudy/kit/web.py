"""Routes: from an HTTP request to a plain function and back.

A handler is an ordinary function that may block; it runs in a pool of threads. Only what must be
answered while every thread is busy (``/status``) is a coroutine on the event loop. Errors that a handler
raises become answers here, in the shape the product gives them.
"""

from __future__ import annotations

import enum
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import anyio.to_thread
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData, UploadFile
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from understudy.kit.accounts import Principal
from understudy.kit.errors import BadRequest, DatabaseUnavailable, Forbidden, HttpProblem, LoginRequired
from understudy.kit.logins import Identity, Logins
from understudy.kit.sessions import Session

_LOG = logging.getLogger("understudy.web")
_THREADS = 24
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")
_MAXIMUM_BODY = 64 * 1024 * 1024
_MAXIMUM_FIELD = 4 * 1024 * 1024


class Access(enum.Enum):
    """Who may call a route."""

    ANYONE = "anyone"
    LOGGED_IN = "logged in"
    ADMINISTRATOR = "administrator"


@dataclass(frozen=True)
class Call:
    """One request, read in full, with the one who makes it."""

    request: Request
    identity: Identity
    body: bytes
    form: FormData

    @property
    def principal(self) -> Principal:
        """The one who is logged in.

        Raises:
            LoginRequired: nobody is.
        """
        if self.identity.principal is None:
            raise LoginRequired("You are not logged in.")
        return self.identity.principal

    def path(self, name: str) -> str:
        """A part of the path."""
        return str(self.request.path_params[name])

    def query(self, name: str, default: str = "") -> str:
        """A query parameter."""
        return self.request.query_params.get(name, default)

    def whole_number(self, name: str, default: int, *, low: int = 0, high: int = 2**31 - 1) -> int:
        """A query parameter that is a number; one above the bound is cut to it, as the products do.

        Raises:
            BadRequest: it is no number, or below the bound.
        """
        return whole_number(name, self.query(name), default=default, low=low, high=high)

    def field(self, name: str, default: str = "") -> str:
        """A field of a posted form, or a query parameter of that name."""
        value = self.form.get(name)
        if isinstance(value, str):
            return value
        return self.query(name, default)

    def uploads(self, name: str) -> list[UploadFile]:
        """The files posted under a name."""
        return [value for value in self.form.getlist(name) if isinstance(value, UploadFile)]

    def json(self) -> dict[str, Any]:
        """The body as a JSON object.

        Raises:
            BadRequest: it is none.
        """
        value = self.json_value()
        if not isinstance(value, dict):
            raise BadRequest("The body is not a JSON object.")
        return value

    def json_value(self) -> Any:
        """The body as any JSON value.

        Raises:
            BadRequest: it is none.
        """
        try:
            return json.loads(self.body)
        except ValueError as error:
            raise BadRequest("The body is not JSON.") from error


Handler = Callable[[Call], Response]
Endpoint = Callable[[Request], Awaitable[Response]]


def whole_number(name: str, text: str, *, default: int, low: int = 0, high: int = 2**31 - 1) -> int:
    """Read a number out of a parameter; one above the bound is cut to it.

    Raises:
        BadRequest: it is no number, or below the bound.
    """
    if not text:
        return default
    if not text.lstrip("-").isdigit() or len(text) > 18 or int(text) < low:
        raise BadRequest(f"{name} must be a number of at least {low}.", fields={name: "not a number"})
    return min(int(text), high)


@dataclass(frozen=True)
class SiteRules:
    """What differs by product at the edge.

    ``gate`` sees every request to a normal route first and may answer in its place (set-up pending,
    maintenance, start-up); ``problem`` shapes an error answer; ``is_administrator`` says who passes
    :attr:`Access.ADMINISTRATOR`; ``decorate`` may add headers to every answer of a normal route.
    """

    context_path: str
    gate: Callable[[Request], Response | None]
    problem: Callable[[HttpProblem, Request], Response]
    is_administrator: Callable[[Principal], bool]
    decorate: Callable[[Response, Identity, Request], None]


class Site:
    """Collects routes and makes the application of them.

    Args:
        logins: finds out who makes a request.
        rules: see :class:`SiteRules`.
    """

    def __init__(self, logins: Logins, rules: SiteRules) -> None:
        self._logins = logins
        self._rules = rules
        self._routes: list[BaseRoute] = []

    def route(
        self,
        path: str,
        handler: Handler,
        *,
        methods: tuple[str, ...] = ("GET",),
        access: Access = Access.LOGGED_IN,
    ) -> None:
        """Add a route whose handler may block.

        Args:
            path: below the context path, in Starlette's notation.
            handler: gets the call, gives the response.
            methods: HTTP methods; HEAD comes with GET.
            access: who may call it.
        """

        async def endpoint(request: Request) -> Response:
            return await self._answer(request, handler, access)

        self.raw(path, endpoint, methods=methods)

    def raw(self, path: str, endpoint: Endpoint, *, methods: tuple[str, ...] = ("GET",)) -> None:
        """Add a coroutine that runs on the event loop, behind no gate and no login; it must not block."""
        self._routes.append(Route(self._rules.context_path + path, endpoint, methods=list(methods)))

    def add(self, route: BaseRoute) -> None:
        """Add a route made elsewhere: a websocket, a mount."""
        self._routes.append(route)

    def build(self) -> ASGIApp:
        """The application."""

        async def on_http_error(request: Request, error: Exception) -> Response:
            status = error.status_code if isinstance(error, HTTPException) else 500
            text = {404: "Not Found", 405: "Method Not Allowed"}.get(status, "Error")
            headers = error.headers if isinstance(error, HTTPException) else None
            return self._rules.problem(HttpProblem(text, status=status, headers=headers), request)

        return Starlette(
            routes=self._routes, exception_handlers={HTTPException: on_http_error}, lifespan=_limit_threads
        )

    async def _answer(self, request: Request, handler: Handler, access: Access) -> Response:
        if (closed := self._rules.gate(request)) is not None:
            return closed
        form = FormData()
        body = b""
        try:
            if request.method not in {"GET", "HEAD"}:
                form, body = await _read(request)
            call = Call(request, Identity(None), body, form)
            return await run_in_threadpool(self._perform, call, handler, access)
        except HttpProblem as problem:
            return self._rules.problem(problem, request)
        except ClientDisconnect:
            return Response(status_code=400)
        finally:
            await form.close()

    def _perform(self, call: Call, handler: Handler, access: Access) -> Response:
        request, began = call.request, time.monotonic()
        identity = Identity(None)
        try:
            identity = self._logins.identify(request)
            self._check_access(identity, access)
            response = handler(replace(call, identity=identity))
        except HttpProblem as problem:
            response = self._rules.problem(problem, request)
        except DatabaseUnavailable as error:
            _LOG.warning("%s %s: database unavailable: %s", request.method, request.url.path, error)
            response = self._rules.problem(HttpProblem("The database is not available.", status=500), request)
        except Exception:  # noqa: BLE001 - a request must end in an answer, whatever went wrong.
            _LOG.exception("%s %s failed", request.method, request.url.path)
            response = self._rules.problem(HttpProblem("Internal error.", status=500), request)
        if identity.fresh and identity.session is not None:
            self._logins.set_session_cookie(response, identity.session)
        self._rules.decorate(response, identity, request)
        spent = time.monotonic() - began
        if spent > 5.0:
            _LOG.warning("%s %s took %.1f s", request.method, request.url.path, spent)
        return response

    def _check_access(self, identity: Identity, access: Access) -> None:
        if access is Access.ANYONE:
            return
        if identity.principal is None:
            raise LoginRequired(
                "You are not logged in.", headers={"WWW-Authenticate": 'Basic realm="protected-area"'}
            )
        if access is Access.ADMINISTRATOR and not self._rules.is_administrator(identity.principal):
            raise Forbidden("You are not an administrator.")


def xsrf_checked(call: Call) -> None:
    """Refuse a request that another site could have made a browser send.

    Browsers send forms and plain text across sites without asking. Such a request must carry the
    header ``X-Atlassian-Token: no-check``. Source: Atlassian "Form token handling" and the REST
    documentation of attachments.

    Raises:
        Forbidden: the header is missing.
    """
    sent = call.request.headers.get("x-atlassian-token", "").lower()
    if sent not in {"no-check", "nocheck"}:
        raise Forbidden("XSRF check failed")


def xsrf_checked_form(call: Call, session: Session) -> None:
    """Refuse a posted form that does not carry the token of the session.

    Raises:
        Forbidden: the field ``atl_token`` is missing or different.
    """
    if call.field("atl_token") != session.xsrf_token:
        raise Forbidden("XSRF Security Token Missing")


def redirect(target: str) -> Response:
    """302, to be followed with GET."""
    return RedirectResponse(target, status_code=302)


def json_answer(value: Any, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer that no cache keeps."""
    response = JSONResponse(value, status_code=status, headers=dict(headers or {}))
    response.headers.setdefault("Cache-Control", "no-cache, no-store, no-transform")
    return response


async def _read(request: Request) -> tuple[FormData, bytes]:
    length = request.headers.get("content-length", "0")
    if not length.isdigit() or int(length) > _MAXIMUM_BODY:
        raise HttpProblem("The body is too large.", status=413)
    if request.headers.get("content-type", "").startswith(_FORM_TYPES):
        try:
            return await request.form(max_part_size=_MAXIMUM_FIELD), b""
        except HTTPException as error:
            raise BadRequest(str(error.detail)) from error
    return FormData(), await request.body()


@asynccontextmanager
async def _limit_threads(_: Starlette) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = _THREADS
    yield
