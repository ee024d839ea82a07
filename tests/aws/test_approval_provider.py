"""Approvals of real plans of the AWS provider, applied against moto."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from telamon.errors import RefusedError
from telamon.platforms.approval.desk import Desk
from tests.aws.conftest import Moto
from tests.support.approval import Office, needs_ssh

pytestmark = [needs_ssh, pytest.mark.lab, pytest.mark.exhaustive]

REGION = "eu-central-1"


def ground(**more: Any) -> dict[str, Any]:
    """A network with a door, and whatever else."""
    rule = {
        "security_group_id": "${aws_security_group.web.id}",
        "ip_protocol": "tcp",
        "from_port": 443,
        "to_port": 443,
        "cidr_ipv4": "0.0.0.0/0",
    }
    return {
        "terraform": {"required_providers": {"aws": {"source": "hashicorp/aws", "version": "5.100.0"}}},
        "provider": {"aws": {"region": REGION, "skip_metadata_api_check": True, "max_retries": 2}},
        "resource": {
            "aws_vpc": {"main": {"cidr_block": "10.64.0.0/16"}},
            "aws_security_group": {"web": {"vpc_id": "${aws_vpc.main.id}", "description": "web"}},
            "aws_vpc_security_group_ingress_rule": {"web": rule | more},
        },
    }


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office.new(tmp_path)


def desk_of(office: Office, moto: Moto) -> Desk:
    return replace(office.desk, terraform=moto.terraform())


def plan(office: Office, desk: Desk) -> str:
    return desk.plan(office.tree, office.keys["bob"])[0]


def approve(office: Office, desk: Desk, plan_id: str) -> None:
    evidence = desk.shelf.find(plan_id).evidence
    for name in ("ada", "cyd"):
        desk.hand_in(desk.approve(evidence, office.keys[name], names=evidence.destructive))


def test_real_plans_are_approved_and_applied(office: Office, moto: Moto) -> None:
    desk = desk_of(office, moto)
    office.configure(ground())
    first, second = (plan(office, desk) for _ in range(2))
    evidence = [desk.shelf.find(one).evidence for one in (first, second)]
    assert evidence[0].plan == evidence[1].plan
    approve(office, desk, first)

    # The provider is another one than the one that was approved.
    lock = office.tree / ".terraform.lock.hcl"
    kept = lock.read_bytes()
    assert b"hashicorp/aws" in kept
    lock.write_bytes(kept.replace(b'"h1:', b'"h1:x', 1))
    with pytest.raises(RefusedError) as caught:
        desk.apply(office.tree, first)
    assert caught.value.guard == "same-lock"
    lock.write_bytes(kept)

    desk.apply(office.tree, first)
    approve(office, desk, second)
    with pytest.raises(RefusedError) as caught:
        desk.apply(office.tree, second)
    assert caught.value.guard == "same-lineage"
    assert desk.look(office.tree).summary.changes == ()

    # A rule cannot change its door in place for everybody: a policy refuses, whoever approves.
    office.configure(ground(from_port=22, to_port=22))
    open_door = plan(office, desk)
    approve(office, desk, open_door)
    with pytest.raises(RefusedError, match="no-open-door"):
        desk.apply(office.tree, open_door)
