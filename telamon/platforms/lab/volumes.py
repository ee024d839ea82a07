"""Homes on file systems of their own, so that one that is full hurts nobody else.

Each is a file below the state root, with ext4 in it, mounted over the home's folder by a loop device. Mounting takes
root. What is mounted stays so until the stack is purged, or the machine starts anew; then it is mounted again with the
member's next start. Sources: mount(8), "Loop-device support"; mkfs.ext4(8).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from telamon.errors import MachineError
from telamon.platforms.files import located, make_folder

FOLDER = "volumes"
TOOLS = ("mkfs.ext4", "mount", "umount")
PLACES = "/usr/sbin:/sbin:/usr/bin:/bin"
"""Where the tools of the system are; not everybody's PATH holds all of it."""
LOOPS = Path("/dev/loop-control")
MOUNTS = Path("/proc/self/mounts")
WITHIN = 60.0


def lacks() -> str:
    """Why this machine can give nobody a file system of its own; "" where it can."""
    if os.geteuid() != 0:
        return "only root may mount file systems"
    if not LOOPS.exists():
        return "this machine has no loop devices"
    missing = [tool for tool in TOOLS if _tool(tool) is None]
    return f"{', '.join(missing)} is not installed" if missing else ""


def ensure(root: Path, folder: str, *, size: int) -> None:
    """See that a folder is a file system of its own; one that is mounted, or was made before, keeps what is in it.

    Args:
        root: state root.
        folder: below it.
        size: bytes, where it has to be made.

    Raises:
        MachineError: it cannot be made or mounted, or the folder holds something already.
    """
    place = root / folder
    if place.is_mount():
        return
    if reason := lacks():
        raise MachineError(
            f"{folder} cannot be a file system of its own: {reason}",
            remedy="Leave platform.homeSize out of the stack file, or run as root.",
        )
    make_folder(place)
    make_folder(root / FOLDER)
    image = root / FOLDER / f"{folder.replace('/', '-')}.img"
    if not image.exists():
        _make(image, place, size=size)
    _run(("mount", "-o", "loop,noatime", str(image), str(place)))
    # What belongs to the file system would look like something of the node's.
    with contextlib.suppress(OSError):
        (place / "lost+found").rmdir()


def release(root: Path) -> None:
    """Let go of every file system below a state root; what is in them stays in their files.

    Raises:
        MachineError: one of them is in use.
    """
    for place in sorted(_mounted(root), reverse=True):
        _run(("umount", str(place)))


def _make(image: Path, place: Path, *, size: int) -> None:
    with located(place):
        if any(place.iterdir()):
            raise MachineError(
                f"{place} holds something already, and would be hidden by a file system of its own",
                remedy="Set platform.homeSize before the first start, or take it out again.",
            )
    fresh = image.with_suffix(".new")
    with located(fresh):
        with fresh.open("wb") as file:
            file.truncate(size)
        _run(("mkfs.ext4", "-q", "-F", "-m", "0", str(fresh)))
        fresh.replace(image)


def _mounted(root: Path) -> Iterator[Path]:
    """Mount points below a folder. Source: fstab(5): blanks are written as octal numbers."""
    for line in MOUNTS.read_text(encoding="utf-8").splitlines():
        place = Path(line.split()[1].replace("\\040", " "))
        if place.is_relative_to(root):
            yield place


def _run(command: Sequence[str]) -> None:
    tool = _tool(command[0])
    if tool is None:
        raise MachineError(f"{command[0]} is not installed", remedy="Install e2fsprogs and util-linux.")
    done = subprocess.run(
        [tool, *command[1:]],
        capture_output=True,
        text=True,
        check=False,
        timeout=WITHIN,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[:200]
        raise MachineError(
            f"{command[0]} ended with {done.returncode}: {said}",
            remedy="End what still works there; `telamon status` shows who runs.",
        )


def _tool(name: str) -> str | None:
    return shutil.which(name, path=PLACES)
