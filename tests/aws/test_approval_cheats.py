"""Ways to have something applied that nobody approved; each is refused, with its own reason, and nothing is touched.

The plan that is attacked replaces one resource and destroys another. It was made by bob; ada and cyd may approve it,
and two must. Everything runs on the real terraform and the real ssh-keygen.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from telamon.errors import RefusedError
from telamon.platforms.terraform.runner import Terraform
from tests.support.approval import Office, needs_ssh, needs_terraform, without_dropped
from tests.support.cheats import AFTER_SIGNING, REPORT, SIGNED, Cheat, kept

pytestmark = [needs_ssh, needs_terraform]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Office, str]:
    """A stack that stands, and a plan for it that nobody has approved yet."""
    office = Office.new(tmp_path_factory.mktemp("prepared"))
    first = office.plan()
    office.approve(first, "ada", "cyd")
    office.desk.apply(office.tree, first)
    office.configure(without_dropped())
    return office, office.plan(report=REPORT)


@pytest.fixture
def office(prepared: tuple[Office, str], tmp_path: Path) -> Office:
    return prepared[0].copy(tmp_path)


@pytest.fixture
def plan(prepared: tuple[Office, str]) -> str:
    return prepared[1]


def refused(office: Office, plan: str, guard: str) -> None:
    """Try to apply, and see it refused for that reason with the state as it was."""
    before = (office.tree / "terraform.tfstate").read_bytes()
    with pytest.raises(RefusedError) as caught:
        office.desk.apply(office.tree, plan)
    assert guard in {caught.value.guard, *named(caught.value.message)}, caught.value.message
    assert (office.tree / "terraform.tfstate").read_bytes() == before


def named(message: str) -> list[str]:
    """The guards that a message names in brackets."""
    return [part.partition("]")[0] for part in message.split("[")[1:]]


def test_without_cheating_it_is_applied(office: Office, plan: str) -> None:
    office.approve(plan, "ada", "cyd")
    office.desk.apply(office.tree, plan)
    assert office.desk.look(office.tree).summary.changes == ()


@pytest.mark.parametrize(
    ("cheat", "guard"), AFTER_SIGNING, ids=[cheat.__name__ for cheat, _ in AFTER_SIGNING]
)
def test_a_cheat_after_signing_is_refused(office: Office, plan: str, cheat: Cheat, guard: str) -> None:
    office.approve(plan, "ada", "cyd")
    cheat(office, plan)
    refused(office, plan, guard)


@pytest.mark.parametrize(("cheat", "guard"), SIGNED, ids=[cheat.__name__ for cheat, _ in SIGNED])
def test_an_approval_that_is_none_does_not_count(office: Office, plan: str, cheat: Cheat, guard: str) -> None:
    office.approve(plan, "ada")
    cheat(office, plan)
    refused(office, plan, guard)


# ------------------------------------------------------------------------------------- ways that need more than that


def test_a_plan_is_not_applied_twice(office: Office, plan: str) -> None:
    office.approve(plan, "ada", "cyd")
    office.desk.apply(office.tree, plan)
    refused(office, plan, "single-use")


def test_a_used_plan_is_not_used_under_another_name(office: Office, plan: str) -> None:
    office.approve(plan, "ada", "cyd")
    other = "f" * 16
    shutil.copytree(kept(office, plan), kept(office, plan).with_name(other))
    refused(office, other, "same-evidence")


def test_forgetting_in_the_log_that_a_plan_was_used_does_not_help(office: Office, plan: str) -> None:
    office.approve(plan, "ada", "cyd")
    before = (office.records / "audit.jsonl").read_bytes()
    office.desk.apply(office.tree, plan)
    (office.records / "audit.jsonl").write_bytes(before)
    refused(office, plan, "same-serial")


def test_the_plan_of_another_stack_is_not_applied(office: Office, plan: str) -> None:
    office.approve(plan, "ada", "cyd")
    with pytest.raises(RefusedError, match="same-evidence"):
        replace(office.desk, stack="acme-test").apply(office.tree, plan)


def test_a_named_author_does_not_approve_what_a_build_server_planned(office: Office) -> None:
    plan = office.plan("ci", authors=["Ada"])
    office.slip_in(plan, office.statement(plan, "ada"), "ada")
    office.approve(plan, "cyd")
    refused(office, plan, "not-the-author")


def test_a_build_server_names_an_author(office: Office) -> None:
    plan = office.plan("ci")
    office.approve(plan, "ada", "cyd")
    refused(office, plan, "author-named")


def test_a_revoked_key_is_good_for_nothing(office: Office) -> None:
    revoked = (office.folder / "keys" / "cyd.pub").read_text(encoding="utf-8")
    office.sign_list(office.next_list(revoked=[revoked]), "ada", "cyd")
    plan = office.plan()
    office.approve(plan, "ada")
    office.slip_in(plan, office.statement(plan, "cyd"), "cyd")
    refused(office, plan, "revoked-key")
    with pytest.raises(RefusedError) as caught:
        office.plan("cyd")
    assert caught.value.guard == "known-key"


def test_what_policies_refuse_no_approval_allows(office: Office) -> None:
    plan = office.plan(report=REPORT.replace(b"true", b"false"))
    office.approve(plan, "ada", "cyd")
    refused(office, plan, "policies")


def test_the_list_of_approvers_does_not_lie_in_the_configuration(office: Office) -> None:
    inside = office.tree / "approvers"
    shutil.copytree(office.approvers, inside)
    succession = replace(office.desk.succession, folder=inside)
    with pytest.raises(RefusedError) as caught:
        replace(office.desk, succession=succession).plan(office.tree, office.keys["bob"])
    assert caught.value.guard == "approvers-apart"


def test_a_variable_cannot_add_arguments_to_terraform(office: Office, plan: str) -> None:
    office.approve(plan, "ada", "cyd")
    bent = Terraform("terraform", {**os.environ, "TF_CLI_ARGS_apply": "-destroy"})
    replace(office.desk, terraform=bent).apply(office.tree, plan)
    assert b"kept" in (office.tree / "terraform.tfstate").read_bytes()
