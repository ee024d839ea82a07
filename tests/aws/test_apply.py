"""The example, applied for real against moto: every layer on what the one before told, planned again, taken away."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from telamon.desired.terraform.render import layers_on
from tests.aws.conftest import Moto, prepare
from tests.aws.quirks import NOT_APPLIED, Reach, not_applied
from tests.support.ground import example, ground_of

BACKEND: Mapping[str, Any] = {"use_path_style": True}


@pytest.mark.exhaustive
@pytest.mark.timeout(1800)
def test_the_example_is_applied_layer_on_layer_and_taken_away(moto: Moto, tmp_path: Path) -> None:
    found = ground_of(example())
    terraform = moto.terraform()
    told: dict[str, Any] = {}
    folders: list[Path] = []
    for layer in layers_on(found):
        folder = prepare(tmp_path, found, layer, reach=Reach(offline=False, backend=BACKEND))
        folders.append(folder)
        terraform.give(folder, {item.name: told[item.name] for item in layer.inputs})
        terraform.init(folder)
        plan = folder / "first.tfplan"
        assert terraform.plan(folder, out=plan)
        terraform.apply(folder, plan=plan)
        told |= terraform.outputs(folder)
        applied = {address.partition("[")[0] for address in terraform.addresses(folder)}
        wanted = {resource.address for resource in layer.resources}
        assert wanted - applied == set(not_applied(layer))
        assert not terraform.plan(folder, out=folder / "second.tfplan"), (
            f"{layer.name}: a second plan changes"
        )
    for folder in reversed(folders):
        terraform.destroy(folder)
        assert terraform.addresses(folder) == ()


def test_every_quirk_is_about_something_that_is_rendered() -> None:
    types = {resource.type for layer in layers_on(ground_of(example())) for resource in layer.resources}
    assert set(NOT_APPLIED) <= types
