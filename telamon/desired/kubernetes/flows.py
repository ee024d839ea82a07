"""Every flow that a stack needs, as a list: the network policies are made of it, and are judged by it.

Sources: the ports of each product's ``edge`` module; Kubernetes, "Network Policies"; Envoy Gateway, "Gateway
Infrastructure" (labels of the proxies; a listener below port 1024 is moved up by 10,000); AWS Load Balancer Controller
(balancers reach pods from within the VPC); ingress-nginx, "Basic usage" (labels); CloudNativePG, "Networking"; RFC 1035
(53). Ports of the presets: :data:`telamon.model.cluster.EGRESS_PORTS`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from telamon.desired.kubernetes.backups import saving_of
from telamon.desired.kubernetes.database import CLUSTER, PREPARED, database
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE, Part, Site, database_spec
from telamon.model.cluster import BY_PROXY, EGRESS_PORTS, INTERNET_ALONE
from telamon.model.database import CloudNativePgDatabase
from telamon.naming import BACKUP, LABEL_COMPONENT, LABEL_STACK
from telamon.products.objects import stores_of

NAMESPACE_NAME: Final = "kubernetes.io/metadata.name"
EVERYWHERE: Final = "0.0.0.0/0"
LINK_LOCAL: Final = "169.254.0.0/16"
IDENTITIES: Final = "169.254.170.23/32"
"""Where a machine of EKS hands out the role of a pod; the address is the machine's own, and leads nowhere elsewhere.
The clusters that Telamon makes have addresses of IPv4 alone."""
PRIVATE: Final = ("10.0.0.0/8", "100.64.0.0/10", "172.16.0.0/12", "192.168.0.0/16")
GATEWAY_NAMESPACE: Final = "envoy-gateway-system"
"""Where Envoy Gateway runs its proxies unless it is told otherwise."""


@dataclass(frozen=True)
class Pods:
    """Pods, by labels of their namespace and of their own.

    Attributes:
        namespace: labels of the namespace.
        labels: of the pods; none for all of them.
    """

    namespace: tuple[tuple[str, str], ...]
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Block:
    """Addresses outside of the cluster.

    Attributes:
        network: in CIDR notation.
        but: networks within it that are not meant.
    """

    network: str
    but: tuple[str, ...] = ()


Peer = Pods | Block


@dataclass(frozen=True)
class Flow:
    """One flow that is allowed.

    Attributes:
        source: who opens the connection.
        target: who accepts it.
        ports: on which.
        why: what it is for.
        protocol: TCP or UDP.
    """

    source: Peer
    target: Peer
    ports: tuple[int, ...]
    why: str
    protocol: str = "TCP"


INTERNET: Final = Block(EVERYWHERE, (*PRIVATE, LINK_LOCAL))
ANYWHERE: Final = Block(EVERYWHERE, (LINK_LOCAL,))
"""Everywhere but the addresses by which machines of a cloud tell secrets about themselves."""

PRESETS: Final[Mapping[str, Block]] = {
    preset: INTERNET if preset in INTERNET_ALONE else ANYWHERE for preset in EGRESS_PORTS
}
"""Where each preset of ``security.egress`` leads; ``application-links`` depends on the front door."""


def flows(site: Site) -> tuple[Flow, ...]:
    """Every flow of a stack, in the order of its parts.

    Args:
        site: the stack.
    """
    found: list[Flow] = []
    for part in site.parts:
        found += [*_inward(part, site), *_among(part, site), *_outward(part, site)]
    found += _database_flows(site)
    return tuple(dict.fromkeys(found))


def pods_of(part: Part, site: Site) -> Pods:
    """The pods of a component."""
    return component_pods(part.namespace, site.stack, component=part.name)


def component_pods(namespace: str, stack: str, *, component: str) -> Pods:
    """Pods of ours, by their component.

    Args:
        namespace: where they are.
        stack: name of the stack.
        component: of which.
    """
    labels = ((LABEL_COMPONENT, component), (LABEL_STACK, stack))
    return Pods(((NAMESPACE_NAME, namespace),), labels)


def front_doors(site: Site) -> tuple[Peer, ...]:
    """Who connects to the products on behalf of users."""
    if site.driver == "gateway":
        owner = (("gateway.envoyproxy.io/owning-gateway-namespace", site.edge_namespace),)
        return (Pods(((NAMESPACE_NAME, GATEWAY_NAMESPACE),), owner),)
    if site.driver == "nginx":
        named = (("app.kubernetes.io/name", "ingress-nginx"),)
        return (Pods(((NAMESPACE_NAME, "ingress-nginx"),), named),)
    return (Block(site.aws.network if site.aws is not None else EVERYWHERE),)


def _inward(part: Part, site: Site) -> Iterator[Flow]:
    own = pods_of(part, site)
    http = tuple(port.number for port in part.workload.ports if port.name == "http")
    if part.outline.rotates:
        tcp_names = {route.port for route in part.tcp}
        passed = tuple(port.number for port in part.workload.ports if port.name in tcp_names)
        for door in front_doors(site):
            yield Flow(door, own, http, "users")
            if passed and site.driver == "gateway":
                yield Flow(door, own, passed, "users")
        if passed and site.driver != "gateway":
            # A balancer of its own passes on the client's address.
            yield Flow(Block(EVERYWHERE), own, passed, "users")
    operator = Pods(((NAMESPACE_NAME, OPERATOR_NAMESPACE),), (("app.kubernetes.io/name", OPERATOR),))
    yield Flow(operator, own, http, "the operator looks at its status")


def _among(part: Part, site: Site) -> Iterator[Flow]:
    own = pods_of(part, site)
    inner = tuple(port.number for port in part.ports if not port.public)
    if inner:
        yield Flow(own, own, inner, "nodes of one cluster")
    if part.is_product:
        for other in site.of_product(part):
            if not other.is_product:
                http = tuple(port.number for port in other.workload.ports if port.name == "http")
                yield Flow(own, pods_of(other, site), http, "a product's companion")


def _outward(part: Part, site: Site) -> Iterator[Flow]:
    own, security = pods_of(part, site), site.spec.security
    yield from _names(own)
    if part.container.asks_cluster:
        for network in (site.aws.network,) if site.aws is not None else PRIVATE:
            yield Flow(own, Block(network), (443, 6443), "nodes find one another by the cluster's API")
    if "application-links" in security.egress or len(site.of_product(part)) > 1:
        yield from _links(own, site)
    if not part.is_product:
        return
    yield from _foreign_companions(part, site)
    yield from _objects(part, site)
    proxy = _proxy(site)
    for preset in security.egress:
        if preset in BY_PROXY and proxy is not None:
            yield Flow(own, proxy[0], (proxy[1],), f"preset {preset}, by the proxy")
        elif preset in PRESETS:
            yield Flow(own, PRESETS[preset], EGRESS_PORTS[preset], f"preset {preset}")
    for rule in security.allow:
        yield Flow(own, Block(rule.cidr), (rule.port,), f"security.allow {rule.name}")


def _foreign_companions(part: Part, site: Site) -> Iterator[Flow]:
    """To companions that others keep up."""
    for asked in part.spec.companions.values():
        if asked.external is not None:
            where = urlsplit(asked.external.url)
            port = where.port or (443 if where.scheme == "https" else 80)
            yield Flow(
                pods_of(part, site), _host_block(where.hostname or ""), (port,), "a product's companion"
            )


def _objects(part: Part, site: Site) -> Iterator[Flow]:
    """To what the product keeps in S3, and to whoever gives its nodes their role.

    Java goes by the proxy where there is one, but for what is to be reached directly, so both are open. Source: AWS SDK
    for Java 2.x, "Configure HTTP proxies".
    """
    stores, given = stores_of(part.spec), part.spec.storage.s3
    if given is None or not stores:
        return
    own, proxy = pods_of(part, site), _proxy(site)
    asked = {store.endpoint for store in stores.values()}
    if None in asked or given.role is not None:
        # A role is asked of the token service, whose addresses are of the same kind.
        yield Flow(own, PRESETS["s3"], EGRESS_PORTS["s3"], "files in S3")
    if site.aws is not None and given.role is not None:
        yield Flow(own, Block(site.aws.network), (443,), "the role for S3, of the stack's own network")
    for endpoint in sorted(each for each in asked if each is not None):
        where = urlsplit(endpoint)
        port = where.port or (443 if where.scheme == "https" else 80)
        yield Flow(own, _host_block(where.hostname or ""), (port,), "files in S3")
    if proxy is not None:
        yield Flow(own, proxy[0], (proxy[1],), "files in S3, by the proxy")
    if given.role is None and given.credentials is None:
        yield Flow(own, Block(IDENTITIES), (80,), "the role for S3, of EKS Pod Identity")


def _names(own: Pods) -> Iterator[Flow]:
    servers = Pods(((NAMESPACE_NAME, "kube-system"),), (("k8s-app", "kube-dns"),))
    for protocol in ("UDP", "TCP"):
        yield Flow(own, servers, (53,), "names", protocol)


def _links(own: Pods, site: Site) -> Iterator[Flow]:
    """To the front door, by the address that users type."""
    if site.aws is not None:
        yield Flow(own, INTERNET, (443,), "the front door")
        return
    port = site.spec.edge.port or (80 if site.tls.kind == "disabled" else 443)
    listening = port + 10_000 if port < 1024 and site.driver == "gateway" else port
    for door in front_doors(site):
        yield Flow(own, door, (listening,), "the front door")


def _proxy(site: Site) -> tuple[Block, int] | None:
    given = site.spec.security.proxy
    if given is None:
        return None
    parts = urlsplit(given.url)
    return _host_block(parts.hostname or ""), parts.port or 80


def _host_block(host: str) -> Block:
    """An address as a network of one; everywhere for a name, because policies know no names."""
    try:
        return Block(f"{ipaddress.IPv4Address(host)}/32")
    except ValueError:
        return ANYWHERE


def _database_flows(site: Site) -> Iterator[Flow]:
    for saver in (saver for part in site.parts for saver in _savers(part, site)):
        yield from _names(saver)
    for part in site.parts:
        given = part.spec.database
        if given is not None and part.workload.needs_database:
            for own in (pods_of(part, site), *_savers(part, site)):
                yield Flow(own, _host_block(given.host), (given.port,), "the database")
    needing = [part for part in site.parts if part.workload.needs_database and part.spec.database is None]
    if not needing:
        return
    known = database(site)
    users = [own for part in needing for own in (pods_of(part, site), *_savers(part, site))]
    if isinstance(database_spec(site.spec), CloudNativePgDatabase):
        yield from _own_database(site, users)
        return
    preparing = component_pods(site.database_namespace, site.stack, component=PREPARED)
    inside = site.aws is not None and site.facts.database_host == known.endpoint.host
    block = Block(site.aws.network) if site.aws and inside else _host_block(known.endpoint.host)
    yield from _names(preparing)
    for own in (*users, preparing):
        yield Flow(own, block, (known.endpoint.port,), "the database")


def _savers(part: Part, site: Site) -> tuple[Pods, ...]:
    """The pods that take backups of a component's data, where any do."""
    if saving_of(part, site) is None:
        return ()
    return (component_pods(part.namespace, site.stack, component=BACKUP),)


def _own_database(site: Site, users: Sequence[Pods]) -> Iterator[Flow]:
    servers = Pods(((NAMESPACE_NAME, site.database_namespace),), (("cnpg.io/cluster", CLUSTER),))
    keeper = Pods(((NAMESPACE_NAME, "cnpg-system"),), (("app.kubernetes.io/name", "cloudnative-pg"),))
    for own in users:
        yield Flow(own, servers, (5432,), "the database")
    yield Flow(servers, servers, (5432, 8000), "replication")
    yield Flow(keeper, servers, (5432, 8000), "CloudNativePG keeps its servers")
    yield from _names(servers)
    for network in (site.aws.network,) if site.aws is not None else PRIVATE:
        yield Flow(servers, Block(network), (443, 6443), "servers ask the cluster's API who leads")
