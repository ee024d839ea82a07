"""Copies again and again, while whoever takes part is killed at any moment; after each, the copy is judged."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Protocol

from bench.errors import BenchError
from bench.indexes.content import state
from bench.indexes.copying import copy
from bench.indexes.node import Index, Tantivy, noted

TRIES = 50
"""Copies that may be killed before one is left alone."""

DIED = 77
"""Exit code of a process whose moment had come (:func:`crash_points`)."""


class Keeper(Protocol):
    """Keeps the index of a node, and reads it whole."""

    @property
    def longest(self) -> float:
        """Seconds after which somebody is killed at the latest."""

    def follow(self, home: Path, *, seed: int, batch: int, commits: int) -> None:
        """Apply operations, with a commit and a note after each batch; the process is the keeper's from then on."""

    def holds(self, home: Path) -> bool:
        """Whether there is a commit."""

    def documents(self, home: Path) -> Mapping[str, str]:
        """Every document, as the library itself reads it. Raises where it finds damage."""


TANTIVY = Tantivy()


@dataclass
class Tally:
    """What came of it.

    Attributes:
        syncs: copies that were put in place.
        torn: copies that the judge did not accept.
        judged: how often the target was judged, half-way states after a kill included.
        kills: by whom.
        complaints: of the judge.
    """

    syncs: int = 0
    torn: int = 0
    judged: int = 0
    kills: dict[str, int] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)

    def killed(self, name: str) -> None:
        """Count a kill."""
        self.kills[name] = self.kills.get(name, 0) + 1


class Children:
    """Processes of ours, ended by their ids."""

    def __init__(self) -> None:
        self._running: dict[str, int] = {}

    def start(self, name: str, work: Callable[[], None]) -> None:
        """Start a piece of work in a process of its own."""
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                work()
                code = 0
            except Exception:  # noqa: BLE001 - the end of a forked process: whatever it is must be told, and go no further
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)
        self._running[name] = pid

    def kill(self, name: str) -> bool:
        """Kill one. Returns whether it still ran."""
        pid = self._running.get(name)
        if pid is None or self._ended(name):
            return False
        os.kill(pid, signal.SIGKILL)
        self.wait(name)
        return True

    def wait(self, name: str) -> int | None:
        """Wait for the end of one. Returns its exit code, negative for a signal; ``None`` where there is none."""
        pid = self._running.pop(name, None)
        return None if pid is None else os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

    def runs(self, name: str) -> bool:
        """Whether one is there and has not ended."""
        return name in self._running and not self._ended(name)

    def _ended(self, name: str) -> bool:
        found = os.waitid(os.P_PID, self._running[name], os.WEXITED | os.WNOHANG | os.WNOWAIT)
        return found is not None


def torture(folder: Path, *, syncs: int, seed: int, keeper: Keeper = TANTIVY) -> Tally:
    """Copy under writes and kills.

    Args:
        folder: for the homes; what an earlier call left there is gone on with.
        syncs: copies to put in place.
        seed: of the operations and of the kills.
        keeper: of the indexes.
    """
    dice, tally, children = random.Random(seed), Tally(), Children()
    source, target = folder / "source", folder / "target"
    for home in (source, target):
        home.mkdir(parents=True, exist_ok=True)
    try:
        # The first commit, so that there is something to copy.
        children.start("source", lambda: keeper.follow(source, seed=seed, batch=50, commits=1))
        if children.wait("source") != 0:
            raise BenchError("the source could not begin")
        while tally.syncs < syncs:
            _round(_Stage(source, target, seed, dice, tally, children, keeper))
    finally:
        for name in ("source", "target", "copy"):
            children.kill(name)
            children.wait(name)
    return tally


@dataclass(frozen=True)
class _Stage:
    source: Path
    target: Path
    seed: int
    dice: random.Random
    tally: Tally
    children: Children
    keeper: Keeper


def _round(on: _Stage) -> None:
    _write(on)
    # Gathered while the target runs, as an operation does before it stops the node.
    on.children.start("target", lambda: _catch_up(on))
    on.children.start("copy", lambda: _copy(on, switches=False))
    _maybe_kill(on, ("copy", "target", "source"))
    on.children.wait("copy")
    if on.children.kill("target"):
        on.tally.killed("target")
    on.children.wait("target")
    _judge(on, least=0)
    for turn in range(TRIES):
        _write(on)
        least = noted(on.source) or 0
        on.children.start("copy", lambda: _copy(on, switches=True))
        if turn < TRIES - 1:
            _maybe_kill(on, ("copy", "copy", "source"))
        done = on.children.wait("copy") == 0
        _judge(on, least=least if done else 0)
        if done:
            on.tally.syncs += 1
            return
    raise BenchError("a copy that nobody killed did not succeed")


