"""What only Confluence knows about its section of the stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telamon.model.products import ProductSpec
from telamon.products.checks import Breach, edition_is_known, release_is_complete, variable_is_not_ours

NODE_VARIABLES: Final = frozenset(
    {
        "CONFLUENCE_HOME",
        "ATL_PRODUCT_HOME_SHARED",
        "ATL_CLUSTER_TYPE",
        "ATL_CLUSTER_NAME",
        "ATL_CLUSTER_PEERS",
    }
)


def check(spec: ProductSpec) -> Iterator[Breach]:
    """Every rule that the section breaks."""
    yield from release_is_complete(spec, example="10.2.7")
    yield from edition_is_known(spec, editions=())
    yield from variable_is_not_ours(spec, ours=NODE_VARIABLES)
