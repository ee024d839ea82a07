"""What Linux tells of processes. Source: proc(5); a process may be gone between any two questions."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
ZOMBIE = "Z"


@dataclass(frozen=True)
class Stat:
    """One process.

    Attributes:
        pid: its id.
        name: short name of its program.
        state: one letter; ``Z`` has ended and waits for its parent.
        parent: id of its parent.
        group: id of its process group.
        ticks: instant of its start in clock ticks since the machine started; with ``pid`` it names a process for good.
    """

    pid: int
    name: str
    state: str
    parent: int
    group: int
    ticks: int


def stat(pid: int) -> Stat | None:
    """Look at a process; ``None`` where it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return None
    # The name stands in brackets and may hold anything, brackets and blanks included.
    before, _, after = text.rpartition(")")
    fields = after.split()
    name = before.partition("(")[2]
    return Stat(pid, name, fields[0], int(fields[1]), int(fields[2]), int(fields[19]))


def has_ended(pid: int, ticks: int) -> bool:
    """Whether nothing of a process runs any more: the first of its threads is a zombie before the others have ended.

    Args:
        pid: its id.
        ticks: of its start.
    """
    seen = stat(pid)
    if seen is None or seen.ticks != ticks:
        return True
    try:
        return seen.state == ZOMBIE and len(list((PROC / str(pid) / "task").iterdir())) < 2
    except OSError:
        return True


def pids() -> Iterator[int]:
    """Every process there is."""
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            yield int(entry.name)


def environment(pid: int) -> Mapping[str, str]:
    """A process's environment as it was at its start; empty where it is gone, or not ours to read."""
    try:
        text = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return {}
    pairs = (part.partition(b"=") for part in text.split(b"\0") if b"=" in part)
    return {os.fsdecode(name): os.fsdecode(value) for name, _, value in pairs}


def working_folder(pid: int) -> str | None:
    """A process's working folder; ``None`` where it is gone, or not ours to read."""
    try:
        return str((PROC / str(pid) / "cwd").readlink())
    except OSError:
        return None


def start_instant(ticks: int) -> float:
    """Wall-clock instant, in seconds, of a start given in clock ticks since the machine started."""
    for line in (PROC / "stat").read_text(encoding="ascii").splitlines():
        if line.startswith("btime "):
            return float(line.split()[1]) + ticks / os.sysconf("SC_CLK_TCK")
    return 0.0


def boot() -> str:
    """Id of this run of the machine: pids and start times of another run mean nothing. Source: random(4)."""
    return (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()


def is_descendant(pid: int, ancestor: int) -> bool:
    """Whether a process descends from another."""
    seen = stat(pid)
    while seen is not None and seen.parent > 1:
        if seen.parent == ancestor:
            return True
        seen = stat(seen.parent)
    return False
