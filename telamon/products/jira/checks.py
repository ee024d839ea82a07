"""What only Jira knows about its section of the stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telamon.model.products import ProductSpec
from telamon.products.checks import Breach, edition_is_known, release_is_complete, variable_is_not_ours

EDITIONS: Final = ("software", "service-management")
"""Source: atlassian/data-center-helm-charts: one chart, with the image of either edition."""

NODE_VARIABLES: Final = frozenset(
    {
        "JIRA_HOME",
        "JIRA_SHARED_HOME",
        "CLUSTERED",
        "JIRA_NODE_ID",
        "EHCACHE_LISTENER_HOSTNAME",
        "EHCACHE_LISTENER_PORT",
        "EHCACHE_OBJECT_PORT",
    }
)


def check(spec: ProductSpec) -> Iterator[Breach]:
    """Every rule that the section breaks."""
    yield from release_is_complete(spec, example="11.3.1")
    yield from edition_is_known(spec, editions=EDITIONS)
    yield from variable_is_not_ours(spec, ours=NODE_VARIABLES)
