"""A websocket is asked whether it lives, and opened anew where it does not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Thread
from typing import Any

from websockets.sync.server import Server, ServerConnection, serve

from telamon.proof.clockwork import Clockwork
from telamon.proof.record import Cause, Sample
from telamon.proof.sockets import SocketKeeper
from telamon.proof.workload import LoadPlan, SocketLoad, Target

PATH = "/edit/live"


@contextmanager
def listening(*, closes_after: int = 0) -> Iterator[tuple[int, list[str]]]:
    """A server that answers pings; gives its port and the paths that were opened."""
    opened: list[str] = []

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        opened.append(connection.request.path)
        if closes_after and len(opened) <= closes_after:
            connection.close()
        for _ in connection:
            pass

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    server: Server = serve(talk, "127.0.0.1", port)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield port, opened
    finally:
        server.shutdown()
        thread.join()


def asked(port: int, *, seconds: float = 0.45, **changes: Any) -> list[Sample]:
    load = SocketLoad.model_validate({"path": PATH, "every": 0.1} | changes)
    plan = LoadPlan.model_validate(
        {
            "name": "trial",
            "target": Target(address="127.0.0.1", port=port, host="app.localhost"),
            "rate": 1.0,
            "seconds": 5.0,
            "sessions": 1,
            "kinds": [{"name": "read", "path": "/"}],
            "timeout": 2.0,
        }
    )
    found: list[Sample] = []

    async def work() -> None:
        epoch = asyncio.get_running_loop().time()
        clockwork = Clockwork("run", epoch, seconds, asyncio.Event(), found.append)
        await SocketKeeper(plan, load, 7).work(clockwork)

    asyncio.run(work())
    return found


def test_a_socket_that_lives_answers_every_time() -> None:
    with listening() as (port, opened):
        found = asked(port)
    assert opened == [PATH]
    assert len(found) >= 2
    assert {(sample.session, sample.cause, sample.status) for sample in found} == {(7, Cause.OK, 101)}
    assert all(sample.due <= sample.begun <= sample.answered for sample in found)


def test_a_socket_that_was_closed_is_opened_anew() -> None:
    with listening(closes_after=1) as (port, opened):
        found = asked(port)
    assert len(opened) >= 2
    assert found[-1].cause is Cause.OK


def test_nobody_listening_is_refused() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    assert {sample.cause for sample in asked(port, seconds=0.15)} == {Cause.REFUSED}


def test_what_is_no_websocket_is_a_reset() -> None:
    with socket.create_server(("127.0.0.1", 0)) as plain:

        def answer() -> None:
            connection, _ = plain.accept()
            connection.recv(4096)
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            connection.close()

        thread = Thread(target=answer)
        thread.start()
        found = asked(plain.getsockname()[1], seconds=0.05)
        thread.join()
    assert [sample.cause for sample in found] == [Cause.RESET]
