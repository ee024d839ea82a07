"""Speaks to a controller: HTTP and JSON on its unix socket."""

from __future__ import annotations

import errno
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import httpx
from pydantic import ValidationError

from telamon.errors import (
    ConflictError,
    InternalError,
    MachineError,
    NotReadyError,
    PlatformError,
    ProductError,
    RefusedError,
    TelamonError,
    TemporaryError,
    UsageError,
    brief,
)
from telamon.model.status import StackStatus

PATIENCE: Final = 60.0
"""Seconds for one answer. A plan looks at every node first, and a node that hangs is given up after seconds."""

LATER: Final = 5.0
"""Seconds after which a person may try again what failed for now."""


class NoController(NotReadyError):
    """No controller runs for this stack."""


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


class Controller:
    """One controller. Every method raises NoController where none listens, and what the controller answers else.

    Args:
        socket: where it listens.
    """

    def __init__(self, socket: Path) -> None:
        self._socket = socket
        transport = httpx.HTTPTransport(uds=str(socket))
        self._http = httpx.Client(transport=transport, base_url="http://controller", timeout=PATIENCE)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

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
        document = self._ask("GET", "/v1/stack")
        try:
            return Report(document, StackStatus.model_validate(document["status"], strict=False))
        except (KeyError, ValidationError) as error:
            raise InternalError(
                f"the controller's status cannot be read: {brief(error)}",
                remedy="It may be of another version: `telamon down`, then `telamon up` renews it.",
            ) from error

    def put(self, stack: Mapping[str, Any], *, source: str) -> tuple[int, bool]:
        """Give it a stack.

        Args:
            stack: the flattened Stack as JSON data.
            source: where it came from, for people.

        Returns:
            The generation in force, and whether anything in the spec changed.
        """
        answer = self._ask("PUT", "/v1/stack", {"stack": stack, "source": source})
        return int(answer["generation"]), bool(answer["changed"])

    def plan(self, stack: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a stack would do: ``steps`` and ``waits``."""
        return self._ask("POST", "/v1/plan", {"stack": stack})

    def down(self) -> int:
        """End every member; it ends itself afterwards. Returns how many components go."""
        return int(self._ask("POST", "/v1/down", {})["components"])

    def retry(self, component: str | None) -> tuple[str, ...]:
        """Forget failures of one component, or of all. Returns whose."""
        return tuple(self._ask("POST", "/v1/retry", {"component": component})["components"])

    def journal(self, *, since: int = 0, component: str | None = None) -> Sequence[Mapping[str, Any]]:
        """Lines of the journal after ``since``, oldest first."""
        query = {"since": str(since)} | ({} if component is None else {"component": component})
        entries: Sequence[Mapping[str, Any]] = self._ask("GET", "/v1/journal", query=query)["entries"]
        return entries

    def doctor(self) -> Sequence[Mapping[str, Any]]:
        """The products' own health checks."""
        checks: Sequence[Mapping[str, Any]] = self._ask("GET", "/v1/doctor")["checks"]
        return checks

    def _ask(
        self, method: str, path: str, body: object = None, *, query: Mapping[str, str] | None = None
    ) -> Mapping[str, Any]:
        with self._translated():
            answer = self._http.request(method, path, json=body, params=query)
        try:
            document = answer.json()
        except ValueError as error:
            raise InternalError(f"the controller answered {answer.status_code} without JSON") from error
        if not isinstance(document, dict):
            raise InternalError(f"the controller answered {answer.status_code} with something else than data")
        if answer.is_error:
            raise _refusal(document)
        return document

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except httpx.ConnectError as error:
            raise self._absent(error) from error
        except httpx.TimeoutException as error:
            raise PlatformError(
                f"the controller did not answer within {PATIENCE:g} s",
                remedy="`telamon logs controller` may tell why.",
            ) from error
        except httpx.TransportError as error:
            raise NoController(
                f"the controller ended while it was asked: {brief(error)}",
                remedy="`telamon logs controller` tells why; `telamon up` starts another.",
            ) from error

    def _absent(self, error: httpx.ConnectError) -> TelamonError:
        cause = _os_error(error)
        if cause is not None and cause.errno in {errno.EACCES, errno.EPERM}:
            return MachineError(
                f"the controller at {self._socket} belongs to another user", remedy="Run this as that user."
            )
        if cause is not None and cause.errno is None:
            # The address itself was refused before the kernel saw it.
            return MachineError(
                f"{self._socket} is too long for a unix socket", remedy="Give a shorter folder with --state."
            )
        return NoController("no controller runs for this stack", remedy="Start it with `telamon up`.")


def _os_error(error: BaseException | None) -> OSError | None:
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _refusal(document: Mapping[str, Any]) -> TelamonError:
    message, remedy = str(document.get("error", "the controller refused")), document.get("remedy")
    plain: Mapping[int, type[TelamonError]] = {
        error.exit_code: error
        for error in (UsageError, ConflictError, MachineError, PlatformError, ProductError, NotReadyError)
    }
    code = document.get("exit")
    if code == RefusedError.exit_code:
        return RefusedError(message, guard=str(document.get("guard", "")), remedy=remedy)
    if code == TemporaryError.exit_code:
        return TemporaryError(message, delay=float(document.get("delay", LATER)), remedy=remedy)
    return plain.get(code if isinstance(code, int) else 0, InternalError)(message, remedy=remedy)
