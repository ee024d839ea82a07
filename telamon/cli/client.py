"""Speaks to a controller: HTTP and JSON on its unix socket.

With the client of the standard library: the calls are short and one at a time, and a larger client would take longer
to import than most of them to be answered.
"""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

from pydantic import ValidationError

from telamon.errors import (
    InternalError,
    MachineError,
    NoController,
    PlatformError,
    TelamonError,
    brief,
    retold,
)
from telamon.model.operation import Operation
from telamon.model.status import StackStatus

PATIENCE: Final = 60.0
"""Seconds for one answer. A plan looks at every node first, and a node that hangs is given up after seconds."""


@dataclass(frozen=True)
class Report:
    """A stack as its controller reports it.

    Attributes:
        document: the Stack with its status, as it came.
        status: the same status, read.
    """

    document: Mapping[str, Any]
    status: StackStatus

    @property
    def name(self) -> str:
        """Name of the stack."""
        return str(self.document["metadata"]["name"])

    @property
    def generation(self) -> int:
        """Generation of the spec in force."""
        return int(self.document["metadata"].get("generation", 0))

    @property
    def products(self) -> frozenset[str]:
        """Products that the spec in force names."""
        return frozenset(self.document["spec"]["products"])


@dataclass(frozen=True)
class Accepted:
    """A controller's answer to a stack.

    Attributes:
        generation: of the spec in force.
        changed: whether anything in the spec changed.
        notes: what people should know, e.g. a port that had to move because it was taken.
    """

    generation: int
    changed: bool
    notes: tuple[str, ...]


