"""A home of a size of its own fills up alone, keeps what is in it, and is let go of in order."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon import wiring
from telamon.errors import MachineError
from telamon.plan.fault import FullDisk
from telamon.platforms.lab import volumes

SIZE = 64 * 1024 * 1024

pytestmark = pytest.mark.skipif(bool(volumes.lacks()), reason=volumes.lacks() or "it can be done here")


@pytest.fixture
def home(root: Path) -> Iterator[Path]:
    """A home on a file system of its own."""
    volumes.ensure(root, "homes/tiny-0", size=SIZE)
    yield root / "homes" / "tiny-0"
    volumes.release(root)


def test_home_keeps_what_is_in_it(root: Path, home: Path) -> None:
    assert home.is_mount()
    assert list(home.iterdir()) == []
    (home / "letter").write_text("dear all")
    volumes.ensure(root, "homes/tiny-0", size=SIZE)
    volumes.release(root)
    assert not home.is_mount()
    assert list(home.iterdir()) == []
    volumes.ensure(root, "homes/tiny-0", size=SIZE)
    assert (home / "letter").read_text() == "dear all"


def test_full_home_takes_nothing_more_until_it_is_over(root: Path, home: Path) -> None:
    faults = wiring.faults(root)
    faults.disturb(FullDisk("tiny-0"), name="full", seconds=60)
    with pytest.raises(OSError, match="space") as told:
        (home / "letter").write_bytes(b"x" * 8192)
    assert told.value.errno == errno.ENOSPC
    (root / "beside").write_bytes(b"x" * 8192)
    faults.calm("full")
    faults.calm("full")
    (home / "letter").write_bytes(b"x" * 8192)


def test_what_is_in_a_folder_is_never_hidden(root: Path) -> None:
    home = root / "homes" / "tiny-1"
    home.mkdir(parents=True)
    (home / "letter").write_text("dear all")
    with pytest.raises(MachineError, match="holds something"):
        volumes.ensure(root, "homes/tiny-1", size=SIZE)
    assert (home / "letter").read_text() == "dear all"


def test_purge_lets_go_first(root: Path) -> None:
    volumes.ensure(root, "homes/tiny-0", size=SIZE)
    wiring.purge(root)
    assert not root.exists()
    root.mkdir()
