"""A state in a bucket that somebody is changing: who comes second is told of whom, and what is left is released."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session

from telamon.platforms.approval.desk import Desk
from telamon.platforms.clock import SteadyClock
from tests.aws.conftest import DUMMY, ROOT, Moto
from tests.support.approval import Office, needs_ssh
from tests.support.desk import Result
from tests.understudy.support import eventually

pytestmark = [needs_ssh, pytest.mark.exhaustive, pytest.mark.timeout(900)]

REGION = DUMMY["AWS_REGION"]
HOLDER = (
    rf"somebody else is changing this layer: \S+@{re.escape(socket.gethostname())}, "
    r"since \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC \(lock ([0-9a-f-]{36})\)"
)
ADDRESSES = ("terraform_data.first", "terraform_data.slow")
LONGEST = 300.0
"""Seconds for which the slow thing waits at most, so that nothing is left behind by a test that failed."""


@dataclass(frozen=True)
class Laptop:
    """Somebody with a copy of the configuration, and a state folder of their own.

    Attributes:
        folder: of everything that is theirs.
        office: people, keys and the list of approvers.
        moto: what stands for AWS.
    """

    folder: Path
    office: Office
    moto: Moto

    @property
    def tree(self) -> Path:
        return self.folder / "network"

    @property
    def desk(self) -> Desk:
        desk = replace(self.office.desk, records=self.folder / "state" / "infra", clock=SteadyClock())
        return replace(desk, terraform=self.moto.terraform())

    @contextmanager
    def telamon(self, verb: str, *words: str) -> Iterator[subprocess.Popen[str]]:
        """Start a verb of ``telamon infra`` in this copy."""
        kept = {name: os.environ[name] for name in ("HOME", "PATH", "LANG", "TMPDIR") if name in os.environ}
        command = [sys.executable, "-m", "telamon.cli", "infra", verb, str(self.tree), *words]
        command += ["--stack", "acme", "--state", str(self.folder / "state")]
        command += ["--approvers", str(self.office.approvers)]
        with subprocess.Popen(
            command,
            cwd=ROOT,
            env=kept | DUMMY | {"AWS_ENDPOINT_URL": self.moto.url},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            yield process

    def run(self, verb: str, *words: str) -> Result:
        """Run one to its end; what it says stands on one line."""
        with self.telamon(verb, *words) as process:
            out, err = process.communicate()
        return Result(process.returncode, out, " ".join(err.split()))

    def approved_plan(self, planner: str) -> str:
        """A plan by somebody, which the two others have signed."""
        desk = self.desk
        plan_id, _ = desk.plan(self.tree, self.office.keys[planner])
        evidence = desk.shelf.find(plan_id).evidence
        for name in sorted({"ada", "bob", "cyd"} - {planner}):
            desk.hand_in(desk.approve(evidence, self.office.keys[name], names=evidence.destructive))
        return plan_id


@dataclass(frozen=True)
class Hall:
    """Two laptops with one state between them.

    Attributes:
        folder: of everything.
        holder: whose apply is begun first.
        other: whoever comes second.
    """

    folder: Path
    holder: Laptop
    other: Laptop

    @classmethod
    def new(cls, folder: Path, moto: Moto, *, bucket: str) -> Hall:
        """Two with the same configuration, and nothing applied."""
        office = Office.new(folder)
        hall = cls(folder, *(Laptop(folder / name, office, moto) for name in ("holder", "other")))
        office.configure(hall.configuration(bucket))
        for laptop in (hall.holder, hall.other):
            shutil.copytree(office.tree, laptop.tree)
        return hall

    @property
    def begun(self) -> Path:
        return self.folder / "begun"

    @property
    def gate(self) -> Path:
        return self.folder / "gate"

    def configuration(self, bucket: str) -> dict[str, Any]:
        """Something that is there at once, and something that is made as soon as the gate is open."""
        backend = {
            "bucket": bucket,
            "key": "network",
            "region": REGION,
            "use_lockfile": True,
            "use_path_style": True,
        }
        waits = (
            f"touch {shlex.quote(str(self.begun))}; for look in $(seq {LONGEST * 10:.0f}); do "
            f"test -e {shlex.quote(str(self.gate))} && exit 0; sleep 0.1; done; exit 1"
        )
        slow = {
            "input": "${terraform_data.first.id}",
            "provisioner": [{"local-exec": {"command": waits}}],
        }
        return {
            "terraform": {"backend": {"s3": backend}},
            "resource": {"terraform_data": {"first": {"input": "1"}, "slow": slow}},
        }

    @contextmanager
    def applying(self, plan_id: str) -> Iterator[subprocess.Popen[str]]:
        """The holder's apply, from when it holds the lock; terraform is ended with it, whatever happened."""
        with self.holder.telamon("apply", plan_id, "--yes") as process:
            try:
                assert eventually(
                    lambda: self.begun.exists() or process.poll() is not None,
                    what="the apply",
                    seconds=LONGEST,
                )
                assert process.poll() is None
                yield process
            finally:
                self.gate.touch()


