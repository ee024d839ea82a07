"""Which products there are. The list is made anew at each call: nothing is registered at import."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from telamon.errors import ProductError
from telamon.model.products import ProductSpec
from telamon.model.profile import Profile
from telamon.products.base import Product
from telamon.products.bitbucket.product import Bitbucket
from telamon.products.confluence.product import Confluence
from telamon.products.custom.product import Custom
from telamon.products.jira.product import Jira


def registry() -> Mapping[str, Product]:
    """Every product that Telamon knows by name."""
    known = (Jira(), Confluence(), Bitbucket())
    return MappingProxyType({product.name: product for product in known})


def with_custom(name: str, profile: Profile) -> Mapping[str, Product]:
    """Every known product, and one that a profile describes; it wins over a known one of that name."""
    return MappingProxyType({**registry(), name: Custom(name, profile)})


def products_of(products: Mapping[str, ProductSpec]) -> Mapping[str, Product]:
    """The products of a stack file: known ones by name, all others by their profile.

    Args:
        products: the section ``products`` of the file.

    Raises:
        ProductError: a product is neither known nor described; the reader of the file refuses that before.
    """
    known = registry()
    found: dict[str, Product] = {}
    for name, spec in products.items():
        product = known.get(name) if spec.profile is None else Custom(name, spec.profile)
        if product is None:
            raise ProductError(
                f'"{name}" is no product that Telamon knows',
                remedy=f"Known are {', '.join(sorted(known))}; describe any other one with a profile.",
            )
        found[name] = product.as_seen(spec.observed)
    return MappingProxyType(found)
