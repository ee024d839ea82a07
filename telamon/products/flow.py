"""Sans-I/O: what a product is asked, as data.

A :class:`Flow` is a generator that yields a :class:`Request` and is sent the :class:`Response`, or yields a
:class:`Note` or a :class:`Pause` and is sent nothing. Whoever drives it (:mod:`telamon.platforms.rest`, or a test that
feeds it literal pages) performs the requests; the flow itself waits for nothing and remembers nothing.
"""

from __future__ import annotations

import json
from collections.abc import Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeVar

T = TypeVar("T")


class Identity(StrEnum):
    """As whom a request is made. The edge turns it into a header; no flow ever sees a password it does not set."""

    ANONYMOUS = "anonymous"
    SERVICE_ACCOUNT = "service-account"
    ADMINISTRATOR = "administrator"
    """The first administrator: only for making the service account, never afterwards."""


@dataclass(frozen=True)
class UsernameOf:
    """Stands in a form for the user name of an identity; the edge puts it in."""

    identity: Identity


@dataclass(frozen=True)
class PasswordOf:
    """Stands in a form for the password of an identity; the edge puts it in."""

    identity: Identity


FormValue = str | UsernameOf | PasswordOf


@dataclass(frozen=True)
class Request:
    """One HTTP request to one node (never through the front door, unless the edge is told so).

    Attributes:
        method: HTTP method.
        path: path below the node's context path, with the leading slash.
        identity: as whom.
        query: query parameters; not shown, for one product takes a password there.
        headers: further headers.
        form: an ``application/x-www-form-urlencoded`` body; excludes ``json``.
        json: a JSON body.
        timeout: seconds until the request counts as unanswered.
        redirect: follow redirects (as GET), at most ten; the cookie jar lives as long as the flow.
    """

    method: str
    path: str
    identity: Identity = Identity.ANONYMOUS
    query: Mapping[str, str] = field(default_factory=dict, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict)
    form: Mapping[str, FormValue] | None = field(default=None, repr=False)
    json: Any = field(default=None, repr=False)
    timeout: float = 5.0
    redirect: bool = False


@dataclass(frozen=True)
class Response:
    """What came back. ``status`` 0 means: no answer (refused, reset, timed out); ``error`` then says which.

    Attributes:
        status: HTTP status, or 0.
        url: path and query that answered, after redirects, below the context path.
        headers: lower-case names.
        text: the body, decoded, cut at 1 MiB.
        cookies: the jar's cookies for this node after the answer.
        error: why there was no answer.
        sent: whether the node may have received the request; false only where the connection was never made.
    """

    status: int
    url: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    text: str = field(default="", repr=False)
    cookies: Mapping[str, str] = field(default_factory=dict, repr=False)
    error: str = ""
    sent: bool = True

    @property
    def answered(self) -> bool:
        """Whether the node answered at all."""
        return self.status != 0

    def json(self) -> Any:
        """The body as JSON, or ``None`` where it is none."""
        try:
            return json.loads(self.text)
        except (ValueError, RecursionError):
            return None

    def document(self) -> Mapping[str, Any]:
        """The body as a JSON object; empty where it is none."""
        found = self.json()
        return found if isinstance(found, dict) else {}


@dataclass(frozen=True)
class Note:
    """Something a flow wants remembered *before* its next request, so that a later run never repeats it blindly.

    Notes are words of :mod:`telamon.products.notes`, which also says what a list of them amounts to.
    """

    text: str


@dataclass(frozen=True)
class Pause:
    """Wait before the next request.

    Attributes:
        seconds: how long.
    """

    seconds: float


Yielded = Request | Note | Pause
"""What a flow may yield."""

Flow = Generator[Yielded, Response | None, T]
"""Yields requests (sent a response), notes and pauses (sent ``None``); returns its result; raises
:class:`telamon.errors.ProductError`, or :class:`telamon.errors.TemporaryError` where the same flow may do better
later."""

Exchange = Generator[Yielded, Response | None, Response]
"""A part of a flow that ends in a response."""


def ask(request: Request) -> Exchange:
    """Yield one request, and return the response to it, for ``response = yield from``.

    Raises:
        TypeError: the driver sent no response to a request, which is a defect of the driver.
    """
    response = yield request
    if response is None:
        raise TypeError("the driver of a flow must answer a request with a response")
    return response
