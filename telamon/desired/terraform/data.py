"""Terraform as plain data: blocks, sheets (files) and layers (states)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

Body = Mapping[str, Any]
"""What stands in a block; JSON."""


INPUTS: Final = "inputs.auto.tfvars.json"
"""File with what a layer takes from earlier ones; terraform reads it by itself."""
MANIFEST: Final = "layer.json"
"""File that says from which layers that comes; terraform does not read it."""
MARK: Final = "layer"
"""Output by which a state says from which files and inputs it was applied."""
APPLIED: Final = "terraform_data.applied"
"""Address of the resource that keeps it."""


MOST_ZONES: Final = 4
"""Zones that a stack has at most, and for which there are stand-ins."""


class LayerName(StrEnum):
    """The layers, in the order in which they are applied."""

    STATE = "state"
    NETWORK = "network"
    CLUSTER = "cluster"
    DATA = "data"
    EDGE = "edge"
    OPERATIONS = "operations"


@dataclass(frozen=True)
class Resource:
    """One resource.

    Attributes:
        type: as the provider calls it.
        name: ours, in lower case with underscores.
        body: arguments.
    """

    type: str
    name: str
    body: Body

    @property
    def address(self) -> str:
        """E.g. ``aws_vpc.main``: what plans, approvals and people call it."""
        return f"{self.type}.{self.name}"

    def ref(self, attribute: str = "id") -> str:
        """An expression for one of its attributes."""
        return f"${{{self.address}.{attribute}}}"


@dataclass(frozen=True)
class Input:
    """What a layer takes from an earlier one.

    Attributes:
        name: of the variable, and of the output that fills it.
        source: the layer that has the output.
        what: for people.
        preview: stands in for the value in a plan that is made before the source was applied. Such a plan is for
            reading: it can never be applied.
    """

    name: str
    source: LayerName
    what: str
    preview: str | tuple[str, ...] | Mapping[str, str]

    def preview_for(self, zones: int) -> Any:
        """What stands in for the value, with as many items as there are zones where it has items by zone."""
        if not isinstance(self.preview, tuple):
            return self.preview
        return list(self.preview[: len(self.preview) - MOST_ZONES + zones])

    @property
    def ref(self) -> str:
        """An expression for the whole value."""
        return f"${{var.{self.name}}}"

    def item(self, key: int | str) -> str:
        """An expression for one item of a list or a map."""
        quoted = str(key) if isinstance(key, int) else f'"{key}"'
        return f"${{var.{self.name}[{quoted}]}}"

    @property
    def type(self) -> str:
        """The variable's type in Terraform's words."""
        if isinstance(self.preview, str):
            return "string"
        return "list(string)" if isinstance(self.preview, tuple) else "map(string)"


@dataclass(frozen=True)
class Output:
    """What a layer tells those above it, and the manifests."""

    name: str
    value: Any
    what: str


@dataclass(frozen=True)
class Sheet:
    """Resources that belong together: one file.

    Attributes:
        name: of the file, without what follows the dot.
        resources: what it holds.
    """

    name: str
    resources: tuple[Resource, ...]


@dataclass(frozen=True)
class Layer:
    """One state.

    Attributes:
        name: of the layer.
        sheets: its files.
        inputs: what it takes from earlier layers.
        outputs: what it tells.
        worldwide: whether it also makes things that AWS keeps in one region for the whole world.
    """

    name: LayerName
    sheets: tuple[Sheet, ...]
    inputs: tuple[Input, ...] = ()
    outputs: tuple[Output, ...] = ()
    worldwide: bool = False

    @property
    def resources(self) -> tuple[Resource, ...]:
        """Every resource of all sheets."""
        return tuple(resource for sheet in self.sheets for resource in sheet.resources)


def shortened(text: str, longest: int) -> str:
    """Fit a name into a limit of AWS: what is cut off is replaced by its fingerprint, so that names stay distinct.

    Args:
        text: the name.
        longest: most characters.
    """
    if len(text) <= longest:
        return text
    mark = hashlib.sha256(text.encode()).hexdigest()[:6]
    return f"{text[: longest - 7].rstrip('-')}-{mark}"


def snake(text: str) -> str:
    """A name of ours as Terraform likes names."""
    return text.replace("-", "_").replace(".", "_")
