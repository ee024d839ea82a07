"""What the ground tells a stack, as long as it is the ground that its file asks for."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from telamon.desired.terraform.data import MANIFEST, LayerName
from telamon.desired.terraform.facts import GroundFacts, read_ground
from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.render import layer_files, layers_on
from telamon.errors import NotReadyError
from telamon.infra.inputs import Standing, join, read_declared, standing

_WHY: Final[Mapping[Standing, str]] = {
    Standing.MISSING: "was not applied yet, or not to its end",
    Standing.STALE: "was applied from another file, or from other inputs",
}


def ground_told(ground: Ground, told: Mapping[LayerName, Mapping[str, Any]]) -> GroundFacts:
    """Everything that the layers tell, typed.

    Args:
        ground: what the stack file asks for.
        told: outputs by layer.

    Raises:
        NotReadyError: a layer does not stand as the file asks for it; what helps is said.
        PlatformError: one tells something that cannot be.
    """
    by_name = {str(name): outputs for name, outputs in told.items()}
    for layer in layers_on(ground):
        declared = read_declared(json.dumps(layer_files(ground, layer)[MANIFEST]).encode())
        outputs = by_name.get(layer.name, {})
        found = standing(declared, outputs, inputs=join(declared, by_name))
        if found is not Standing.CURRENT:
            raise NotReadyError(
                f"the layer {layer.name} {_WHY[found]}",
                remedy="Bring the ground to what the file says: telamon up FILE "
                f"(or telamon infra plan DIR/{layer.name}, and so on).",
            )
    return read_ground(told)
