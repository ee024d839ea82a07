"""Status, journal, logs, secrets, certificate and health."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from telamon.cli.tailing import Log
from telamon.errors import Interrupted
from telamon.platforms.sqlite import SqliteFile, SqliteJournal, SqliteStore
from telamon.ports import Entry, Stored
from telamon.wiring import MachineCheck
from tests.support.controller import Refusal, ready, starting
from tests.support.desk import Desk


def test_status_is_the_stack_with_its_status(desk: Desk) -> None:
    desk.brought_up()
    document = desk.run("status", "-o", "json").document
    assert document["kind"] == "Stack"
    assert document["metadata"] == {"name": "acme", "generation": 1}
    assert document["status"]["conditions"][0]["type"] == "Ready"
    assert [member["restarts"] for member in document["status"]["members"]] == [0, 0, 2]
    assert document["status"]["urls"] == {"jira": "http://127.77.0.3:8080"}


def test_status_waits(desk: Desk) -> None:
    desk.brought_up()
    desk.controller.statuses = [starting(), starting(), ready()]
    found = desk.run("status", "--wait")
    assert found.code == 0
    assert "start jira-0" in found.err
    desk.controller.statuses = [starting()]
    assert desk.run("status", "--wait", "--timeout", "2s").code == 9


def test_status_without_a_stack_or_a_controller(desk: Desk) -> None:
    desk.brought_up()
    desk.controller.stack = None
    found = desk.run("status")
    assert found.code == 9
    assert "no stack was applied yet" in found.err
    desk.controller.end()
    assert desk.run("status", "-o", "json").document["branch"] == "NoController"


def test_a_status_of_another_shape_is_a_defect_that_says_how_to_go_on(desk: Desk) -> None:
    desk.brought_up()
    desk.controller.refusals["/v1/stack"] = Refusal(200, {"status": {"conditions": "?"}})
    found = desk.run("status")
    assert found.code == 70
    assert "telamon up" in found.err


@pytest.mark.parametrize(
    ("code", "branch"), [(2, 2), (5, 5), (6, 6), (7, 7), (8, 8), (9, 9), (75, 75), (4, 4), (3, 70), (70, 70)]
)
def test_what_the_controller_refuses_ends_with_its_code(desk: Desk, code: int, branch: int) -> None:
    desk.brought_up()
    body = {"error": "because", "remedy": "go", "branch": "X", "exit": code, "guard": "g"}
    desk.controller.refusals["/v1/stack"] = Refusal(500, body)
    found = desk.run("status", "-o", "json")
    assert found.code == branch
    assert (found.document["error"], found.document["remedy"]) == ("because", "go")


def test_retry_names_what_is_tried_again(desk: Desk) -> None:
    desk.brought_up()
    assert desk.run("retry").out == "trying again: everything\n"
    assert desk.run("retry", "jira", "--yes", "-o", "json").document == {"components": ["jira"]}
    found = desk.run("retry", "jria")
    assert found.code == 2
    assert "Did you mean jira?" in found.err


def test_the_journal_is_told_without_repeating_itself(desk: Desk) -> None:
    desk.brought_up()
    controller = desk.controller
    for kind, subject, detail in (
        ("intent", "start jira-0", "nothing runs"),
        ("outcome", "start jira-0", "asked"),
        ("outcome", "admit jira-0", "failed: no"),
        ("failure", "stop jira-0", "it hangs"),
    ):
        controller.journal.append(controller.journal_line(subject, kind=kind, detail=detail))
    told = [line.split(maxsplit=3)[3] for line in desk.run("logs").out.splitlines()]
    assert told == [
        "start jira-0 (nothing runs)",
        "admit jira-0 (failed: no)",
        "failure: stop jira-0 (it hangs)",
    ]
    assert len(desk.run("logs", "-n", "1").out.splitlines()) == 1
    document = desk.run("logs", "-o", "json", "-n", "100").document
    assert [entry["kind"] for entry in document["entries"]] == ["intent", "outcome", "outcome", "failure"]
    assert document["lines"] == []


def test_the_journal_is_followed_until_the_controller_ends(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.brought_up()
    controller = desk.controller
    controller.journal.append(controller.journal_line("start jira-0"))
    monkeypatch.setattr("tests.support.desk.FastClock.sleep", lambda _clock, _seconds: controller.end())
    found = desk.run("logs", "-f", "-o", "json")
    assert found.code == 9
    assert json.loads(found.out.splitlines()[0])["subject"] == "start jira-0"


def keep_a_store(root: Path, name: str = "acme") -> None:
    """What a controller that is gone has left behind."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "store.sqlite").unlink(missing_ok=True)
    file = SqliteFile(root / "store.sqlite")
    SqliteStore(file).put(Stored("Stack", name, 0, 0, {"stack": {}}))
    journal = SqliteJournal(file)
    for number in range(30):
        journal.append(Entry(0, 1.0 + number, "jira", "intent", f"step {number}", "why", "jira-0"))
        journal.append(Entry(0, 1.5 + number, "jira", "outcome", f"step {number}", "asked", "jira-0"))
    file.close()


