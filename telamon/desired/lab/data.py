"""The lab as it should be, as plain data: processes, files, links, and what the planner needs of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from telamon.desired.calls import SetupDesired, UserDesired, WorkloadProbe
from telamon.desired.component import ComponentDesired
from telamon.products.base import (
    Endpoint,
    EnvironmentValue,
    FrontAddress,
    Product,
    SecretValue,
    Workload,
)


class RunAs(StrEnum):
    """Whose process it is."""

    SELF = "self"
    DATABASE = "database"


class StopSignal(StrEnum):
    """What asks a process to end in order."""

    TERM = "SIGTERM"
    INT = "SIGINT"
    """PostgreSQL ends at once on it, and waits for every client on SIGTERM."""


@dataclass(frozen=True)
class FileDesired:
    """A file that is there before a process reads it.

    Attributes:
        path: below the state root.
        content: text.
        mode: permission bits.
        owner: who may read it besides root.
        once: it is made where it is missing and left alone afterwards, because something else writes to it.
    """

    path: str
    content: str
    mode: int = 0o600
    owner: RunAs = RunAs.SELF
    once: bool = False


@dataclass(frozen=True)
class FolderDesired:
    """A folder that is there before a process starts.

    Attributes:
        path: below the state root.
        mode: permission bits.
        owner: whose it is.
        size: bytes, where it is a file system of its own; 0: it is a folder like others.
    """

    path: str
    mode: int = 0o700
    owner: RunAs = RunAs.SELF
    size: int = 0


@dataclass(frozen=True)
class DatabaseProbe:
    """Begin a PostgreSQL session and see whether the server would take it."""

    endpoint: Endpoint


@dataclass(frozen=True)
class BalancerProbe:
    """Ask the balancer's admin page on a unix socket."""

    socket: str


@dataclass(frozen=True)
class RelayProbe:
    """Ask the relays on their unix socket."""

    socket: str


Probe = WorkloadProbe | DatabaseProbe | BalancerProbe | RelayProbe


@dataclass(frozen=True)
class ProcessDesired:
    """One member as a process of this machine.

    Attributes:
        member: its name.
        component: whose.
        ordinal: 0, 1, 2 …
        release: what it runs as.
        argv: command line; never holds a secret.
        environment: name to value; secrets by reference.
        cwd: working folder.
        address: where it listens, for people.
        probe: how it is asked how it is.
        folders: made before it starts.
        run_as: whose process it is.
        stop_signal: what asks it to end in order.
        hints: variables that matter at its start alone, with what they would say to the only node (``None``: nothing);
            whatever they say now, a node that runs goes on.
    """

    member: str
    component: str
    ordinal: int
    release: str
    argv: tuple[str, ...]
    environment: Mapping[str, EnvironmentValue]
    cwd: str
    address: str
    probe: Probe
    folders: tuple[FolderDesired, ...] = ()
    run_as: RunAs = RunAs.SELF
    stop_signal: StopSignal = StopSignal.TERM
    hints: Mapping[str, EnvironmentValue | None] = field(default_factory=dict)


@dataclass(frozen=True)
class Link:
    """One part as another reaches it, so that a relay can be put between the two.

    Attributes:
        source: member that connects (``edge`` for every balancer).
        target: member that listens (``database-writer`` for whichever server takes writes).
        port: name of the port.
        endpoint: where ``source`` connects to.
        beyond: where ``target`` listens; another place than ``endpoint`` where a relay stands between them.
    """

    source: str
    target: str
    port: str
    endpoint: Endpoint
    beyond: Endpoint

    @property
    def name(self) -> str:
        """E.g. ``wiki-0->wiki-1:cluster``."""
        return link_name(self.source, self.target, port=self.port)


def link_name(source: str, target: str, *, port: str) -> str:
    """Name the link from one member to a port of another."""
    return f"{source}->{target}:{port}"


@dataclass(frozen=True)
class Rotation:
    """A list of members that the balancers send traffic to, kept in one file.

    Attributes:
        component: whose members.
        cluster: the balancers' name of it.
        path: the file, below the state root.
        endpoints: member to where it listens.
    """

    component: str
    cluster: str
    path: str
    endpoints: Mapping[str, Endpoint]


@dataclass(frozen=True)
class DatabaseDesired:
    """A product's own database, the role that owns it, and the one that nodes log in as.

    Attributes:
        name: of the database and of the role that owns it.
        user: the role that nodes log in as: the owner, or a member of it.
        password: of that role.
        collation: vendor's collation and character type.
        endpoint: where the server listens.
    """

    name: str
    user: str
    password: SecretValue
    collation: str
    endpoint: Endpoint


@dataclass(frozen=True)
class Login:
    """A role of a database server, and where its password is."""

    role: str
    password: SecretValue


