"""What a chart keeps in S3, as ``storage.s3`` of a product."""

from __future__ import annotations

import re
from typing import Any, Final

from telamon.importer.values import Ledger, Values
from telamon.products.base import Product
from telamon.products.chart import Chart
from telamon.products.release import numbers

Document = dict[str, Any]
_ROLE: Final = "eks.amazonaws.com/role-arn"
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)
_REGION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*", re.ASCII)


def objects(values: Values, ledger: Ledger, *, product: Product, chart: Chart, release: str) -> Document:
    """Where a product keeps files in S3; nothing where its chart names no bucket.

    The charts go by a bucket only where its region is named as well.

    Args:
        values: of the chart.
        ledger: takes what became of each.
        product: whose chart it is.
        chart: what it calls things.
        release: that runs; "" where no value says so.
    """
    found: Document = {}
    for kind, path in chart.object_stores.items():
        bucket, region = values.text(f"{path}.bucketName"), values.text(f"{path}.bucketRegion")
        if not bucket or not region:
            continue
        since = product.object_stores[kind]
        if release and numbers(release) < numbers(since):
            ledger.lost(path, f"{kind} are in S3 from {since} on; for {release} write the image's own words")
        elif not _BUCKET.fullmatch(bucket) or not _REGION.fullmatch(region):
            ledger.lost(path, "these are no names of a bucket and a region")
        else:
            ledger.taken(path, f"storage.s3.{kind}")
            found[kind] = {"bucket": bucket, "region": region}
            endpoint = values.text(f"{path}.endpointOverride").rstrip("/")
            if endpoint.startswith(("https://", "http://")):
                found[kind]["endpoint"] = endpoint
            elif endpoint:
                ledger.lost(f"{path}.endpointOverride", "it is no URL")
    role = _role(values, ledger) if found else ""
    return found | ({"role": role} if role else {})


def _role(values: Values, ledger: Ledger) -> str:
    """The role that nodes take, by either of the charts' words for it."""
    annotations = values.at("serviceAccount.annotations")
    noted = annotations.get(_ROLE) if isinstance(annotations, dict) else None
    for path, role in (
        ("serviceAccount.eksIrsa.roleArn", values.text("serviceAccount.eksIrsa.roleArn")),
        (f"serviceAccount.annotations.{_ROLE}", str(noted or "")),
    ):
        if role.startswith("arn:"):
            ledger.taken(path, "storage.s3.role")
            return role
    return ""
