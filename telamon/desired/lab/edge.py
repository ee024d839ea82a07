"""The front door of the lab: balancers that share their ports, and the files they read.

A balancer is started with little: its admin socket, and where clusters and listeners stand. Those are files that are
replaced by renaming, so nothing here but the socket needs a restart, and losing one balancer closes no port.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from telamon.desired.component import ComponentDesired, MemberDesired, Policy
from telamon.desired.lab.clusters import (
    discovery,
    eds_cluster,
    file_source,
    http_health,
    load_assignment,
    tcp_health,
)
from telamon.desired.lab.data import (
    BalancerProbe,
    FileDesired,
    FolderDesired,
    FrontDoor,
    LabComponent,
    ProcessDesired,
    Rotation,
)
from telamon.desired.lab.facts import LabFacts
from telamon.desired.lab.fingerprint import desired_fingerprint, process_revision
from telamon.desired.lab.listeners import (
    FrontHost,
    FrontRoute,
    http_listener,
    signpost,
    tcp_listener,
    virtual_host,
)
from telamon.desired.lab.needs import HTTP
from telamon.desired.outline import Outline
from telamon.naming import EDGE, member_name
from telamon.products.base import Endpoint, TcpRoute
from telamon.state.classify import Patience
from telamon.state.world import ComponentKind

RELEASE = "1.40"
CLUSTERS = "edge/clusters.json"
LISTENERS = "edge/listeners.json"
MEMBERSHIP = "edge/membership"
DRAIN_SECONDS = 5
"""How long a balancer that is asked to drain goes on with what it has."""
LINGERS = 2.0
"""Seconds between the request to drain and the request to end."""
MAX_CONNECTIONS = 20_000
FRONT = "127.0.0.1"
"""Where browsers and curl look for names under .localhost."""


def admin_socket(facts: LabFacts, member: str) -> str:
    """Path of a balancer's admin socket."""
    return facts.path("run", f"{member}.sock")


def tcp_cluster(component: str, route: TcpRoute) -> str:
    """The balancers' name of the members behind a TCP listener."""
    return f"{component}-{route.name}"


def rotations(part: Outline, facts: LabFacts) -> tuple[Rotation, ...]:
    """The balancers' lists of a component's members. The one for HTTP comes last, so it is the one that counts."""
    if not part.rotates:
        return ()
    named = [(tcp_cluster(part.component, route), route.port) for route in part.workload.tcp_routes]
    if part.workload.routes:
        named.append((part.component, HTTP))
    numbers = {port.name: port.number for port in part.workload.ports}
    return tuple(
        Rotation(
            part.component,
            cluster,
            f"{MEMBERSHIP}/{cluster}.json",
            {
                member_name(part.component, ordinal): Endpoint(
                    facts.address(part.component, ordinal),
                    facts.port(part.component, port, number=numbers[port]),
                )
                for ordinal in range(part.nodes)
            },
        )
        for cluster, port in named
    )


def edge_component(
    parts: Sequence[Outline], facts: LabFacts, *, fronts: Mapping[str, FrontDoor], count: int
) -> LabComponent:
    """The balancers as a component.

    Args:
        parts: every component of the products.
        facts: of the machine.
        fronts: how users reach each product.
        count: how many balancers.
    """
    names = [member_name(EDGE, ordinal) for ordinal in range(count)]
    bootstraps: dict[str, FileDesired] = {name: _bootstrap_file(name, facts) for name in names}
    memberships = tuple(
        FileDesired(rotation.path, _text(load_assignment(rotation.cluster, {})), once=True)
        for part in parts
        for rotation in rotations(part, facts)
    )
    files = (
        *memberships,
        FileDesired(CLUSTERS, _text(discovery(_clusters(parts, facts, fronts)))),
        FileDesired(LISTENERS, _text(discovery(_listeners(parts, facts, fronts=fronts, shared=count > 1)))),
        *bootstraps.values(),
    )
    processes = tuple(
        _process(name, ordinal, facts, bootstrap=bootstraps[name]) for ordinal, name in enumerate(names)
    )
    members = tuple(
        MemberDesired(process.member, process.ordinal, _revision(process, bootstraps), RELEASE)
        for process in processes
    )
    desired = ComponentDesired(
        name=EDGE,
        kind=ComponentKind.EDGE,
        product=EDGE,
        members=members,
        objects=desired_fingerprint(files),
        rotates=False,
        patience=Patience(hang=3.0, start=30.0),
        policy=Policy(stop_grace=float(DRAIN_SECONDS + 3)),
    )
    return LabComponent(desired, processes, files=files)


# ------------------------------------------------------------------------------------------------------------ process


