"""The processes of a lab, as the machine shows them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path

from telamon.platforms import procfs
from telamon.platforms.lab import facts
from telamon.platforms.lab.processes import MARKER

CONTROLLER = "telamon.operator"


def leaders(root: Path) -> Mapping[str, int]:
    """The process of every member of a lab that runs.

    Args:
        root: state folder of the lab.

    Returns:
        Member to process id.
    """
    known = facts.load(root)
    if known is None:
        return {}
    found: dict[str, int] = {}
    for pid in procfs.pids():
        lab, _, member = procfs.environment(pid).get(MARKER, "").partition("/")
        seen = procfs.stat(pid)
        if lab == known.lab and seen is not None and seen.group == pid and seen.state != procfs.ZOMBIE:
            found[member] = pid
    return found


def controller(root: Path) -> int | None:
    """The process that keeps a lab."""
    for pid in procfs.pids():
        words = _command(pid)
        if CONTROLLER in words and str(root) in words:
            return pid
    return None


def proportional_bytes(root: Path) -> Mapping[str, int]:
    """The memory of a whole lab: every process of it, the controller and all children included.

    Pages that several processes share are counted once, in equal parts. Source: proc_pid_smaps(5), ``Pss``.

    Args:
        root: state folder of the lab.

    Returns:
        Bytes by member, the controller's under its own name.
    """
    owners = _owners(root)
    sums = dict.fromkeys(owners.values(), 0)
    for pid in procfs.pids():
        owner = _owner(pid, owners)
        if owner is not None:
            sums[owner] += _pss(pid)
    return sums


def lab_seconds(root: Path) -> float:
    """Processor seconds that the processes of a lab which run now have used. Source: proc_pid_stat(5).

    Args:
        root: state folder of the lab.
    """
    owners = _owners(root)
    return sum(_cpu(pid) for pid in procfs.pids() if _owner(pid, owners) is not None)


def busy_seconds() -> float:
    """Processor seconds that all processes of this machine have used. Source: proc_stat(5), first line."""
    first = Path("/proc/stat").read_text(encoding="ascii").splitlines()[0].split()[1:]
    user, nice, system, _idle, _wait, irq, softirq = (int(field) for field in first[:7])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def _owners(root: Path) -> Mapping[int, str]:
    """The processes that members of a lab are, and its controller."""
    owners = {pid: member for member, pid in leaders(root).items()}
    keeper = controller(root)
    return owners if keeper is None else {**owners, keeper: "controller"}


def _cpu(pid: int) -> float:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    # The name stands in brackets and may hold anything; the times are the 14th and 15th field.
    user, system = text.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _owner(pid: int, owners: Mapping[int, str]) -> str | None:
    for ancestor in _line(pid):
        if ancestor in owners:
            return owners[ancestor]
    return None


def _line(pid: int) -> Iterator[int]:
    """A process and its ancestors, up to the first of the machine."""
    while pid > 1:
        yield pid
        seen = procfs.stat(pid)
        if seen is None:
            return
        pid = seen.parent


def _pss(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)


def _command(pid: int) -> tuple[str, ...]:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return ()
    return tuple(os.fsdecode(word) for word in words)
