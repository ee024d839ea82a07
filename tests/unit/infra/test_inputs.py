"""What a layer takes from others: who must have told it, and when that no longer holds."""

from __future__ import annotations

import json
from typing import Any

import pytest

from telamon.desired.terraform.data import MARK
from telamon.desired.terraform.render import layer_files, layers_on
from telamon.errors import NotReadyError, RefusedError
from telamon.infra.inputs import JOINTS, Standing, join, read_declared, stand_ins, standing
from tests.support.ground import example, ground_of

CLUSTER: dict[str, Any] = {
    "layer": "cluster",
    "configuration": "sha256:1",
    "inputs": {"vpc_id": "network"},
    "previews": {"vpc_id": "vpc-00000000000000000"},
}
DECLARED = read_declared(json.dumps(CLUSTER).encode())


def mark(configuration: str = "sha256:1", **inputs: str) -> dict[str, Any]:
    return {MARK: {"configuration": configuration, "inputs": inputs}}


def test_every_layer_declares_what_it_takes() -> None:
    ground = ground_of(example())
    taken = set()
    for layer in layers_on(ground):
        declared = read_declared(json.dumps(layer_files(ground, layer)["layer.json"]).encode())
        assert declared.layer == layer.name
        assert declared.sources == {item.name: str(item.source) for item in layer.inputs}
        taken |= set(layer.inputs)
    assert taken == set(JOINTS), "a value that stands in for one that is not listed would not be found out"


def test_the_configuration_of_a_layer_is_known_by_its_files() -> None:
    def configurations(region: str) -> dict[str, Any]:
        stack = example()
        platform = stack.spec.platform.model_copy(update={"region": region})
        ground = ground_of(
            stack.model_copy(update={"spec": stack.spec.model_copy(update={"platform": platform})})
        )
        return {
            layer.name: layer_files(ground, layer)["layer.json"]["configuration"]
            for layer in layers_on(ground)
        }

    here, again, elsewhere = map(configurations, ("eu-central-1", "eu-central-1", "eu-west-1"))
    assert here == again
    assert not set(here.values()) & set(elsewhere.values())


@pytest.mark.parametrize(
    ("outputs", "stands"),
    [
        ({}, Standing.MISSING),
        ({"vpc_id": "vpc-1"}, Standing.STALE),
        (mark(vpc_id="vpc-1"), Standing.CURRENT),
        (mark("sha256:0", vpc_id="vpc-1"), Standing.STALE),
        (mark(vpc_id="vpc-2"), Standing.STALE),
        (mark(), Standing.STALE),
        ({MARK: "yes"}, Standing.STALE),
    ],
)
def test_a_state_stands_only_with_the_files_and_inputs_that_are_there(
    outputs: dict[str, Any], stands: Standing
) -> None:
    assert standing(DECLARED, outputs, inputs={"vpc_id": "vpc-1"}) is stands


def test_what_is_not_told_is_named() -> None:
    assert join(DECLARED, {"network": {"vpc_id": "vpc-1", "more": 1}}) == {"vpc_id": "vpc-1"}
    gaps: tuple[dict[str, dict[str, Any]], ...] = (
        {},
        {"network": {}},
        {"network": {"vpc_id": None}},
        {"data": {"vpc_id": "vpc-1"}},
    )
    for told in gaps:
        with pytest.raises(NotReadyError, match="cluster needs vpc_id, and the layer network"):
            join(DECLARED, told)


def test_stand_ins_are_known_by_their_values() -> None:
    def plan(**values: Any) -> dict[str, Any]:
        return {"variables": {name: {"value": value} for name, value in values.items()}}

    previews = {
        item.name: list(item.preview) if isinstance(item.preview, tuple) else item.preview for item in JOINTS
    }
    assert set(stand_ins(plan(**previews))) == set(previews)
    assert stand_ins(plan(vpc_id="vpc-1", other="vpc-00000000000000000")) == ()
    assert stand_ins({}) == ()


@pytest.mark.parametrize(
    "changed", [{"inputs": {"vpc_id": 1}}, {"inputs": {"vpc_id": "../x"}}, {"layer": None}, {"previews": []}]
)
def test_a_manifest_that_is_none_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(RefusedError, match=r"layer\.json"):
        read_declared(json.dumps(CLUSTER | changed).encode())
