"""Bringing a stack up, changing it, and the questions before it."""

from __future__ import annotations

from pathlib import Path

import pytest

from telamon.errors import MachineError
from telamon.wiring import MachineCheck
from tests.support.controller import Refusal, ready, starting, waiting_for_a_person
from tests.support.desk import STACK, Desk

KUBERNETES = (
    STACK
    + """\
  platform: {kind: kubernetes}
  edge: {tls: {kind: disabled}}
  storage: {shared: {kind: csi, storageClass: shared}}
"""
)


def write(text: str, name: str = "stack.yaml") -> None:
    Path(name).write_text(text, encoding="utf-8")


def test_up_starts_a_controller_waits_and_says_where_to_go(desk: Desk) -> None:
    controller = desk.controller
    controller.statuses = [starting(), starting(), ready()]
    controller.steps = [controller.journal_line("start jira-0")]
    controller.steps.append(controller.journal_line("start jira-0", kind="outcome"))
    found = desk.run("up")
    assert found.code == 0, found.err
    assert desk.wiring.started == [desk.folder / "acme"]
    headline, url = found.out.splitlines()
    assert headline.startswith("acme is ready: 1 change in ")
    assert url == "  jira  http://127.77.0.3:8080"
    assert "database: ready" in found.err
    assert "jira: start jira-0: nothing runs yet" in found.err
    assert controller.asked[0][2]["stack"]["metadata"] == {"name": "acme"}
    assert controller.asked[0][2]["source"] == str(Path.cwd() / "stack.yaml")


def test_a_second_up_changes_nothing(desk: Desk) -> None:
    assert desk.run("up").code == 0
    found = desk.run("up", "-o", "json")
    assert found.code == 0
    assert len(desk.wiring.started) == 1
    document = found.document
    assert (document["changed"], document["changes"], document["ready"]) == (False, 0, True)
    assert document["urls"] == {"jira": "http://127.77.0.3:8080"}
    assert desk.run("up").out.splitlines()[0] == "acme is ready: 0 changes"


def test_up_refuses_a_machine_that_lacks_something_and_names_all_of_it(desk: Desk) -> None:
    desk.wiring.checks += (
        MachineCheck("balancer", healthy=False, reason="envoy is missing", remedy="Install it."),
        MachineCheck("folder", healthy=False, reason="the disk is full", remedy="Free some space."),
    )
    found = desk.run("up")
    assert found.code == 6
    assert "envoy is missing; the disk is full" in found.err
    assert "Install it. Free some space." in found.err
    assert desk.wiring.started == []


def test_up_leaves_it_to_the_controller_what_those_need_that_begin(desk: Desk) -> None:
    desk.wiring.checks += (MachineCheck("room", healthy=False, reason="12 MiB left", to_begin=True),)
    assert desk.run("up").code == 0
    assert "12 MiB left" in desk.run("doctor").out


def test_up_does_not_check_a_machine_that_carries_the_stack_already(desk: Desk) -> None:
    desk.brought_up()
    desk.wiring.checks = (MachineCheck("ports", healthy=False, reason="the port is taken"),)
    assert desk.run("up").code == 0


def test_what_had_to_move_is_said(desk: Desk) -> None:
    desk.controller.notes = ["port 7999 is taken: 7998 instead"]
    assert "port 7999 is taken: 7998 instead" in desk.run("up").err
    assert desk.run("up", "-o", "json").document["notes"] == ["port 7999 is taken: 7998 instead"]


def test_up_without_waiting(desk: Desk) -> None:
    desk.controller.statuses = [starting()]
    found = desk.run("up", "--no-wait", "-o", "json")
    assert found.code == 0
    assert found.document["ready"] is False


def test_time_runs_out_and_everything_missing_is_named(desk: Desk) -> None:
    desk.controller.statuses = [starting()]
    found = desk.run("up", "--timeout", "3s", "-o", "json")
    assert found.code == 9
    assert found.document["error"] == "acme is not ready after 3s: jira: start jira-0: nothing runs yet"
    assert found.document["branch"] == "TimeoutExpired"


def test_time_runs_out_on_a_page_for_a_person(desk: Desk) -> None:
    desk.controller.statuses = [waiting_for_a_person()]
    found = desk.run("up", "--timeout", "3s", "-o", "json")
    assert found.code == 8
    assert found.document["url"] == "http://127.77.0.3:8080/secure/SetupMystery.jspa"
    assert "http://127.77.0.3:8080/secure/SetupMystery.jspa" in found.err


def test_a_status_of_an_older_spec_is_not_waited_for(desk: Desk) -> None:
    desk.brought_up()
    desk.controller.lagging = True
    write(STACK.replace("11.3.1", "11.3.1, nodes: 3"))
    found = desk.run("apply", "--timeout", "2s")
    assert found.code == 9
    assert "acme is not ready after 2s: the controller has not looked at the change yet" in found.err
    assert desk.controller.generation == 2


def test_a_controller_that_ends_while_it_is_waited_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.brought_up()
    desk.controller.statuses = [starting()]
    # Between two looks, and not after a while: on a busy machine that would be before anybody waits.
    monkeypatch.setattr("tests.support.desk.FastClock.sleep", lambda _clock, _seconds: desk.controller.end())
    found = desk.run("up", "--timeout", "1h")
    assert found.code == 7
    assert "the controller ended while it was waited for" in found.err


