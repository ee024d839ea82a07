"""Processes whose clocks can be moved are told another time, and work as fast as before."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from telamon import wiring
from telamon.desired.lab.relays import CLOCK_RIGHT, clock_environment
from telamon.errors import MachineError
from telamon.plan.fault import ClockJump
from telamon.platforms.lab.clock_library import clock_library
from telamon.proof.generator import Generator
from tests.lab.proving import VERSIONS, explain, one_product, prove
from tests.lab.support import until
from tests.lab.world import kept

NAMED = "TELAMON_CLOCK_LIBRARY"
"""Variable that names libfaketime's library where the distribution brings none that is fit."""

TELLS = """
import sys, time
for _ in sys.stdin:
    print(time.time(), time.monotonic(), flush=True)
"""
"""Tells both of its clocks whenever it is asked."""

TAKES_TURNS = """
import threading, time
turns, last, end = 0, None, time.monotonic() + 2
def compute(me):
    global turns, last
    while time.monotonic() < end:
        for _ in range(100):
            pass
        if last is not me:
            turns, last = turns + 1, me
others = [threading.Thread(target=compute, args=(name,)) for name in range(8)]
for other in others:
    other.start()
for other in others:
    other.join()
print(turns)
"""
"""Counts how often eight threads that compute for two seconds have taken the interpreter from one another."""


@pytest.fixture
def clock(tmp_path: Path) -> Path:
    """The file that says how far off a clock is: it is right."""
    file = tmp_path / "clock"
    file.write_text(CLOCK_RIGHT)
    return file


@pytest.fixture
def environment(clock: Path) -> dict[str, str]:
    """That of a program whose clock can be moved."""
    found = clock_library(os.environ.get(NAMED, ""))
    if not found:
        pytest.skip(f"no libfaketime of 0.9.11 or newer is installed; {NAMED} names one")
    return {**os.environ, **clock_environment(found, str(clock))}


@contextmanager
def telling(environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A process that tells its clocks."""
    with subprocess.Popen(
        [sys.executable, "-c", TELLS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        text=True,
    ) as process:
        yield process
        assert process.stdin is not None
        process.stdin.close()


def told(process: subprocess.Popen[str]) -> tuple[float, float]:
    """The time of day and the monotonic clock of a process."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("now\n")
    process.stdin.flush()
    day, monotonic = process.stdout.readline().split()
    return float(day), float(monotonic)


def test_clock_that_is_moved_moves_the_time_of_day_alone(environment: dict[str, str], clock: Path) -> None:
    with telling(environment) as process, telling({**os.environ}) as other:

        def is_off(minutes: int) -> bool:
            mine, theirs = told(process), told(other)
            off = [round((here - there) / 60) for here, there in zip(mine, theirs, strict=True)]
            return off == [minutes, 0]

        for written, minutes in (("+0\n", 0), ("+3600\n", 60), ("-3600\n", -60), ("+0\n", 0)):
            clock.write_text(written)
            until(partial(is_off, minutes))


@pytest.mark.parametrize("offset", [CLOCK_RIGHT, "+3600\n", "-3600\n"])
def test_threads_take_turns_no_more_often_than_the_interpreter_wants(
    environment: dict[str, str], clock: Path, offset: str
) -> None:
    """A waiting thread that does not sleep asks for its turn thousands of times a second: nothing else gets done."""
    clock.write_text(offset)
    done = subprocess.run(
        [sys.executable, "-c", TAKES_TURNS], env=environment, capture_output=True, text=True, check=True
    )
    longest, interval = 2.0, sys.getswitchinterval()
    assert 1 < int(done.stdout) < 1.5 * longest / interval


@pytest.mark.parametrize("offset", [CLOCK_RIGHT, "+3600\n", "-3600\n"])
def test_who_sleeps_sleeps(environment: dict[str, str], clock: Path, offset: str) -> None:
    clock.write_text(offset)
    code = "import time\nbegan = time.monotonic()\ntime.sleep(0.5)\nprint(time.monotonic() - began)"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert 0.5 <= float(done.stdout) < 60


@pytest.mark.parametrize("content", [None, b"no library"])
def test_a_library_under_which_clocks_do_not_move_is_refused(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "libfaketimeMT.so.1"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(MachineError, match=r"which spec\.platform\.clockLibrary names"):
        clock_library(str(file))


@pytest.mark.exhaustive
@pytest.mark.timeout(400)
@pytest.mark.parametrize("product", sorted(VERSIONS))
@pytest.mark.parametrize("offset", [3600.0, -3600.0])
def test_users_notice_nothing_of_a_node_whose_clock_jumps(
    environment: dict[str, str], root: Path, product: str, offset: float
) -> None:
    library = environment["LD_PRELOAD"]
    wanted = one_product(product, disturbable=True, movableClocks=True, clockLibrary=library)
    with kept(root, wanted) as world:
        nodes = (f"{product}-0", f"{product}-1")
        before = [world.pid(node) for node in nodes]

        def jump(generator: Generator) -> None:
            generator.sleep_until(6)
            wiring.faults(root).disturb(ClockJump(nodes[1], offset), name="clock", seconds=60)
            generator.sleep_until(18)
            wiring.faults(root).calm("clock")

        record, verdict = prove(world, product, root, seconds=26, rate=20, harm=jump)
        assert [world.pid(node) for node in nodes] == before
    assert verdict.clean, explain(verdict)
    assert record.complete
