"""Where backups lie: a restic repository, which stores equal pieces once, compressed and encrypted.

Source: restic documentation, "Backing up", "Restoring from backup", "Scripting" (exit codes, JSON), "Removing backup
snapshots". Every piece is named by its checksum, and restoring refuses a piece that does not fit its name.

Traps:
    * restic compares change times, and a second name changes them: only length, modification time and inode count here.
    * A restic that was killed leaves its lock behind. ``unlock`` removes locks whose process is gone, and only those.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

from telamon.errors import MachineError, PlatformError
from telamon.platforms.backup.programs import Command, Done, run
from telamon.platforms.files import located, make_folder


class Progress(Protocol):
    """Is told how far something is."""

    def __call__(self, text: str, *, done: int = 0, total: int = 0) -> None:
        """What is being done; and of how many bytes how many are, where that is known."""


PROGRAM = "restic"
HALF = ".vault-"
"""Begin of the name of a repository that is being made."""
HOST = "telamon"
"""Stands for the machine in every snapshot, so that a stack that moved goes on where it was."""
PASSWORD_VARIABLE = "RESTIC_PASSWORD_FILE"  # noqa: S105 - the name of a variable, not a password.


@dataclass(frozen=True)
class Kept:
    """One snapshot, as it was stored.

    Attributes:
        snapshot: its id.
        added: bytes that it added to the vault.
        total: bytes of the files in it.
    """

    snapshot: str
    added: int
    total: int


@dataclass(frozen=True)
class Vault:
    """One repository.

    Attributes:
        folder: where it lies.
        password: without it nobody reads it, ourselves included.
    """

    folder: Path
    password: str = field(repr=False)

    def open(self) -> None:
        """Make the repository where there is none, and clear locks of programs that are gone.

        Raises:
            MachineError: restic is not installed, or the folder cannot be written.
            PlatformError: the password does not fit, or the repository is damaged.
        """
        if not (self.folder / "config").exists():
            self._make()
        self._run("unlock")

    def _make(self) -> None:
        """Make the repository beside its place: half of one, left by whoever was killed, could never be opened."""
        make_folder(self.folder.parent)
        with located(self.folder):
            beside = Path(tempfile.mkdtemp(dir=self.folder.parent, prefix=HALF))
        replace(self, folder=beside).initialise()
        with suppress(OSError):
            # Somebody else may have put one there meanwhile.
            beside.rename(self.folder)
        shutil.rmtree(beside, ignore_errors=True)

    def initialise(self) -> None:
        """Make an empty repository in an empty folder."""
        self._run("init")

    def tidy(self) -> None:
        """Remove repositories that somebody was killed over making."""
        for half in self.folder.parent.glob(f"{HALF}*"):
            shutil.rmtree(half, ignore_errors=True)

    def store(self, place: Path, names: Sequence[str], *, tag: str, progress: Progress) -> Kept:
        """Store files and folders of one place.

        Args:
            place: the place; a later call for the same place reads only what has changed.
            names: what to store of it.
            tag: the name of the backup.
            progress: told how far it is.

        Raises:
            MachineError: the disk is full.
            PlatformError: something could not be read or stored.
        """
        words = ("backup", "--json", "--ignore-ctime", "--host", HOST, "--tag", tag, *names)
        done = self._run(*words, cwd=place, on_line=_reporter(progress, "storing"))
        last = _summary(done)
        return Kept(
            self._whole(str(last["snapshot_id"])), int(last["data_added"]), int(last["total_bytes_processed"])
        )

    def fetch(self, snapshot: str, target: Path, *, names: Sequence[str] = ()) -> None:
        """Write a snapshot into an empty folder.

        Args:
            snapshot: its id.
            target: the folder; made where it is missing.
            names: what of it, in its topmost folder; everything where empty.

        Raises:
            MachineError: the disk is full.
            PlatformError: the snapshot is gone or damaged.
        """
        make_folder(target)
        only = [word for name in names for word in ("--include", f"/{name}")]
        try:
            done = self._run("restore", snapshot, "--target", str(target), *only)
        except PlatformError as error:
            raise damaged(str(error)) from error
        # Older releases end well although single files could not be restored.
        if "ignoring error" in done.complaint or "There were" in done.complaint:
            raise damaged(done.complaint)

    def snapshots(self) -> frozenset[str]:
        """The ids of all snapshots."""
        listed = json.loads(self._run("snapshots", "--json").output or "[]")
        return frozenset(str(entry["id"]) for entry in listed or ())

    def _whole(self, snapshot: str) -> str:
        """The whole id of a snapshot: some releases tell the beginning of it."""
        found = [whole for whole in self.snapshots() if whole.startswith(snapshot)]
        if len(found) != 1:
            raise PlatformError(
                f"restic did not keep the snapshot {snapshot}", remedy="Take the backup again."
            )
        return found[0]

    def forget(self, snapshots: Sequence[str]) -> None:
        """Remove snapshots, and every piece that nothing refers to any more."""
        if snapshots:
            self._run("forget", *snapshots)
        self._run("prune")

    def check(self) -> None:
        """See that every snapshot has its pieces. Raises PlatformError where one is damaged."""
        self._run("check")

    def _run(self, *words: str, cwd: Path = Path("/"), on_line: Callable[[str], None] | None = None) -> Done:
        program = shutil.which(PROGRAM)
        if program is None:
            raise missing()
        with located(self.folder):
            temporary = self.folder.parent / "tmp"
            temporary.mkdir(parents=True, exist_ok=True, mode=0o700)
        command = Command(
            (program, "--no-cache", "--repo", str(self.folder), *words),
            environment={"TMPDIR": str(temporary), "RESTIC_PROGRESS_FPS": "1"},
            cwd=cwd,
            secret=self.password,
            secret_variable=PASSWORD_VARIABLE,
        )
        try:
            return run(command, on_line=on_line)
        except PlatformError as error:
            if "wrong password" in str(error) or "no key found" in str(error):
                raise PlatformError(
                    f"the password does not fit the backups in {self.folder}",
                    remedy="Put the secret of the backups back as it was when they were made.",
                ) from error
            raise


def missing() -> MachineError:
    """The error of a machine without restic."""
    return MachineError(
        "backups need restic, and it is not installed",
        remedy="Install the package restic (Debian: apt install restic).",
    )


def damaged(words: str) -> PlatformError:
    """The error of a vault that cannot be read."""
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    return PlatformError(
        f"the backup cannot be read back: {(lines or ['no reason given'])[0][:200]}",
        remedy="Take another backup; `telamon backup verify` tells which of the old ones are whole.",
    )


def _reporter(progress: Progress, what: str) -> Callable[[str], None]:
    def told(line: str) -> None:
        message = _document(line)
        if message.get("message_type") == "status":
            progress(what, done=int(message.get("bytes_done", 0)), total=int(message.get("total_bytes", 0)))

    return told


def _summary(done: Done) -> dict[str, Any]:
    for line in reversed(done.output.splitlines()):
        message = _document(line)
        if message.get("message_type") == "summary":
            return message
    raise PlatformError("restic did not say what it stored", remedy="Take the backup again.")


def _document(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
