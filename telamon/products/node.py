"""All that a node must be told, as data: the input of :meth:`telamon.products.base.Workload.environment`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from telamon import naming

if TYPE_CHECKING:
    from telamon.model.products import ProductSpec


@dataclass(frozen=True)
class Endpoint:
    """A host (name or IP) and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


@dataclass(frozen=True)
class SecretValue:
    """A value the platform puts in at the very end; plain data carries only the reference.

    Within a URL it must need no escaping, which holds for every value that Telamon makes.
    """

    secret: str
    key: str


@dataclass(frozen=True)
class JoinedValue:
    """A text with secrets inside (a database URL with its password): the platform puts the parts together."""

    parts: tuple[str | SecretValue, ...]


EnvironmentValue = str | SecretValue | JoinedValue


@dataclass(frozen=True)
class Peer:
    """Another node as this one reaches it: every entry is a link of its own, so a relay can stand in any of them."""

    member: str
    endpoints: Mapping[str, Endpoint]


@dataclass(frozen=True)
class DatabaseLink:
    """The writer address of the product's own database, as this node reaches it."""

    endpoint: Endpoint
    name: str
    user: str | SecretValue
    password: SecretValue
    options: Mapping[str, str] = field(default_factory=dict)
    """Parameters of the JDBC driver, e.g. ``sslmode``."""

    @property
    def jdbc_url(self) -> str:
        """The address as the JDBC driver takes it."""
        options = "&".join(f"{name}={value}" for name, value in self.options.items())
        return f"jdbc:postgresql://{self.endpoint}/{self.name}{f'?{options}' if options else ''}"


@dataclass(frozen=True)
class FrontAddress:
    """The address users type."""

    scheme: Literal["http", "https"]
    host: str
    port: int
    context_path: str = ""

    @property
    def authority(self) -> str:
        """Host, and port where it is not the scheme's own, as a ``Host`` header carries it."""
        default = 443 if self.scheme == "https" else 80
        return self.host if self.port == default else f"{self.host}:{self.port}"

    @property
    def origin(self) -> str:
        """The root of the host, without a trailing slash."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The base URL, without a trailing slash."""
        return self.origin + self.context_path


@dataclass(frozen=True)
class Discovery:
    """How nodes that share one template find one another: by the cluster they run in, and not by a list.

    Attributes:
        component: the component that they are members of.
        service: name of the service that lists them all, also those that are not ready.
        namespace: of the service.
        members: the names of all members, by which a first leader is chosen.
        ordinal: text that stands for a node's own ordinal, because the template is the same for all.
    """

    component: str
    service: str
    namespace: str
    members: Sequence[str]
    ordinal: str


@dataclass(frozen=True)
class NodeContext:
    """All that a node must be told, as data.

    Attributes:
        member: the node's name, stable over restarts; also its id in the product's registry.
        ordinal: 0, 1, 2 …
        release: the version to run.
        bind: address the node listens on.
        ports: port name to number, on ``bind``.
        local_home: path of the node's own home.
        shared_home: path of the home all nodes share ("" where the workload has none).
        database: ``None`` where the workload needs none.
        peers: the other nodes of the same workload.
        companions: companion name to its nodes, as this node reaches them.
        front: the product's front address.
        ssh: the front address of git SSH, where the product has one.
        secrets: purpose ("license", "admin-username", "cluster" …) to reference; see
            :class:`telamon.products.base.Purpose`.
        spec: the product's section of the stack file.
        advertised: address under which it tells the other nodes to reach it, where that is not its own: a relay's.
        discovery: how the nodes find one another where ``peers`` do not say; companions then speak TLS.
        jvm: options that the surroundings ask of a Java virtual machine: a proxy, further authorities.
    """

    member: str
    ordinal: int
    release: str
    bind: str
    ports: Mapping[str, int]
    local_home: str
    shared_home: str
    database: DatabaseLink | None
    peers: Sequence[Peer]
    companions: Mapping[str, Sequence[Peer]]
    front: FrontAddress
    ssh: Endpoint | None
    secrets: Mapping[str, SecretValue]
    spec: ProductSpec
    advertised: str = ""
    discovery: Discovery | None = None
    jvm: tuple[str, ...] = ()

    @property
    def component(self) -> str:
        """The component that the node is a member of; its cluster is named after it, and no other."""
        if self.discovery is not None:
            return self.discovery.component
        parts = naming.split_member(self.member)
        return parts[0] if parts is not None else self.member

    @property
    def ordinal_text(self) -> str:
        """The ordinal as a node is told it."""
        return str(self.ordinal) if self.discovery is None else self.discovery.ordinal
