"""The example, applied for real against moto: every layer on what the one before told, planned again, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from telamon.desired.terraform.data import Layer, LayerName
from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.render import layers_on
from telamon.errors import PlatformError
from telamon.platforms.terraform.applying import Applying
from telamon.platforms.terraform.runner import Terraform
from tests.aws.conftest import Moto, give, prepare
from tests.aws.quirks import FORGOTTEN, NOT_APPLIED, UNPROTECTED, Reach, not_applied
from tests.support.ground import example, ground_of

BACKEND: Mapping[str, Any] = {"use_path_style": True}
WAVES = (
    (LayerName.STATE,),
    (LayerName.NETWORK,),
    (LayerName.CLUSTER, LayerName.OPERATIONS),
    (LayerName.DATA, LayerName.EDGE),
)
"""Layers that do not rest on one another are applied at the same time."""


@dataclass(frozen=True)
class World:
    """A moto, and a folder for every layer.

    Attributes:
        terraform: the real one.
        folder: for all layers.
        ground: the example's.
        told: outputs so far, by name.
    """

    terraform: Terraform
    folder: Path
    ground: Ground
    told: dict[str, Any] = field(default_factory=dict)

    def bring_up(self, layer: Layer) -> None:
        """Apply a layer for the first time, look at what is there, and plan again."""
        folder = prepare(self.folder, self.ground, layer, reach=Reach(offline=False, backend=BACKEND))
        give(folder, {item.name: self.told[item.name] for item in layer.inputs})
        self.terraform.init(folder)
        plan = folder / "first.tfplan"
        assert self.terraform.plan(folder, out=plan)
        record = self.folder / f"{layer.name}-apply"
        record.mkdir()
        self.terraform.apply(folder, plan=plan, record=Applying(record), tell=print)
        self.told.update(self.terraform.outputs(folder))
        applied = {address.partition("[")[0] for address in self.terraform.addresses(folder)}
        assert {each.address for each in layer.resources} - applied == set(not_applied(layer))
        assert not self.terraform.plan(folder, out=folder / "second.tfplan"), f"{layer.name} changes again"

    def take_away(self, layer: Layer) -> None:
        """Destroy a layer, and look that nothing is left."""
        folder = self.folder / layer.name
        self.terraform.destroy(folder)
        assert self.terraform.addresses(folder) == ()

    def refuses_to_go(self, layer: Layer) -> None:
        """Try to destroy a layer that is protected."""
        folder = self.folder / layer.name
        before = self.terraform.addresses(folder)
        with pytest.raises(PlatformError, match="cannot be destroyed"):
            self.terraform.destroy(folder)
        assert self.terraform.addresses(folder) == before


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_the_example_is_applied_layer_on_layer_and_taken_away(moto: Moto, tmp_path: Path) -> None:
    ground = ground_of(example())
    world = World(moto.terraform(), tmp_path, ground)
    layers = {layer.name: layer for layer in layers_on(ground)}
    with ThreadPoolExecutor(max_workers=2) as pool:
        for act, waves in ((world.bring_up, WAVES), (world.take_away, WAVES[:0:-1])):
            for wave in waves:
                list(pool.map(act, [layers[name] for name in wave]))
    world.refuses_to_go(layers[LayerName.STATE])


@pytest.mark.timeout(300)
def test_the_pager_is_applied_and_taken_away(moto: Moto, tmp_path: Path) -> None:
    """The short way through everything: a key, a topic and its policy."""
    ground = ground_of(example())
    whole = next(layer for layer in layers_on(ground) if layer.name is LayerName.OPERATIONS)
    pager = tuple(sheet for sheet in whole.sheets if sheet.name == "pager")
    world = World(moto.terraform(), tmp_path, ground)
    layer = replace(whole, name=LayerName.STATE, sheets=pager, inputs=())
    world.bring_up(layer)
    assert world.told["pager_topic_arn"].endswith(":telamon-acme-pager")
    world.take_away(layer)


def test_every_quirk_is_about_something_that_is_rendered() -> None:
    types = {resource.type for layer in layers_on(ground_of(example())) for resource in layer.resources}
    assert set(NOT_APPLIED) | set(FORGOTTEN) | set(UNPROTECTED) <= types
