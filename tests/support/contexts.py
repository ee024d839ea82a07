"""Builders of what a node is told."""

from __future__ import annotations

from typing import Any

from telamon.model.products import ProductSpec
from telamon.products.base import (
    DatabaseLink,
    Endpoint,
    FrontAddress,
    NodeContext,
    Peer,
    Purpose,
    SecretValue,
    Workload,
)


def spec(**fields: Any) -> ProductSpec:
    """A product's section of a stack file, its keys as the file writes them."""
    return ProductSpec.model_validate({"version": "11.3.1", **fields})


def context(workload: Workload, ordinal: int = 0, *, nodes: int = 2, **changes: Any) -> NodeContext:
    """What a node of a workload is told: addresses 127.7.0.1, .2 …, the workload's own ports, links through relays.

    Args:
        workload: whose node.
        ordinal: which node.
        nodes: how many there are.
        changes: attributes that differ from the usual ones.
    """
    ports = {port.name: port.number for port in workload.ports}
    peers = tuple(
        Peer(
            f"{workload.name}-{n}", {name: Endpoint(f"127.7.0.{n + 1}", port) for name, port in ports.items()}
        )
        for n in range(nodes)
        if n != ordinal
    )
    given: dict[str, Any] = {
        "member": f"{workload.name}-{ordinal}",
        "ordinal": ordinal,
        "release": "11.3.1",
        "bind": f"127.7.0.{ordinal + 1}",
        "ports": ports,
        "local_home": f"/state/homes/{workload.name}-{ordinal}",
        "shared_home": f"/state/shared/{workload.name}" if workload.shares_home else "",
        "database": DatabaseLink(
            Endpoint("127.7.9.1", 5432),
            name="app",
            user="app",
            password=SecretValue("acme-database", "password"),
        )
        if workload.needs_database
        else None,
        "peers": peers,
        "companions": {},
        "front": FrontAddress("https", f"{workload.name}.acme.example", 443),
        "ssh": Endpoint("git.acme.example", 7999),
        "secrets": {purpose: SecretValue("acme", purpose) for purpose in Purpose},
        "spec": spec(),
    }
    return NodeContext(**{**given, **changes})
