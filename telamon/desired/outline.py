"""Which components a stack file amounts to, before any address is known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from telamon.errors import InternalError
from telamon.model.products import ProductSpec
from telamon.model.stack import Stack
from telamon.naming import component_name
from telamon.products.base import Companion, Product, Workload
from telamon.products.companions import companions_run

UNVERSIONED = "unversioned"
"""Release of what the stack file names no version of."""


@dataclass(frozen=True)
class Outline:
    """One component of the products: whose, what and how many.

    Attributes:
        component: its name.
        product_name: the product it belongs to.
        product: that product.
        workload: the product itself, or a companion of it.
        spec: the product's section of the stack file.
        nodes: how many.
        release: version to run.
        left_out: nodes asked for beyond what its stand-in can form a cluster of.
    """

    component: str
    product_name: str
    product: Product
    workload: Workload
    spec: ProductSpec
    nodes: int
    release: str
    left_out: int = 0

    @property
    def companion(self) -> Companion | None:
        """The companion this is; ``None`` for the product's own nodes."""
        return self.workload if isinstance(self.workload, Companion) else None

    @property
    def context_path(self) -> str:
        """Path under which its pages are; a companion's own paths begin at the root of the host."""
        return "" if self.companion is not None else self.spec.context_path

    @property
    def rotates(self) -> bool:
        """Whether the front door sends it traffic."""
        return bool(self.workload.routes or self.workload.tcp_routes)


def outlines(stack: Stack, registry: Mapping[str, Product]) -> tuple[Outline, ...]:
    """Every component of the products, a product before its companions, in the order of the file.

    Raises:
        InternalError: a product is not in the registry, which the reader of the file excludes.
    """
    found: list[Outline] = []
    for name, spec in stack.spec.products.items():
        product = registry.get(name)
        if product is None:
            raise InternalError(f"product {name} is not in the registry")
        release = spec.version or UNVERSIONED
        found.append(Outline(component_name(name), name, product, product, spec, spec.nodes, release))
        found.extend(_companions(name, product, spec))
    return tuple(found)


def _companions(name: str, product: Product, spec: ProductSpec) -> Iterator[Outline]:
    for companion_name, companion, asked in companions_run(product, spec):
        wanted = (asked.nodes if asked is not None else None) or companion.default_nodes
        nodes = min(wanted, companion.stand_in_nodes)
        named = asked.version if asked is not None else None
        release = named or companion.default_release or spec.version or UNVERSIONED
        component = component_name(name, companion_name)
        yield Outline(component, name, product, companion, spec, nodes, release, left_out=wanted - nodes)
