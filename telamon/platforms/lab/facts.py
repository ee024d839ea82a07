"""Find out about the machine, once, and keep the answer: a second run gives every member the same place."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from telamon.desired.lab.facts import LabFacts, TlsFiles
from telamon.desired.lab.needs import POSTGRES_PORT, Needs
from telamon.errors import MachineError, PlatformError
from telamon.platforms.files import located, write
from telamon.platforms.lab import addresses, machine, tls, volumes
from telamon.platforms.lab.addresses import Allocation
from telamon.platforms.lab.clock_library import clock_library
from telamon.state.account import Account

FILE = "facts.json"
CONTROLLER_SOCKET = "run/controller.sock"
LONGEST_BALANCER_SOCKET = "run/edge-9.sock"
LONGEST_DATABASE_SOCKET = f"run/database-0/.s.PGSQL.{POSTGRES_PORT}"


@dataclass(frozen=True)
class Discovery:
    """What was found.

    Attributes:
        facts: for :func:`telamon.desired.lab.compile.compile_lab`.
        notes: sentences for people: what had to move, and whereto.
    """

    facts: LabFacts
    notes: tuple[str, ...]


def default_root(stack: str, environment: Mapping[str, str]) -> Path:
    """Where a stack's state is kept unless somebody says otherwise.

    Args:
        stack: name of the stack.
        environment: of this process. Source: XDG Base Directory Specification, ``XDG_STATE_HOME``.
    """
    if os.geteuid() == 0:
        return Path("/var/lib/telamon") / stack
    base = environment.get("XDG_STATE_HOME", "")
    home = Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    return home / "telamon" / stack


def lab_id(root: Path) -> str:
    """The id that every process of a lab carries: two labs of one machine never have the same folder."""
    return hashlib.sha256(str(root).encode()).hexdigest()[:12]


def discover(root: Path, needs: Needs, *, running: frozenset[str]) -> Discovery:
    """See that a stack can run on this machine, and settle every address and port of it.

    Args:
        root: state root, absolute; made where it is missing.
        needs: of the stack.
        running: components of this lab that run now, on the ports they were given.

    Raises:
        MachineError: the machine lacks something.
        PlatformError: the kept facts are damaged.
    """
    machine.check_system()
    account = machine.database_account()
    sockets = [root / CONTROLLER_SOCKET, root / LONGEST_BALANCER_SOCKET]
    sockets.append(root / LONGEST_DATABASE_SOCKET)
    machine.check_folder(root, sockets=sockets, account=account)
    if not running.issuperset(needs.components):
        # What runs has its room; a stack that runs as a whole can be asked for again on a disk that is nearly full.
        machine.check_room(root)
    kept = load(root)
    if needs.home_size and (reason := volumes.lacks()):
        raise MachineError(
            f"homes cannot have a size of their own here: {reason}",
            remedy="Leave platform.homeSize out of the stack file, or run as root.",
        )
    allocation = _allocate(root, needs, kept, running=running)
    programs = machine.database_programs(root, account)
    server = machine.server_programs(needs.database_programs, like=programs, account=account)
    facts = LabFacts(
        root=str(root),
        lab=lab_id(root),
        network=allocation.network,
        python=interpreter(kept.python if kept else None),
        python_path=machine.stand_ins(needs.stand_ins),
        envoy=str(machine.balancer()),
        postgres_bin=str(programs),
        postgres_release=machine.database_release(server),
        postgres_server=needs.database_programs,
        database_account=account,
        slots=allocation.slots,
        front_port=allocation.front_port,
        moved=allocation.moved,
        tcp_ports=allocation.tcp_ports,
        # Products write their base URL into their data, so it does not change with the machine's name service.
        resolves=kept.resolves if kept else machine.resolves(needs.hosts[0]),
        tls=_tls(root, needs, allocation) if needs.tls else None,
        relays=allocation.relays,
        faketime=clock_library(needs.clock_library) if needs.movable_clocks else "",
        home_size=needs.home_size,
        cores=len(os.sched_getaffinity(0)),
    )
    return Discovery(facts, tuple(allocation.notes))


def save(facts: LabFacts) -> None:
    """Keep the facts.

    Raises:
        MachineError: the disk is full or read-only.
    """
    path = Path(facts.root) / FILE
    write(path, json.dumps(asdict(facts), indent=1, sort_keys=True) + "\n")


def load(root: Path) -> LabFacts | None:
    """The facts kept below a state root, or ``None`` where there are none.

    Raises:
        PlatformError: they are damaged.
        MachineError: they cannot be read.
    """
    path = root / FILE
    if not path.exists():
        return None
    with located(path):
        text = path.read_text(encoding="utf-8")
    try:
        return _facts(json.loads(text))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise PlatformError(
            f"{path} is damaged",
            remedy="Put it back from a copy, or remove it: the lab then begins anew at other addresses and ports.",
        ) from error


def _facts(data: dict[str, Any]) -> LabFacts:
    account, files = data.pop("database_account"), data.pop("tls")
    return LabFacts(
        **data,
        database_account=Account(**account) if account else None,
        tls=TlsFiles(**files) if files else None,
    )


def interpreter(kept: str | None) -> str:
    """The interpreter for the stand-ins: the one they run with, where that is this one by another name.

    An environment has ``python`` and ``python3``; which of them starts a controller must not restart every node.

    Args:
        kept: what they run with so far, if anything.
    """
    here, before = Path(sys.executable), Path(kept or sys.executable)
    same = before.parent == here.parent and before.exists() and before.samefile(here)
    return str(before if same else here)


def _allocate(root: Path, needs: Needs, kept: LabFacts | None, *, running: frozenset[str]) -> Allocation:
    first = addresses.FRONT_PORT_TLS if needs.tls else addresses.FRONT_PORT
    network = needs.network
    if network is None:
        network = kept.network if kept else addresses.choose_network(root)
    allocation = Allocation(
        network=network,
        slots=addresses.allocate_slots(needs.components, kept.slots if kept else {}),
        moved=dict(kept.moved) if kept else {},
        tcp_ports=dict(kept.tcp_ports) if kept else {},
        front_port=kept.front_port if kept and (kept.tls is not None) == needs.tls else first,
        relays=addresses.allocate_relays(needs.relays, kept.relays if kept else {}),
    )
    moves_away = kept is not None and kept.network != network
    addresses.check_members(needs, allocation, skip=frozenset() if moves_away else running)
    _allocate_front(needs, allocation, kept, edge_runs="edge" in running and not moves_away)
    return allocation


def _allocate_front(needs: Needs, allocation: Allocation, kept: LabFacts | None, *, edge_runs: bool) -> None:
    """Find the front door's ports. While our own balancers listen their ports look taken, so they are not tried."""
    own = kept if edge_runs else None
    if own is None or (needs.front_port or allocation.front_port) != own.front_port:
        addresses.check_front(needs, allocation)
    for need in needs.tcp:
        before = own.tcp_ports.get(need.key) if own is not None else None
        if before is None or (need.pinned and need.number != before):
            addresses.check_tcp(need, allocation)


def _tls(root: Path, needs: Needs, allocation: Allocation) -> TlsFiles:
    fronts = [f"127.{allocation.network}.0.{allocation.slots[product]}" for product in needs.products]
    hosts = [*needs.hosts, "localhost"]
    return tls.ensure(root / "tls", hosts=hosts, addresses=[addresses.FRONT, *fronts], now=datetime.now(UTC))
