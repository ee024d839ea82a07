"""What is handed out: the wheel carries the whole program, the archive of the source the whole repository."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with both, as they would be published."""
    folder = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "build",
            "--sdist",
            "--wheel",
            "--no-isolation",
            "--outdir",
            str(folder),
            str(ROOT),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def kept_in_git() -> set[str]:
    """Files of the repository that are there, by their path in it."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return {path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file()}


def test_the_wheel_carries_every_file_of_both_packages_and_no_other_package(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as opened:
        carried = set(opened.namelist())
    wanted = {path for path in kept_in_git() if path.startswith(("telamon/", "understudy/"))}
    assert "telamon/cli/main.py" in wanted
    assert wanted - carried == set()
    folders = {path.partition("/")[0] for path in carried}
    assert {folder for folder in folders if not folder.endswith(".dist-info")} == {"telamon", "understudy"}


def test_the_archive_of_the_source_carries_the_whole_repository(built: Path) -> None:
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as opened:
        carried = {path.partition("/")[2] for path in opened.getnames()}
    assert kept_in_git() - carried == set()
