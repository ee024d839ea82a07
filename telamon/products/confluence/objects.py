"""What Confluence keeps in S3: attachments alone, told by system properties.

Sources: Atlassian, "Attachment Storage Configuration" (since 8.1) and "Configuring S3 object storage";
atlassian/data-center-helm-charts, chart ``confluence``, ``templates/_helpers.tpl`` (names of the properties).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from telamon.model.products import ProductSpec
from telamon.products.base import NodeContext
from telamon.products.objects import stores_of, values

ATTACHMENTS: Final = "attachments"
SINCE: Final[Mapping[str, str]] = MappingProxyType({ATTACHMENTS: "8.1"})
STORE: Final = "confluence.filestore.attachments.s3"
_KEYS: Final[Mapping[str, str]] = MappingProxyType(
    {"bucket": "bucket.name", "region": "bucket.region", "endpoint": "endpoint.override"}
)


def arguments(node: NodeContext) -> Iterator[str]:
    """The system properties."""
    store = stores_of(node.spec).get(ATTACHMENTS)
    if store is not None:
        yield from (f"-D{STORE}.{_KEYS[field]}={value}" for field, value in values(store))


def by_hand(spec: ProductSpec) -> frozenset[str]:
    """Kinds of files that options or properties of somebody's own put into S3."""
    key = f"{STORE}.{_KEYS['bucket']}"
    there = key in spec.properties or any(each.startswith(f"-D{key}=") for each in spec.jvm_args)
    return frozenset({ATTACHMENTS} if there else ())
