"""What a node is told, where one template stands for all nodes.

A product's image facet fills its variables from a :class:`NodeContext`. In a cluster the node's own name, ordinal and
address are known only to the node, so the context holds marks in their place, and each mark becomes a reference to a
variable that the kubelet fills in.

Source: Kubernetes, "Define Dependent Environment Variables": ``$(NAME)`` refers to a variable that stands before it,
and ``$$(NAME)`` is the literal text.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from telamon.desired.kubernetes.database import Database, database_of_product
from telamon.desired.kubernetes.site import Part, Site, database_of
from telamon.products.base import (
    DatabaseLink,
    Discovery,
    Endpoint,
    EnvironmentValue,
    JoinedValue,
    NodeContext,
    Peer,
    SecretValue,
)

TRUST_FOLDER: Final = "/var/lib/telamon/trust"
"""Where a Java program finds the authorities that it is to trust besides its own."""
TRUST_PASSWORD: Final = "changeit"  # noqa: S105 - protects nothing: the store holds public certificates alone.

_NAME, _ORDINAL, _ADDRESS = "\ue001", "\ue002", "\ue003"
"""Marks: characters that nobody may use for anything else (Unicode, private use area)."""
_FIELDS: Final[Mapping[str, tuple[str, str]]] = {
    _NAME: ("TELAMON_POD_NAME", "metadata.name"),
    _ORDINAL: ("TELAMON_POD_ORDINAL", "metadata.labels['apps.kubernetes.io/pod-index']"),
    _ADDRESS: ("TELAMON_POD_ADDRESS", "status.podIP"),
}


def context(part: Part, site: Site, *, database: Database) -> NodeContext:
    """What any node of a component is told, with marks for what differs between them.

    Args:
        part: the component.
        site: the stack.
        database: where the database is.
    """
    workload, container = part.workload, part.container
    ports = {port.name: port.number for port in workload.ports}
    return NodeContext(
        member=_NAME,
        ordinal=0,
        release=part.outline.release,
        bind=_ADDRESS,
        ports=ports,
        local_home=container.home,
        shared_home=container.shared_home,
        database=database_link(part, database) if workload.needs_database else None,
        peers=tuple(
            Peer(
                member,
                {name: Endpoint(_member_host(part, member), port) for name, port in ports.items()},
            )
            for member in part.members
        ),
        companions=_companions(part, site),
        front=part.front,
        ssh=part.ssh,
        secrets=part.secrets.by_purpose(),
        spec=part.spec,
        discovery=Discovery(part.name, part.peers, part.namespace, part.members, _ORDINAL),
        jvm=tuple(_jvm(part, site)),
    )


def trusts(part: Part, site: Site) -> bool:
    """Whether the nodes of a component are to trust authorities besides those of their image."""
    searching = any(other.container.certificate for other in site.of_product(part))
    return part.container.java and (site.spec.security.authorities is not None or searching)


def variables(given: Mapping[str, EnvironmentValue], *, command: Sequence[str] = ()) -> list[dict[str, Any]]:
    """Environment variables as a container takes them: those that others refer to come first.

    Args:
        given: by name, with marks.
        command: its command line, which may refer to them as well.
    """
    texts = [*command, *(text for value in given.values() for text in _texts(value))]
    fields = [_from_field(*field) for mark, field in _FIELDS.items() if any(mark in text for text in texts)]
    joined = list(dict.fromkeys(_secrets_within(given)))
    names = {value: f"TELAMON_SECRET_{number}" for number, value in enumerate(joined)}
    inner = [_from_secret(name, value) for value, name in names.items()]
    return [*fields, *inner, *(_variable(name, given[name], names) for name in sorted(given))]


def filled(text: str) -> str:
    """A text of a command line, its marks as references to variables."""
    found = text.replace("$(", "$$(")
    for mark, (name, _) in _FIELDS.items():
        found = found.replace(mark, f"$({name})")
    return found


def _member_host(part: Part, member: str) -> str:
    return f"{member}.{part.peers}.{part.namespace}.svc"


def service_host(part: Part) -> str:
    """The name of the service before a component's nodes."""
    return f"{part.name}.{part.namespace}.svc"


def _companions(part: Part, site: Site) -> Mapping[str, tuple[Peer, ...]]:
    if not part.is_product:
        return {}
    return {
        other.workload.name: (
            Peer(
                other.name,
                {port.name: Endpoint(service_host(other), port.number) for port in other.workload.ports},
            ),
        )
        for other in site.of_product(part)
        if not other.is_product
    }


def database_link(part: Part, database: Database) -> DatabaseLink:
    """Where a component finds its database, and as whom it logs in.

    Args:
        part: the component; it needs one.
        database: that of the stack, for whoever has none of its own.
    """
    own = part.spec.database
    if own is not None:
        known = database_of_product(own)
        credentials = own.credentials
        return DatabaseLink(
            known.endpoint,
            name=own.name,
            user=SecretValue(credentials.secret, credentials.username_key),
            password=SecretValue(credentials.secret, credentials.password_key),
            options=known.options,
        )
    name = database_of(part)
    return DatabaseLink(
        database.endpoint,
        name=name,
        user=part.secrets.login,
        password=part.secrets.database,
        options=database.options,
    )


def _jvm(part: Part, site: Site) -> Iterator[str]:
    """Options of the Java virtual machine. Source: Java documentation, "Networking properties"."""
    if not part.container.java:
        return
    proxy = site.spec.security.proxy
    if proxy is not None:
        host, _, port = proxy.url.partition("://")[2].partition("/")[0].partition(":")
        direct = ["localhost", "127.*", "*.svc", "*.cluster.local", f"*.{site.spec.domain}"]
        direct += [each for domain in proxy.bypass for each in (domain, f"*.{domain}")]
        for scheme in ("http", "https"):
            yield f"-D{scheme}.proxyHost={host}"
            yield f"-D{scheme}.proxyPort={port or '80'}"
        yield f"-Dhttp.nonProxyHosts={'|'.join(direct)}"
    if trusts(part, site):
        yield f"-Djavax.net.ssl.trustStore={TRUST_FOLDER}/cacerts"
        yield f"-Djavax.net.ssl.trustStorePassword={TRUST_PASSWORD}"


def _texts(value: EnvironmentValue) -> Iterator[str]:
    parts = value.parts if isinstance(value, JoinedValue) else (value,)
    yield from (part for part in parts if isinstance(part, str))


def _secrets_within(given: Mapping[str, EnvironmentValue]) -> Iterator[SecretValue]:
    for name in sorted(given):
        value = given[name]
        if isinstance(value, JoinedValue):
            yield from (part for part in value.parts if isinstance(part, SecretValue))


def _variable(name: str, value: EnvironmentValue, names: Mapping[SecretValue, str]) -> dict[str, Any]:
    if isinstance(value, SecretValue):
        return _from_secret(name, value)
    if isinstance(value, str):
        return {"name": name, "value": filled(value)}
    parts = (filled(part) if isinstance(part, str) else f"$({names[part]})" for part in value.parts)
    return {"name": name, "value": "".join(parts)}


def _from_secret(name: str, value: SecretValue) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"secretKeyRef": {"name": value.secret, "key": value.key}}}


def _from_field(name: str, path: str) -> dict[str, Any]:
    return {"name": name, "valueFrom": {"fieldRef": {"fieldPath": path}}}
