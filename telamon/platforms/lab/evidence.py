"""One archive with what tells later why something went wrong, and without a secret in it.

Steps: dumps are asked for first, because they go into the logs; then everything is read, cleared of secrets by
:mod:`telamon.platforms.redaction`, and written beside its place before it is renamed.

Traps:
    * Homes and databases are left out: they hold what users wrote.
    * The front door's keys are left out; nothing is ever read from the folder of the secrets but to take it out again.
"""

from __future__ import annotations

import json
import os
import platform
import select
import signal
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from telamon import __version__
from telamon.desired.lab.data import LabDesired
from telamon.errors import PlatformError, TelamonError, brief
from telamon.naming import DATABASE, EDGE, split_member
from telamon.platforms import procfs
from telamon.platforms.evidence import MANIFEST, Gathering, whole_lines, write_archive
from telamon.platforms.files import located
from telamon.platforms.lab.installed import installed
from telamon.platforms.lab.ledger import Entry, Ledger
from telamon.platforms.lab.logs import log_path
from telamon.platforms.lab.secrets import FileSecrets
from telamon.platforms.redaction import PUBLIC_KEYS, Redactor, secret_values
from telamon.platforms.sqlite import SqliteGlance

LOG_BYTES: Final = 8 * 1024 * 1024
"""Bytes of each log that are taken, from its end."""
JOURNAL_LINES: Final = 20_000
DUMPED_WITHIN: Final = 3.0
"""Seconds to give a process to write what its threads do."""
CONFIGURATION: Final = (
    "facts.json",
    "edge/*.json",
    "edge/membership/*.json",
    "jobs/*.json",
    "works/*/*.work",
)
"""Files of the state folder that say how the lab is put together and what it was asked for."""
ALWAYS: Final = frozenset({DATABASE, EDGE})
"""Components whose logs go with those of any member: users and products come through them."""


@dataclass(frozen=True)
class Evidence:
    """An archive.

    Attributes:
        path: where it is.
        files: what is in it.
        redacted: how many secrets were taken out.
        left_out: what could not be read, and why.
        dumped: members that wrote what their threads do.
    """

    path: Path
    files: tuple[str, ...]
    redacted: int
    left_out: tuple[str, ...]
    dumped: tuple[str, ...]


def gather(root: Path, target: Path, *, member: str, at: datetime) -> Evidence:
    """Write an archive.

    Args:
        root: state root of the lab; its controller may run or not.
        target: the archive; it is there whole or not at all, and readable for its owner alone.
        member: whom it is about; "" for everybody.
        at: time that it is of.

    Raises:
        PlatformError: no such member has ever run here.
        MachineError: it cannot be written.
    """
    members = _members(root, member)
    dumped = _dump_threads(root, members)
    stored = _stored(root)
    archive = Gathering(Redactor(_known(root, stored)))
    for name in members:
        archive.add(f"log/{name}.log", partial(_tail, log_path(root, name)))
    for pattern in CONFIGURATION:
        for path in sorted(root.glob(pattern)):
            archive.add(str(path.relative_to(root)), partial(_content, path))
    archive.add("journal.jsonl", lambda: _journal(root))
    archive.add("machine.txt", lambda: _machine(root))
    archive.add("processes.txt", lambda: _processes(root))
    archive.add_document("objects.json", stored)
    manifest = {
        "telamon": __version__,
        "at": at.isoformat(),
        "member": member or None,
        "dumped": list(dumped),
        "redacted": archive.redactor.count,
        "leftOut": archive.left_out,
        "notIn": ["homes", "shared homes", "databases", "secrets", "private keys"],
    }
    archive.add_document(MANIFEST, manifest)
    _write(target, archive.contents, at=at)
    names = tuple(sorted(archive.contents))
    return Evidence(target, names, archive.redactor.count, tuple(archive.left_out), dumped)


def _members(root: Path, member: str) -> tuple[str, ...]:
    """Whose logs are taken: everybody's, or a member's and those of what it stands on."""
    known = sorted(path.name.removesuffix(".log") for path in (root / "log").glob("*.log"))
    if not member:
        return tuple(known)
    if member not in known:
        raise PlatformError(f"{member} has never run here", remedy=f"these have: {', '.join(known)}")
    return tuple(
        name
        for name in known
        if name in {member, "controller"} or (split_member(name) or ("", 0))[0] in ALWAYS
    )


def _known(root: Path, stored: list[dict[str, Any]]) -> Mapping[str, str]:
    """Every secret that is known, by label: those of the lab, and those that stand in the stack file itself."""
    secrets = FileSecrets(root / "secrets")
    found = {
        f"{name}/{key}": secrets.get(name, key)
        for name, keys in secrets.names()
        for key in keys
        if key not in PUBLIC_KEYS
    }
    return {**{f"stack file/{key}": value for key, value in secret_values(stored)}, **found}


