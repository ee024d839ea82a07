"""What Jira keeps in S3.

Sources: Atlassian, "Configuring Amazon S3 object storage", "Storing attachments in Amazon S3" (behind a feature flag up
to 9.17, without one from 10.1) and "Storing backups in Amazon S3" (9.17); container documentation ``JIRA.md`` and
docker-atlassian-jira, ``entrypoint.py``: ``filestore-config.xml`` is written at each start where bucket and region of
any kind are named, and is left alone otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from telamon.model.products import ProductSpec
from telamon.products.base import EnvironmentValue, NodeContext
from telamon.products.objects import login, stores_of, values

SINCE: Final[Mapping[str, str]] = MappingProxyType(
    {"attachments": "10.1", "avatars": "9.14", "backups": "9.17"}
)
"""The first release whose documentation is known to have it without a feature flag."""
PREFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {"attachments": "ATL_S3ATTACHMENTS", "avatars": "ATL_S3AVATARS", "backups": "ATL_S3BACKUPS"}
)
_SUFFIXES: Final[Mapping[str, str]] = MappingProxyType(
    {"bucket": "BUCKET_NAME", "region": "REGION", "endpoint": "ENDPOINT_OVERRIDE"}
)


def environment(node: NodeContext) -> dict[str, EnvironmentValue]:
    """What the image is told of buckets."""
    found = login(node)
    for kind, store in stores_of(node.spec).items():
        found |= {f"{PREFIXES[kind]}_{_SUFFIXES[field]}": value for field, value in values(store)}
    return found


def by_hand(spec: ProductSpec) -> frozenset[str]:
    """Kinds of files that variables of somebody's own put into S3."""
    return frozenset(kind for kind, prefix in PREFIXES.items() if spec.env.get(f"{prefix}_BUCKET_NAME"))
