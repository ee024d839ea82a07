"""What only Bitbucket knows about its section of the stack file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from telamon.model.products import ProductSpec
from telamon.model.stack import StackSpec
from telamon.products.checks import (
    Breach,
    edition_is_known,
    release_is_complete,
    shared_home_is_not_on_efs,
    variable_is_not_ours,
)

NODE_VARIABLES: Final = frozenset(
    {
        "BITBUCKET_HOME",
        "BITBUCKET_SHARED_HOME",
        "SERVER_PORT",
        "PLUGIN_SSH_PORT",
        "HAZELCAST_PORT",
        "HAZELCAST_GROUP_NAME",
        "HAZELCAST_GROUP_PASSWORD",
        "HAZELCAST_NETWORK_TCPIP_MEMBERS",
    }
)


def check(spec: ProductSpec, stack: StackSpec) -> Iterator[Breach]:
    """Every rule that the section breaks."""
    yield from release_is_complete(spec, example="9.4.16")
    yield from edition_is_known(spec, editions=())
    yield from variable_is_not_ours(spec, ours=NODE_VARIABLES)
    yield from shared_home_is_not_on_efs(spec, stack)
