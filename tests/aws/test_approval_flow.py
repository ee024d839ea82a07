"""Plan, approve and apply with the real terraform and the real ssh-keygen, on a configuration without a provider."""

from __future__ import annotations

import json
import stat
import subprocess
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from telamon.errors import ConflictError, NotReadyError, PlatformError, RefusedError, TemporaryError
from telamon.infra.canonical import canonical_plan, digest, read_object
from telamon.infra.changes import Kind
from telamon.infra.ledger import read_ledger
from telamon.infra.words import as_comment, as_text
from telamon.platforms.approval.sealed import seal
from telamon.platforms.approval.shelf import Kept
from telamon.platforms.terraform.applying import Applying, Tell
from telamon.platforms.terraform.runner import Terraform
from tests.support.approval import (
    DAY,
    DESTROYED,
    SECRET,
    Office,
    needs_ssh,
    needs_terraform,
    public,
    without_dropped,
)

pytestmark = [needs_ssh, needs_terraform]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office.new(tmp_path)


def test_a_plan_is_applied_once_enough_others_approved_it(office: Office) -> None:
    plan = office.plan()
    office.approve(plan, "ada", "cyd")
    office.desk.apply(office.tree, plan)
    state = office.desk.terraform.state(office.tree)
    assert state.lineage
    assert {line.step for line in office.desk.log.read().steps_of(plan)} == {
        "planned",
        "approved",
        "begun",
        "applied",
    }


def test_what_goes_is_named_and_then_goes(office: Office) -> None:
    first = office.plan()
    office.approve(first, "ada", "cyd")
    office.desk.apply(office.tree, first)
    office.configure(without_dropped())
    plan, looked = office.desk.plan(office.tree, office.keys["bob"])
    assert looked.evidence.destructive == DESTROYED
    assert {change.kind for change in looked.summary.changes} == {Kind.DESTROY, Kind.REPLACE}
    with pytest.raises(RefusedError, match="not named"):
        office.desk.approve(looked.evidence, office.keys["ada"], names=DESTROYED[:1])
    office.approve(plan, "ada", "cyd")
    office.desk.apply(office.tree, plan)
    assert office.desk.look(office.tree).summary.changes == ()


def test_identical_plans_have_one_digest(office: Office) -> None:
    def shown(kept: Kept) -> dict[str, Any]:
        return read_object(office.desk.terraform.show(office.tree, plan=kept.plan), what="a plan")

    first = office.desk.shelf.find(office.plan())
    deadline = time.monotonic() + 60
    second = first
    # The time in a plan is one of whole seconds.
    while shown(second)["timestamp"] == shown(first)["timestamp"]:
        assert time.monotonic() < deadline
        second = office.desk.shelf.find(office.plan())
    assert first.evidence.plan_file != second.evidence.plan_file
    assert first.evidence.plan == second.evidence.plan == digest(canonical_plan(shown(first)))
    office.configure(without_dropped())
    assert office.desk.shelf.find(office.plan()).evidence.plan != first.evidence.plan


def test_a_build_server_plans_and_names_the_author(office: Office) -> None:
    plan = office.plan("ci", authors=["bob"])
    office.approve(plan, "ada", "cyd")
    office.desk.apply(office.tree, plan)


def test_a_sealed_plan_is_approved_elsewhere(office: Office, tmp_path: Path) -> None:
    plan = office.plan()
    sealed = office.desk.export(office.tree, plan)
    assert SECRET.encode() not in sealed
    assert b"terraform_data" not in sealed
    elsewhere = office.desk.open_sealed(sealed, office.keys["ada"])
    assert elsewhere.evidence == office.desk.shelf.find(plan).evidence
    for name in ("ada", "cyd"):
        office.desk.hand_in(office.desk.approve(elsewhere.evidence, office.keys[name], names=()))
    office.desk.apply(office.tree, plan)
    with pytest.raises(RefusedError, match="does not open"):
        office.desk.open_sealed(sealed, office.keys["eve"])


def test_nothing_that_is_kept_or_shown_holds_a_secret(office: Office) -> None:
    plan, looked = office.desk.plan(office.tree, office.keys["bob"])
    office.approve(plan, "ada", "cyd")
    office.desk.apply(office.tree, plan)
    shown = [as_text(looked.summary), as_comment(looked.summary), repr(office.desk.log.read())]
    assert looked.summary.secrets == {SECRET}
    assert not [text for text in shown if SECRET in text]
    kept = [path for path in office.records.rglob("*") if path.is_file() and path.name != "plan.tfplan"]
    assert kept
    assert not [path for path in kept if SECRET.encode() in path.read_bytes()]


def test_only_the_owner_reads_what_is_kept(office: Office) -> None:
    plan = office.plan()
    office.approve(plan, "ada")
    for path in [office.records, *office.records.rglob("*")]:
        wanted = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == wanted, path


def test_a_failed_apply_uses_the_plan_up_and_tells_no_secret(office: Office) -> None:
    document = without_dropped()
    failing = {"when": "create", "command": f"echo {SECRET}; exit 3"}
    document["resource"]["terraform_data"]["kept"]["provisioner"] = {"local-exec": failing}
    office.configure(document)
    plan = office.plan()
    office.approve(plan, "ada", "cyd")
    with pytest.raises(PlatformError) as caught:
        office.desk.apply(office.tree, plan)
    assert SECRET not in caught.value.message
    assert SECRET.encode() not in (office.records / "audit.jsonl").read_bytes()
    with pytest.raises(RefusedError, match="used already"):
        office.desk.apply(office.tree, plan)
    # The next plan goes on from where it stopped.
    office.configure(without_dropped())
    again = office.plan()
    office.approve(again, "ada", "cyd")
    office.desk.apply(office.tree, again)
    assert office.desk.look(office.tree).summary.changes == ()


