"""Put a staged index in place of the present one, so that whoever looks finds the one or the other."""

from __future__ import annotations

import shutil
from pathlib import Path

from telamon.errors import MachineError
from telamon.indexfiles.manifest import Manifest
from telamon.platforms.disk import located, replace_file, sync_folder
from telamon.platforms.indexcopy.home import Home, walk
from telamon.platforms.systemcalls import exchange


def switch(home: Home, manifest: Manifest) -> None:
    """Switch to what was staged. Whoever calls holds ``home.staging``; the node is stopped unless its place is live.

    The order is what keeps a position from ever being newer than its index: the old positions go, then the index is
    exchanged, then the new positions come. A node that finds no position recovers its index by itself.

    Args:
        home: of the target.
        manifest: of what was staged.

    Raises:
        MachineError: the disk refuses, or cannot exchange two folders while a node uses one.
    """
    _forget_positions(home)
    with located(home.switching):
        home.switching.touch(mode=0o600)
        sync_folder(home.staging)
    _exchange(home)
    for path, content in manifest.positions.items():
        _write_position(home.root / path, content)
    put_away(home)


def put_away(home: Home) -> None:
    """Remove the index that was in place before.

    The mark of the switch goes last: what is left of an old index must never pass for a copy that was verified.

    Raises:
        MachineError: the disk refuses.
    """
    remove(home.tree)
    with located(home.switching):
        home.switching.unlink(missing_ok=True)
        sync_folder(home.staging)


def clear(home: Home) -> None:
    """Take a node's index away, so that the node recovers it when it starts. The node is stopped.

    Positions go first: an index without a position is recovered, a position without its index would be believed.

    Raises:
        MachineError: the disk refuses.
    """
    _forget_positions(home)
    if home.index.exists():
        with located(home.index):
            remove(home.tree)
            home.switching.touch(mode=0o600)
            home.index.rename(home.tree)
            sync_folder(home.index.parent)
    put_away(home)


def remove(folder: Path) -> None:
    """Remove a folder, if it is there.

    Raises:
        MachineError: not all of it could be removed.
    """
    with located(folder):
        if folder.exists():
            shutil.rmtree(folder)


def _forget_positions(home: Home) -> None:
    for place in home.place.positions:
        root = home.root / place
        with located(root):
            if root.is_dir():
                for path in walk(root):
                    path.unlink()
                sync_folder(root)
            elif root.exists():
                root.unlink()
                sync_folder(root.parent)


def _write_position(path: Path, content: bytes) -> None:
    with located(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path, content)


def _exchange(home: Home) -> None:
    with located(home.index):
        if not home.index.exists():
            home.tree.rename(home.index)
        elif not exchange(home.index, home.tree):
            if home.place.live:
                raise MachineError(
                    f"the disk of {home.root.name} cannot exchange two folders in one step",
                    remedy="Let the node be stopped for the switch: leave live out of the profile.",
                )
            home.index.rename(home.aside)
            home.tree.rename(home.index)
            home.aside.rename(home.tree)
        sync_folder(home.index.parent)
        sync_folder(home.staging)
