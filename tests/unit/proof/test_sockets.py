"""A websocket is asked whether it lives, and opened anew where it does not."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from threading import Thread
from typing import Any

import pytest
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.sync.server import Server, ServerConnection, serve

from telamon.proof.clockwork import Clockwork
from telamon.proof.record import Cause, Sample
from telamon.proof.sockets import SocketKeeper
from telamon.proof.workload import LoadPlan, SocketLoad, Target

PATH = "/edit/live"


@contextmanager
def listening() -> Iterator[tuple[int, list[str]]]:
    """A server that answers pings; gives its port and the paths that were opened."""
    opened: list[str] = []

    def talk(connection: ServerConnection) -> None:
        assert connection.request is not None
        opened.append(connection.request.path)
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


def is_ping(event: object) -> bool:
    return isinstance(event, Frame) and event.opcode is Opcode.PING


@contextmanager
def parting(code: int, *, times: int) -> Iterator[tuple[int, list[str]]]:
    """A server whose first connections are each closed for a reason once a ping on them was answered.

    Args:
        code: the reason.
        times: how many connections are closed.
    """
    opened: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve_all() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = listener.accept()
                    with connection, suppress(ConnectionError):
                        converse(connection)

        def converse(connection: socket.socket) -> None:
            protocol = ServerProtocol()
            while received := connection.recv(4096):
                protocol.receive_data(received)
                for event in protocol.events_received():
                    if isinstance(event, Request):
                        opened.append(event.path)
                        protocol.send_response(protocol.accept(event))
                    # The next ping comes in before the client reads this goodbye, hence the state.
                    elif is_ping(event) and len(opened) <= times and protocol.state is State.OPEN:
                        protocol.send_close(code)
                connection.sendall(b"".join(protocol.data_to_send()))

        thread = Thread(target=serve_all)
        thread.start()
        try:
            yield int(listener.getsockname()[1]), opened
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def asked(port: int, *, seconds: float = 0.45, questions: int = 0, **changes: Any) -> list[Sample]:
    """Ask for some time, or until so many questions were answered."""
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
        ended = asyncio.Event()

        def keep(sample: Sample) -> None:
            found.append(sample)
            if len(found) == questions:
                ended.set()

        clockwork = Clockwork("run", epoch, seconds, ended, keep)
        await SocketKeeper(plan, load, 7).work(clockwork)

    asyncio.run(work())
    return found


def test_a_socket_that_lives_answers_every_time() -> None:
    with listening() as (port, opened):
        found = asked(port, seconds=60.0, questions=2)
    assert opened == [PATH]
    assert len(found) == 2
    assert {(sample.session, sample.cause, sample.status) for sample in found} == {(7, Cause.OK, 101)}
    assert all(sample.due <= sample.begun <= sample.answered for sample in found)


@pytest.mark.parametrize("code", [1001, 1012])
def test_a_socket_whose_member_stops_in_order_costs_no_question(code: int) -> None:
    with parting(code, times=1) as (port, opened):
        found = asked(port, seconds=60.0, questions=3)
    assert [sample.cause for sample in found] == [Cause.OK] * 3
    assert opened == [PATH, PATH]


@pytest.mark.parametrize("code", [1000, 1008, 1011])
def test_a_socket_that_is_closed_for_another_reason_has_failed_and_is_opened_anew(code: int) -> None:
    with parting(code, times=1) as (port, opened):
        found = asked(port, seconds=60.0, questions=3)
    assert [sample.cause for sample in found] == [Cause.OK, Cause.RESET, Cause.OK]
    assert opened == [PATH, PATH]


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
