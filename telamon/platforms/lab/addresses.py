"""Loopback addresses and ports: what is free, what was ours before, what has to move."""

from __future__ import annotations

import errno
import socket
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from telamon.desired.lab.facts import LAST_SLOT
from telamon.desired.lab.needs import Needs, TcpNeed
from telamon.errors import MachineError

FRONT_PORT = 8080
FRONT_PORT_TLS = 8443
FRONT = "127.0.0.1"
FIRST_NETWORK, LAST_NETWORK = 2, 254
TRIES = 200
"""How many numbers after a taken one are tried."""


@dataclass
class Allocation:
    """Numbers given out so far, with a note for people about each that had to move.

    Attributes:
        network: second octet.
        slots: third octet by component.
        moved: ``component/port`` to the number that it got instead of its own.
        tcp_ports: ``product/listener`` to its number.
        front_port: the one port of all products.
        relays: last octet of the relay between two members, by ``source->target``.
        notes: sentences for people.
    """

    network: int
    slots: dict[str, int]
    moved: dict[str, int]
    tcp_ports: dict[str, int]
    front_port: int
    relays: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def allocate_slots(components: Sequence[str], kept: Mapping[str, int]) -> dict[str, int]:
    """Give every component a slot; what had one keeps it, also while it is away.

    Raises:
        MachineError: there are more components than slots.
    """
    slots = dict(kept)
    for component in components:
        if component in slots:
            continue
        free = next((slot for slot in range(1, LAST_SLOT + 1) if slot not in slots.values()), None)
        if free is None:
            raise MachineError(f"there is no loopback address left for {component}")
        slots[component] = free
    return slots


def allocate_relays(pairs: Sequence[str], kept: Mapping[str, int]) -> dict[str, int]:
    """Give every pair of members that a relay stands between a number; what had one keeps it.

    Raises:
        MachineError: there are more pairs than addresses.
    """
    relays = {pair: kept[pair] for pair in pairs if pair in kept}
    free = iter(sorted(set(range(1, LAST_SLOT + 1)) - set(kept.values())))
    for pair in pairs:
        if pair in relays:
            continue
        number = next(free, None)
        if number is None:
            raise MachineError(
                f"there is no address left for a relay between {pair}",
                remedy="Run fewer nodes, or leave platform.disturbable out.",
            )
        relays[pair] = number
    return relays


def choose_network(root: Path) -> int:
    """Choose a network that nothing listens in; the same root begins its search at the same place."""
    taken = _listening_networks()
    span = LAST_NETWORK - FIRST_NETWORK + 1
    begin = zlib.crc32(str(root).encode()) % span
    for step in range(span):
        network = FIRST_NETWORK + (begin + step) % span
        if network not in taken:
            return network
    raise MachineError("something listens in every loopback network", remedy="Name one in platform.network.")


def check_members(needs: Needs, allocation: Allocation, *, skip: frozenset[str]) -> None:
    """Move every port of a member that something else has taken.

    Args:
        needs: what members listen on.
        allocation: changed in place.
        skip: components that run already, on the very ports.
    """
    for need in needs.ports:
        if need.component in skip:
            continue
        addresses = [
            f"127.{allocation.network}.{allocation.slots[need.component]}.{ordinal + 1}"
            for ordinal in range(need.nodes)
        ]
        key = f"{need.component}/{need.port}"
        wanted = allocation.moved.get(key, need.number)
        others = {
            allocation.moved.get(f"{other.component}/{other.port}", other.number)
            for other in needs.ports
            if other.component == need.component and other.port != need.port
        }
        number = find_free(addresses, wanted, avoid=others)
        if number != wanted:
            allocation.notes.append(f"port {wanted} is taken: {need.component} uses {number} for {need.port}")
        if number != need.number:
            allocation.moved[key] = number


def check_front(needs: Needs, allocation: Allocation) -> None:
    """Find the front door's port.

    Raises:
        MachineError: the stack file pins it, and it is taken.
    """
    fronts = [f"127.{allocation.network}.0.{allocation.slots[product]}" for product in needs.products]
    wanted = needs.front_port or allocation.front_port
    number = find_free([FRONT, *fronts], wanted, pinned="edge.port" if needs.front_port else "")
    if number != wanted:
        allocation.notes.append(f"port {wanted} is taken: the front door uses {number}")
    allocation.front_port = number


def check_tcp(need: TcpNeed, allocation: Allocation) -> None:
    """Find the port of a listener that passes TCP on.

    Raises:
        MachineError: a port that the stack file pins is taken.
    """
    address = f"127.{allocation.network}.0.{allocation.slots[need.product]}"
    wanted = need.number if need.pinned else allocation.tcp_ports.get(need.key, need.number)
    pinned = "edge.ssh.port" if need.pinned else ""
    number = find_free([address], wanted, pinned=pinned, avoid={allocation.front_port})
    if number != wanted:
        allocation.notes.append(f"port {wanted} is taken: {need.product} {need.listener} uses {number}")
    allocation.tcp_ports[need.key] = number


def find_free(
    addresses: Sequence[str], wanted: int, *, pinned: str = "", avoid: set[int] | frozenset[int] = frozenset()
) -> int:
    """Find a port that is free on all of some addresses.

    Args:
        addresses: where it must be free.
        wanted: tried first.
        pinned: path in the stack file that insists on it; "" where another will do.
        avoid: numbers given to something else already.

    Raises:
        MachineError: the pinned port is taken, or none is free.
    """
    for number in range(wanted, min(wanted + TRIES, 65536)):
        if number not in avoid and all(is_free(address, number) for address in addresses):
            return number
        if pinned:
            raise MachineError(
                f"port {number} is taken, and the stack file pins it",
                remedy=f"End what listens there (`ss -ltnp sport = :{number}`), or leave {pinned} out.",
            )
    raise MachineError(f"no port from {wanted} to {wanted + TRIES - 1} is free on {', '.join(addresses)}")


def is_free(address: str, port: int) -> bool:
    """Whether something could listen there now.

    Raises:
        MachineError: we may not listen there, or the address is not this machine's.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # What remains of closed connections does not keep a server from listening; another listener does.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            probe.listen(1)
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return False
            if error.errno == errno.EACCES:
                raise MachineError(
                    f"you may not listen on port {port}", remedy="Choose a port from 1024 up."
                ) from error
            raise MachineError(
                f"{address} cannot be used on this machine: {error.strerror}",
                remedy="The lab needs the whole loopback network 127.0.0.0/8, which Linux has by default.",
            ) from error
    return True


def is_listened(address: str, port: int) -> bool:
    """Whether somebody listens there, found out without touching it. Source: proc(5), ``/proc/net/tcp``."""
    return (address, port) in _listening()


def _listening_networks() -> frozenset[int]:
    """Second octets of the loopback addresses that something listens on."""
    return frozenset(int(address.split(".")[1]) for address, _ in _listening() if address.startswith("127."))


def _listening() -> frozenset[tuple[str, int]]:
    """Address and port of everything that listens. Source: proc(5), ``/proc/net/tcp``."""
    found = set()
    for line in Path("/proc/net/tcp").read_text(encoding="ascii").splitlines()[1:]:
        fields = line.split()
        if fields[3] != "0A":
            continue
        host, _, port = fields[1].partition(":")
        packed = bytes.fromhex(host)[::-1]
        found.add((".".join(str(octet) for octet in packed), int(port, 16)))
    return frozenset(found)