def _process(name: str, ordinal: int, facts: LabFacts, *, bootstrap: FileDesired) -> ProcessDesired:
    argv = (
        facts.envoy,
        "-c",
        facts.path(bootstrap.path),
        "--concurrency",
        str(min(max(facts.cores, 1), 2)),
        # Without this a second balancer of the same user cannot start, and shared memory stays behind.
        "--disable-hot-restart",
        "--drain-time-s",
        str(DRAIN_SECONDS),
        # Every answer then asks its client to connect anew, and the other balancer takes the new connection.
        "--drain-strategy",
        "immediate",
        "--log-level",
        "warning",
    )
    return ProcessDesired(
        member=name,
        component=EDGE,
        ordinal=ordinal,
        release=RELEASE,
        argv=argv,
        environment={},
        cwd=facts.path("edge"),
        address=f"{FRONT}:{facts.front_port}",
        probe=BalancerProbe(admin_socket(facts, name)),
        folders=(FolderDesired("run", 0o711),),
    )


def _revision(process: ProcessDesired, bootstraps: Mapping[str, FileDesired]) -> str:
    own = (bootstraps[process.member],)
    return process_revision(process.argv, process.environment, cwd=process.cwd, files=own)


def _bootstrap_file(name: str, facts: LabFacts) -> FileDesired:
    monitor = {
        "name": "envoy.resource_monitors.global_downstream_max_connections",
        "typed_config": {
            "@type": (
                "type.googleapis.com/envoy.extensions.resource_monitors.downstream_connections.v3."
                "DownstreamConnectionsConfig"
            ),
            "max_active_downstream_connections": MAX_CONNECTIONS,
        },
    }
    bootstrap = {
        "node": {"id": name, "cluster": "telamon"},
        "admin": {"address": {"pipe": {"path": admin_socket(facts, name), "mode": 0o600}}},
        "dynamic_resources": {
            "cds_config": file_source(facts.path(CLUSTERS)),
            "lds_config": file_source(facts.path(LISTENERS)),
        },
        "overload_manager": {"resource_monitors": [monitor]},
    }
    return FileDesired(f"edge/{name}.json", _text(bootstrap))


# ------------------------------------------------------------------------------------------------ clusters, listeners


def _clusters(
    parts: Sequence[Outline], facts: LabFacts, fronts: Mapping[str, FrontDoor]
) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    for part in parts:
        membership = {rotation.cluster: facts.path(rotation.path) for rotation in rotations(part, facts)}
        for route in part.workload.tcp_routes:
            name = tcp_cluster(part.component, route)
            health = tcp_health(route.expect)
            found.append(eds_cluster(name, membership=membership[name], health=health, http=False))
        if part.workload.routes:
            host = fronts[part.product_name].base.authority
            health = http_health(part.workload.health, context_path=part.context_path, host=host)
            path = membership[part.component]
            found.append(eds_cluster(part.component, membership=path, health=health, http=True))
    return found


def _listeners(
    parts: Sequence[Outline], facts: LabFacts, *, fronts: Mapping[str, FrontDoor], shared: bool
) -> list[Mapping[str, Any]]:
    hosts = {name: _host(name, parts, front) for name, front in fronts.items()}
    by_name = [virtual_host(host, domains=[host.domain]) for host in hosts.values()]
    main = Endpoint(FRONT, facts.front_port)
    everything = [*by_name, signpost(list(hosts.values()))]
    found = [http_listener("front", main, hosts=everything, tls=facts.tls, shared=shared)]
    for name, front in fronts.items():
        address = Endpoint(front.by_address.host, front.by_address.port)
        only = [virtual_host(hosts[name], domains=["*"])]
        found.append(http_listener(f"front-{name}", address, hosts=only, tls=facts.tls, shared=shared))
    for part in parts:
        for route in part.workload.tcp_routes:
            where = fronts[part.product_name].tcp[route.name]
            cluster = tcp_cluster(part.component, route)
            found.append(tcp_listener(f"front-{cluster}", where, cluster=cluster, shared=shared))
    return found


def _host(name: str, parts: Sequence[Outline], front: FrontDoor) -> FrontHost:
    own = [part for part in parts if part.product_name == name]
    routes = [
        FrontRoute(route, _below(part.context_path, route.prefix), part.component)
        for part in own
        for route in part.workload.routes
    ]
    routes.sort(key=lambda route: len(route.prefix), reverse=True)
    context, title = front.base.context_path, own[0].product.title
    return FrontHost(name, title, front.by_name.host, front.base.url, context, tuple(routes))


def _below(context: str, prefix: str) -> str:
    return context if context and prefix == "/" else f"{context}{prefix}"


def _text(data: Mapping[str, Any]) -> str:
    return json.dumps(data, indent=1, sort_keys=True) + "\n"
