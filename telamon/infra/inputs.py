"""What a layer takes from earlier ones: who told it, and whether that still holds.

A state says by an output from which files and inputs it was applied (see
:func:`telamon.desired.terraform.render.layer_files`). What a layer tells is used only while that is what lies in its
folder: else a change that was never applied would be taken for one that was.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from telamon.desired.terraform.cluster import NODES_GROUP
from telamon.desired.terraform.data import MANIFEST, MARK, Input
from telamon.desired.terraform.network import (
    DATA_SUBNETS,
    LOGS_BUCKET,
    LOGS_KEY,
    PRIVATE_SUBNETS,
    PUBLIC_SUBNETS,
    ROUTE_TABLES,
    VPC_ID,
)
from telamon.errors import NotReadyError, RefusedError
from telamon.infra.canonical import read_object

JOINTS: Final = (
    VPC_ID,
    PRIVATE_SUBNETS,
    PUBLIC_SUBNETS,
    DATA_SUBNETS,
    ROUTE_TABLES,
    LOGS_BUCKET,
    LOGS_KEY,
    NODES_GROUP,
)
"""Everything that one layer takes from another."""


class Standing(StrEnum):
    """How a state stands to the files in its folder."""

    MISSING = "missing"
    STALE = "stale"
    CURRENT = "current"


@dataclass(frozen=True)
class Declared:
    """What the folder of a layer says of it.

    Attributes:
        layer: its name.
        configuration: digest of its files.
        sources: the layer that tells each input, by the input's name.
        previews: what stands in for each input before that layer is there.
    """

    layer: str
    configuration: str
    sources: Mapping[str, str]
    previews: Mapping[str, Any]


def read_declared(content: bytes) -> Declared:
    """Read the manifest of a layer.

    Args:
        content: of ``layer.json``.

    Raises:
        RefusedError: it is no manifest.
    """
    match read_object(content, what=MANIFEST):
        case {
            "layer": str(layer),
            "configuration": str(configuration),
            "inputs": dict(sources),
            "previews": dict(previews),
        } if all(isinstance(source, str) and "/" not in source for source in sources.values()):
            return Declared(layer, configuration, sources, previews)
        case _:
            raise RefusedError(
                f"{MANIFEST} is not what is expected",
                guard="readable",
                remedy="Write the folder anew: telamon render FILE --terraform --output DIR.",
            )


def standing(declared: Declared, outputs: Mapping[str, Any], *, inputs: Mapping[str, Any]) -> Standing:
    """How a state stands to the files and inputs in its folder.

    Args:
        declared: what the folder says.
        outputs: what the state tells.
        inputs: what lies in the folder for it to take.
    """
    match outputs.get(MARK):
        case {"configuration": configuration, "inputs": taken}:
            same = configuration == declared.configuration and taken == dict(inputs)
            return Standing.CURRENT if same else Standing.STALE
        case _:
            return Standing.STALE if outputs else Standing.MISSING


def join(declared: Declared, told: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """What a layer takes.

    Args:
        declared: what its folder says.
        told: outputs by layer.

    Raises:
        NotReadyError: an earlier layer does not tell what is needed.
    """
    found: dict[str, Any] = {}
    for name, source in sorted(declared.sources.items()):
        value = told.get(source, {}).get(name)
        if value is None:
            raise NotReadyError(
                f"{declared.layer} needs {name}, and the layer {source} does not tell it",
                remedy=f"Apply the layer {source} first: telamon infra plan.",
            )
        found[name] = value
    return found


def stand_ins(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """Names of the inputs of a plan that only stand in for what is not there yet.

    Args:
        plan: what ``terraform show -json`` prints.
    """
    given = {name: variable.get("value") for name, variable in plan.get("variables", {}).items()}
    return tuple(sorted(item.name for item in JOINTS if _stands_in(item, given.get(item.name))))


def _stands_in(item: Input, value: Any) -> bool:
    """Whether a value is what stands in for it, or has a part that is."""
    if isinstance(item.preview, tuple) and isinstance(value, list):
        return not set(item.preview).isdisjoint(map(str, value))
    return bool(value == item.preview)