def _write(on: _Stage) -> None:
    """See that the source writes."""
    if not on.children.runs("source"):
        on.children.wait("source")
        batch = on.dice.randint(1, 60)
        on.children.start("source", lambda: _follow(on, on.source, batch=batch, commits=400))


def _catch_up(on: _Stage) -> None:
    _follow(on, on.target, batch=on.dice.randint(1, 60), commits=on.dice.randint(1, 20))


def _follow(on: _Stage, home: Path, *, batch: int, commits: int) -> None:
    on.keeper.follow(home, seed=on.seed, batch=batch, commits=commits)


def _copy(on: _Stage, *, switches: bool) -> None:
    copy(on.source, on.target, switches=switches)


def _maybe_kill(on: _Stage, whom: tuple[str, ...]) -> None:
    """After a moment, kill one of these, or, as often as not, none."""
    time.sleep(on.dice.uniform(0, on.keeper.longest))
    name = on.dice.choice(whom)
    if on.dice.random() < 0.5 and on.children.kill(name):
        on.tally.killed(name)


def _judge(on: _Stage, *, least: int) -> None:
    """Open the target's index with its library, and compare it with the database at its mark."""
    on.tally.judged += 1
    complaint = judge(on.target, seed=on.seed, least=least, keeper=on.keeper)
    if complaint:
        on.tally.torn += 1
        on.tally.complaints.append(complaint)


def judge(home: Path, *, seed: int, least: int, keeper: Keeper = TANTIVY) -> str:
    """Say what is wrong with the index of a home; "" where nothing is.

    Args:
        home: of a node that does not run.
        seed: of the history.
        least: mark that it must have reached.
        keeper: of the index.
    """
    if not keeper.holds(home):
        return "" if least == 0 and noted(home) is None else "there is no index"
    try:
        documents = dict(keeper.documents(home))
    except BaseException as error:  # noqa: BLE001 - the library panics on damage, with an exception outside Exception
        return f"it does not open: {type(error).__name__}: {str(error)[:200]}"
    mark = int(documents.pop("@mark", "0"))
    note = noted(home)
    if documents != state(seed, mark):
        return (
            f"at mark {mark} it holds {len(documents)} documents, and the database {len(state(seed, mark))}"
        )
    if note is not None and note > mark:
        return f"its note says {note} and it has come to {mark}"
    return f"it has come to {mark} only, and the source had {least}" if mark < least else ""


def crash_points(folder: Path, *, seed: int, step: int) -> Tally:
    """Let a copy die before each single change it makes to the disk, judge, and let the next one finish.

    Args:
        folder: for the homes.
        seed: of the operations.
        step: 1 for every change, n for every so manyth.
    """
    tally, children = Tally(), Children()
    source, target = folder / "source", folder / "target"
    for home in (source, target):
        home.mkdir(parents=True, exist_ok=True)
    Index(source).follow(seed, batch=40, commits=3)
    point, died = 1 - step, True
    while died:
        point += step
        Index(source).follow(seed, batch=7, commits=2)
        children.start("copy", partial(_die_at, point, source, target))
        died = children.wait("copy") == DIED
        _count(tally, judge(target, seed=seed, least=0), point)
        if died:
            tally.killed("copy")
        if tally.judged % 3 == 0 or not died:
            children.start("copy", lambda: _copy_whole(source, target))
            if children.wait("copy") != 0:
                _count(tally, "the copy after it failed", point)
            _count(tally, judge(target, seed=seed, least=noted(source) or 0), point)
            tally.syncs += 1
    return tally


def _copy_whole(source: Path, target: Path) -> None:
    copy(source, target, switches=True)


def _die_at(point: int, source: Path, target: Path) -> None:
    """Copy, and end this process without any farewell before its so manyth change of a file."""
    left = point

    def hook(event: str, _arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event in CHANGES:
            left -= 1
            if left == 0:
                os._exit(DIED)

    sys.addaudithook(hook)
    copy(source, target, switches=True)


CHANGES = frozenset(
    {"open", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "ctypes.dlsym"}
)
"""Events of the interpreter before a change of a file. Source: Python, "Audit events table"."""


def _count(tally: Tally, complaint: str, point: int) -> None:
    tally.judged += 1
    if complaint:
        tally.torn += 1
        tally.complaints.append(f"after death at {point}: {complaint}")