def test_the_journal_is_read_where_no_controller_runs(desk: Desk) -> None:
    assert desk.run("logs").code == 9
    keep_a_store(desk.folder / "acme")
    found = desk.run("logs", "-n", "3")
    assert found.code == 0, found.err
    assert [line.split(maxsplit=3)[3] for line in found.out.splitlines()] == [
        "step 27 (why)",
        "step 28 (why)",
        "step 29 (why)",
    ]
    document = desk.run("logs", "-n", "3", "-o", "json").document
    assert [entry["kind"] for entry in document["entries"]] == ["outcome", "intent", "outcome"]
    assert desk.run("logs", "-f").code == 9


def test_a_damaged_store_is_told_and_repaired(desk: Desk) -> None:
    root = desk.folder / "acme"
    root.mkdir(parents=True)
    (root / "store.sqlite").write_bytes(b"this is not a database" * 100)
    found = desk.run("logs")
    assert found.code == 7
    assert "telamon doctor --repair" in found.err
    repaired = desk.run("doctor", "--repair", "-o", "json")
    assert repaired.code == 0
    assert Path(repaired.document["moved"]).exists()
    assert any("telamon up FILE" in line for line in repaired.document["lost"])
    assert not (root / "store.sqlite").exists()
    assert desk.run("doctor", "acme", "--state", str(root), "--repair").out == (
        "the state file of acme is sound: nothing was changed\n"
    )


def test_a_store_that_is_kept_is_not_repaired(desk: Desk) -> None:
    desk.brought_up()
    found = desk.run("doctor", "--repair")
    assert found.code == 9
    assert "telamon down" in found.err


def logs(desk: Desk) -> Path:
    folder = desk.folder / "acme" / "log"
    folder.mkdir(parents=True)
    (folder / "jira-0.log").write_text("one\ntwo\nthree\n", encoding="utf-8")
    (folder / "jira-1.log").write_text("four\nfi", encoding="utf-8")
    (folder / "controller.log").write_bytes(b"\xff broken \xfe\n")
    return folder


def test_logs_of_a_member_a_component_and_the_controller(desk: Desk) -> None:
    logs(desk)
    assert desk.run("logs", "jira-0", "--lines", "2").out == "two\nthree\n"
    assert desk.run("logs", "jira").out == "jira-0 | one\njira-0 | two\njira-0 | three\njira-1 | four\n"
    assert (
        desk.run("logs", "controller").out == "\N{REPLACEMENT CHARACTER} broken \N{REPLACEMENT CHARACTER}\n"
    )
    assert desk.run("logs", "jira-1", "-o", "json").document["lines"] == [
        {"member": "jira-1", "line": "four"}
    ]


def test_logs_of_nobody(desk: Desk) -> None:
    assert desk.run("logs", "jira-0").code == 9
    logs(desk)
    found = desk.run("logs", "jria-0")
    assert found.code == 2
    assert "Did you mean jira-0?" in found.err


