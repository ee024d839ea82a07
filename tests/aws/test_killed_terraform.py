"""Terraform itself is killed in the middle of an apply, with its state and its lock in a bucket of moto."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from botocore.session import get_session

from telamon.errors import ConflictError, PlatformError
from telamon.platforms.approval.desk import Desk
from telamon.platforms.approval.unlocking import Unlocking
from telamon.platforms.terraform.applying import WasEnded
from tests.aws.conftest import DUMMY, Moto
from tests.support.approval import Office, needs_ssh
from tests.understudy.support import eventually

pytestmark = [needs_ssh, pytest.mark.exhaustive, pytest.mark.timeout(900)]

REGION = DUMMY["AWS_REGION"]
BUCKET = "states-of-acme"
SLOW = "120"
"""Seconds for which the second thing is being made, so that nothing is written down after the first."""


def configuration() -> dict[str, Any]:
    """A network, and something slow that rests on it; the state is kept, and locked, in a bucket."""
    backend = {
        "bucket": BUCKET,
        "key": "network",
        "region": REGION,
        "use_lockfile": True,
        "use_path_style": True,
    }
    slow = {"provisioner": [{"local-exec": {"command": f"sleep {SLOW}"}}], "input": "${aws_vpc.main.id}"}
    return {
        "terraform": {
            "backend": {"s3": backend},
            "required_providers": {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}},
        },
        "provider": {"aws": {"region": REGION, "skip_metadata_api_check": True, "max_retries": 2}},
        "resource": {"aws_vpc": {"main": {"cidr_block": "10.64.0.0/16"}}, "terraform_data": {"slow": slow}},
    }


@pytest.fixture
def service(moto: Moto, monkeypatch: pytest.MonkeyPatch) -> Any:
    """S3 as a person at a console has it, with the bucket of the states."""
    for name, value in DUMMY.items():
        monkeypatch.setenv(name, value)
    client = get_session().create_client("s3", region_name=REGION, endpoint_url=moto.url)
    client.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    return client


def networks(moto: Moto) -> list[str]:
    """Ids of the networks that were made, as EC2 tells them."""
    body = urlencode({"Action": "DescribeVpcs", "Version": "2016-11-15"}).encode()
    scope = f"none/20260101/{REGION}/ec2/aws4_request"
    signed = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"
    with urlopen(Request(moto.url, data=body, headers={"Authorization": signed})) as answer:
        told = str(answer.read().decode())
    items = re.findall(r"<vpcId>([^<]+)</vpcId>.*?<cidrBlock>([^<]+)</cidrBlock>", told, re.DOTALL)
    return [one for one, block in items if block == "10.64.0.0/16"]


def terraform_of(folder: Path) -> int | None:
    """The process that applies a folder."""
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = place.read_bytes().split(b"\0")
        except OSError:
            continue
        if f"-chdir={folder}".encode() in words and b"apply" in words:
            return int(place.parent.name)
    return None


def begin_and_kill(desk: Desk, office: Office, plan_id: str, *, when: Callable[[], bool]) -> PlatformError:
    """Apply a plan, and kill terraform and its providers at a moment. Gives what Telamon says of it."""
    with ThreadPoolExecutor(1) as pool:
        applied = pool.submit(desk.apply, office.tree, plan_id)
        assert eventually(lambda: applied.done() or when(), what="the moment", seconds=300)
        process = terraform_of(office.tree)
        assert process is not None
        os.killpg(process, signal.SIGKILL)
        with pytest.raises(WasEnded, match="terraform apply of network was ended") as raised:
            applied.result(120)
        return raised.value


def test_what_it_had_made_is_taken_into_the_state_and_nothing_is_made_twice(
    moto: Moto, service: Any, tmp_path: Path
) -> None:
    office = Office.new(tmp_path)
    office.configure(configuration())
    desk = replace(office.desk, terraform=moto.terraform())
    plan_id = office_plan(office, desk)
    record = desk.shelf.find(plan_id).record

    def network_is_made() -> bool:
        said = record.folder / "said.jsonl"
        return said.exists() and b'"aws_vpc.main: Creation complete' in said.read_bytes()

    begin_and_kill(desk, office, plan_id, when=network_is_made)
    assert len(networks(moto)) == 1
    assert "aws_vpc.main" not in desk.terraform.addresses(office.tree), (
        "it was written down, and proves nothing"
    )

    # The next run meets the lock of the one that was killed, says whose it is, and goes on from the same place later.
    with pytest.raises(ConflictError, match="somebody else is changing this layer") as refused:
        desk.finish(office.tree, plan_id)
    (lock,) = re.findall(r"\(lock ([^)]+)\)", str(refused.value))
    unlocking = Unlocking(desk)
    with pytest.raises(ConflictError, match="another one by now"):
        unlocking.held(office.tree, "6a1f7a5e-0000-0000-0000-9f2d3e4a5b6c")
    held = unlocking.held(office.tree, lock)
    assert held is not None
    unlocking.release(office.tree, held)
    assert unlocking.held(office.tree, lock) is None
    assert desk.log.read().lines[-1].step == "unlocked"

    with pytest.raises(WasEnded, match=r"taken into the state: aws_vpc.main \(vpc-") as told:
        desk.finish(office.tree, plan_id)
    assert desk.log.read().lines[-1].step == "failed"
    assert told.value.remedy
    assert "aws_vpc.main" in desk.terraform.addresses(office.tree)
    document = configuration()
    del document["resource"]["terraform_data"]["slow"]["provisioner"]
    office.configure(document)
    desk.apply(office.tree, office_plan(office, desk))
    assert set(desk.terraform.addresses(office.tree)) == {"aws_vpc.main", "terraform_data.slow"}
    assert len(networks(moto)) == 1
    assert not desk.look(office.tree).summary.changes


def office_plan(office: Office, desk: Desk) -> str:
    """A plan that enough people have signed."""
    plan_id = desk.plan(office.tree, office.keys["bob"])[0]
    evidence = desk.shelf.find(plan_id).evidence
    for name in ("ada", "cyd"):
        desk.hand_in(desk.approve(evidence, office.keys[name], names=evidence.destructive))
    return plan_id
