"""What the lab must know of this machine before anything can be planned: values only, found out elsewhere.

Everything here is settled once and kept, so that a second run gives every node the address and port of the first.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from telamon.errors import InternalError
from telamon.naming import RELAYS
from telamon.state.account import Account

FRONT_SLOT = 0
"""Third octet of the addresses on which users reach a product."""

LAST_SLOT = 254


@dataclass(frozen=True)
class TlsFiles:
    """Paths of the front door's certificate chain and key (PEM). The name of the files changes with their content."""

    certificate: str
    key: str


@dataclass(frozen=True)
class LabFacts:
    """The machine, as far as the lab is concerned.

    Attributes:
        root: state root, absolute.
        lab: id of this lab, carried by each of its processes.
        network: second octet of its loopback addresses: 127.<network>.<slot>.<ordinal + 1>.
        python: the interpreter that runs the stand-ins.
        python_path: folder in which that interpreter finds them.
        envoy: path of the balancer's binary.
        postgres_bin: folder of ``initdb`` and everything that servers are backed up and copied with, readable by
            ``database_account``.
        postgres_server: folder of the ``postgres`` that servers run; "" for the same.
        postgres_release: release that servers run, e.g. ``17.10``.
        database_account: whom the database runs as; ``None`` for the user who runs the lab.
        slots: third octet by component, from 1.
        moved: ``component/port`` to the number that took the place of the port's own, where that one was taken.
        front_port: the one port of all products.
        tcp_ports: ``product/listener`` to the port of a listener that passes TCP on.
        resolves: whether names under ``.localhost`` lead to this machine here.
        tls: certificate of the front door; ``None`` for plain HTTP.
        relays: last octet of the relay between two parts, by ``source->target``; empty where no relays are wanted.
        faketime: path of libfaketime's library, "" where it is not wanted or not there.
        home_size: bytes of each node's home as a file system of its own; 0 for a folder.
        cores: how many cores there are.
    """

    root: str
    lab: str
    network: int
    python: str
    python_path: str
    envoy: str
    postgres_bin: str
    database_account: Account | None
    slots: Mapping[str, int]
    front_port: int
    postgres_release: str = ""
    postgres_server: str = ""
    moved: Mapping[str, int] = field(default_factory=dict)
    tcp_ports: Mapping[str, int] = field(default_factory=dict)
    resolves: bool = False
    tls: TlsFiles | None = None
    relays: Mapping[str, int] = field(default_factory=dict)
    faketime: str = ""
    home_size: int = 0
    cores: int = 1

    def address(self, component: str, ordinal: int) -> str:
        """The address of a member.

        Raises:
            InternalError: the component has no slot, because it was not among the needs the facts were found for.
        """
        return f"127.{self.network}.{self._slot(component)}.{ordinal + 1}"

    def front_address(self, product: str) -> str:
        """The address on which users reach a product without any name."""
        return f"127.{self.network}.{FRONT_SLOT}.{self._slot(product)}"

    def relay(self, source: str, target: str) -> str | None:
        """The address of the relay between two members; ``None`` where there is none.

        Args:
            source: member that connects; ``*`` for the one that all peers of ``target`` use.
            target: member that listens.
        """
        number = self.relays.get(f"{source}->{target}")
        return None if number is None else f"127.{self.network}.{self._slot(RELAYS)}.{number}"

    def port(self, component: str, port: str, *, number: int) -> int:
        """The number of a port: the product's own, unless it had to move."""
        return self.moved.get(f"{component}/{port}", number)

    def path(self, *parts: str) -> str:
        """A path below the state root."""
        return "/".join((self.root, *parts))

    def _slot(self, component: str) -> int:
        if component not in self.slots:
            raise InternalError(f"{component} has no addresses: the facts are older than the stack file")
        return self.slots[component]
