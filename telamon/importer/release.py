"""What Helm keeps of a live release: a secret whose payload is a packed JSON document.

Source: helm/helm v3, ``pkg/storage/driver/util.go`` (JSON, gzip, base64), ``pkg/storage/driver/secrets.go`` (labels
``name``, ``owner``, ``status``, ``version``; key ``release``); Kubernetes encodes what a secret holds once more.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from telamon.errors import UsageError, brief

MOST: Final = 64 << 20
"""Bytes of an unpacked release."""
_MAGIC: Final = b"\x1f\x8b"
_REMEDY: Final = "Write it with `kubectl get secret --selector owner=helm,name=RELEASE --output json`."


@dataclass(frozen=True)
class Release:
    """A release.

    Attributes:
        name: of it.
        namespace: where it is.
        chart: name of its chart.
        chart_release: version of the chart.
        product_release: version of the product that the chart names.
        values: that somebody gave.
        manifest: what was rendered, as YAML.
    """

    name: str
    namespace: str
    chart: str
    chart_release: str
    product_release: str
    values: Mapping[str, Any]
    manifest: str


def release_of(document: Any) -> Release | None:
    """Open the newest release that a document holds.

    Args:
        document: a secret of Helm's, or a list of such; JSON data.

    Returns:
        The release that is deployed, or the newest one; ``None`` where the document is something else.

    Raises:
        UsageError: it is a release, and damaged.
    """
    packed = sorted(_packed(document), key=lambda each: (each[0], each[1]))
    if not packed:
        return None
    content = _unpacked(packed[-1][2])
    chart = content.get("chart") or {}
    meta = (chart.get("metadata") if isinstance(chart, Mapping) else None) or {}
    values = content.get("config") or {}
    if not isinstance(values, Mapping) or not isinstance(meta, Mapping):
        raise UsageError("the release holds no values", remedy=_REMEDY)
    return Release(
        name=str(content.get("name", "")),
        namespace=str(content.get("namespace", "")),
        chart=str(meta.get("name", "")),
        chart_release=str(meta.get("version", "")),
        product_release=str(meta.get("appVersion", "")),
        values=values,
        manifest=str(content.get("manifest", "")),
    )


def _packed(document: Any) -> Iterator[tuple[bool, int, str]]:
    """Every release of a document: whether it is deployed, its number, its payload."""
    if not isinstance(document, Mapping):
        return
    if isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _packed(item)
        return
    data = document.get("data")
    if (
        document.get("kind") == "Secret"
        and isinstance(data, Mapping)
        and isinstance(data.get("release"), str)
    ):
        labels = (document.get("metadata") or {}).get("labels") or {}
        number = str(labels.get("version", "0"))
        yield labels.get("status") == "deployed", int(number) if number.isdigit() else 0, data["release"]


def _unpacked(payload: str) -> Mapping[str, Any]:
    try:
        content = base64.b64decode(payload, validate=True)
        if not content.startswith(_MAGIC):
            content = base64.b64decode(content, validate=True)
        unpacker = zlib.decompressobj(wbits=31)
        plain = unpacker.decompress(content, MOST)
        found = json.loads(plain)
    except (binascii.Error, zlib.error, ValueError) as error:
        raise UsageError(f"the release cannot be unpacked: {brief(error)}", remedy=_REMEDY) from error
    if not isinstance(found, dict) or not unpacker.eof:
        raise UsageError("the release is damaged, or larger than 64 MiB", remedy=_REMEDY)
    return found
