"""Which companions of a product Telamon runs: those that it needs or that were asked for, unless others keep them."""

from __future__ import annotations

from collections.abc import Iterator

from telamon.model.products import CompanionSpec, ProductSpec
from telamon.naming import CompanionName
from telamon.products.base import Companion, Product


def companions_run(
    product: Product, section: ProductSpec
) -> Iterator[tuple[str, Companion, CompanionSpec | None]]:
    """Every companion that runs beside a product, in the product's own order.

    Args:
        product: any.
        section: its section of the stack file.

    Yields:
        Its name, the companion, and what the section says of it; ``None`` where it says nothing.
    """
    for name, companion in product.companions.items():
        asked = section.companions.get(CompanionName(name))
        if asked is None and not companion.required:
            continue
        if asked is None or asked.external is None:
            yield name, companion, asked
