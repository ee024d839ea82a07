"""A place for a lab on this machine, and an end to everything that was started in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.platforms import procfs


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here starts real processes, which on a busy machine takes a while."""
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.lab)
            if item.get_closest_marker("timeout") is None:
                item.add_marker(pytest.mark.timeout(400))


@pytest.fixture
def root() -> Iterator[Path]:
    """A state root of one test."""
    with place() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_root() -> Iterator[Path]:
    """A state root that the tests of a module share."""
    with place() as folder:
        yield folder


@contextlib.contextmanager
def place() -> Iterator[Path]:
    """A folder whose path is short enough for sockets and open to the database's user."""
    folder = Path(tempfile.mkdtemp(dir="/tmp", prefix="lab-"))
    folder.chmod(0o711)
    (folder / "run").mkdir(mode=0o711)
    try:
        yield folder
    finally:
        end_everything(folder)
        # Backups lie beside the state folder, so that purging a stack leaves them.
        for left in (folder, Path(f"{folder}.backups")):
            shutil.rmtree(left, ignore_errors=True)


def end_everything(folder: Path) -> None:
    """Kill every process that works below a folder, or was started with it in its command line or environment."""
    for pid in procfs.pids():
        if pid == os.getpid():
            continue
        cwd = procfs.working_folder(pid) or ""
        inside = cwd == str(folder) or cwd.startswith(f"{folder}/")
        if inside or procfs.environment(pid).get("LAB_TEST_ROOT") == str(folder):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
