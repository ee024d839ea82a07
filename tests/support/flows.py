"""Drives a flow by hand, with answers made up by the test: no network, no waiting."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from telamon.products.base import Flow, Note, Request, Response, SetupInputs, Yielded

T = TypeVar("T")

BASE = "http://tracker.acme.example:8080/wiki"
INPUTS = SetupInputs(
    title="Acme tracker",
    base_url=BASE,
    license="AAAB\nBBBC\r\nDDDE \n",
    admin_username="ada",
    admin_password="correct horse",
    admin_email="ada@acme.example",
    admin_name="Ada L.",
)


@dataclass
class Played(Generic[T]):
    """What a flow did: requests, notes and pauses in order, and how it ended."""

    events: list[Yielded] = field(default_factory=list)
    result: T | None = None
    error: Exception | None = None

    @property
    def requests(self) -> list[Request]:
        """The requests, in order."""
        return [event for event in self.events if isinstance(event, Request)]

    @property
    def notes(self) -> list[str]:
        """The texts of the notes, in order."""
        return [event.text for event in self.events if isinstance(event, Note)]

    @property
    def asked(self) -> list[str]:
        """Method and path of every request."""
        return [f"{request.method} {request.path}" for request in self.requests]

    def posts(self) -> list[Request]:
        """The requests that change something."""
        return [request for request in self.requests if request.method != "GET"]


def play(flow: Flow[T], answer: Callable[[Request], Response]) -> Played[T]:
    """Run a flow to its end; an error it raises is kept, not raised."""
    played: Played[T] = Played()
    sent: Response | None = None
    try:
        while True:
            event = flow.send(sent)
            played.events.append(event)
            sent = answer(event) if isinstance(event, Request) else None
    except StopIteration as end:
        played.result = end.value
    except Exception as error:  # noqa: BLE001 - the test judges what kind of error it may be.
        played.error = error
    return played


def result_of(played: Played[T]) -> T:
    """The result, where the flow ended with one."""
    if played.error is not None:
        raise played.error
    assert played.result is not None
    return played.result


def script(*answers: Response) -> Callable[[Request], Response]:
    """Answer with each response in turn, whatever is asked; asking more often is a failure."""
    left = list(answers)

    def answer(request: Request) -> Response:
        assert left, f"nobody expected {request.method} {request.path}"
        return left.pop(0)

    return answer


def table(answers: Mapping[str, Response | Iterable[Response]]) -> Callable[[Request], Response]:
    """Answer by method and path; a list of responses is given out one by one, its last one again and again."""
    queues = {key: [value] if isinstance(value, Response) else list(value) for key, value in answers.items()}

    def answer(request: Request) -> Response:
        key = f"{request.method} {request.path}"
        assert key in queues, f"nobody expected {key}"
        queue = queues[key]
        return queue.pop(0) if len(queue) > 1 else queue[0]

    return answer


def page(
    body: str, *, url: str = "/", status: int = 200, cookies: Mapping[str, str] | None = None
) -> Response:
    """An HTML answer."""
    return Response(status=status, url=url, text=body, cookies=cookies or {})


def json_answer(value: Any, status: int = 200, **headers: str) -> Response:
    """A JSON answer; underscores in header names stand for dashes."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status=status, headers=named, text=json.dumps(value))


def state(name: str, status: int = 200) -> Response:
    """An answer of the status page."""
    return json_answer({"state": name}, status)


SILENCE = Response(status=0, error="no answer within 5 s")
REFUSED = Response(status=0, error="the connection was refused", sent=False)