def test_ctrl_c_ends_the_waiting_and_not_the_work(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.controller.statuses = [starting()]

    def press(_self: object, _seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tests.support.desk.FastClock.sleep", press)
    found = desk.run("up")
    assert found.code == 130
    assert "the controller goes on" in found.err
    assert desk.controller.asked[-1][:2] == ("PUT", "/v1/stack")


def test_what_goes_wrong_in_the_controller_is_told_in_its_words(desk: Desk) -> None:
    desk.brought_up()
    desk.controller.refusals["/v1/journal"] = Refusal(
        500, {"error": "the store is damaged", "remedy": None, "branch": "PlatformError", "exit": 7}
    )
    found = desk.run("up")
    assert found.code == 7
    assert "the store is damaged" in found.err


@pytest.mark.parametrize("verb", ["status", "up", "down"])
def test_a_folder_too_deep_for_a_socket(desk: Desk, verb: str) -> None:
    deep = desk.folder / ("x" * 60) / ("y" * 60)
    found = desk.run(verb, "stack.yaml", "--state", str(deep))
    assert found.code == 6
    assert "too long for a unix socket" in found.err


def test_another_platform_is_refused_and_rehearsed_with_lab(desk: Desk) -> None:
    write(KUBERNETES)
    refused = desk.run("up")
    assert refused.code == 4
    assert "guard: PlatformIsLab" in refused.err
    assert "--lab" in refused.err
    rehearsed = desk.run("up", "--lab")
    assert rehearsed.code == 0
    assert "not rehearsed: spec.platform: " in rehearsed.err
    assert "platform" not in desk.controller.asked[0][2]["stack"]["spec"]


def test_apply_starts_nothing(desk: Desk) -> None:
    found = desk.run("apply")
    assert found.code == 9
    assert "Start it with `telamon up`." in found.err
    assert desk.wiring.started == []


def test_apply_sends_the_file(desk: Desk) -> None:
    desk.brought_up()
    found = desk.run("apply", "-o", "json")
    assert found.code == 0
    assert found.document["stack"] == "acme"
    assert [asked[:2] for asked in desk.controller.asked] == [("PUT", "/v1/stack")]


def test_a_controller_of_another_version_is_mentioned(desk: Desk) -> None:
    desk.brought_up()
    desk.controller.version = "0.0.1"
    assert "the controller is of version 0.0.1" in desk.run("up").err


def test_a_state_folder_keeps_one_stack(desk: Desk) -> None:
    root = desk.brought_up("other")
    found = desk.run("up", "--state", str(root))
    assert found.code == 5
    assert "belongs to the stack other" in found.err


@pytest.mark.parametrize(
    ("answers", "arguments", "code"),
    [(None, (), 2), ("n\n", (), 130), ("\n", (), 130), ("y\n", (), 0), (None, ("--yes",), 0)],
)
def test_a_product_goes_only_with_consent(
    desk: Desk, answers: str | None, arguments: tuple[str, ...], code: int
) -> None:
    desk.brought_up()
    assert desk.controller.stack is not None
    products: dict[str, object] = {"jira": {}, "wiki": {}}
    desk.controller.stack = {**desk.controller.stack, "spec": {"domain": "a.example", "products": products}}
    desk.answers = answers
    found = desk.run("apply", *arguments)
    assert found.code == code, found.err
    assert bool(desk.controller.asked) == (code == 0)
    if not arguments:
        assert "wiki will be stopped (the data stays)" in found.err


def test_problems_of_the_file_come_before_anything_is_touched(desk: Desk) -> None:
    write(STACK.replace("domain", "domian"))
    found = desk.run("up", "-o", "json")
    assert found.code == 3
    assert {problem["path"] for problem in found.document["problems"]} == {"spec.domain", "spec.domian"}
    assert desk.wiring.started == []


def test_an_overlay_is_read_with_its_base(desk: Desk) -> None:
    write(
        "apiVersion: telamon.dev/v1alpha1\nkind: StackOverlay\nextends: stack.yaml\nspec: {environment: staging}\n",
        "over.yaml",
    )
    found = desk.run("build", "over.yaml", "-o", "json")
    assert found.code == 0
    assert found.document["spec"]["environment"] == "staging"
    assert found.document["kind"] == "Stack"


def test_live_progress_is_drawn_and_gone(desk: Desk) -> None:
    desk.columns, desk.styled = 80, True
    desk.controller.statuses = [starting(), starting(), ready()]
    found = desk.run("up")
    assert found.code == 0
    assert "start jira-0: nothing runs yet" in found.err
    assert found.out.startswith("acme is ready")


@pytest.mark.parametrize("there", [None, "thesis.txt"])
def test_a_refused_first_start_leaves_nothing_behind(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, there: str | None
) -> None:
    root = desk.folder / "acme"
    if there is not None:
        root.mkdir(parents=True)
        (root / there).write_text("years", encoding="utf-8")

    def start(root: Path) -> None:
        (root / "log").mkdir(parents=True)
        (root / "log" / "controller.log").write_text("it cannot be", encoding="utf-8")
        raise MachineError("the port is taken")

    monkeypatch.setattr(desk.wiring, "start_controller", start)
    assert desk.run("up").code == 6
    found = sorted(path.name for path in root.iterdir()) if root.exists() else None
    assert found == (None if there is None else [there])


def test_a_refused_change_leaves_a_stack_that_is_kept(desk: Desk) -> None:
    root = desk.brought_up()
    desk.controller.refusals["/v1/stack"] = Refusal(
        409, {"error": "no", "branch": "ConflictError", "exit": 5}
    )
    assert desk.run("up").code == 5
    assert (root / "store.sqlite").exists()
