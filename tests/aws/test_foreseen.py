"""``telamon plan`` of a stack on AWS says what would become of its layers, and keeps nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.aws.conftest import Moto
from tests.aws.world import World
from tests.support.approval import needs_ssh
from tests.support.ground import SMALL

pytestmark = [needs_ssh, pytest.mark.exhaustive, pytest.mark.timeout(900)]

TEXT = SMALL.replace("ENVIRONMENT", "dev").replace("REGION", "eu-central-1").replace("MORE", "")


def test_before_anything_is_made_the_place_of_the_states_is_foreseen(moto: Moto, tmp_path: Path) -> None:
    world = World.new(tmp_path / "world", moto, TEXT)
    found = world.run("plan", str(world.file), "-o", "json")
    assert found.code == 0, found.err
    first, *others = found.document["ground"]
    assert (first["layer"], first["standIns"], first["destructive"]) == ("state", [], [])
    assert first["changes"].endswith("created")
    assert first["cost"] > 0
    assert {each["changes"] for each in others} == {""}
    assert all("waits for earlier layers: state" in each["place"] for each in others)
    assert world.plans() == ()
    assert world.desk.log.read().last_plan_of("state") is None
