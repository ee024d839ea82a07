"""A controller that is killed leaves a running lab, and the next one takes over exactly that lab."""

from __future__ import annotations

import json
import os
import pty
import select
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from telamon import wiring
from telamon.errors import PlatformError
from telamon.platforms import procfs
from telamon.platforms.lab import facts as machine_facts
from telamon.platforms.lab.ledger import Ledger
from tests.lab.load import Load
from tests.lab.support import strike, tiny_stack, until

PROJECT = Path(__file__).parents[2]
MEMBERS = ("database-0", "database-1", "edge-0", "edge-1", "tiny-0", "tiny-1")


@dataclass
class Controlled:
    """A lab with a controller of its own process, spoken to as the command line does."""

    root: Path

    def start(self) -> None:
        """Let another process start a controller, or find the one that runs; that process is gone afterwards."""
        code = "import sys, pathlib; from telamon import wiring; wiring.start_controller(pathlib.Path(sys.argv[1]))"
        subprocess.run(
            [sys.executable, "-c", code, str(self.root)],
            check=True,
            cwd=PROJECT,
            env={**os.environ, "PYTHONPATH": str(PROJECT)},
        )

    def ask(self, method: str, path: str, body: Any = None) -> dict[str, Any]:
        """Ask the controller."""
        transport = httpx.HTTPTransport(uds=str(wiring.socket_path(self.root)))
        with httpx.Client(transport=transport, base_url="http://controller", timeout=30) as client:
            answer = client.request(method, path, json=body)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def up_on_a_terminal(self, file: Path) -> int:
        """Bring the stack up as a person does who then closes the terminal; returns the session that it ended."""
        words = (
            sys.executable,
            "-m",
            "telamon.cli",
            "up",
            str(file),
            "--yes",
            "--no-wait",
            "--state",
            str(self.root),
        )
        ours, theirs = pty.openpty()
        # The first terminal that the leader of a session opens is its own. The shell stays after the command, so that
        # closing the terminal is what ends it.
        line = f"exec <>{os.ttyname(theirs)} >&0 2>&0; {shlex.join(words)}; echo ended-$?-here; read -r line"
        shell = subprocess.Popen(
            ["/bin/sh", "-c", line], start_new_session=True, env={**os.environ, "PYTHONPATH": str(PROJECT)}
        )
        try:
            shown = b""
            while b"-here" not in shown:
                assert select.select([ours], [], [], 60)[0], shown.decode()
                shown += os.read(ours, 65536)
            assert b"ended-0-here" in shown, shown.decode()
        finally:
            os.close(theirs)
            os.close(ours)
            ended = shell.wait(60)
        assert ended == -signal.SIGHUP
        return shell.pid

    def put(self) -> dict[str, Any]:
        """Give it the stack."""
        stack = tiny_stack().model_dump(mode="json", exclude={"status"})
        return self.ask("PUT", "/v1/stack", {"stack": stack, "source": "test"})

    def pid(self) -> int:
        """The controller's own."""
        return int(self.ask("GET", "/v1/version")["pid"])

    def ready(self) -> bool:
        """Whether the stack says that it is."""
        conditions = self.ask("GET", "/v1/stack")["status"]["conditions"]
        return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)

    def serving(self) -> set[str]:
        """Members that serve, as the command line tells it."""
        asked = [sys.executable, "-m", "telamon.cli", "status", "-o", "json", "--state", str(self.root)]
        told = subprocess.run(asked, check=True, capture_output=True, cwd=PROJECT, timeout=60)
        return {
            member["name"] for member in json.loads(told.stdout)["status"]["members"] if member["serving"]
        }

    def kill(self) -> None:
        """Kill the controller and nothing else."""
        pid = self.pid()
        strike(pid, signal.SIGKILL)
        until(lambda: (seen := procfs.stat(pid)) is None or seen.state == procfs.ZOMBIE)

    def pids(self) -> dict[str, int]:
        """Members that live, by the ledger."""
        found = {}
        for entry in Ledger(self.root / "run").entries():
            seen = procfs.stat(entry.pid)
            if seen is not None and seen.ticks == entry.ticks and seen.state != procfs.ZOMBIE:
                found[entry.identity.member] = entry.pid
        return found

    def front(self) -> tuple[str, int]:
        """The application's own front door."""
        facts = machine_facts.load(self.root)
        assert facts is not None
        return facts.front_address("tiny"), facts.front_port


@pytest.fixture(scope="module")
def lab(module_root: Path) -> Iterator[Controlled]:
    """A lab that all tests share; each of them ends with a controller and everything well."""
    made = Controlled(module_root)
    made.start()
    made.put()
    until(made.ready, within=60)
    yield made
    if wiring.answers(wiring.socket_path(module_root)):
        pid = made.pid()
        made.ask("POST", "/v1/down")
        until(lambda: (seen := procfs.stat(pid)) is None or seen.state == procfs.ZOMBIE, within=60)
        assert made.pids() == {}


def test_next_controller_takes_over_the_same_processes(lab: Controlled) -> None:
    before = lab.pids()
    assert sorted(before) == sorted(MEMBERS)
    with Load(lab.front()) as load:
        until(load.enough(30))
        lab.kill()
        until(load.enough(60))
        lab.start()
        assert lab.put()["changed"] is False
        until(lab.ready)
        until(load.enough(30))
    assert load.failures() == []
    assert lab.pids() == before


