"""Any stack on one machine: what the lab can show of it, and what it cannot.

Rehearsing changes the stack as little as the lab allows. Everything that is left out is said, because a rehearsal that
is silent about its gaps proves more than it should.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from telamon.model.base import Section
from telamon.model.care import BackupSpec
from telamon.model.cluster import ImagesSpec, PlacementSpec, SecuritySpec
from telamon.model.edge import DisabledTls, EdgeSpec, LabTls, SshSpec
from telamon.model.platform import LabPlatform
from telamon.model.products import CompanionSpec, ProductSpec
from telamon.model.stack import Stack, StackSpec
from telamon.model.storage import ProductStorage, StorageSpec

Part = TypeVar("Part", bound=Section)

MOST_NODES: Final = 3
"""Nodes of a product in a rehearsal: enough to lose one in the middle of losing another."""
MOST_COMPANIONS: Final = 2
"""Nodes of a companion in a rehearsal."""


@dataclass(frozen=True)
class NotRehearsed:
    """One thing of the stack that the lab does not show.

    Attributes:
        path: the part of the stack file, e.g. ``spec.edge.cdn``.
        what: what is not shown, as a sentence.
    """

    path: str
    what: str


def rehearse(stack: Stack) -> tuple[Stack, tuple[NotRehearsed, ...]]:
    """Map a stack to the lab.

    Args:
        stack: for any platform. One for the lab only gets smaller.

    Returns:
        The stack for the lab, and everything of the original that it leaves out.
    """
    spec = stack.spec
    left_out = [
        *_of_stack(spec),
        *(gap for name, product in spec.products.items() for gap in _of_product(name, product)),
    ]
    elsewhere = not isinstance(spec.platform, LabPlatform)
    changed: dict[str, object] = {
        "products": {name: _smaller(product) for name, product in spec.products.items()},
        "database": None,
        "storage": StorageSpec(),
        "edge": _edge(spec.edge, elsewhere=elsewhere),
        "placement": PlacementSpec(),
        "security": SecuritySpec(),
        "images": ImagesSpec(),
    }
    if elsewhere:
        changed["platform"] = LabPlatform(kind="lab")
        changed["paging"] = None
        changed["backup"] = BackupSpec(every=spec.backup.every, keep=spec.backup.keep)
    return _with(stack, {"spec": _with(spec, changed)}), tuple(left_out)


def _smaller(product: ProductSpec) -> ProductSpec:
    return _with(
        product,
        {
            "nodes": min(product.nodes, MOST_NODES),
            "base_url": None,
            "companions": {
                name: _smaller_companion(companion) for name, companion in product.companions.items()
            },
            "storage": ProductStorage(),
            "database": None,
            "observed": None,
            "volumes": (),
            "sidecars": (),
            "patches": (),
        },
    )


def _smaller_companion(companion: CompanionSpec) -> CompanionSpec:
    nodes = None if companion.nodes is None else min(companion.nodes, MOST_COMPANIONS)
    return _with(companion, {"nodes": nodes})


def _with(section: Part, changes: Mapping[str, object]) -> Part:
    """The same section with some fields changed; one that becomes its default counts as not written."""
    written = {name: getattr(section, name) for name in section.model_fields_set} | dict(changes)
    fields = type(section).model_fields
    kept = {
        name: value
        for name, value in written.items()
        if (name in section.model_fields_set and value == getattr(section, name))
        or value != fields[name].get_default(call_default_factory=True)
    }
    return type(section)(**kept)


def _edge(edge: EdgeSpec, *, elsewhere: bool) -> EdgeSpec:
    parts: dict[str, object] = {"driver": None, "class_name": None, "cdn": None}
    if elsewhere:
        # Ports of a real front door are low or taken on a laptop, so the lab finds its own.
        encrypted = edge.tls is not None and not isinstance(edge.tls, DisabledTls)
        parts |= {"port": None, "ssh": SshSpec(), "tls": LabTls(kind="lab") if encrypted else None}
    return _with(edge, parts)


def _of_stack(spec: StackSpec) -> Iterator[NotRehearsed]:
    elsewhere = not isinstance(spec.platform, LabPlatform)
    given: tuple[tuple[bool, str, str], ...] = (
        (elsewhere, "platform", f"Platform {spec.platform.kind}: machines, zones and their loss."),
        (spec.database is not None, "database", "The database: the lab runs a PostgreSQL of its own."),
        (
            spec.storage.shared is not None,
            "storage.shared",
            "The shared volume: the lab's homes are folders.",
        ),
        (
            spec.storage.local.storage_class is not None,
            "storage.local",
            "The storage class of the nodes' homes.",
        ),
        (
            spec.edge.driver is not None,
            "edge.driver",
            f"Driver {spec.edge.driver}: the lab's front door is Envoy.",
        ),
        (
            elsewhere and spec.edge.tls is not None,
            "edge.tls",
            "The certificates: the lab has its own authority.",
        ),
        (elsewhere and spec.edge.port is not None, "edge.port", "The port: the lab takes a free one."),
        (
            elsewhere and spec.edge.ssh.port is not None,
            "edge.ssh",
            "The port of SSH: the lab takes a free one.",
        ),
        (spec.edge.cdn is not None, "edge.cdn", "The CDN: static files come from the nodes."),
        (spec.placement != PlacementSpec(), "placement", "Placement: everything runs on this machine."),
        (spec.security != SecuritySpec(), "security", "Closed networks, proxies and further authorities."),
        (
            spec.images != ImagesSpec(),
            "images",
            "Images and their mirror: the lab runs stand-ins as processes.",
        ),
        (elsewhere and spec.paging is not None, "paging", "Paging: nobody is called for a rehearsal."),
        (
            elsewhere and spec.backup.destination is not None,
            "backup.destination",
            "Where backups go: the lab keeps them in a folder.",
        ),
    )
    return (NotRehearsed(f"spec.{path}", what) for present, path, what in given if present)


def _of_product(name: str, product: ProductSpec) -> Iterator[NotRehearsed]:
    given: list[tuple[bool, str, str]] = [
        (product.nodes > MOST_NODES, "nodes", f"{product.nodes} nodes: the lab runs at most {MOST_NODES}."),
        (product.base_url is not None, "baseUrl", "The URL: the lab has addresses of its own."),
        (product.storage != ProductStorage(), "storage", "Size and place of the homes."),
        (product.database is not None, "database", "The product's own database: the lab makes one."),
        (product.observed is not None, "observed", "What was seen of the real instance: stand-ins differ."),
        (bool(product.volumes), "volumes", "Volumes of your own."),
        (bool(product.sidecars), "sidecars", "Containers of your own."),
        (bool(product.patches), "patches", "Patches of rendered objects."),
    ]
    for key, companion in product.companions.items():
        more = companion.nodes is not None and companion.nodes > MOST_COMPANIONS
        given.append(
            (
                more,
                f"companions.{key}.nodes",
                f"{companion.nodes} nodes: the lab runs at most {MOST_COMPANIONS}.",
            )
        )
    return (NotRehearsed(f"spec.products.{name}.{path}", what) for present, path, what in given if present)
