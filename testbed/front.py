"""A balancer before the nodes, as a cloud has one: ``python -m testbed.front KUBECONFIG NODE…``.

Every service of type LoadBalancer is given an address on the bridge between the nodes; ports that it gets or loses
later are followed. Twice a second each node is asked whether a pod of the service is on it, and connections are passed
on to the nodes that say so. A node that is silent twice gets no more of them, and those that it had are ended. Whoever
listens behind it sees the address of the balancer and not that of the client.

Sources: Kubernetes, "Service", "Type LoadBalancer", and "Create an External Load Balancer" (the port for health checks
of a service with ``externalTrafficPolicy: Local``); AWS, "Health checks for Network Load Balancer target groups".
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import itertools
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from testbed.client import Client, RefusedError

BRIDGE: Final = "nodes"
"""Interface that all nodes hang on."""
FIRST: Final = 200
"""Last byte of the first address that is given out; those of nodes are lower."""
EVERY: Final = 0.5
"""Seconds between two questions to a node, and for its answer."""
MISSES: Final = 2
"""Answers in a row that a node may owe before it is left out."""
_CHUNK: Final = 65536

Pipe = tuple[asyncio.StreamReader, asyncio.StreamWriter]


@dataclass
class Balanced:
    """One service.

    Attributes:
        address: that it is given.
        health: port on which every node says whether it has a pod of it.
        servers: that listen for it, each by the port of the service and the one that it has on every node.
        missed: how many answers each node owes, by address; one that never answered is not in it.
        connections: that each node has.
    """

    address: str
    health: int
    servers: dict[tuple[int, int], asyncio.Server] = field(default_factory=dict)
    missed: dict[str, int] = field(default_factory=dict)
    connections: dict[str, set[asyncio.StreamWriter]] = field(default_factory=dict)
    turns: Iterator[int] = field(default_factory=itertools.count)

    def fit(self) -> list[str]:
        """Addresses of the nodes that may be given a connection, another one first at each turn."""
        nodes = sorted(node for node, missed in self.missed.items() if missed < MISSES)
        turn = next(self.turns) % (len(nodes) or 1)
        return nodes[turn:] + nodes[:turn]

    async def check(self, node: str) -> None:
        """Ask a node once."""
        if await _says_yes(node, self.health):
            self.missed[node] = 0
        elif node in self.missed:
            self.missed[node] += 1
            if self.missed[node] == MISSES:
                for writer in self.connections.pop(node, set()):
                    writer.transport.abort()

    async def pass_on(self, client: Pipe, *, port: int) -> None:
        """Pass a connection on to a node that takes it.

        Args:
            client: both directions.
            port: of the service on every node.
        """
        try:
            for node in self.fit():
                with contextlib.suppress(OSError, TimeoutError):
                    async with asyncio.timeout(EVERY):
                        behind = await asyncio.open_connection(node, port)
                    await self._join(client, behind, node=node)
                    return
        finally:
            client[1].close()
            with contextlib.suppress(OSError):
                await client[1].wait_closed()

    async def _join(self, client: Pipe, behind: Pipe, *, node: str) -> None:
        ends = {client[1], behind[1]}
        self.connections.setdefault(node, set()).update(ends)
        try:
            await asyncio.gather(_pump(client[0], behind[1]), _pump(behind[0], client[1]))
        finally:
            self.connections.get(node, set()).difference_update(ends)
            behind[1].close()
            with contextlib.suppress(OSError):
                await behind[1].wait_closed()

    async def follow(self, ports: Collection[tuple[int, int]]) -> None:
        """Listen on these ports and on no others; connections that were taken go on.

        Args:
            ports: of the service, each with the one that it has on every node.
        """
        for known in self.servers.keys() - set(ports):
            self.servers.pop(known).close()
        for port, behind in sorted(set(ports) - self.servers.keys()):
            await self._listen(port, behind=behind)

    async def _listen(self, port: int, *, behind: int) -> None:
        async def taken(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self.pass_on((reader, writer), port=behind)

        self.servers[port, behind] = await asyncio.start_server(taken, self.address, port)

    def end(self) -> None:
        """Stop listening, and end what goes on."""
        for server in self.servers.values():
            server.close()
        for writers in self.connections.values():
            for writer in writers:
                writer.transport.abort()


class Front:
    """All balanced services of a cluster.

    Args:
        kubeconfig: by which the API server is reached.
        nodes: addresses of all nodes.
    """

    def __init__(self, kubeconfig: Path, *, nodes: Sequence[str]) -> None:
        self._client = Client.by(kubeconfig)
        self._nodes = tuple(nodes)
        self._balanced: dict[str, Balanced] = {}

    async def run(self) -> None:
        """Balance until somebody ends it."""
        loop = asyncio.get_running_loop()
        while True:
            began = loop.time()
            # What is refused or not answered now is asked again; services that are known go on meanwhile.
            with contextlib.suppress(RefusedError, OSError, http.client.HTTPException):
                await self._look()
            checks = [each.check(node) for each in self._balanced.values() for node in self._nodes]
            await asyncio.gather(*checks)
            await asyncio.sleep(max(0.0, began + EVERY - loop.time()))

    async def _look(self) -> None:
        """Take on the services that are new, and let go of those that are not any more."""
        listed = await asyncio.to_thread(self._client.ask, "GET", "/api/v1/services")
        wanted = {
            _path(item): item
            for item in listed.get("items") or ()
            if item["spec"].get("type") == "LoadBalancer" and item["spec"].get("healthCheckNodePort")
        }
        for path in [path for path in self._balanced if path not in wanted]:
            gone = self._balanced.pop(path)
            gone.end()
            await _address("del", gone.address)
        for path, item in wanted.items():
            if path not in self._balanced:
                await self._take_on(path, item["spec"])
            await self._balanced[path].follow(
                [(int(port["port"]), int(port["nodePort"])) for port in item["spec"]["ports"]]
            )
            address = self._balanced[path].address
            told = [each.get("ip") for each in item["status"]["loadBalancer"].get("ingress") or ()]
            if told != [address]:
                status = {"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}
                form = "application/merge-patch+json"
                await asyncio.to_thread(self._client.ask, "PATCH", f"{path}/status", body=status, form=form)

    async def _take_on(self, path: str, spec: Mapping[str, Any]) -> None:
        used = {each.address for each in self._balanced.values()}
        network = self._nodes[0].rpartition(".")[0]
        address = next(one for one in (f"{network}.{last}" for last in range(FIRST, 255)) if one not in used)
        await _address("add", address)
        self._balanced[path] = Balanced(address, int(spec["healthCheckNodePort"]))


async def _address(verb: str, address: str) -> None:
    """Give an address to the bridge, or take it away."""
    command = ("ip", "addr", verb, f"{address}/32", "dev", BRIDGE)
    process = await asyncio.create_subprocess_exec(*command)
    await process.wait()


async def _says_yes(node: str, port: int) -> bool:
    """Whether a node says that a pod of a service is on it."""
    writer = None
    try:
        async with asyncio.timeout(EVERY):
            reader, writer = await asyncio.open_connection(node, port)
            writer.write(b"GET / HTTP/1.0\r\n\r\n")
            return b" 200 " in await reader.readline()
    except (OSError, TimeoutError):
        return False
    finally:
        if writer is not None:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Pass on what comes until no more does, and then say so."""
    with contextlib.suppress(OSError):
        while content := await reader.read(_CHUNK):
            writer.write(content)
            await writer.drain()
        writer.write_eof()


def _path(service: Mapping[str, Any]) -> str:
    metadata = service["metadata"]
    return f"/api/v1/namespaces/{metadata['namespace']}/services/{metadata['name']}"


def main() -> None:
    """Balance until somebody ends it."""
    asyncio.run(Front(Path(sys.argv[1]), nodes=sys.argv[2:]).run())


if __name__ == "__main__":
    main()