@dataclass(frozen=True)
class ServerDesired:
    """One database server's own making.

    Attributes:
        member: whose.
        data: its data folder.
        bin: folder of its programs.
        superuser: makes the four roles below, and nothing else.
        replicator: standbys log in as it, and whoever reads the log of what is written.
        operator: the controller watches and directs the servers as it.
        manager: makes the products' roles and databases.
        reader: reads products' data for backups.
        socket_folder: where its own unix socket is; all but the replicator and the products get in there alone.
        endpoint: where it listens for its neighbours, whatever its role.
        writer: where it listens for clients as well while it is the primary.
        writer_sockets: folder of the unix socket that it listens on as well while it is the primary.
        role_file: settings that depend on its role.
        waits_file: settings that say whom its commits wait for.
        password_file: what it logs in to a primary with, in libpq's format.
        sources: where it reaches each other server.
    """

    member: str
    data: str
    bin: str
    superuser: Login
    replicator: Login
    operator: Login
    manager: Login
    reader: Login
    socket_folder: str
    endpoint: Endpoint
    writer: Endpoint
    writer_sockets: str
    role_file: str
    waits_file: str
    password_file: str
    sources: Mapping[str, Endpoint] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def port(self) -> int:
        """Port number, which is part of a socket's name."""
        return self.endpoint.port

    @property
    def own_logins(self) -> tuple[Login, ...]:
        """The roles that Telamon itself logs in as, once they are made."""
        return self.replicator, self.operator, self.manager, self.reader


class SecretKind(StrEnum):
    """What is made where a secret is missing."""

    PASSWORD = "password"  # noqa: S105 - the name of a kind, not a password.
    LICENSE = "license"
    TEXT = "text"


@dataclass(frozen=True)
class SecretDesired:
    """A secret that the lab makes where nobody has put one. ``text`` is the value of a TEXT, which is not secret."""

    value: SecretValue
    kind: SecretKind
    text: str = ""


@dataclass(frozen=True)
class LabComponent:
    """One component: for the planner, and for this machine.

    Attributes:
        desired: what the planner reads.
        processes: in the order of ``desired.members``.
        upgraded: the same of the release that is asked for and not in force yet.
        files: in the order in which they are written.
        workload: how its nodes are asked; ``None`` for the database and the balancers.
        product: the product itself, on a product's own nodes.
        rotations: lists of the balancers; a member is in rotation when it is in the last one.
        database: the product's own, to be made first.
        servers: of the database component, in the order of ``desired.members``.
        set_up: what set-up pages are filled in with, on a product's own nodes.
        user: as whom its nodes are asked, where they know their user from their environment.
        banner: what every page of a copy of another stack shows; "" where it is none.
    """

    desired: ComponentDesired
    processes: tuple[ProcessDesired, ...]
    upgraded: tuple[ProcessDesired, ...] = ()
    files: tuple[FileDesired, ...] = ()
    workload: Workload | None = None
    product: Product | None = None
    rotations: tuple[Rotation, ...] = ()
    database: DatabaseDesired | None = None
    servers: tuple[ServerDesired, ...] = ()
    set_up: SetupDesired | None = None
    user: UserDesired | None = None
    banner: str = ""

    def process(self, member: str, release: str | None = None) -> ProcessDesired | None:
        """The process of a member, if it is desired.

        Args:
            member: its name.
            release: as which it should run; ``None``: the one in force.
        """
        of_release = [
            process
            for process in (*self.processes, *self.upgraded)
            if process.member == member and release in {None, process.release}
        ]
        return of_release[0] if of_release else None

    def server(self, member: str) -> ServerDesired | None:
        """The database server of a member, if it is one."""
        return next((server for server in self.servers if server.member == member), None)


@dataclass(frozen=True)
class FrontDoor:
    """How users reach a product.

    Attributes:
        base: the address the product itself is told; it leads here on this machine.
        by_name: the address by host name, which not every client resolves.
        by_address: the address that needs no name.
        tcp: listener name to where it listens.
    """

    base: FrontAddress
    by_name: FrontAddress
    by_address: FrontAddress
    tcp: Mapping[str, Endpoint] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class BackupDesired:
    """Where backups go, and how long they stay.

    Attributes:
        folder: absolute.
        password: of their content.
        keep: seconds for which one is kept.
        continuous: whether what the database writes is kept as it is written.
        every: seconds between two copies of all data, where it is.
    """

    folder: str
    password: SecretValue
    keep: float
    continuous: bool = False
    every: float = 86400.0


@dataclass(frozen=True)
class CloneDesired:
    """Which stack a lab is a copy of.

    Attributes:
        of: name of that stack.
        source: its state folder.
        backups: what each product begins with, by product.
    """

    of: str
    source: str
    backups: Mapping[str, str]


@dataclass(frozen=True)
class LabDesired:
    """A whole lab.

    Attributes:
        stack: name of the stack.
        parts: database and balancers first, then products with their companions.
        links: every connection between parts.
        fronts: by product.
        secrets: made where they are missing.
        balancers: admin sockets of the balancers, by member.
        backup: where backups go; ``None`` where a lab cannot write there.
        clone: which stack it is a copy of; ``None`` where it is none.
    """

    stack: str
    parts: tuple[LabComponent, ...]
    links: tuple[Link, ...]
    fronts: Mapping[str, FrontDoor]
    secrets: tuple[SecretDesired, ...]
    balancers: Mapping[str, str]
    backup: BackupDesired | None = None
    clone: CloneDesired | None = None

    @property
    def components(self) -> tuple[ComponentDesired, ...]:
        """What the planner reads."""
        return tuple(part.desired for part in self.parts)

    def part(self, component: str) -> LabComponent | None:
        """The component of that name, if it is desired."""
        return next((part for part in self.parts if part.desired.name == component), None)
