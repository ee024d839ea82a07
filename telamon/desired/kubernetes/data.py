"""Manifests as plain data: objects, sheets (files) and bundles (folders)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

LONGEST_PORT_NAME: Final = 15
Object = Mapping[str, Any]
"""A Kubernetes object; JSON."""


@dataclass(frozen=True)
class Sheet:
    """Objects that belong together: one file.

    Attributes:
        name: of the file, without what follows the dot.
        objects: in the order in which they are to be made.
    """

    name: str
    objects: tuple[Object, ...]


@dataclass(frozen=True)
class Bundle:
    """What goes into one namespace: one folder.

    Attributes:
        name: of the folder; the namespace's, or ``cluster`` for what has none.
        sheets: its files.
    """

    name: str
    sheets: tuple[Sheet, ...]

    @property
    def objects(self) -> tuple[Object, ...]:
        """Every object of all sheets."""
        return tuple(item for sheet in self.sheets for item in sheet.objects)


@dataclass(frozen=True)
class Meta:
    """What the metadata of an object says.

    Attributes:
        name: of the object.
        namespace: "" for what has none.
        labels: by which it is found again.
        annotations: for other tools.
    """

    name: str
    namespace: str
    labels: Mapping[str, str]
    annotations: Mapping[str, str] | None = None

    def document(self) -> dict[str, Any]:
        """As Kubernetes takes it."""
        found: dict[str, Any] = {"name": self.name}
        if self.namespace:
            found["namespace"] = self.namespace
        if self.labels:
            found["labels"] = dict(self.labels)
        if self.annotations:
            found["annotations"] = dict(self.annotations)
        return found


def made(version: str, kind: str, *, meta: Meta, **body: Any) -> Object:
    """An object.

    Args:
        version: ``apiVersion``.
        kind: of the object.
        meta: its metadata.
        body: everything else, e.g. ``spec``.
    """
    return {"apiVersion": version, "kind": kind, "metadata": meta.document(), **body}


def without_nothing(**fields: Any) -> dict[str, Any]:
    """A mapping without the fields that are empty, because an empty list in a manifest is a difference to Git."""
    return {name: value for name, value in fields.items() if value not in (None, (), [], {}, "")}


def digest(data: object) -> str:
    """A short fingerprint of JSON data, the same in every run."""
    text = json.dumps(data, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def port_name(name: str) -> str:
    """The name of a port in a pod: at most 15 characters. Source: RFC 6335 section 5.1, service names.

    Args:
        name: of the port, a DNS label.
    """
    return name if len(name) <= LONGEST_PORT_NAME else f"p-{digest(name)[: LONGEST_PORT_NAME - 2]}"
