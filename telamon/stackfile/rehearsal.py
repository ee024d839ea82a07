"""Any stack on one machine: what the lab can show of it, and what it cannot.

Rehearsing changes the stack as little as the lab allows. Everything that is left out is said, because a rehearsal that
is silent about its gaps proves more than it should.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias, TypeVar

from telamon.model.base import Section
from telamon.model.care import MonitoringSpec
from telamon.model.cluster import AccessSpec, ImagesSpec, PlacementSpec, SecuritySpec
from telamon.model.common import Resources
from telamon.model.edge import DisabledTls, EdgeSpec, LabTls, SshSpec
from telamon.model.platform import LabPlatform
from telamon.model.products import CompanionSpec, ProductSpec
from telamon.model.stack import Stack, StackSpec
from telamon.model.storage import CompanionStorage, ProductStorage, StorageSpec
from telamon.products.base import Companion, Product
from telamon.products.registry import products_of

Part = TypeVar("Part", bound=Section)

Gap: TypeAlias = tuple[bool, str, str]
"""Whether a file asks for something that the lab leaves out; its path; what is not shown."""

MOST_NODES: Final = 3
"""Nodes of a product in a rehearsal: enough to lose one in the middle of losing another."""
MOST_COMPANIONS: Final = 2
"""Nodes of a companion in a rehearsal, where its stand-in can form a cluster of as many."""


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

    Raises:
        ProductError: a product is neither known nor described; the reader of the file refuses that before.
    """
    spec = stack.spec
    contracts = products_of({str(name): product for name, product in spec.products.items()})
    left_out = [
        *_of_stack(spec),
        *(
            gap
            for name, product in spec.products.items()
            for gap in _of_product(product, name=name, contract=contracts[name])
        ),
    ]
    elsewhere = not isinstance(spec.platform, LabPlatform)
    changed: dict[str, object] = {
        "products": {name: _smaller(product, contracts[name]) for name, product in spec.products.items()},
        "database": None,
        "storage": StorageSpec(),
        "edge": _edge(spec.edge, elsewhere=elsewhere),
        "placement": PlacementSpec(),
        "security": SecuritySpec(),
        "images": ImagesSpec(),
        "monitoring": MonitoringSpec(),
        "paging": None,
        "access": AccessSpec(),
    }
    if elsewhere:
        changed["platform"] = LabPlatform(kind="lab")
        changed["backup"] = _with(spec.backup, {"destination": None})
    return _with(stack, {"spec": _with(spec, changed)}), tuple(left_out)


def _smaller(product: ProductSpec, contract: Product) -> ProductSpec:
    return _with(
        product,
        {
            "nodes": min(product.nodes, MOST_NODES),
            "base_url": None,
            "companions": {
                name: _smaller_companion(companion, contract.companions[name])
                for name, companion in product.companions.items()
            },
            "edition": None,
            "apps": {},
            "resources": Resources(),
            "storage": ProductStorage(),
            "database": None,
            "observed": None,
            "volumes": (),
            "sidecars": (),
            "patches": (),
        },
    )


def _smaller_companion(companion: CompanionSpec, contract: Companion) -> CompanionSpec:
    nodes = None if companion.nodes is None else min(companion.nodes, _most(contract))
    smaller = {"nodes": nodes, "resources": Resources(), "storage": CompanionStorage(), "external": None}
    return _with(companion, smaller)


def _most(contract: Companion) -> int:
    return min(MOST_COMPANIONS, contract.stand_in_nodes)


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
    given: tuple[Gap, ...] = (
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
        *_of_edge(spec.edge, elsewhere=elsewhere),
        (spec.placement != PlacementSpec(), "placement", "Placement: everything runs on this machine."),
        (spec.security != SecuritySpec(), "security", "Closed networks, proxies and further authorities."),
        (
            spec.images != ImagesSpec(),
            "images",
            "Images and their mirror: the lab runs stand-ins as processes.",
        ),
        (
            spec.monitoring != MonitoringSpec() or (elsewhere and spec.monitoring.enabled),
            "monitoring",
            "Monitoring: no Prometheus reads the lab.",
        ),
        (spec.paging is not None, "paging", "Paging: nobody is called for a rehearsal."),
        (
            spec.access != AccessSpec(),
            "access",
            "Rights: whoever may open the state folder may do everything.",
        ),
        (
            elsewhere and spec.backup.destination is not None,
            "backup.destination",
            "Where backups go: the lab keeps them in a folder.",
        ),
    )
    return (NotRehearsed(f"spec.{path}", what) for present, path, what in given if present)


def _of_edge(edge: EdgeSpec, *, elsewhere: bool) -> tuple[Gap, ...]:
    return (
        (
            edge.driver is not None,
            "edge.driver",
            f"Driver {edge.driver}: the lab's front door is Envoy.",
        ),
        (
            elsewhere and edge.tls is not None,
            "edge.tls",
            "The certificates: the lab has its own authority.",
        ),
        (elsewhere and edge.port is not None, "edge.port", "The port: the lab takes a free one."),
        (
            elsewhere and edge.ssh.port is not None,
            "edge.ssh",
            "The port of SSH: the lab takes a free one.",
        ),
        (
            edge.class_name is not None,
            "edge.className",
            "The class of the front door: no cluster is asked for one.",
        ),
        (edge.cdn is not None, "edge.cdn", "The CDN: static files come from the nodes."),
    )


def _of_product(product: ProductSpec, *, name: str, contract: Product) -> Iterator[NotRehearsed]:
    given: list[Gap] = [
        (product.nodes > MOST_NODES, "nodes", f"{product.nodes} nodes: the lab runs at most {MOST_NODES}."),
        (product.edition is not None, "edition", "The edition: its stand-in is the same for all."),
        (bool(product.apps), "apps", "Apps with a process of their own: a stand-in takes none."),
        (product.resources != Resources(), "resources", "Cores, memory and heap: the lab limits no process."),
        (product.base_url is not None, "baseUrl", "The URL: the lab has addresses of its own."),
        (product.storage != ProductStorage(), "storage", "Size and place of the homes, and what lies in S3."),
        (product.database is not None, "database", "The product's own database: the lab makes one."),
        (product.observed is not None, "observed", "What was seen of the real instance: stand-ins differ."),
        (bool(product.volumes), "volumes", "Volumes of your own."),
        (bool(product.sidecars), "sidecars", "Containers of your own."),
        (bool(product.patches), "patches", "Patches of rendered objects."),
    ]
    for key, companion in product.companions.items():
        below = f"companions.{key}"
        given += [
            (present, f"{below}.{path}", what)
            for present, path, what in _of_companion(companion, contract.companions[key])
        ]
    return (NotRehearsed(f"spec.products.{name}.{path}", what) for present, path, what in given if present)


def _of_companion(companion: CompanionSpec, contract: Companion) -> tuple[Gap, ...]:
    wanted, most = companion.nodes or contract.default_nodes, _most(contract)
    return (
        (wanted > most, "nodes", f"{wanted} nodes: the lab runs at most {most}."),
        (
            companion.resources != Resources(),
            "resources",
            "Cores, memory and heap: the lab limits no process.",
        ),
        (companion.storage != CompanionStorage(), "storage", "Size and place of the data."),
        (companion.external is not None, "external", "The one of others: the lab runs one of its own."),
    )
