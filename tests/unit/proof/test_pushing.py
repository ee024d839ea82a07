"""Workers push to shared branches, and the record tells whether a push was lost or points to nothing."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from pathlib import Path

import pytest

from telamon.errors import ProductError
from telamon.products.traffic import GitSeed
from telamon.proof.clockwork import Clockwork
from telamon.proof.history.checker import check
from telamon.proof.history.reading import history_of
from telamon.proof.history.verdict import Fault, Verdict
from telamon.proof.pushing import GitWorkers, kinds_of
from telamon.proof.record import Cause, Record, Sample
from telamon.proof.repository import Folder, Remote, seed
from telamon.proof.workload import Audit, GitLoad, LoadPlan, Target

pytestmark = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")

BRANCHES = ("one", "two")


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository with two branches."""
    path = tmp_path / "origin.git"
    subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)
    wanted = GitSeed(path="/x", branches=("change",), files={"a.md": "text\n"}, pushed=BRANCHES)
    asyncio.run(seed(Remote(str(path)), wanted))
    return path


class Team:
    """Workers on one origin, whose samples make a record."""

    def __init__(self, tmp_path: Path, origin: Path) -> None:
        # A folder of this machine stands for the server; a plan out of a file could name none.
        self.load = GitLoad.model_construct(
            url=str(origin), ssh_url="", ssh_key="", username="x", branches=BRANCHES, rate=20.0, workers=3
        )
        plan = LoadPlan(
            name="trial",
            target=Target(address="127.0.0.1", port=1, host="x.localhost"),
            rate=1.0,
            seconds=5.0,
            sessions=1,
            kinds=({"name": "read", "path": "/"},),  # type: ignore[arg-type]  # As it stands in a file.
            audit=Audit(),
            timeout=60.0,
        )
        folder = tmp_path / "team"
        folder.mkdir()
        self.samples: list[Sample] = []
        self.workers = GitWorkers(plan, git=self.load, password="", folder=folder)

    def work(self, seconds: float) -> None:
        async def all_of_it() -> None:
            clockwork = self._clockwork(seconds)
            await self.workers.prepare()
            await self.workers.work(clockwork)
            await self.workers.audit(clockwork)

        asyncio.run(all_of_it())

    def look(self) -> None:
        """Fetch everything once more."""

        async def audit() -> None:
            await self.workers.audit(self._clockwork(1.0))

        asyncio.run(audit())

    def _clockwork(self, seconds: float) -> Clockwork:
        since = asyncio.get_running_loop().time() - 100.0 * bool(self.samples)
        return Clockwork("abcd1234", since, seconds, asyncio.Event(), self.samples.append)

    def verdict(self) -> Verdict:
        kinds = kinds_of(self.load, audited=True)
        record = Record(
            "r", 0.0, 0.0, 0, 1.0, 1, kinds, tuple(self.samples), complete=True, cpu=0.0, seconds=1.0
        )
        return check(history_of(record))


def test_workers_who_share_branches_lose_nothing(tmp_path: Path, origin: Path) -> None:
    team = Team(tmp_path, origin)
    team.work(1.0)
    verdict = team.verdict()
    assert verdict.clean, verdict.anomalies
    assert verdict.acknowledged >= 2
    assert verdict.read_back == verdict.acknowledged
    assert {sample.cause for sample in team.samples} == {Cause.OK}


def test_a_branch_that_was_set_back_has_lost_a_push(tmp_path: Path, origin: Path) -> None:
    team = Team(tmp_path, origin)
    team.work(1.0)
    for branch in BRANCHES:
        subprocess.run(["git", "-C", str(origin), "branch", "-f", branch, "main"], check=True)
    team.look()
    assert {anomaly.fault for anomaly in team.verdict().anomalies} == {Fault.LOST}


def test_a_branch_whose_commit_is_gone_dangles(tmp_path: Path, origin: Path) -> None:
    team = Team(tmp_path, origin)
    team.work(1.0)
    for branch in BRANCHES:
        told = ["git", "-C", str(origin), "rev-parse", branch]
        commit = subprocess.run(told, check=True, capture_output=True, text=True).stdout.strip()
        (origin / "objects" / commit[:2] / commit[2:]).unlink(missing_ok=True)
    (tmp_path / "others").mkdir()
    others = Team(tmp_path / "others", origin)
    others.samples = team.samples
    asyncio.run(others.workers.prepare())
    others.look()
    assert Fault.DANGLING_REF in {anomaly.fault for anomaly in others.verdict().anomalies}


def test_a_seed_that_cannot_be_pushed_says_why(tmp_path: Path) -> None:
    wanted = GitSeed(path="/x", files={"a.md": "text\n"}, pushed=BRANCHES)
    with pytest.raises(ProductError, match="git push failed"):
        asyncio.run(seed(Remote(str(tmp_path / "nowhere.git")), wanted))


def test_a_command_that_takes_too_long_is_ended(tmp_path: Path) -> None:
    folder = Folder(tmp_path, Remote("unused"))
    with pytest.raises(TimeoutError):
        asyncio.run(folder.run("-c", "alias.wait=!sleep 60", "wait", patience=0.2))
