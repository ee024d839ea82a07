"""Addresses and ports: stable once given, moved where they are taken, refused where the file insists."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telamon.desired.lab.needs import Needs, PortNeed, TcpNeed
from telamon.errors import MachineError
from telamon.platforms.lab import addresses
from telamon.platforms.lab.addresses import Allocation

NETWORK = 251


@contextmanager
def listener(address: str, port: int = 0) -> Iterator[int]:
    """Something else on this machine."""
    with socket.socket() as taken:
        taken.bind((address, port))
        taken.listen(1)
        yield int(taken.getsockname()[1])


def wanted(*ports: PortNeed, front: int | None = None, tcp: tuple[TcpNeed, ...] = ()) -> Needs:
    return Needs(
        components=("database", "edge", "app"),
        ports=ports,
        tcp=tcp,
        front_port=front,
        network=None,
        tls=False,
        hosts=("app.acme.localhost",),
        products=("app",),
        stand_ins=(),
    )


def allocation(front: int) -> Allocation:
    slots = addresses.allocate_slots(("database", "edge", "app"), {})
    return Allocation(NETWORK, slots, {}, {}, front)


def test_slots_are_kept_also_for_who_is_away() -> None:
    first = addresses.allocate_slots(("database", "edge", "app"), {})
    second = addresses.allocate_slots(("database", "edge", "other"), first)
    assert {name: second[name] for name in first} == first
    assert len(set(second.values())) == len(second)


def test_more_components_than_addresses_are_refused() -> None:
    with pytest.raises(MachineError, match="no loopback address left"):
        addresses.allocate_slots([f"app-{number}" for number in range(300)], {})


def test_taken_port_of_a_member_moves_and_says_so() -> None:
    with listener(f"127.{NETWORK}.3.2") as port:
        given = allocation(8080)
        addresses.check_members(wanted(PortNeed("app", "http", port, 2)), given, skip=frozenset())
        moved = given.moved["app/http"]
    assert moved != port
    assert given.notes == [f"port {port} is taken: app uses {moved} for http"]


def test_moved_port_avoids_the_components_other_ports() -> None:
    with listener(f"127.{NETWORK}.3.1") as port:
        given = allocation(8080)
        needs = wanted(PortNeed("app", "http", port, 1), PortNeed("app", "admin", port + 1, 1))
        addresses.check_members(needs, given, skip=frozenset())
    assert given.moved["app/http"] > port + 1


def test_running_component_is_not_moved_from_its_own_port() -> None:
    with listener(f"127.{NETWORK}.3.1") as port:
        given = allocation(8080)
        needs = wanted(PortNeed("app", "http", port, 1))
        addresses.check_members(needs, given, skip=frozenset({"app"}))
    assert given.moved == {}


def test_taken_front_port_moves_unless_it_is_pinned() -> None:
    with listener("127.0.0.1") as port:
        given = allocation(port)
        addresses.check_front(wanted(), given)
        assert given.front_port > port
        with pytest.raises(MachineError, match=f"port {port} is taken") as caught:
            addresses.check_front(wanted(front=port), allocation(port))
    assert caught.value.remedy is not None
    assert "edge.port" in caught.value.remedy


def test_wildcard_listener_takes_a_port_everywhere() -> None:
    with listener("0.0.0.0") as port:
        assert not addresses.is_free(f"127.{NETWORK}.0.3", port)


def test_pinned_tcp_port_that_is_taken_is_refused() -> None:
    with listener(f"127.{NETWORK}.0.3") as port:
        need = TcpNeed("app", "ssh", port, pinned=False)
        given = allocation(8080)
        addresses.check_tcp(need, given)
        assert given.tcp_ports["app/ssh"] > port
        with pytest.raises(MachineError, match=f"port {port} is taken"):
            addresses.check_tcp(TcpNeed("app", "ssh", port, pinned=True), allocation(8080))


def test_network_in_which_something_listens_is_passed_over() -> None:
    root = Path("/somewhere")
    first = addresses.choose_network(root)
    with listener(f"127.{first}.0.1"):
        assert addresses.choose_network(root) != first
    assert addresses.choose_network(root) == first
