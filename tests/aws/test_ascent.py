"""The layers are brought up one on another with the real terraform; whatever is cut off, the next run goes on."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from telamon.desired.terraform.data import INPUTS, MANIFEST
from telamon.errors import NotReadyError, PlatformError, RefusedError, TemporaryError
from telamon.infra.words import as_text, counts
from telamon.platforms.aws.ascent import Found, Place, Watcher
from telamon.platforms.terraform.runner import Terraform
from tests.support.approval import needs_ssh, needs_terraform
from tests.support.layers import PREVIEWS, Hill, everything, write_layer

pytestmark = [needs_ssh, needs_terraform]


@pytest.fixture
def hill(tmp_path: Path) -> Hill:
    return Hill.new(tmp_path)


def places(found: list[Found]) -> list[Place]:
    return [each.place for each in found]


def test_from_nothing_to_the_top(hill: Hill) -> None:
    first = hill.climb()
    assert places(first) == [Place.WAITS, Place.RESTS, Place.RESTS]
    assert hill.made == []
    hill.approve(first)
    second = hill.climb()
    assert places(second) == [Place.STANDS, Place.WAITS, Place.RESTS]
    top = hill.to_the_top()
    assert hill.made == everything()
    assert top[-1].outputs is not None
    assert top[-1].outputs["backup_bucket"] == "backups"
    given = json.loads((hill.ground / "data" / INPUTS).read_text(encoding="utf-8"))
    assert given == {"vpc_id": "vpc-1", "nodes_security_group_id": "sg-1"}


def test_a_second_run_changes_nothing(hill: Hill) -> None:
    hill.to_the_top()
    planned = len(hill.shown)
    assert places(hill.climb()) == [Place.STANDS] * 3
    assert len(hill.shown) == planned
    assert hill.made == everything()


def test_looking_changes_nothing(hill: Hill) -> None:
    assert places(list(hill.ascent.look())) == [Place.NO_PLAN, Place.RESTS, Place.RESTS]
    waiting = hill.climb()
    assert [each.place for each in hill.ascent.look()] == places(waiting)
    hill.approve(waiting)
    assert next(iter(hill.ascent.look())).place is Place.APPROVED
    assert hill.made == []


def test_what_would_change_is_foreseen_and_nothing_is_kept(hill: Hill) -> None:
    told: list[str] = []
    above = list(hill.ascent.foresee(tell=told.append))
    assert [found.place for found, _ in above] == [Place.NO_PLAN, Place.RESTS, Place.RESTS]
    assert [None if looked is None else len(looked.summary.stand_ins) for _, looked in above] == [0, 1, 2]
    assert all(looked is not None and counts(looked.summary.changes) == "4 created" for _, looked in above)
    assert [sentence.partition(":")[0] for sentence in told] == ["network", "cluster", "data"]
    assert hill.made == []
    assert hill.desk.log.read().last_plan_of("network") is None


@pytest.mark.exhaustive
def test_only_a_layer_that_does_not_stand_is_looked_at(hill: Hill) -> None:
    told: list[str] = []
    hill.to_the_top()
    assert [looked for _, looked in hill.ascent.foresee(tell=told.append)] == [None] * 3
    write_layer(hill.ground / "data", hill.log, version="2")
    (*_, (_, looked)) = hill.ascent.foresee(tell=told.append)
    assert looked is not None
    assert counts(looked.summary.changes) == "4 changed"
    assert told == ["data: looking at what would change"]


def test_a_layer_below_that_changed_makes_those_above_wait(hill: Hill) -> None:
    hill.to_the_top()
    write_layer(hill.ground / "network", hill.log, version="2")
    assert places(list(hill.ascent.look())) == [Place.NO_PLAN, Place.RESTS, Place.RESTS]
    with pytest.raises(NotReadyError, match="other files or inputs"):
        hill.desk.plan(hill.ground / "cluster", hill.office.keys["bob"])
    hill.to_the_top()


def test_what_an_earlier_layer_tells_is_part_of_what_is_signed(hill: Hill) -> None:
    hill.to_the_top()
    write_layer(hill.ground / "data", hill.log, version="2")
    waiting = hill.climb()
    hill.approve(waiting)
    # The network is applied anew meanwhile, and tells another id.
    write_layer(hill.ground / "network", hill.log, version="2")
    main = hill.ground / "network" / "main.tf.json"
    main.write_text(main.read_text(encoding="utf-8").replace("vpc-1", "vpc-2"), encoding="utf-8")
    plan = hill.desk.plan(hill.ground / "network", hill.office.keys["bob"])[0]
    hill.office.approve(plan, "ada", "cyd")
    hill.desk.apply(hill.ground / "network", plan)
    plan = hill.desk.plan(hill.ground / "cluster", hill.office.keys["bob"])[0]
    hill.office.approve(plan, "ada", "cyd")
    hill.desk.apply(hill.ground / "cluster", plan)
    with pytest.raises(RefusedError) as caught:
        hill.desk.apply(hill.ground / "data", waiting[-1].plan_id)
    assert "[same-inputs]" in caught.value.message
    assert hill.climb()[-1].place is Place.WAITS


def test_a_preview_is_shown_and_can_never_be_approved(hill: Hill) -> None:
    folder = hill.ground / "cluster"
    with pytest.raises(NotReadyError, match="was not applied yet"):
        hill.desk.plan(folder, hill.office.keys["bob"])
    looked = hill.desk.look(folder)
    assert looked.summary.stand_ins == ("vpc_id",)
    assert "stand in for what is not there yet: vpc_id" in as_text(looked.summary)
    assert not (folder / INPUTS).exists()


def test_stand_ins_are_found_whoever_put_them_there(hill: Hill) -> None:
    """Somebody takes the manifest away, so that nothing is asked of earlier layers, and writes the values himself."""
    folder = hill.ground / "cluster"
    (folder / MANIFEST).unlink()
    (folder / INPUTS).write_text(json.dumps({"vpc_id": PREVIEWS["vpc_id"]}), encoding="utf-8")
    plan, _ = hill.desk.plan(folder, hill.office.keys["bob"])
    hill.office.approve(plan, "ada", "cyd")
    with pytest.raises(RefusedError) as caught:
        hill.desk.apply(folder, plan)
    assert caught.value.guard == "no-stand-ins"
    assert hill.made == []


def test_what_is_refused_by_policy_is_not_planned_again_and_again(hill: Hill) -> None:
    report = b'{"verdicts": [{"policy": "P1", "resource": "a.b", "passed": false, "reason": "open"}]}'
    with pytest.raises(RefusedError) as caught:
        hill.climb(report=report)
    assert caught.value.guard == "policies"
    assert len(hill.shown) == 1


def test_an_apply_that_failed_is_planned_again(hill: Hill) -> None:
    broken = hill.ground / "network" / "main.tf.json"
    good = broken.read_text(encoding="utf-8")
    broken.write_text(good.replace("sleep 0; echo network.1", "exit 3; echo network.1"), encoding="utf-8")
    hill.approve(hill.climb())
    with pytest.raises(PlatformError, match="terraform apply of network failed"):
        hill.climb()
    broken.write_text(good, encoding="utf-8")
    assert hill.climb()[0].place is Place.WAITS
    hill.to_the_top()
    assert hill.made == everything()


def test_the_desk_of_another_stack_finds_no_plan_of_this_one(hill: Hill) -> None:
    hill.approve(hill.climb())
    other = replace(hill.ascent, desk=replace(hill.desk, stack="acme-test"))
    assert next(iter(other.look())).place is Place.REFUSED


class Busy(Terraform):
    """The real terraform, while AWS asks for patience twice."""

    def plan(self, folder: Path, *, out: Path, inputs: Path | None = None) -> bool:
        log = folder.parent / "asked.log"
        asked = log.read_text(encoding="utf-8") if log.exists() else ""
        log.write_text(asked + "x", encoding="utf-8")
        if len(asked) < 2:
            raise TemporaryError("AWS asks to be called less often", delay=60.0)
        return super().plan(folder, out=out, inputs=inputs)


def test_what_changes_nothing_is_tried_again_when_aws_asks_for_patience(hill: Hill) -> None:
    busy = replace(hill.desk, terraform=Busy("terraform", hill.desk.terraform.environment))
    began = busy.clock.now()
    watcher = Watcher(hill.said.append, lambda plan_id, _: hill.shown.append(plan_id), lambda _: None)
    found = list(replace(hill.ascent, desk=busy).climb(hill.office.keys["bob"], watcher=watcher))
    assert found[0].place is Place.WAITS
    assert busy.clock.now() - began == 120.0
    assert sum("trying again in 60 s" in sentence for sentence in hill.said) == 2


def test_without_a_key_nothing_is_planned_and_what_is_approved_is_applied(hill: Hill) -> None:
    hill.approve(hill.climb())
    watcher = Watcher(hill.said.append, lambda plan_id, _: hill.shown.append(plan_id), lambda _: None)
    assert places(list(hill.ascent.climb(None, watcher=watcher))) == [
        Place.STANDS,
        Place.NO_PLAN,
        Place.RESTS,
    ]
