"""A real application that nobody here wrote, kept up from a profile: the example under examples/kinto."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from telamon.platforms import procfs
from tests.lab.conftest import place
from tests.lab.support import strike, until

pytestmark = pytest.mark.timeout(420)
"""Kinto and its dependencies are installed by the first run."""

EXAMPLE = Path(__file__).parents[2] / "examples" / "kinto"
LOGIN = ("ada", "a password of the test")


@pytest.fixture(scope="module")
def application() -> Path:
    """The folder of Kinto's programs; installed once and kept between runs."""
    pins = EXAMPLE / "requirements.txt"
    mark = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    home = cache / "telamon" / f"kinto-{mark}"
    if not (home / "installed").exists():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, with_pip=True)
        pip = [str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", "--require-hashes"]
        done = subprocess.run([*pip, "--requirement", str(pins)], check=False, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"Kinto cannot be installed here: {done.stderr.strip()[-200:]}")
        (home / "installed").touch()
    return home / "bin"


@dataclass
class Records:
    """The example, up."""

    root: Path
    environment: Mapping[str, str]
    url: str = ""

    def telamon(self, *words: str) -> str:
        """Run the command line; fails with what it said."""
        command = [sys.executable, "-m", "telamon.cli", *words, "--state", str(self.root)]
        done = subprocess.run(
            command, check=False, capture_output=True, text=True, env=dict(self.environment), timeout=170
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def members(self) -> dict[str, dict[str, Any]]:
        """Members of the status, by name."""
        status = json.loads(self.telamon("status", "-o", "json"))["status"]
        return {member["name"]: member for member in status["members"]}

    def pid(self, member: str) -> int:
        """The process of a member."""
        return next(
            pid
            for pid in procfs.pids()
            if str(procfs.environment(pid).get("TELAMON_LAB", "")).endswith(f"/{member}")
            and (procfs.working_folder(pid) or "").startswith(str(self.root))
            and os.getsid(pid) == pid
        )


@pytest.fixture(scope="module")
def records(application: Path) -> Iterator[Records]:
    """Two nodes of Kinto behind the front door."""
    with place() as folder:
        root = folder / "s"
        path = f"{application}{os.pathsep}{os.environ['PATH']}"
        made = Records(root, {**os.environ, "PATH": path})
        made.telamon("up", str(EXAMPLE / "stack.yaml"), "--yes", "--timeout", "150s")
        try:
            made.url = json.loads(made.telamon("status", "-o", "json"))["status"]["urls"]["kinto"]
            yield made
        finally:
            made.telamon("down", "--yes")


def test_records_outlive_the_node_that_took_them(records: Records) -> None:
    assert {name for name in records.members() if name.startswith("kinto")} == {"kinto-0", "kinto-1"}
    with httpx.Client(base_url=f"{records.url}/v1", auth=LOGIN, timeout=10) as client:
        client.put("/buckets/library", json={}).raise_for_status()
        client.put("/buckets/library/collections/books", json={}).raise_for_status()
        for number in range(20):
            book = {"data": {"number": number}}
            client.post("/buckets/library/collections/books/records", json=book).raise_for_status()
        strike(records.pid("kinto-0"), signal.SIGKILL)
        for _ in range(20):
            found = client.get("/buckets/library/collections/books/records").raise_for_status().json()["data"]
            assert sorted(book["number"] for book in found) == list(range(20))

    def healed() -> bool:
        member = records.members()["kinto-0"]
        return bool(member["restarts"] == 1 and member["serving"])

    until(healed, within=60)