class Throttled(Terraform):
    """The real terraform, until it comes to applying."""

    def apply(self, folder: Path, *, plan: Path, record: Applying, tell: Tell) -> None:
        raise TemporaryError(f"asked too often for {SECRET}", delay=60.0)


def test_a_failure_keeps_what_it_says_of_trying_again(office: Office) -> None:
    plan = office.plan()
    office.approve(plan, "ada", "cyd")
    desk = replace(office.desk, terraform=Throttled("terraform", office.desk.terraform.environment))
    with pytest.raises(TemporaryError) as caught:
        desk.apply(office.tree, plan)
    assert (caught.value.delay, str(caught.value)) == (60.0, "asked too often for (sensitive)")
    assert desk.log.read().steps_of(plan)[-1].step == "failed"


@pytest.mark.parametrize(
    ("who", "guard"), [("bob", "not-the-author"), ("ci", "may-approve"), ("eve", "known-key")]
)
def test_whoever_may_not_approve_is_told_at_once(office: Office, who: str, guard: str) -> None:
    plan = office.plan()
    with pytest.raises(RefusedError) as caught:
        office.approve(plan, who)
    assert caught.value.guard == guard


def test_a_sealed_file_that_holds_no_plan_is_refused(office: Office) -> None:
    office.plan()
    for files in ({}, {"evidence": b"x"}):
        with pytest.raises(RefusedError, match="no sealed plan"):
            office.desk.open_sealed(seal(files, [public(office.keys["ada"])]), office.keys["ada"])
    with pytest.raises(RefusedError, match="does not open"):
        office.desk.open_sealed(b"age-encryption.org/v1\n", office.keys["ada"])


def test_a_sealed_plan_that_shows_something_else_is_refused(office: Office) -> None:
    plan = office.plan()
    kept = office.desk.shelf.find(plan)
    shown = json.loads(office.desk.terraform.show(office.tree, plan=kept.plan))
    shown["resource_changes"] = []
    files = {"evidence": kept.signed.file(), "plan.json": json.dumps(shown).encode()}
    with pytest.raises(RefusedError) as caught:
        office.desk.open_sealed(seal(files, [public(office.keys["ada"])]), office.keys["ada"])
    assert caught.value.guard == "same-plan"


def test_what_a_killed_planning_left_is_no_plan_and_goes_with_the_next_one(office: Office) -> None:
    """A saved plan holds values of the state: none stays that nobody would ever look for."""
    first = office.desk.shelf.find(office.plan()).folder
    left = first.with_name("0123456789abcdef")
    left.mkdir(mode=0o700)
    (left / "plan.tfplan").write_bytes((first / "plan.tfplan").read_bytes())
    with pytest.raises(NotReadyError, match="there is no plan 0123"):
        office.desk.shelf.find("0123")
    office.plan()
    assert not left.exists()
    assert first.exists()


def test_an_apply_that_was_killed_is_not_repeated_blindly(office: Office) -> None:
    plan = office.plan()
    office.approve(plan, "ada", "cyd")
    evidence = office.desk.shelf.find(plan).evidence
    with office.desk.log.exclusive():
        office.desk.log.append("begun", subject=evidence.digest(), part="network", plan_id=plan)
    with pytest.raises(RefusedError) as caught:
        office.desk.apply(office.tree, plan)
    assert caught.value.guard == "single-use"


def test_one_at_a_time(office: Office) -> None:
    with office.desk.log.exclusive(), pytest.raises(ConflictError):
        office.plan()


def test_the_log_is_on_the_disk_line_by_line(office: Office) -> None:
    plan = office.plan()
    office.approve(plan, "ada")
    content = (office.records / "audit.jsonl").read_bytes()
    steps = [json.loads(line)["step"] for line in content.splitlines()]
    assert steps == ["approvers", "planned", "approved"]
    assert read_ledger(content).head == office.desk.log.read().head


def test_a_list_passes_on_when_the_old_one_signs(office: Office) -> None:
    office.plan()
    file = office.next_list(threshold=1)
    office.desk.succession.sign(file, office.keys["ada"])
    with pytest.raises(RefusedError, match="1 of the 2 signatures"):
        office.plan()
    office.desk.succession.sign(file, office.keys["cyd"])
    plan = office.plan()
    office.approve(plan, "ada")
    office.desk.apply(office.tree, plan)


def test_a_signature_is_one_that_others_can_check(office: Office, tmp_path: Path) -> None:
    plan = office.plan()
    office.approve(plan, "ada")
    (approval,) = office.desk.shelf.find(plan).approvals
    allowed = tmp_path / "allowed"
    allowed.write_text(office.desk.succession.in_force(None).allowed_signers, encoding="utf-8")
    signature = tmp_path / "signature"
    signature.write_text(approval.signature, encoding="ascii")
    verify = ["ssh-keygen", "-Y", "verify", "-f", str(allowed), "-I", "ada", "-n", "telamon-infra"]
    done = subprocess.run(
        [*verify, "-s", str(signature)], input=approval.content, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_time_passes(office: Office) -> None:
    plan = office.plan()
    office.approve(plan, "ada", "cyd")
    office.clock.sleep(DAY)
    assert office.guards(plan) == {"expired", "enough-approvals"}
