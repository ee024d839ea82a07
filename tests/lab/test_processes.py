"""Processes are started once, ended for certain, with everything they started, and told apart from crashes."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from telamon.errors import MachineError, PlatformError
from telamon.platforms import procfs
from telamon.platforms.clock import SteadyClock
from telamon.platforms.lab import logs
from telamon.platforms.lab.processes import Processes
from telamon.state.world import Life
from tests.lab.support import HAS_A_CHILD, HAS_A_DAEMON, IGNORES_TERM, SLEEPS, launch, strike, until

DRIVER = """
import os, sys
from pathlib import Path
from telamon.platforms.clock import SteadyClock
from telamon.platforms.lab.processes import Processes
from tests.lab.support import launch
root = Path(sys.argv[1])
processes = Processes(root, "test", clock=SteadyClock())
for number, code in enumerate(sys.argv[2:]):
    processes.start(launch(root, f"app-{number}", code=code))
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def processes(root: Path) -> Iterator[Processes]:
    made = Processes(root, "test", clock=SteadyClock())
    yield made
    made.close()


def first_line(root: Path, member: str) -> str:
    def look() -> str:
        path = logs.log_path(root, member)
        return path.read_text().partition("\n")[0] if path.exists() else ""

    return until(look)


def is_gone(pid: int) -> bool:
    seen = procfs.stat(pid)
    return seen is None or seen.state == procfs.ZOMBIE


def lost_controller(root: Path, *codes: str) -> None:
    """A controller that starts members and is killed."""
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(root), *codes],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert driver.stdout is not None
    assert driver.stdin is not None
    assert driver.stdout.readline() == b"ready\n"
    driver.kill()
    driver.wait()
    driver.stdout.close()
    driver.stdin.close()


def test_started_twice_runs_once(processes: Processes, root: Path) -> None:
    processes.start(launch(root, "app-0", code=SLEEPS))
    pid = processes.seen()["app-0"].pid
    processes.start(launch(root, "app-0", code=SLEEPS))
    assert processes.seen()["app-0"].pid == pid
    assert procfs.environment(pid)["TELAMON_LAB"] == "test/app-0"


def test_asked_to_stop_it_is_gone_and_no_crash(processes: Processes, root: Path) -> None:
    processes.start(launch(root, "app-0", code=SLEEPS))
    processes.stop("app-0", grace=10.0)
    processes.stop("app-0", grace=10.0)
    until(lambda: "app-0" not in processes.seen())


def test_one_that_ignores_the_request_is_killed_after_its_grace(processes: Processes, root: Path) -> None:
    processes.start(launch(root, "app-0", code=IGNORES_TERM))
    assert first_line(root, "app-0") == "up"
    processes.stop("app-0", grace=0.3)
    ending = processes.seen().get("app-0")
    assert ending is None or ending.life is Life.ENDING
    until(lambda: "app-0" not in processes.seen())


def test_stopped_by_signal_it_is_killed_all_the_same(processes: Processes, root: Path) -> None:
    processes.start(launch(root, "app-0", code=SLEEPS))
    strike(processes.seen()["app-0"].pid, signal.SIGSTOP)
    processes.stop("app-0", grace=0.0)
    until(lambda: "app-0" not in processes.seen())


def test_crash_is_told_with_its_cause_and_forgotten_when_stopped(processes: Processes, root: Path) -> None:
    processes.start(launch(root, "app-0", code="raise SystemExit(3)"))
    processes.start(launch(root, "app-1", code=SLEEPS))
    until(lambda: processes.seen()["app-0"].life is Life.EXITED)
    assert processes.seen()["app-0"].exit == "exit 3"
    strike(processes.seen()["app-1"].pid, signal.SIGKILL)
    until(lambda: processes.seen()["app-1"].life is Life.EXITED)
    assert processes.seen()["app-1"].exit == "signal 9"
    processes.stop("app-0", grace=1.0)
    assert "app-0" not in processes.seen()


@pytest.mark.parametrize("code", [HAS_A_CHILD, HAS_A_DAEMON], ids=["child", "own session"])
def test_what_a_process_started_ends_with_it(processes: Processes, root: Path, code: str) -> None:
    processes.start(launch(root, "app-0", code=code))
    child = int(first_line(root, "app-0"))
    strike(processes.seen()["app-0"].pid, signal.SIGKILL)
    until(lambda: processes.seen()["app-0"].life is Life.EXITED)
    until(lambda: is_gone(child))