class _UnixConnection(http.client.HTTPConnection):
    """A connection over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("controller", timeout=PATIENCE)
        self._path = path

    def connect(self) -> None:
        opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            opened.settimeout(PATIENCE)
            opened.connect(str(self._path))
        except OSError:
            opened.close()
            raise
        self.sock = opened


@dataclass(frozen=True)
class Controller:
    """One controller. Every method raises NoController where none listens, and what the controller answers else.

    Attributes:
        socket: where it listens.
    """

    socket: Path

    def version(self) -> Mapping[str, Any]:
        """What it says of itself: version, pid, state, started."""
        return self._ask("GET", "/v1/version")

    def runs(self) -> bool:
        """Whether it is there."""
        try:
            self.version()
        except NoController:
            return False
        return True

    def stack(self) -> Report:
        """The stack with its status. Raises NotReadyError where it was never given one."""
        return reported(self._ask("GET", "/v1/stack"))

    def put(
        self,
        stack: Mapping[str, Any],
        *,
        source: str,
        downtime: Sequence[str] = (),
        in_window: Sequence[str] = (),
    ) -> Accepted:
        """Give it a stack.

        Args:
            stack: the flattened Stack as JSON data.
            source: where it came from, for people.
            downtime: products for which an interruption is agreed to.
            in_window: products whose upgrade begins in a maintenance window.

        Returns:
            What came of it; the work itself goes on in the controller.
        """
        body = {"stack": stack, "source": source, "downtime": list(downtime), "inWindow": list(in_window)}
        answer = self._ask("PUT", "/v1/stack", body)
        return Accepted(int(answer["generation"]), bool(answer["changed"]), tuple(answer["notes"]))

    def plan(self, stack: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a stack would do: ``steps`` and ``waits``."""
        return self._ask("POST", "/v1/plan", {"stack": stack})

    def down(self) -> int:
        """End every member; it ends itself afterwards. Returns how many components go."""
        return int(self._ask("POST", "/v1/down", {})["components"])

    def retry(self, component: str | None) -> tuple[str, ...]:
        """Forget failures of one component, or of all. Returns whose."""
        return tuple(self._ask("POST", "/v1/retry", {"component": component})["components"])

    def journal(self, *, since: int = 0, last: int | None = None) -> Sequence[Mapping[str, Any]]:
        """Lines of the journal after ``since``, oldest first; of them only the ``last`` so many."""
        query = {"since": str(since)} | ({} if last is None else {"last": str(last)})
        entries: Sequence[Mapping[str, Any]] = self._ask("GET", "/v1/journal", query=query)["entries"]
        return entries

    def doctor(self) -> Sequence[Mapping[str, Any]]:
        """The products' own health checks."""
        checks: Sequence[Mapping[str, Any]] = self._ask("GET", "/v1/doctor")["checks"]
        return checks

    def operate(self, wish: Mapping[str, Any]) -> Operation:
        """Ask for an operation: ``verb``, ``component``, ``member``, ``params``. The work goes on in the controller."""
        return _operation(self._ask("POST", "/v1/operations", wish))

    def plan_operation(self, wish: Mapping[str, Any]) -> Mapping[str, Any]:
        """What an operation would do: ``steps`` and ``waits``."""
        return self._ask("POST", "/v1/operations/plan", wish)

    def operations(self) -> tuple[Operation, ...]:
        """Every operation that is kept, the oldest first."""
        return tuple(_operation(found) for found in self._ask("GET", "/v1/operations")["operations"])

    def operation(self, name: str) -> Operation:
        """One operation. Raises NotReadyError where there is none of that name."""
        return _operation(self._ask("GET", f"/v1/operations/{quote(name, safe='')}"))

    def cancel(self, name: str) -> Operation:
        """Ask an operation to end early."""
        return _operation(self._ask("DELETE", f"/v1/operations/{quote(name, safe='')}"))

    def _ask(
        self, method: str, path: str, body: object = None, *, query: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        target = f"{path}?{urlencode(query)}" if query else path
        try:
            status, content = self._exchange(method, target, None if body is None else json.dumps(body))
        except TimeoutError as error:
            raise PlatformError(
                f"the controller did not answer within {PATIENCE:g} s",
                remedy="`telamon logs controller` may tell why.",
            ) from error
        except (OSError, http.client.HTTPException) as error:
            raise self._absent(error) from error
        try:
            document = json.loads(content)
        except ValueError as error:
            raise InternalError(f"the controller answered {status} without JSON") from error
        if not isinstance(document, dict):
            raise InternalError(f"the controller answered {status} with something else than data")
        if status >= 400:
            raise retold(document)
        return document

    def _exchange(self, method: str, target: str, body: str | None) -> tuple[int, bytes]:
        headers = {} if body is None else {"Content-Type": "application/json"}
        with closing(_UnixConnection(self.socket)) as connection:
            connection.request(method, target, body, headers)
            response = connection.getresponse()
            return response.status, response.read()

    def _absent(self, error: OSError | http.client.HTTPException) -> TelamonError:
        if isinstance(error, PermissionError):
            return MachineError(
                f"the controller at {self.socket} belongs to another user", remedy="Run this as that user."
            )
        if isinstance(error, FileNotFoundError | ConnectionRefusedError):
            return NoController("no controller runs for this stack", remedy="Start it with `telamon up`.")
        # The address itself is refused before the kernel sees it: a bare OSError, unlike that of a connection cut off.
        if type(error) is OSError and error.errno is None:
            return MachineError(
                f"{self.socket} is too long for a unix socket", remedy="Give a shorter folder with --state."
            )
        return NoController(
            f"the controller ended while it was asked: {brief(error)}",
            remedy="`telamon logs controller` tells why; `telamon up` starts another.",
        )


def reported(document: Mapping[str, Any]) -> Report:
    """A Stack with its status, read.

    Args:
        document: as whoever keeps it tells it.

    Raises:
        InternalError: the status cannot be read by this version.
    """
    try:
        return Report(document, StackStatus.model_validate(document["status"], strict=False))
    except (KeyError, ValidationError) as error:
        raise InternalError(
            f"the status of the stack cannot be read: {brief(error)}",
            remedy="Whoever keeps it may be of another version; on this machine `telamon down`, then `telamon up` "
            "renews it.",
        ) from error


def _operation(document: Mapping[str, Any]) -> Operation:
    try:
        return Operation.model_validate(document, strict=False)
    except ValidationError as error:
        raise InternalError(
            f"the controller's answer about an operation cannot be read: {brief(error)}",
            remedy="It may be of another version: `telamon down`, then `telamon up` renews it.",
        ) from error