@pytest.fixture
def hall(moto: Moto, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Hall:
    for name, value in DUMMY.items():
        monkeypatch.setenv(name, value)
    bucket = f"states-{tmp_path.name.replace('_', '-')[-40:].strip('-')}"
    client = get_session().create_client("s3", region_name=REGION, endpoint_url=moto.url)
    client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return Hall.new(tmp_path, moto, bucket=bucket)


def lock_told(found: Result) -> str:
    """The id of the lock that a refusal told; it names who holds it, since when, and what helps."""
    assert found.code == 5, found.err
    told = re.search(HOLDER, found.err)
    assert told is not None, found.err
    assert "telamon infra unlock DIR LOCK" in found.err
    return told[1]


def test_who_comes_second_is_told_whom_to_wait_for_and_nothing_is_lost(hall: Hall) -> None:
    first = hall.holder.approved_plan("bob")
    second = hall.other.approved_plan("ada")
    with hall.applying(first) as apply:
        lock = lock_told(hall.other.run("plan", "--key", str(hall.other.office.keys["ada"])))
        assert lock_told(hall.other.run("apply", second, "--yes")) == lock
        line = hall.other.desk.log.read().lines[-1]
        assert (line.step, lock in line.detail) == ("failed", True)
        refused = hall.holder.run("unlock", lock, "--yes")
        assert refused.code == 4, refused.err
        assert "is still running, and the lock is its own" in refused.err
        hall.gate.touch()
        said = apply.communicate(timeout=LONGEST)
        assert apply.returncode == 0, said
    terraform = hall.other.moto.terraform()
    assert set(terraform.addresses(hall.other.tree)) == set(ADDRESSES)
    assert terraform.holder(hall.other.tree) is None
    assert not hall.other.desk.look(hall.other.tree).summary.changes


def test_a_lock_that_a_killed_terraform_left_is_released_by_its_id_alone(hall: Hall) -> None:
    plan_id = hall.holder.approved_plan("bob")
    with hall.applying(plan_id) as apply:
        record = hall.holder.desk.shelf.find(plan_id).record
        apply.kill()
        apply.wait()
        assert record.running, "terraform goes on without Telamon"
        lock = lock_told(hall.other.run("plan", "--key", str(hall.other.office.keys["ada"])))
        refused = hall.holder.run("unlock", lock, "--yes")
        assert refused.code == 4, refused.err
        os.killpg(group_of(hall.holder.tree), signal.SIGKILL)
        assert eventually(lambda: not record.running, what="the end of terraform", seconds=LONGEST)
    another = hall.other.run("unlock", "6a1f7a5e-0000-0000-0000-9f2d3e4a5b6c", "--yes")
    assert another.code == 5, another.err
    assert lock in another.err
    unasked = hall.holder.run("unlock", lock)
    assert unasked.code != 0, unasked.out
    released = hall.holder.run("unlock", lock, "--yes", "-o", "json")
    assert released.code == 0, released.err
    assert released.document["lock"] == lock
    line = hall.holder.desk.log.read().lines[-1]
    assert (line.step, lock in line.detail) == ("unlocked", True)
    again = hall.holder.run("unlock", lock, "--yes")
    assert (again.code, again.out.strip()) == (0, "nobody holds a lock of network")
    done = hall.other.run("apply", hall.other.approved_plan("ada"), "--yes")
    assert done.code == 0, done.err
    assert set(hall.other.moto.terraform().addresses(hall.other.tree)) == set(ADDRESSES)


def group_of(tree: Path) -> int:
    """The session of the terraform that applies a folder."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if f"-chdir={tree}".encode() in words and b"apply" in words:
            return int(place.parent.name)
    raise AssertionError(f"no terraform applies {tree}")