def test_one_that_lives_is_not_forgotten(processes: Processes, root: Path) -> None:
    processes.start(launch(root, "app-0", code=SLEEPS))
    with pytest.raises(PlatformError, match="app-0 still runs"):
        processes.forget("app-0")
    processes.forget("app-7")


def test_missing_program_is_named(processes: Processes, root: Path) -> None:
    wanted = replace(launch(root, "app-0", code=""), argv=("no-such-program-anywhere",))
    with pytest.raises(MachineError, match="no-such-program-anywhere") as caught:
        processes.start(wanted)
    assert caught.value.remedy is not None
    assert "PATH" in caught.value.remedy
    assert "app-0" not in processes.seen()


def test_program_of_another_machine_is_named(processes: Processes, root: Path) -> None:
    program = root / "foreign"
    program.write_bytes(b"\x7fELF\x02\x01\x01" + bytes(57))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    with pytest.raises(MachineError, match="foreign") as caught:
        processes.start(replace(launch(root, "app-0", code=""), argv=(str(program),)))
    assert caught.value.remedy is not None
    assert "architecture" in caught.value.remedy


def test_only_named_variables_are_inherited(
    processes: Processes, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOMEBODYS_TOKEN", "hidden")
    processes.start(launch(root, "app-0", code=SLEEPS))
    told = procfs.environment(processes.seen()["app-0"].pid)
    assert "SOMEBODYS_TOKEN" not in told
    assert told["PATH"] == os.environ["PATH"]


def test_large_log_is_turned_over_at_a_start(processes: Processes, root: Path) -> None:
    path = logs.log_path(root, "app-0")
    path.parent.mkdir()
    with path.open("wb") as log:
        log.truncate(logs.LARGEST + 1)
    processes.start(launch(root, "app-0", code="print('new')"))
    assert first_line(root, "app-0") == "new"
    assert path.with_name("app-0.log.1").stat().st_size == logs.LARGEST + 1


def test_next_controller_takes_over_what_runs(root: Path) -> None:
    lost_controller(root, SLEEPS, HAS_A_CHILD)
    child = int(first_line(root, "app-1"))
    successor = Processes(root, "test", clock=SteadyClock())
    try:
        assert sorted(successor.adopt()) == ["app-0", "app-1"]
        found = successor.seen()
        assert found["app-0"].life is Life.ALIVE
        assert found["app-0"].identity.revision == "r1"
        assert found["app-1"].started == pytest.approx(found["app-0"].started, abs=60.0)
        assert not is_gone(child)
        successor.stop("app-1", grace=5.0)
        until(lambda: "app-1" not in successor.seen())
        until(lambda: is_gone(child))
        strike(found["app-0"].pid, signal.SIGKILL)
        until(lambda: successor.seen()["app-0"].life is Life.EXITED)
    finally:
        successor.close()


def test_next_controller_ends_what_lost_its_member(root: Path) -> None:
    lost_controller(root, HAS_A_DAEMON)
    child = int(first_line(root, "app-0"))
    leader = next(
        pid
        for pid in procfs.pids()
        if procfs.environment(pid).get("TELAMON_LAB") == "test/app-0" and pid != child
    )
    strike(leader, signal.SIGKILL)
    until(lambda: is_gone(leader))
    successor = Processes(root, "test", clock=SteadyClock())
    try:
        successor.adopt()
        assert successor.seen() == {}
        until(lambda: is_gone(child))
    finally:
        successor.close()


def test_request_to_stop_outlives_the_controller(root: Path) -> None:
    lost_controller(root, IGNORES_TERM)
    assert first_line(root, "app-0") == "up"
    second = Processes(root, "test", clock=SteadyClock())
    second.adopt()
    second.stop("app-0", grace=2.0)
    second.close()
    third = Processes(root, "test", clock=SteadyClock())
    try:
        third.adopt()
        ending = third.seen().get("app-0")
        assert ending is None or ending.life is Life.ENDING
        until(lambda: "app-0" not in third.seen())
    finally:
        third.close()


def test_other_labs_are_left_alone(root: Path) -> None:
    lost_controller(root, SLEEPS)
    elsewhere = root / "elsewhere"
    (elsewhere / "run").mkdir(parents=True)
    other = Processes(elsewhere, "another", clock=SteadyClock())
    first = Processes(root, "test", clock=SteadyClock())
    try:
        assert other.adopt() == ()
        assert first.adopt() == ("app-0",)
    finally:
        other.close()
        first.close()
