"""Plans, and the way down."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from telamon.plan.preview import PlannedStep, PlannedWait, Preview
from telamon.platforms import procfs
from telamon.platforms.lab.ledger import Ledger
from telamon.platforms.lab.tracked import Identity, Tracked
from telamon.platforms.sqlite import SqliteFile, SqliteStore
from telamon.ports import Stored
from tests.support.controller import Refusal
from tests.support.desk import STACK, Desk

STEP = {"component": "jira", "member": "jira-0", "step": "start jira-0", "because": "nothing runs"}
WAIT = {"component": "jira", "reason": "enough-serving", "message": "jira-1 is the last one that serves"}


def test_a_plan_shows_steps_and_what_holds_the_rest(desk: Desk) -> None:
    desk.brought_up()
    desk.controller.preview = {"steps": [STEP], "waits": [WAIT]}
    found = desk.run("plan")
    assert found.code == 0
    for words in ("acme: 1 step", "start jira-0", "nothing runs", "enough-serving", "jira-1 is the last one"):
        assert words in found.out
    assert desk.run("plan", "-o", "json").document == {
        "stack": "acme",
        "steps": [STEP],
        "waits": [WAIT],
        "warnings": [],
        "ground": [],
        "notRehearsed": [],
        "room": [],
        "closed": [],
        "cluster": None,
    }
    assert all(path == "/v1/plan" for _, path, _ in desk.controller.asked)


def test_a_plan_without_a_controller_starts_none(desk: Desk) -> None:
    desk.wiring.foreseen = Preview((PlannedStep(**STEP),), (PlannedWait(**WAIT),))
    document = desk.run("plan", "-o", "json").document
    assert (document["steps"], document["waits"]) == ([STEP], [WAIT])
    assert desk.wiring.started == []


def test_a_plan_that_cannot_be_made(desk: Desk) -> None:
    desk.brought_up()
    desk.controller.refusals["/v1/plan"] = Refusal(
        500, {"error": "port 8080 is taken", "remedy": "free it", "branch": "MachineError", "exit": 6}
    )
    found = desk.run("plan")
    assert found.code == 6
    assert "port 8080 is taken" in found.err


def test_down_ends_the_controller_and_keeps_the_data(desk: Desk) -> None:
    root = desk.brought_up()
    found = desk.run("down")
    assert (found.code, found.out) == (0, "acme is down: its data stays\n")
    assert (root / "store.sqlite").exists()
    assert desk.run("status").code == 9


def test_down_of_what_was_never_up(desk: Desk) -> None:
    found = desk.run("down", "-o", "json")
    assert found.code == 0
    assert found.document == {"stack": "acme", "components": 0, "stopped": True, "purged": []}
    assert desk.wiring.started == []


def test_down_of_nodes_whose_controller_died_gets_them_another(desk: Desk) -> None:
    root = desk.brought_up()
    desk.controller.end()
    assert desk.run("down").code == 0
    assert desk.wiring.started == [root]
    assert [path for _, path, _ in desk.controller.asked] == ["/v1/down"]


def test_a_controller_that_dies_on_the_way_down_is_succeeded_until_no_node_is_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = desk.brought_up()
    with subprocess.Popen(["sleep", "60"]) as node:
        keep_as_member(root, node.pid)
        successor = desk.controller.start

        def end_the_node(root: Path) -> None:
            node.kill()
            node.wait()
            successor(root)

        monkeypatch.setattr(desk.controller, "start", end_the_node)
        assert desk.run("down").code == 0
    assert desk.wiring.started == [root]
    assert [path for _, path, _ in desk.controller.asked] == ["/v1/down", "/v1/down"]


def keep_as_member(root: Path, pid: int) -> None:
    """Note down a process as that of jira-0, as a controller does."""
    identity = Identity("jira-0", "jira", 0, "r1", "11.3.1", "SIGTERM")
    found = procfs.stat(pid)
    assert found is not None
    descriptor = os.pidfd_open(pid)
    Ledger(root / "run").keep(Tracked(identity, pid, found.ticks, 0.0, descriptor))
    os.close(descriptor)


def test_purge_names_what_will_go_and_asks(desk: Desk) -> None:
    root = desk.brought_up()
    (root / "data").mkdir()
    (root / "data" / "table").write_bytes(b"x" * 2**20)
    desk.answers = "no\n"
    found = desk.run("down", "--purge")
    assert found.code == 130
    assert "1.0 MiB  databases" in found.err
    assert "Remove all of it, for good, with the stack acme? [y/N]" in found.err
    assert (root / "data" / "table").exists()
    assert desk.controller.asked == []
    desk.answers = "yes\n"
    assert desk.run("down", "--purge").out == "acme is down, and its data is removed\n"
    assert not root.exists()


def test_purge_without_anybody_to_ask(desk: Desk) -> None:
    root = desk.brought_up()
    refused = desk.run("down", "--purge", "-o", "json")
    assert refused.code == 2
    assert "--yes" in refused.document["remedy"]
    found = desk.run("down", "--purge", "--yes", "-o", "json")
    assert found.code == 0
    assert "store.sqlite" in found.document["purged"]
    assert not root.exists()


def test_purge_touches_no_folder_that_is_no_state(desk: Desk) -> None:
    precious = desk.folder / "precious"
    precious.mkdir(parents=True)
    (precious / "thesis.txt").write_text("years", encoding="utf-8")
    found = desk.run("down", "--state", str(precious), "--purge", "--yes")
    assert found.code == 0
    assert (precious / "thesis.txt").exists()


def test_purge_and_no_wait_exclude_each_other(desk: Desk) -> None:
    desk.brought_up()
    assert desk.run("down", "--purge", "--no-wait", "--yes").code == 2


@pytest.mark.parametrize("stack", ["acme", "stack.yaml", None])
def test_a_stack_is_named_by_name_by_file_or_not_at_all(desk: Desk, stack: str | None) -> None:
    desk.brought_up()
    assert desk.run("status", *([stack] if stack else [])).code == 0


def test_the_only_stack_of_the_machine_is_meant(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("stack.yaml").unlink()
    nothing = desk.run("status")
    assert nothing.code == 9
    assert "Run `telamon up FILE` first." in nothing.err
    desk.brought_up("acme")
    assert desk.run("status").code == 0
    other = desk.folder / "beta"
    other.mkdir()
    (other / "store.sqlite").touch()
    several = desk.run("status")
    assert several.code == 2
    assert "acme, beta" in several.err
    assert desk.run("status", "acme").code == 0


def test_an_unknown_stack_gets_the_nearest_name(desk: Desk) -> None:
    desk.brought_up()
    found = desk.run("status", "acne")
    assert found.code == 2
    assert "Did you mean acme?" in found.err
    assert desk.run("status", "Not A Name").code == 2


def test_a_broken_file_does_not_hide_the_stack(desk: Desk) -> None:
    desk.brought_up()
    Path("stack.yaml").write_text(STACK + "nonsense: 1\n", encoding="utf-8")
    assert desk.run("down").code == 3
    assert desk.run("down", "acme").code == 0


def test_a_state_folder_can_be_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    root = desk.brought_up("acme")
    Path("stack.yaml").unlink()
    assert desk.run("status", "--state", str(root)).code == 0
    monkeypatch.setenv("TELAMON_STATE", str(root))
    assert desk.run("status").code == 0


def test_a_state_folder_is_named_by_what_it_keeps(desk: Desk) -> None:
    root = desk.folder / "somewhere"
    root.mkdir(parents=True)
    file = SqliteFile(root / "store.sqlite")
    SqliteStore(file).put(Stored("Stack", "beta", 0, 0, {"stack": {}}))
    file.close()
    found = desk.run("down", "--state", str(root), "-o", "json")
    assert (found.code, found.document["stack"]) == (0, "beta")
    other = desk.run("down", "acme", "--state", str(root))
    assert other.code == 2
    assert "keeps the stack beta" in other.err
    assert desk.run("down", "beta", "--state", str(root)).code == 0


def test_what_an_operation_would_do_is_shown_and_nothing_is_asked_for(desk: Desk) -> None:
    desk.brought_up()
    desk.controller.preview = {"steps": [STEP], "waits": []}
    found = desk.run("quarantine", "jira-0", "--plan")
    assert found.code == 0, found.err
    assert STEP["step"] in found.out
    assert [path for _, path, _ in desk.controller.asked] == ["/v1/operations/plan"]