def test_what_died_meanwhile_is_started_again(lab: Controlled) -> None:
    before = lab.pids()
    lab.kill()
    for member in ("tiny-0", "database-0"):
        strike(before[member], signal.SIGKILL)
    until(lambda: sorted(lab.pids()) == ["database-1", "edge-0", "edge-1", "tiny-1"])
    lab.start()
    until(lambda: sorted(lab.pids()) == sorted(MEMBERS), within=60)
    until(lab.ready, within=60)
    assert lab.pids()["tiny-1"] == before["tiny-1"]


def test_members_that_were_taken_over_are_healed_too(lab: Controlled) -> None:
    lab.kill()
    lab.start()
    until(lab.ready)
    before = lab.pids()
    for member in ("tiny-1", "database-0", "edge-0"):
        strike(before[member], signal.SIGKILL)
        until(lambda member=member: lab.pids().get(member, before[member]) != before[member], within=60)  # type: ignore[misc]
    until(lab.ready, within=60)


def test_controller_that_is_asked_to_end_leaves_the_lab(lab: Controlled) -> None:
    before, pid = lab.pids(), lab.pid()
    strike(pid, signal.SIGTERM)
    until(lambda: (seen := procfs.stat(pid)) is None or seen.state == procfs.ZOMBIE)
    assert lab.pids() == before
    lab.start()
    until(lab.ready)
    assert lab.pids() == before


def test_controller_survives_the_terminal_that_started_it(lab: Controlled, tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    wanted = tiny_stack().model_dump(mode="json", by_alias=True, exclude_unset=True)
    file.write_text(json.dumps(wanted), encoding="utf-8")
    before = lab.pids()
    lab.kill()
    terminal = lab.up_on_a_terminal(file)
    pid = lab.pid()
    assert os.getsid(pid) not in {terminal, os.getsid(0)}
    until(lambda: lab.serving() >= {"tiny-0", "tiny-1"}, within=60)
    until(lab.ready, within=60)
    assert lab.pid() == pid
    assert lab.pids() == before


def test_new_setting_is_rolled_out_without_a_failed_request(lab: Controlled) -> None:
    before = lab.pids()
    stack = tiny_stack(env={"COLOUR": "blue"}).model_dump(mode="json", exclude={"status"})
    with Load(lab.front()) as load:
        until(load.enough(30))
        lab.ask("PUT", "/v1/stack", {"stack": stack, "source": "test"})
        until(lambda: lab.pids().get("tiny-0") not in {None, before["tiny-0"]}, within=60)
        until(lambda: lab.pids().get("tiny-1") not in {None, before["tiny-1"]}, within=60)
        until(lab.ready)
        until(load.enough(30))
    assert load.failures() == []
    now = lab.pids()
    assert [now[name] for name in MEMBERS[:3]] == [before[name] for name in MEMBERS[:3]]
    assert procfs.environment(now["tiny-0"])["COLOUR"] == "blue"


def test_several_that_start_a_controller_at_once_get_the_same_one(lab: Controlled) -> None:
    before = lab.pids()
    lab.kill()
    with ThreadPoolExecutor(3) as people:
        for asked in [people.submit(lab.start) for _ in range(3)]:
            asked.result()
    until(lab.ready)
    assert lab.pids() == before


def test_why_a_controller_cannot_start_is_told_in_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "store.sqlite").write_bytes(b"no database at all" * 100)
    with pytest.raises(PlatformError, match=r"store\.sqlite is damaged") as told:
        wiring.start_controller(tmp_path)
    assert told.value.remedy is not None
    assert "moves it aside" in told.value.remedy


def test_the_last_words_of_a_controller_that_ends_by_a_defect_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_installed = tmp_path / "half-installed" / "telamon"
    half_installed.mkdir(parents=True)
    (half_installed / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(half_installed.parent))
    root = tmp_path / "state"
    with pytest.raises(PlatformError, match=r"ended at once \(exit 1\): .*No module named") as told:
        wiring.start_controller(root)
    assert str(root) in str(told.value.remedy)


def test_stack_whose_facts_are_damaged_can_still_be_taken_down(lab: Controlled) -> None:
    facts = lab.root / machine_facts.FILE
    kept = facts.read_text(encoding="utf-8")
    lab.kill()
    facts.write_text(kept[:100], encoding="utf-8")
    lab.start()
    pid = lab.pid()
    assert sorted(lab.pids()) == sorted(MEMBERS)
    assert lab.ask("POST", "/v1/down") == {"components": 3}
    until(lambda: (seen := procfs.stat(pid)) is None or seen.state == procfs.ZOMBIE, within=60)
    assert lab.pids() == {}
    facts.write_text(kept, encoding="utf-8")
    lab.start()
    lab.put()
    until(lab.ready, within=60)


def test_controller_whose_state_folder_is_removed_leaves_nothing_behind(root: Path) -> None:
    made = Controlled(root / "state")
    made.start()
    made.put()
    until(made.ready, within=60)
    pids = {"controller": made.pid(), **made.pids()}
    assert len(pids) == len(MEMBERS) + 1
    made.root.rename(root / "elsewhere")
    for pid in pids.values():
        until(lambda pid=pid: (seen := procfs.stat(pid)) is None or seen.state == procfs.ZOMBIE, within=60)  # type: ignore[misc]