def test_a_log_is_followed_as_it_grows_and_is_turned_over(tmp_path: Path) -> None:
    path = tmp_path / "jira-0.log"
    path.write_text("one\ntw", encoding="utf-8")
    log = Log(path)
    assert [line.line for line in log.last(10)] == ["one"]
    with path.open("a", encoding="utf-8") as more:
        more.write("o\nthree\nfo")
    assert [line.line for line in log.fresh()] == ["two", "three"]
    assert log.fresh() == []
    path.rename(tmp_path / "jira-0.log.1")
    assert log.fresh() == []
    path.write_text("five\n", encoding="utf-8")
    assert [line.line for line in log.fresh()] == ["five"]
    path.write_text("", encoding="utf-8")
    assert log.fresh() == []


@pytest.mark.parametrize("count", [0, 1, 5, 5000])
def test_the_last_lines_of_a_long_log(tmp_path: Path, count: int) -> None:
    path = tmp_path / "x-0.log"
    written = [f"line {number} {'x' * (number % 90)}" for number in range(4000)]
    path.write_text("\n".join(written) + "\n", encoding="utf-8")
    assert [line.line for line in Log(path).last(count)] == (written[-count:] if count else [])


@pytest.mark.parametrize("text", ["", "\n", "unfinished", "a\n\nb\n"])
def test_the_last_lines_of_odd_logs(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x-0.log"
    path.write_text(text, encoding="utf-8")
    assert [line.line for line in Log(path).last(9)] == text.split("\n")[:-1]


def test_following_ends_with_ctrl_c(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    logs(desk)

    def press(_self: object, _seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("tests.support.desk.FastClock.sleep", press)
    found = desk.run("logs", "jira-0", "-f")
    assert found.code == Interrupted.exit_code
    assert found.out == "one\ntwo\nthree\n"


def test_secrets_are_listed_by_name_and_one_is_told(desk: Desk) -> None:
    kept = desk.wiring.kept
    kept.put("acme-jira-admin", {"username": "admin", "password": "tr0ub4dor"})
    kept.put("acme-jira-license", {"license": "LAB-1"})
    listed = desk.run("secret")
    assert listed.code == 0
    assert "tr0ub4dor" not in listed.out + listed.err
    assert "password, username" in listed.out
    assert desk.run("secret", "acme-jira-admin", "password").out == "tr0ub4dor\n"
    assert desk.run("secret", "acme-jira-license", "-o", "json").document == {
        "name": "acme-jira-license",
        "key": "license",
        "value": "LAB-1",
    }
    several = desk.run("secret", "acme-jira-admin")
    assert several.code == 2
    assert "password, username" in several.err
    assert "Did you mean acme-jira-admin?" in desk.run("secret", "acme-jira-admn").err
    assert "Did you mean password?" in desk.run("secret", "acme-jira-admin", "pasword").err


def test_no_secrets_yet(desk: Desk) -> None:
    assert desk.run("secret").out == "there are no secrets yet\n"
    assert desk.run("secret", "-o", "json").document == {"secrets": []}


def test_the_certificate_is_printed_and_nothing_else(desk: Desk) -> None:
    assert desk.run("trust").out == desk.wiring.pem
    assert desk.run("trust", "-o", "json").document == {"certificate": desk.wiring.pem}


ILL = {"component": "jira", "member": "jira-1", "name": "Lucene", "healthy": False, "reason": "index broken"}


def test_the_doctor_looks_at_machine_and_products(desk: Desk) -> None:
    alone = desk.run("doctor")
    assert alone.code == 0
    assert "no controller runs" in alone.out
    desk.brought_up()
    desk.controller.checks = [{**ILL, "healthy": True}]
    assert desk.run("doctor", "-o", "json").document["healthy"] is True
    desk.controller.checks = [ILL]
    found = desk.run("doctor")
    assert found.code == 8
    assert "index broken" in found.out
    desk.wiring.checks = (MachineCheck("state folder", healthy=False, reason="full", remedy="Free some."),)
    document = desk.run("doctor", "-o", "json")
    assert document.code == 6
    assert document.document["machine"] == [
        {"name": "state folder", "healthy": False, "reason": "full", "remedy": "Free some."}
    ]


def test_the_doctor_needs_no_stack(desk: Desk) -> None:
    Path("stack.yaml").unlink()
    assert desk.run("doctor").code == 0
