"""A controller whose answers a test decides, behind a real unix socket."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from telamon import __version__, wiring
from telamon.model.status import ComponentStatus, MemberStatus, StackStatus, StatusCondition
from telamon.operator.serving import serve

SINCE = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def member(name: str, **changes: Any) -> MemberStatus:
    """A member that serves, with changes."""
    component = name.rpartition("-")[0]
    given: dict[str, Any] = {
        "name": name,
        "component": component,
        "version": "11.3.1",
        "state": "Serving",
        "serving": True,
        "since": SINCE,
        "address": "127.77.3.1",
    }
    return MemberStatus(**(given | changes))


def component(name: str, **changes: Any) -> ComponentStatus:
    """A component with nothing left to do, with changes."""
    given: dict[str, Any] = {
        "name": name,
        "kind": "product",
        "product": name,
        "ready": True,
        "done": True,
        "reason": "Done",
    }
    return ComponentStatus(**(given | changes))


def status(
    components: Sequence[ComponentStatus],
    members: Sequence[MemberStatus],
    *,
    generation: int = 1,
    urls: Mapping[str, str] | None = None,
) -> StackStatus:
    """How a stack stands; its condition Ready follows from the components."""
    waiting = next((one for one in components if not (one.ready and one.done)), None)
    condition = StatusCondition(
        type="Ready",
        status="False" if waiting else "True",
        reason=waiting.reason if waiting else "AsDesired",
        message=f"{waiting.name}: {waiting.message}" if waiting else "",
        last_transition_time=SINCE,
        observed_generation=generation,
    )
    return StackStatus(
        observed_generation=generation,
        conditions=(condition,),
        components=tuple(components),
        members=tuple(members),
        urls=urls or {},
    )


def ready() -> StackStatus:
    """A small stack of which everything serves."""
    components = (component("database", kind="database", product=""), component("jira"))
    members = (
        member("database-0", version="17.10"),
        member("jira-0"),
        member("jira-1", restarts=2, since=datetime(2026, 3, 2, 11, 59, 15, tzinfo=UTC)),
    )
    urls = {"jira": "http://127.77.0.3:8080"}
    return status(components, members, urls=urls)


def starting() -> StackStatus:
    """The same stack on its way up."""
    components = (
        component("database", kind="database", product=""),
        component("jira", ready=False, done=False, reason="Acting", message="start jira-0: nothing runs yet"),
    )
    members = (
        member("database-0", version="17.10"),
        member("jira-0", state="Starting", serving=False),
        member("jira-1", version=None, state="Absent", serving=False, since=None),
    )
    return status(components, members)


def waiting_for_a_person() -> StackStatus:
    """The same stack, stopped at a page that nobody knows."""
    jira = component(
        "jira",
        ready=False,
        done=False,
        reason="SetupRequired",
        message="it shows the page SetupMystery",
        url="http://127.77.0.3:8080/secure/SetupMystery.jspa",
    )
    members = (member("jira-0", state="SetupRequired", serving=False),)
    return status((component("database", kind="database", product=""), jira), members)


@dataclass
class Refusal:
    """An error that the controller answers with."""

    code: int
    body: Mapping[str, Any]


@dataclass
class ScriptedController:
    """What it answers, and what it was asked.

    Attributes:
        statuses: answers of consecutive looks at the stack; the last one repeats.
        stack: the stack it was given, if any.
        steps: what it does when it is given a stack: lines of the journal.
        journal: what it has done so far.
        checks: what it knows of the products' health.
        operations: that it keeps.
        preview: what it answers about a plan.
        refusals: by path, errors instead of answers.
        version: which version it says it is.
        notes: what it had to settle differently.
        lagging: whether it has not looked at the latest spec yet.
        asked: method, path and body of every request but the looks.
    """

    statuses: list[StackStatus] = field(default_factory=lambda: [ready()])
    stack: Mapping[str, Any] | None = None
    steps: list[Mapping[str, Any]] = field(default_factory=list)
    journal: list[Mapping[str, Any]] = field(default_factory=list)
    checks: list[Mapping[str, Any]] = field(default_factory=list)
    operations: list[Mapping[str, Any]] = field(default_factory=list)
    preview: Mapping[str, Any] = field(default_factory=lambda: {"steps": [], "waits": []})
    refusals: dict[str, Refusal] = field(default_factory=dict)
    version: str = __version__
    notes: Sequence[str] = ()
    lagging: bool = False
    generation: int = 0
    asked: list[tuple[str, str, Any]] = field(default_factory=list)
    _ended: threading.Event = field(init=False, default_factory=threading.Event)
    _thread: threading.Thread | None = field(init=False, default=None)

    def start(self, root: Path) -> None:
        """Serve for a state folder, until the stack goes down or :meth:`end` is called."""
        listening = threading.Event()
        self._ended.clear()

        def run() -> None:
            with wiring.controller_lease(root), serve(self._application(), wiring.socket_path(root)):
                listening.set()
                self._ended.wait()

        (root / "store.sqlite").touch()
        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()
        assert listening.wait(10)

    def end(self) -> None:
        """Stop serving."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join(10)

    def journal_line(self, subject: str, *, kind: str = "intent", **changes: Any) -> Mapping[str, Any]:
        """A line that the journal could hold next."""
        line = {
            "sequence": len(self.journal) + len(self.steps) + 1,
            "at": SINCE.timestamp(),
            "component": "jira",
            "kind": kind,
            "subject": subject,
            "detail": "",
            "member": "jira-0",
        }
        return line | changes

    def _application(self) -> Starlette:
        handlers: Mapping[tuple[str, str], Callable[[Any, Any], Any]] = {
            ("GET", "/v1/version"): self._version,
            ("GET", "/v1/stack"): self._look,
            ("PUT", "/v1/stack"): self._put,
            ("POST", "/v1/plan"): lambda _body, _query: self.preview,
            ("POST", "/v1/operations/plan"): lambda _body, _query: self.preview,
            ("POST", "/v1/down"): self._down,
            ("POST", "/v1/retry"): lambda body, _query: {"components": [body["component"] or "everything"]},
            ("GET", "/v1/journal"): self._journal,
            ("GET", "/v1/operations"): lambda _body, _query: {"operations": self.operations},
            ("GET", "/v1/doctor"): lambda _body, _query: {"checks": self.checks},
        }

        async def endpoint(request: Request) -> JSONResponse:
            path = request.url.path
            body = await request.json() if request.method in {"PUT", "POST"} else None
            if request.method != "GET":
                self.asked.append((request.method, path, body))
            refusal = self.refusals.get(path)
            if refusal is not None:
                return JSONResponse(refusal.body, status_code=refusal.code)
            answer = handlers[request.method, path](body, request.query_params)
            return JSONResponse(answer) if answer is not None else _nothing_applied()

        paths = sorted({path for _, path in handlers})
        return Starlette(routes=[Route(path, endpoint, methods=["GET", "PUT", "POST"]) for path in paths])

    def _version(self, _body: Any, _query: Any) -> Any:
        return {"version": self.version, "pid": 1, "state": "", "started": 0.0}

    def _look(self, _body: Any, _query: Any) -> Any:
        if self.stack is None:
            return None
        found = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        if not self.lagging:
            found = found.model_copy(update={"observed_generation": self.generation})
        document = dict(self.stack)
        document["metadata"] = {**document["metadata"], "generation": self.generation}
        return document | {"status": found.model_dump(mode="json", exclude_none=True)}

    def _put(self, body: Any, _query: Any) -> Any:
        changed = body["stack"] != self.stack
        self.stack = body["stack"]
        self.generation += changed
        self.journal += self.steps
        self.steps = []
        return {"generation": self.generation, "changed": changed, "notes": self.notes}

    def _down(self, _body: Any, _query: Any) -> Any:
        self._ended.set()
        return {"components": 2 if self.stack else 0}

    def _journal(self, _body: Any, query: Any) -> Any:
        since, last = int(query.get("since", "0")), int(query.get("last", str(len(self.journal))))
        found = [line for line in self.journal if line["sequence"] > since]
        return {"entries": found[max(len(found) - last, 0) :]}


def _nothing_applied() -> JSONResponse:
    body = {"error": "no stack was applied yet", "remedy": "run `telamon up`", "exit": 9}
    return JSONResponse(body | {"branch": "NotReadyError"}, status_code=404)
