"""The balancer before the nodes: who is given connections, and what becomes of those of a node that is lost."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from testbed.front import MISSES, Balanced

NODES = ("127.0.0.2", "127.0.0.3")


async def node(address: str, port: int = 0) -> asyncio.Server:
    """A node that says whether it has a pod, on the port on which it also serves, and then says who it is."""

    async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if (await reader.readline()).startswith(b"GET"):
                writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
            else:
                writer.write(address.encode() + b"\n")
                await reader.read()
        except ConnectionError:
            pass
        finally:
            writer.close()

    return await asyncio.start_server(taken, address, port)


def port_of(server: asyncio.Server) -> int:
    """Where it listens."""
    return int(server.sockets[0].getsockname()[1])


async def two_nodes() -> tuple[asyncio.Server, asyncio.Server]:
    """Two nodes on one port, which is free on both addresses."""
    while True:
        first = await node(NODES[0])
        try:
            return first, await node(NODES[1], port_of(first))
        except OSError:
            first.close()


async def opened(port: int) -> tuple[str, asyncio.StreamReader, asyncio.StreamWriter]:
    """A new connection, and the node that it leads to.

    On a machine that stands still for long no node answers in time: then the connection is closed, and another tried.
    """
    while True:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with contextlib.suppress(ConnectionError):
            writer.write(b"who\n")
            if name := (await reader.readline()).decode().strip():
                return name, reader, writer
        writer.close()


async def asked(port: int) -> str:
    """Which node a new connection leads to."""
    name, _, writer = await opened(port)
    writer.close()
    return name


def over_two_nodes(then: Callable[[Balanced, list[asyncio.Server], int], Awaitable[None]]) -> None:
    """Do something with a service on two nodes that both have a pod of it."""

    async def run() -> None:
        servers = list(await two_nodes())
        port = port_of(servers[0])
        balanced = Balanced("127.0.0.1", port)
        while set(balanced.fit()) != set(NODES):
            # On a busy machine an answer may be late.
            await asyncio.gather(*(balanced.check(each) for each in NODES))
        await balanced.follow([(0, port)])
        await then(balanced, servers, port_of(balanced.servers[0, port]))
        balanced.end()
        for server in servers:
            server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.gather(*others, return_exceptions=True)

    asyncio.run(run())


def test_connections_go_to_all_nodes_in_turn() -> None:
    async def then(balanced: Balanced, servers: list[asyncio.Server], port: int) -> None:
        met: set[str] = set()
        while met != set(NODES):
            met.add(await asked(port))

    over_two_nodes(then)


def test_a_port_that_a_service_gets_later_is_served_and_one_that_it_loses_is_not() -> None:
    async def then(balanced: Balanced, servers: list[asyncio.Server], port: int) -> None:
        _, reader, writer = await opened(port)
        behind = port_of(servers[0])
        # A port of the machine that is free: the next one that it gives out.
        later = await asyncio.start_server(lambda *_: None, balanced.address, 0)
        free = port_of(later)
        later.close()
        await later.wait_closed()
        await balanced.follow([(free, behind)])
        assert await asked(free) in NODES
        with pytest.raises(ConnectionRefusedError):
            await asked(port)
        assert not reader.at_eof()
        writer.close()

    over_two_nodes(then)


def test_a_node_that_owes_answers_gets_no_connection_and_loses_those_it_had() -> None:
    async def then(balanced: Balanced, servers: list[asyncio.Server], port: int) -> None:
        met: dict[str, tuple[asyncio.StreamReader, asyncio.StreamWriter]] = {}
        while set(met) != set(NODES):
            name, reader, writer = await opened(port)
            if name in met:
                writer.close()
            else:
                met[name] = reader, writer
        servers[1].close()
        for _ in range(MISSES):
            await balanced.check(NODES[1])
        assert balanced.fit() == [NODES[0]]
        assert await ends(met[NODES[1]][0])
        assert not met[NODES[0]][0].at_eof()
        assert {await asked(port) for _ in range(3)} == {NODES[0]}
        for _, writer in met.values():
            writer.close()

    over_two_nodes(then)


def test_a_node_that_is_gone_since_its_last_answer_is_passed_over() -> None:
    async def then(balanced: Balanced, servers: list[asyncio.Server], port: int) -> None:
        servers[0].close()
        assert {await asked(port) for _ in range(4)} == {NODES[1]}

    over_two_nodes(then)


async def ends(reader: asyncio.StreamReader) -> bool:
    """Whether a connection is ended from the other side."""
    try:
        return await reader.read() == b""
    except ConnectionError:
        return True
