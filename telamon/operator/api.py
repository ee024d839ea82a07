"""What people and their tools ask a controller: HTTP and JSON on a unix socket.

The socket lies in a folder that only its owner may enter, so whoever can connect may also act. The shapes are
documented in ``docs/reference/controller-api.md``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from telamon.errors import InternalError, NotReadyError, TelamonError, UsageError, brief, told
from telamon.model.operation import Operation
from telamon.model.stack import Stack
from telamon.operator.host import Host
from telamon.operator.operations import Wish
from telamon.operator.report import Transitions, stack_status
from telamon.operator.soaking import Soaking
from telamon.plan.preview import Preview

STATUS_OF: Mapping[int, int] = {2: 400, 3: 422, 4: 409, 5: 409, 9: 404}
"""HTTP status by exit code; every other error is 500."""


@dataclass(frozen=True)
class HealthLine:
    """One health check of a product on one member, or through the front door."""

    component: str
    member: str
    name: str
    healthy: bool
    reason: str = ""


@dataclass(frozen=True)
class About:
    """What the controller says of itself."""

    version: str
    pid: int
    state: str
    started: float


@dataclass
class Api:
    """The controller's application.

    Args:
        host: keeps the stack.
        about: what ``GET /v1/version`` answers.
        urls: where to go, by product, for a stack.
        doctor: the products' own health checks.
        transitions: when conditions changed.
        soaking: since when everything is as it should be.
    """

    host: Host
    about: About
    urls: Callable[[Stack], Mapping[str, str]]
    doctor: Callable[[], Sequence[HealthLine]]
    transitions: Transitions
    soaking: Soaking

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/v1/version", self._answer(self._version)),
            Route("/v1/stack", self._answer(self._get_stack), methods=["GET"]),
            Route("/v1/stack", self._answer(self._put_stack), methods=["PUT"]),
            Route("/v1/plan", self._answer(self._plan), methods=["POST"]),
            Route("/v1/down", self._answer(self._down), methods=["POST"]),
            Route("/v1/retry", self._answer(self._retry), methods=["POST"]),
            Route("/v1/journal", self._answer(self._journal)),
            Route("/v1/doctor", self._answer(self._doctor)),
            Route("/v1/operations", self._answer(self._list_operations), methods=["GET"]),
            Route("/v1/operations", self._answer(self._operate), methods=["POST"]),
            Route("/v1/operations/plan", self._answer(self._plan_operation), methods=["POST"]),
            Route("/v1/operations/{name}", self._answer(self._get_operation), methods=["GET"]),
            Route("/v1/operations/{name}", self._answer(self._cancel), methods=["DELETE"]),
        ]
        return Starlette(routes=routes)

    def status_document(self) -> dict[str, Any]:
        """The Stack with its status.

        Raises:
            NotReadyError: no stack was ever given.
        """
        found = self.host.stack()
        if found is None:
            raise NotReadyError("no stack was applied yet", remedy="run `telamon up`")
        stack, generation = found
        now = datetime.now(UTC)
        status = stack_status(
            self.host.lanes(),
            generation=generation,
            now=now,
            transitions=self.transitions,
            urls=self.urls(stack),
        )
        green = self.soaking.look(status, generation=generation, now=now)
        status = status.model_copy(update={"green": green})
        document = stack.model_copy(update={"status": status}).model_dump(mode="json", exclude_none=True)
        document["metadata"]["generation"] = generation
        return document

    # ---------------------------------------------------------------------------------------------------- the routes

    def _answer(self, handle: Callable[[Request, Any], Any]) -> Callable[[Request], Any]:
        async def endpoint(request: Request) -> JSONResponse:
            try:
                body = json.loads(await request.body() or b"{}")
                return JSONResponse(await run_in_threadpool(handle, request, body))
            except json.JSONDecodeError as error:
                return _refused(UsageError(f"the request is not JSON: {error}"))
            except TelamonError as error:
                return _refused(error)
            except Exception as error:  # noqa: BLE001 - a defect must reach the caller as an answer
                return _refused(InternalError(f"{type(error).__name__}: {brief(error)}"))

        return endpoint

    def _version(self, _request: Request, _body: Any) -> dict[str, Any]:
        about = self.about
        return {"version": about.version, "pid": about.pid, "state": about.state, "started": about.started}

    def _get_stack(self, _request: Request, _body: Any) -> dict[str, Any]:
        return self.status_document()

    def _put_stack(self, _request: Request, body: Any) -> dict[str, Any]:
        downtime = [str(name) for name in body.get("downtime") or ()]
        in_window = [str(name) for name in body.get("inWindow") or ()]
        source = str(body.get("source", ""))
        return asdict(self.host.put(_stack(body), source, downtime=downtime, in_window=in_window))

    def _plan(self, _request: Request, body: Any) -> dict[str, Any]:
        return _foreseen(self.host.foresee(_stack(body)))

    def _down(self, _request: Request, _body: Any) -> dict[str, Any]:
        return {"components": self.host.down()}

    def _retry(self, _request: Request, body: Any) -> dict[str, Any]:
        return {"components": self.host.retry(body.get("component"))}

    def _journal(self, request: Request, _body: Any) -> dict[str, Any]:
        component = request.query_params.get("component")
        since, last = _number(request, "since"), _number(request, "last")
        entries = self.host.journal.read(component, since=since or 0, last=last)
        return {"entries": [vars(entry) for entry in entries]}

    def _list_operations(self, _request: Request, _body: Any) -> dict[str, Any]:
        return {"operations": [_shown(operation) for operation in self.host.operations.all()]}

    def _operate(self, _request: Request, body: Any) -> dict[str, Any]:
        return _shown(self.host.operate(_wish(body)))

    def _plan_operation(self, _request: Request, body: Any) -> dict[str, Any]:
        return _foreseen(self.host.foresee_operation(_wish(body)))

    def _get_operation(self, request: Request, _body: Any) -> dict[str, Any]:
        return _shown(self.host.operations.get(request.path_params["name"]))

    def _cancel(self, request: Request, _body: Any) -> dict[str, Any]:
        return _shown(self.host.cancel(request.path_params["name"]))

    def _doctor(self, _request: Request, _body: Any) -> dict[str, Any]:
        return {"checks": [vars(line) for line in self.doctor()]}


def _foreseen(preview: Preview) -> dict[str, Any]:
    return {
        "steps": [vars(step) for step in preview.steps],
        "waits": [vars(wait) for wait in preview.waits],
    }


def _number(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdigit()):
        raise UsageError(f"{name} is not a number")
    return int(given)


def _shown(operation: Operation) -> dict[str, Any]:
    return operation.model_dump(mode="json", by_alias=True, exclude_none=True)


def _wish(body: Any) -> Wish:
    try:
        params = {str(name): str(value) for name, value in dict(body.get("params") or {}).items()}
        return Wish(str(body["verb"]), str(body["component"]), str(body.get("member") or ""), params)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UsageError("the request names no verb and component") from error


def _stack(body: Any) -> Stack:
    try:
        return Stack.model_validate_json(json.dumps(body["stack"]))
    except (KeyError, TypeError) as error:
        raise UsageError("the request holds no stack") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"the stack in the request is not valid: {path}: {first['msg']}") from error


def _refused(error: TelamonError) -> JSONResponse:
    return JSONResponse(told(error), status_code=STATUS_OF.get(error.exit_code, 500))
