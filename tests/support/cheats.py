"""Ways to cheat: each changes a stack whose plan two people have approved, or hands in an approval that is none.

Beside each stands the guard that finds it out.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from telamon.infra.evidence import APPROVAL_NAMESPACE, PLAN_NAMESPACE, Evidence
from telamon.platforms.approval.keys import OpenSsh, SignedText
from tests.support.approval import DAY, DESTROYED, Office, without_dropped

REPORT = b'{"verdicts": [{"policy": "P1", "resource": "", "passed": true, "reason": ""}]}'
Cheat = Callable[[Office, str], None]


def kept(office: Office, plan: str) -> Path:
    return office.desk.shelf.find(plan).folder


@contextmanager
def edited(path: Path) -> Iterator[list[bytes]]:
    """The lines of a file, to be changed."""
    lines = path.read_bytes().splitlines(keepends=True)
    yield lines
    path.write_bytes(b"".join(lines))


# ------------------------------------------------------------------------------------- what lies on the disk


def swap_the_plan(office: Office, plan: str) -> None:
    office.configure(without_dropped("v3"))
    other = office.plan()
    shutil.copy(kept(office, other) / "plan.tfplan", kept(office, plan) / "plan.tfplan")
    office.configure(without_dropped())


def edit_the_plan(office: Office, plan: str) -> None:
    path = kept(office, plan) / "plan.tfplan"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def link_the_plan(office: Office, plan: str) -> None:
    path = kept(office, plan) / "plan.tfplan"
    path.rename(office.folder / "elsewhere")
    path.symlink_to(office.folder / "elsewhere")


def hold_a_second_name_of_the_plan(office: Office, plan: str) -> None:
    (office.folder / "second").hardlink_to(kept(office, plan) / "plan.tfplan")


def open_the_plan_to_others(office: Office, plan: str) -> None:
    (kept(office, plan) / "plan.tfplan").chmod(0o666)


def change_the_configuration(office: Office, plan: str) -> None:
    office.configure(without_dropped("v3"))


def add_to_the_configuration(office: Office, plan: str) -> None:
    (office.tree / "more.tf.json").write_text("{}", encoding="utf-8")


def hide_configuration_as_state(office: Office, plan: str) -> None:
    (office.tree / "more.tfstate.tf.json").write_text("{}", encoding="utf-8")


def link_into_the_configuration(office: Office, plan: str) -> None:
    (office.folder / "outside.tf.json").write_text("{}", encoding="utf-8")
    (office.tree / "more.tf.json").symlink_to(office.folder / "outside.tf.json")


def change_the_provider(office: Office, plan: str) -> None:
    text = 'provider "registry.terraform.io/hashicorp/null" {\n  version = "3.2.1"\n}\n'
    (office.tree / ".terraform.lock.hcl").write_text(text, encoding="utf-8")


def move_the_state_on(office: Office, plan: str) -> None:
    other = office.plan(report=REPORT)
    office.approve(other, "ada", "cyd")
    office.desk.apply(office.tree, other)


def put_another_state_there(office: Office, plan: str) -> None:
    state = office.tree / "terraform.tfstate"
    document = json.loads(state.read_bytes())
    state.write_text(
        json.dumps({**document, "lineage": "0b0b0b0b-0000-0000-0000-000000000000"}), encoding="utf-8"
    )


def edit_the_policy_report(office: Office, plan: str) -> None:
    (kept(office, plan) / "policies.json").write_bytes(REPORT.replace(b"P1", b"P2"))


def take_the_policy_report_away(office: Office, plan: str) -> None:
    (kept(office, plan) / "policies.json").unlink()


def edit_what_the_plan_rests_on(office: Office, plan: str) -> None:
    with edited(kept(office, plan) / "evidence") as lines:
        lines[0] = replace(Evidence.read(lines[0].rstrip()), destructive=()).content() + b"\n"


def sign_the_plan_for_another(office: Office, plan: str) -> None:
    evidence = office.desk.shelf.find(plan).evidence
    signed = OpenSsh().sign(evidence.content(), office.keys["cyd"], namespace=PLAN_NAMESPACE)
    (kept(office, plan) / "evidence").write_bytes(signed.file())


def sign_the_plan_as_a_stranger(office: Office, plan: str) -> None:
    evidence = office.desk.shelf.find(plan).evidence
    signed = OpenSsh().sign(evidence.content(), office.keys["eve"], namespace=PLAN_NAMESPACE)
    (kept(office, plan) / "evidence").write_bytes(signed.file())


# ------------------------------------------------------------------------------------- the audit log and the clock


def edit_the_log(office: Office, plan: str) -> None:
    with edited(office.records / "audit.jsonl") as lines:
        lines[1] = lines[1].replace(b'"who":"bob"', b'"who":"cyd"')


def take_a_line_out_of_the_log(office: Office, plan: str) -> None:
    with edited(office.records / "audit.jsonl") as lines:
        del lines[2]


def tear_the_log(office: Office, plan: str) -> None:
    with edited(office.records / "audit.jsonl") as lines:
        lines[-1] = lines[-1][:-10]


def start_a_new_log(office: Office, plan: str) -> None:
    (office.records / "audit.jsonl").unlink()


def cut_the_log_off_before_the_plan(office: Office, plan: str) -> None:
    with edited(office.records / "audit.jsonl") as lines:
        del lines[2:]


def set_the_clock_back(office: Office, plan: str) -> None:
    office.clock.at -= 120


def let_the_plan_grow_old(office: Office, plan: str) -> None:
    office.clock.at += DAY + 1


# ------------------------------------------------------------------------------------- the list of approvers


def lower_the_threshold_in_place(office: Office, plan: str) -> None:
    office.write_list(1, office.first_list(threshold=1))


def lower_the_threshold_unsigned(office: Office, plan: str) -> None:
    office.next_list(threshold=1)


def sign_the_next_list_alone_with_two_keys(office: Office, plan: str) -> None:
    office.sign_list(office.next_list(threshold=1), "ada", "ada-second")


def sign_the_next_list_as_a_stranger(office: Office, plan: str) -> None:
    office.sign_list(office.next_list(threshold=1), "ada", "eve")


def put_oneself_on_the_next_list_and_sign_it(office: Office, plan: str) -> None:
    people = [{"name": "eve", "keys": [(office.folder / "keys" / "eve.pub").read_text(encoding="utf-8")]}]
    office.sign_list(office.next_list(approvers=people, threshold=1), "eve")


def change_the_list_after_signing(office: Office, plan: str) -> None:
    office.sign_list(office.next_list(maxAgeSeconds=2 * DAY), "ada", "cyd")


def take_the_last_list_back(office: Office, plan: str) -> None:
    office.sign_list(office.next_list(threshold=3), "ada", "cyd")
    office.plan()
    for path in office.approvers.glob("0002*"):
        path.unlink()


def swap_the_middle_of_the_lists(office: Office, plan: str) -> None:
    office.next_list(threshold=1, previous="sha256:" + "0" * 64)


def make_the_list_writable(office: Office, plan: str) -> None:
    (office.approvers / "0001.json").chmod(0o666)


AFTER_SIGNING: tuple[tuple[Cheat, str], ...] = (
    (swap_the_plan, "same-plan-file"),
    (edit_the_plan, "same-plan-file"),
    (link_the_plan, "no-links"),
    (hold_a_second_name_of_the_plan, "no-links"),
    (open_the_plan_to_others, "private-files"),
    (change_the_configuration, "same-tree"),
    (add_to_the_configuration, "same-tree"),
    (hide_configuration_as_state, "same-tree"),
    (link_into_the_configuration, "no-links"),
    (change_the_provider, "same-lock"),
    (move_the_state_on, "same-serial"),
    (put_another_state_there, "same-lineage"),
    (edit_the_policy_report, "same-verdicts"),
    (take_the_policy_report_away, "same-verdicts"),
    (edit_what_the_plan_rests_on, "plan-signed"),
    (sign_the_plan_for_another, "plan-signed"),
    (sign_the_plan_as_a_stranger, "plan-signed"),
    (edit_the_log, "audit-log"),
    (take_a_line_out_of_the_log, "audit-log"),
    (tear_the_log, "audit-log"),
    (start_a_new_log, "log-goes-on"),
    (cut_the_log_off_before_the_plan, "log-goes-on"),
    (set_the_clock_back, "clock"),
    (let_the_plan_grow_old, "fresh"),
    (lower_the_threshold_in_place, "approvers-pinned"),
    (lower_the_threshold_unsigned, "approvers-succession"),
    (sign_the_next_list_alone_with_two_keys, "approvers-succession"),
    (sign_the_next_list_as_a_stranger, "approvers-succession"),
    (put_oneself_on_the_next_list_and_sign_it, "approvers-succession"),
    (change_the_list_after_signing, "same-approvers"),
    (take_the_last_list_back, "approvers-pinned"),
    (swap_the_middle_of_the_lists, "approvers"),
    (make_the_list_writable, "private-files"),
)


# ------------------------------------------------------------------------------------- what is signed, and by whom


def nobody_else(office: Office, plan: str) -> None:
    """One approval is not two."""


def the_author(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "bob"), "bob")


def a_stranger(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "cyd"), "eve")


def the_build_server(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "ci"), "ci")


def one_for_another(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "cyd"), "bob")


def one_person_with_two_keys(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "ada"), "ada-second")


def one_signature_twice(office: Office, plan: str) -> None:
    (approval,) = office.desk.shelf.find(plan).approvals
    office.put(plan, approval, "again")


def a_signature_for_git(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "cyd"), "cyd", namespace="git")


def a_signature_for_a_plan(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "cyd"), "cyd", namespace=PLAN_NAMESPACE)


def a_signature_over_another_plan(office: Office, plan: str) -> None:
    other = office.plan(report=REPORT)
    office.slip_in(plan, office.statement(other, "cyd"), "cyd")


def a_signature_under_other_words(office: Office, plan: str) -> None:
    good = OpenSsh().sign(
        office.statement(plan, "cyd", names=()).content(), office.keys["cyd"], namespace=APPROVAL_NAMESPACE
    )
    office.put(plan, SignedText(office.statement(plan, "cyd").content(), good.signature), "cyd")


def a_signature_cut_short(office: Office, plan: str) -> None:
    good = OpenSsh().sign(
        office.statement(plan, "cyd").content(), office.keys["cyd"], namespace=APPROVAL_NAMESPACE
    )
    office.put(plan, SignedText(good.content, good.signature[: len(good.signature) // 2]), "cyd")


def words_in_another_form(office: Office, plan: str) -> None:
    content = office.statement(plan, "cyd").content().replace(b'{"', b'{ "', 1)
    signed = OpenSsh().sign(content, office.keys["cyd"], namespace=APPROVAL_NAMESPACE)
    office.put(plan, signed, "cyd")


def another_stack(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "cyd", stack="acme-test"), "cyd")


def another_state(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "cyd", part="data"), "cyd")


def one_that_has_expired(office: Office, plan: str) -> None:
    at = int(office.clock.at)
    office.slip_in(plan, office.statement(plan, "cyd", expires_at=at), "cyd")


def one_that_is_not_good_yet(office: Office, plan: str) -> None:
    at = int(office.clock.at) + 3600
    office.slip_in(plan, office.statement(plan, "cyd", issued_at=at, expires_at=at + 60), "cyd")


def one_for_ever(office: Office, plan: str) -> None:
    at = int(office.clock.at)
    office.slip_in(plan, office.statement(plan, "cyd", expires_at=at + 100 * DAY), "cyd")


def one_from_before_the_plan(office: Office, plan: str) -> None:
    at = int(office.clock.at)
    office.slip_in(plan, office.statement(plan, "cyd", issued_at=at - 3600), "cyd")


def hiding_all_that_goes(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "cyd", names=()), "cyd")


def hiding_the_destruction(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "cyd", names=DESTROYED[1:]), "cyd")


def hiding_the_replacement(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "cyd", names=DESTROYED[:1]), "cyd")


def naming_what_does_not_go(office: Office, plan: str) -> None:
    office.slip_in(plan, office.statement(plan, "cyd", names=(*DESTROYED, "terraform_data.kept")), "cyd")


SIGNED: tuple[tuple[Cheat, str], ...] = (
    (nobody_else, "enough-approvals"),
    (the_author, "not-the-author"),
    (a_stranger, "known-key"),
    (the_build_server, "may-approve"),
    (one_for_another, "own-name"),
    (one_person_with_two_keys, "counted-once"),
    (one_signature_twice, "counted-once"),
    (a_signature_for_git, "namespace"),
    (a_signature_for_a_plan, "namespace"),
    (a_signature_over_another_plan, "this-plan"),
    (a_signature_under_other_words, "signature"),
    (a_signature_cut_short, "damaged-signature"),
    (words_in_another_form, "readable"),
    (another_stack, "this-stack"),
    (another_state, "this-part"),
    (one_that_has_expired, "expired"),
    (one_that_is_not_good_yet, "not-yet-valid"),
    (one_for_ever, "not-for-ever"),
    (one_from_before_the_plan, "after-the-plan"),
    (hiding_all_that_goes, "destruction-named"),
    (hiding_the_destruction, "destruction-named"),
    (hiding_the_replacement, "destruction-named"),
    (naming_what_does_not_go, "names-known"),
)
