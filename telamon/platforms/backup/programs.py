"""Run a program to its end, and say in our own words why it failed."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from telamon.errors import MachineError, PlatformError, TelamonError, brief
from telamon.state.account import Account

FULL = ("No space left on device", "no space left on device", "Disk quota exceeded", "disk quota exceeded")


@dataclass(frozen=True)
class Command:
    """A program to run.

    Attributes:
        words: the program and its arguments; never a secret.
        environment: besides ``PATH``; may hold secrets.
        cwd: working folder.
        secret: text that the program reads from a descriptor of its own.
        secret_variable: the variable that names that descriptor as a file.
        account: as whom; ``None``: as we do.
        fine: exit codes that are no failure.
    """

    words: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    cwd: Path = Path("/")
    secret: str = field(default="", repr=False)
    secret_variable: str = ""
    account: Account | None = None
    fine: frozenset[int] = frozenset({0})


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    code: int
    output: str
    complaint: str


def run(command: Command, *, on_line: Callable[[str], None] | None = None) -> Done:
    """Run a program to its end.

    Args:
        command: what to run.
        on_line: called with every line of its output.

    Raises:
        MachineError: the disk is full, or the program cannot be run.
        PlatformError: it failed; its last words are in the message.
    """
    name = Path(command.words[0]).name
    reading = _secret_pipe(command.secret) if command.secret else None
    try:
        # Complaints go into a file: a second pipe would have to be emptied meanwhile.
        with tempfile.TemporaryFile() as complaints, _started(command, reading, complaints) as process:
            lines = []
            for raw in process.stdout or ():
                lines.append(raw.decode(errors="replace").rstrip("\n"))
                if on_line is not None:
                    on_line(lines[-1])
            code = process.wait()
            complaints.seek(0)
            done = Done(code, "\n".join(lines), complaints.read().decode(errors="replace"))
    except (OSError, subprocess.SubprocessError) as error:
        raise MachineError(f"{name} cannot be run: {brief(error)}", remedy="Install it again.") from error
    finally:
        if reading is not None:
            os.close(reading)
    if done.code not in command.fine:
        raise failure(name, done)
    return done


def _started(command: Command, reading: int | None, complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    environment = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C", **command.environment}
    if reading is not None:
        environment[command.secret_variable] = f"/dev/fd/{reading}"
    account = command.account
    return subprocess.Popen(
        list(command.words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=complaints,
        env=environment,
        cwd=command.cwd,
        pass_fds=() if reading is None else (reading,),
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


def _secret_pipe(secret: str) -> int:
    """A descriptor from which a secret can be read once: it never lies in a file or in the list of processes."""
    reading, writing = os.pipe()
    os.set_inheritable(reading, True)
    with os.fdopen(writing, "w", encoding="utf-8") as pipe:
        pipe.write(secret)
    return reading


def failure(name: str, done: Done) -> TelamonError:
    """The error of a program that failed."""
    if any(words in done.complaint for words in FULL):
        return MachineError(
            f"there is no room left for {name}",
            remedy="Free some space where backups go, or move them with a larger disk.",
        )
    lines = [line.strip() for line in done.complaint.splitlines() if line.strip()]
    telling = [line for line in lines if "rror" in line or "FATAL" in line or "atal:" in line]
    said = (telling or lines or [f"exit {done.code}"])[-1]
    return PlatformError(f"{name} failed: {said[:200]}")