def _stored(root: Path) -> list[dict[str, Any]]:
    try:
        return [asdict(stored) for stored in SqliteGlance(root / "store.sqlite").objects()]
    except TelamonError:
        return []


def _journal(root: Path) -> str:
    entries = SqliteGlance(root / "store.sqlite").entries(last=JOURNAL_LINES)
    return "".join(json.dumps(asdict(entry), ensure_ascii=False) + "\n" for entry in entries)


def _content(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace")


def _tail(path: Path) -> str:
    with path.open("rb") as log:
        size = log.seek(0, os.SEEK_END)
        log.seek(max(size - LOG_BYTES, 0))
        text = log.read().decode("utf-8", errors="replace")
    return text if size <= LOG_BYTES else whole_lines(text)


def _machine(root: Path) -> str:
    space = os.statvfs(root)
    free, total = space.f_bavail * space.f_frsize, space.f_blocks * space.f_frsize
    lines = [
        f"system    {platform.system()} {platform.release()} {platform.machine()}",
        f"libc      {' '.join(platform.libc_ver())}",
        f"python    {platform.python_version()}",
        f"cores     {len(os.sched_getaffinity(0))}",
        f"load      {' '.join(f'{load:.2f}' for load in os.getloadavg())}",
        f"disk      {free // 1024**2} of {total // 1024**2} MiB free at the state folder",
        (procfs.PROC / "meminfo").read_text(encoding="ascii"),
    ]
    return "\n".join(lines)


def _processes(root: Path) -> str:
    return "\n".join(_process(entry) for entry in Ledger(root / "run").entries()) + "\n"


def _process(entry: Entry) -> str:
    seen = procfs.stat(entry.pid)
    if seen is None or seen.ticks != entry.ticks:
        return f"{entry.identity.member}: gone"
    try:
        status = (procfs.PROC / str(entry.pid) / "status").read_text(encoding="utf-8", errors="replace")
        opened = len(list((procfs.PROC / str(entry.pid) / "fd").iterdir()))
    except OSError as error:
        return f"{entry.identity.member}: pid {entry.pid}, {brief(error)}"
    told = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    return (
        f"{entry.identity.member}: pid {entry.pid}, release {entry.identity.release}, state {told.get('State')}, "
        f"memory {told.get('VmRSS', '').strip()}, threads {told.get('Threads')}, open files {opened}"
    )


# --------------------------------------------------------------------------------------------------------------- dumps


def _dump_threads(root: Path, members: tuple[str, ...]) -> tuple[str, ...]:
    """Ask every member of a kind that can for a dump of its threads, which goes into its log."""
    try:
        lab = installed(root)[1]
    except TelamonError:
        return ()
    able = [
        entry
        for entry in Ledger(root / "run").entries()
        if entry.identity.member in members and _can_dump(lab, entry.identity.component)
    ]
    return tuple(entry.identity.member for entry in able if _dump(root, entry))


def _can_dump(lab: LabDesired, component: str) -> bool:
    part = lab.part(component)
    return part is not None and part.workload is not None and part.workload.dumps_threads


def _dump(root: Path, entry: Entry) -> bool:
    """Have one process write what its threads do. One that hangs writes nothing, which is told by its log."""
    log = log_path(root, entry.identity.member)
    try:
        descriptor = os.pidfd_open(entry.pid)
    except OSError:
        return False
    try:
        seen = procfs.stat(entry.pid)
        # Until it has answered once it may not know the signal yet, and would be ended by it.
        if seen is None or seen.ticks != entry.ticks or not entry.answered:
            return False
        before = log.stat().st_size
        signal.pidfd_send_signal(descriptor, signal.SIGQUIT)
        return _grows(log, before, descriptor)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def _grows(log: Path, before: int, descriptor: int, /) -> bool:
    """Wait until a log is longer and rests, or its process has ended."""
    last, step = before, 0.1
    for _ in range(int(DUMPED_WITHIN / step)):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        ended = bool(poll.poll(int(step * 1000)))
        size = log.stat().st_size
        if ended or (size > before and size == last):
            break
        last = size
    return log.stat().st_size > before


def _write(target: Path, contents: Mapping[str, str], *, at: datetime) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.new")
    with located(target):
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                write_archive(file, contents, top=target.name.partition(".")[0], at=at)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(target)
        except OSError:
            temporary.unlink(missing_ok=True)
            raise
