"""Index snapshots in the shared home, which spare a starting node the re-index of everything.

Files: ``<shared home>/export/indexsnapshots/IndexSnapshot_<number>_<stamp>.tar.sz``. Source:
atlassian/data-center-helm-charts ``JIRA_INDEX_SNAPSHOT.md`` and the vendor's REST resource
``index-snapshot``. The number here is the id of the last operation in the index.
"""

from __future__ import annotations

import re
import shutil
import tarfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import BinaryIO, cast

from understudy.jira.snappy import FrameReader, FrameWriter
from understudy.kit.errors import IndexBroken, UnderstudyError
from understudy.kit.homes import empty_folder, make_folder, remove_durably, write_with
from understudy.kit.index import SearchIndex

_NAME = re.compile(r"IndexSnapshot_(\d+)_(\d{6}-\d{6})\.tar\.sz")
_KEPT = 3
_SUBFOLDER = "issues"


@dataclass(frozen=True)
class Snapshot:
    """A snapshot and when its file was finished, in seconds since 1970."""

    path: Path
    made_at: float

    @property
    def age_seconds(self) -> float:
        """How old it is."""
        return max(0.0, time.time() - self.made_at)


class Snapshots:
    """Makes, lists and unpacks snapshots.

    Args:
        shared_home: where they are kept.
        scratch: a folder on the local disk for files on their way.
    """

    def __init__(self, shared_home: Path, scratch: Path) -> None:
        self.folder = shared_home / "export" / "indexsnapshots"
        self._scratch = scratch

    def future_path(self, position: int) -> Path:
        """Where a snapshot that is begun now will be."""
        return self.folder / f"IndexSnapshot_{position}_{datetime.now(UTC):%y%m%d-%H%M%S}.tar.sz"

    def list(self) -> list[Snapshot]:
        """Every finished snapshot, newest first."""
        if not self.folder.is_dir():
            return []
        found = [path for path in self.folder.iterdir() if _NAME.fullmatch(path.name)]
        snapshots = [Snapshot(path, path.stat().st_mtime) for path in found]
        return sorted(snapshots, key=lambda snapshot: snapshot.made_at, reverse=True)

    def make(self, index: SearchIndex, path: Path) -> None:
        """Write a snapshot so that it is there in full or not at all, and drop the oldest ones.

        Raises:
            IndexBroken: the index cannot be copied.
        """
        copy = self._scratch / "snapshot" / _SUBFOLDER
        try:
            index.copy_to(copy)
            make_folder(self.folder)
            write_with(path, lambda target: _pack(copy, target))
        finally:
            shutil.rmtree(copy.parent, ignore_errors=True)
        for old in self.list()[_KEPT:]:
            remove_durably(old.path)

    def unpack(self, path: Path, target: Path) -> None:
        """Put the content of a snapshot in place of a folder.

        Raises:
            IndexBroken: the file is missing, damaged, or not a snapshot.
        """
        scratch = self._scratch / "unpacked"
        empty_folder(scratch)
        try:
            with path.open("rb") as source:
                reader = cast(BinaryIO, FrameReader(source))
                with tarfile.open(fileobj=reader, mode="r|") as archive:
                    for member in archive:
                        _unpack_member(archive, member, scratch=scratch)
            if not (scratch / _SUBFOLDER).is_dir():
                raise IndexBroken(f"{path.name} holds no index")
            if target.exists():
                shutil.rmtree(target)
            make_folder(target.parent)
            (scratch / _SUBFOLDER).rename(target)
        except (OSError, tarfile.TarError, EOFError, UnderstudyError) as error:
            raise IndexBroken(f"{path.name} cannot be unpacked: {error}") from error
        finally:
            shutil.rmtree(scratch, ignore_errors=True)


def _pack(folder: Path, target: BinaryIO) -> None:
    writer = FrameWriter(target)
    with tarfile.open(fileobj=cast(BinaryIO, writer), mode="w|") as archive:
        archive.add(folder, arcname=_SUBFOLDER)
    writer.finish()


def _unpack_member(archive: tarfile.TarFile, member: tarfile.TarInfo, *, scratch: Path) -> None:
    """Write one member below a folder: files and folders alone, and nothing outside it.

    The library's own filter came with Python 3.11.4, and earlier ones are supported.
    """
    inside = PurePosixPath(member.name)
    if inside.is_absolute() or ".." in inside.parts or not (member.isfile() or member.isdir()):
        raise IndexBroken(f"the snapshot holds {member.name}, which is no part of an index")
    target = scratch / inside
    if member.isdir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = archive.extractfile(member)
    if source is None:
        raise IndexBroken(f"the snapshot holds {member.name} without content")
    with source, target.open("wb") as written:
        shutil.copyfileobj(source, written)
