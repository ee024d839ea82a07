"""A stack from first to last as somebody who is not root: everything else here runs as whoever runs the tests."""

from __future__ import annotations

import json
import os
import pwd
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from telamon.platforms import procfs
from telamon.platforms.lab.machine import barred_folder
from telamon.state.account import Account
from tests.lab.conftest import place
from tests.lab.support import tiny_stack

pytestmark = pytest.mark.timeout(300)
SOMEBODY = "nobody"
"""There on every system. PostgreSQL's initdb wants an entry in the table of users."""
CHECKOUT = Path(__file__).parents[2]
LET_IN = """
set -e
scratch=$1; shift
mount -t tmpfs tmpfs "$scratch"
while [ "$1" != -- ]; do
    mkdir -p "$scratch/upper$1" "$scratch/work$1"
    mount -t overlay -o "lowerdir=$1,upperdir=$scratch/upper$1,workdir=$scratch/work$1" overlay "$1"
    chmod a+x "$1"
    shift
done
shift
umount -l "$scratch"
exec "$@"
"""
"""Opens folders that only root may pass (a checkout or a Python in root's home) to a command and to what it starts, in
a view of the file system of their own: nothing is changed for anybody else."""


@dataclass
class Ordinary:
    """Somebody at a terminal.

    Attributes:
        folder: all that is theirs.
        account: who it is.
        barred: folders on the way to Python or the checkout that bar their way.
    """

    folder: Path
    account: Account
    barred: tuple[str, ...] = ()

    @property
    def state(self) -> Path:
        """Where the stack keeps everything."""
        return self.folder / "s"

    def telamon(self, *words: str) -> str:
        """Run the command line as that user; fails with what it said."""
        done = self.run("-m", "telamon.cli", *words, "--state", str(self.state))
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Run Python as that user."""
        return subprocess.run(
            [*self._become(), sys.executable, *words],
            check=False,
            capture_output=True,
            text=True,
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "PYTHONPATH": str(CHECKOUT)},
            timeout=100,
        )

    def _become(self) -> Iterator[str]:
        if os.geteuid() == self.account.uid:
            return
        if self.barred:
            scratch = self.folder / "view"
            scratch.mkdir(exist_ok=True)
            yield from (
                "unshare",
                "--mount",
                "--propagation",
                "private",
                "sh",
                "-c",
                LET_IN,
                "sh",
                str(scratch),
            )
            yield from (*self.barred, "--")
        yield from ("setpriv", f"--reuid={self.account.uid}", f"--regid={self.account.gid}", "--clear-groups")

    def processes(self) -> set[int]:
        """Who runs what works below the folder, by user id."""
        found = set()
        for pid in procfs.pids():
            if (procfs.working_folder(pid) or "").startswith(f"{self.state}"):
                found.add(Path(f"/proc/{pid}").stat().st_uid)
        return found

    def owners(self) -> set[int]:
        """Whose the files are that the stack keeps."""
        return {path.lstat().st_uid for path in (self.state, *self.state.rglob("*"))}


@pytest.fixture
def somebody() -> Iterator[Ordinary]:
    """Whoever runs the tests, or where that is root, another user of this machine."""
    account = Account("ourselves", os.geteuid(), os.getegid())
    if account.uid == 0:
        entry = pwd.getpwnam(SOMEBODY)
        account = Account(SOMEBODY, entry.pw_uid, entry.pw_gid)
    ways = (CHECKOUT, Path(sys.prefix), Path(sys.executable).resolve().parent)
    barred = {str(found) for way in ways if (found := barred_folder(way, account)) is not None}
    with place() as folder:
        os.chown(folder, account.uid, account.gid)
        made = Ordinary(folder, account, tuple(sorted(barred)))
        tried = made.run("-c", "import telamon.cli")
        if tried.returncode:
            pytest.skip(f"{account.name} cannot run what is tested here: {tried.stderr.strip()[-200:]}")
        yield made


def test_a_stack_comes_up_and_goes_as_an_ordinary_user(somebody: Ordinary) -> None:
    file = somebody.folder / "stack.yaml"
    described = tiny_stack().model_dump(mode="json", by_alias=True, exclude_unset=True)
    file.write_text(json.dumps(described), encoding="utf-8")
    file.chmod(0o644)
    up = json.loads(somebody.telamon("up", str(file), "--yes", "--timeout", "90s", "-o", "json"))
    assert up["ready"]
    assert httpx.get(up["urls"]["tiny"], timeout=10).status_code == 200
    assert somebody.processes() == somebody.owners() == {somebody.account.uid}
    members = json.loads(somebody.telamon("status", "-o", "json"))["status"]["members"]
    assert {member["name"] for member in members} >= {
        "tiny-0",
        "tiny-1",
        "database-0",
        "database-1",
        "edge-0",
    }
    assert json.loads(somebody.telamon("up", str(file), "-o", "json"))["changes"] == 0
    somebody.telamon("down", "--purge", "--yes")
    assert not somebody.state.exists()
    assert somebody.processes() == set()
