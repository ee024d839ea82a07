"""A shared home as it is now, under second names: nothing is read, so it takes milliseconds for thousands of files.

The products put a file in place of another by renaming it, so a second name goes on meaning the old content.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from telamon.errors import PlatformError
from telamon.platforms.files import disk_error, located, make_folder
from telamon.products.backup import BackupRules, Matcher, matcher

LISTINGS = 50
"""How often a folder is listed again when files vanish from it meanwhile, before it counts as one that never rests."""
UNLINKABLE = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.EOPNOTSUPP})
"""Why a file may not get a second name: another file system, one that has none, or too many of them."""


@dataclass(frozen=True)
class Size:
    """How much lies in a folder: files, and their bytes."""

    files: int
    size: int


def pin(home: Path, target: Path, *, rules: BackupRules, earlier: Path | None = None) -> None:
    """Give every file of a shared home a second name.

    Folders come before the files beside them, and what the rules call ``last`` comes last: whoever points is read
    before what is pointed to.

    Args:
        home: the shared home; it may be written to meanwhile.
        target: an empty folder, better on the same file system; else files are copied.
        rules: what is left out, and what comes last.
        earlier: what was pinned of it before; where files have to be copied, those that are in there with the same
            length and time of change are not copied again.

    Raises:
        MachineError: the disk is full or read-only, or rights are missing.
        PlatformError: a folder never rests.
    """
    walk = _Walk(home, target, matcher(rules.skipped), matcher(rules.last), earlier)
    make_folder(target)
    walk.folder("")
    while walk.later:
        walk.folder(walk.later.popleft())


def pin_file(home: Path, target: Path, *, path: str) -> None:
    """Give one file of a shared home a second name, if it is there and has none yet.

    Args:
        home: the shared home.
        target: what was pinned of it.
        path: below both.
    """
    place = target / path
    with located(place):
        place.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        _give_name(home / path, place)


def merge(older: Path, newer: Path, *, rules: BackupRules) -> int:
    """Add to what was pinned later what the rows may still need of what was pinned earlier.

    Args:
        older: pinned before the instant.
        newer: pinned after it; it is added to.
        rules: which files never change, and which folders come and go as a whole.

    Returns:
        How many files were added.
    """
    once, unit = matcher(rules.written_once), matcher(rules.units)
    lost = {path for path in _folders(older) if unit(path) and not (newer / path).is_dir()}
    added = 0
    for path, entry in _files(older):
        place = newer / path
        whole = any(path.startswith(f"{folder}/") for folder in lost)
        if (once(path) or whole) and not os.path.lexists(place):
            with located(place):
                place.parent.mkdir(parents=True, exist_ok=True)
                os.link(entry, place, follow_symlinks=False)
            added += 1
    return added


def size(folder: Path) -> Size:
    """How much lies in a folder."""
    lengths = [place.lstat().st_size for _, place in _files(folder)]
    return Size(len(lengths), sum(lengths))


@dataclass
class _Walk:
    home: Path
    target: Path
    skipped: Matcher
    last: Matcher
    earlier: Path | None

    def __post_init__(self) -> None:
        self.later: deque[str] = deque()

    def folder(self, path: str) -> None:
        """Pin what is below a folder; what comes last is put off."""
        for _ in range(LISTINGS):
            try:
                self._listed(path)
            except FileNotFoundError:
                if not (self.home / path).is_dir():
                    return
            else:
                return
        raise PlatformError(
            f"files vanish from {self.home / path} faster than they can be listed",
            remedy="Try again when less is going on there.",
        )

    def _listed(self, path: str) -> None:
        with os.scandir(self.home / path) as found:
            entries = sorted(found, key=lambda entry: (not entry.is_dir(follow_symlinks=False), entry.name))
        if path:
            self._make(path)
        for entry in entries:
            below = f"{path}/{entry.name}" if path else entry.name
            if self.skipped(below):
                continue
            if not entry.is_dir(follow_symlinks=False):
                copied = None if self.earlier is None else self.earlier / below
                _give_name(self.home / below, self.target / below, copied)
            elif not self.last(below):
                self.folder(below)
            elif below not in self.later:
                self.later.append(below)

    def _make(self, path: str) -> None:
        place, seen = self.target / path, (self.home / path).stat()
        with located(place):
            place.mkdir(exist_ok=True, parents=True)
            place.chmod(stat.S_IMODE(seen.st_mode))


def _give_name(source: Path, place: Path, copied: Path | None = None) -> None:
    """Give a file a second name; raises FileNotFoundError where it is gone.

    Where it has to be copied, a copy that was made before and is as the file is now gets the name.
    """
    try:
        os.link(source, place, follow_symlinks=False)
    except FileExistsError:
        return
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise
        if error.errno not in UNLINKABLE:
            raise disk_error(error, place) from error
        if copied is not None and _is_same(source, copied):
            with located(place):
                os.link(copied, place, follow_symlinks=False)
        else:
            _copy(source, place)


def _is_same(source: Path, copied: Path) -> bool:
    """Whether a copy is of the file as it is now: whoever changes one changes its time, too."""
    try:
        now, then = source.lstat(), copied.lstat()
    except FileNotFoundError:
        return False
    return (now.st_mode, now.st_size, now.st_mtime_ns) == (then.st_mode, then.st_size, then.st_mtime_ns)


def _copy(source: Path, place: Path) -> None:
    """Copy where no second name can be given; sockets and pipes are left out by being no files."""
    if not (source.is_file() or source.is_symlink()):
        return
    beside = place.with_name(f".{place.name}.pinning")
    try:
        shutil.copy2(source, beside, follow_symlinks=False)
    except OSError as error:
        if error.errno == errno.ENOENT:
            raise
        raise disk_error(error, place) from error
    beside.rename(place)


def _folders(root: Path) -> Iterator[str]:
    for folder, names, _ in os.walk(root):
        for name in names:
            yield os.path.relpath(os.path.join(folder, name), root)  # noqa: PTH118 - a million paths, quickly.


def _files(root: Path) -> Iterator[tuple[str, Path]]:
    for folder, _, names in os.walk(root):
        for name in names:
            place = Path(folder, name)
            yield str(place.relative_to(root)), place
