"""The example from nothing to standing on moto, killed on the way, changed by hand, put right, and taken away.

With TELAMON_WRITE_EVIDENCE=1 the run is written down in docs/evidence/aws.md.
"""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from telamon.desired.terraform.data import APPLIED, LayerName
from telamon.desired.terraform.render import PROVIDER, layers_on
from telamon.errors import PlatformError
from tests.aws.conftest import ROOT, Moto, tool
from tests.aws.quirks import FORGOTTEN, NOT_APPLIED, not_applied
from tests.aws.world import SECRET, World
from tests.support.approval import needs_ssh

pytestmark = [needs_ssh, pytest.mark.exhaustive, pytest.mark.timeout(5400)]

WRITE = "TELAMON_WRITE_EVIDENCE"
EVIDENCE = ROOT / "docs" / "evidence" / "aws.md"
SEED = 6
PASSWORDS = frozenset({"password", "password_wo", "secret", "secret_string", "auth_token", "private_key"})
KILLS = 4


@dataclass
class Record:
    """What was done, how long it took, and what came of it."""

    lines: list[tuple[str, float, str]] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    @contextmanager
    def step(self, what: str) -> Iterator[None]:
        """Do something and take the time; what came of it is the last thing that was said."""
        began = time.monotonic()
        yield
        self.lines.append((what, time.monotonic() - began, self.said.pop()))

    def result(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def world(moto: Moto, tmp_path_factory: pytest.TempPathFactory) -> World:
    text = (ROOT / "examples" / "aws.yaml").read_text(encoding="utf-8")
    return World.new(tmp_path_factory.mktemp("world"), moto, text)


def test_the_whole_way(world: World) -> None:
    record = Record()
    _up(world, record)
    _stands(world, record)
    _drift(world, record)
    _away(world, record)
    _no_secret(world)
    if os.environ.get(WRITE):
        EVIDENCE.write_text(page(world, record), encoding="utf-8")


def _up(world: World, record: Record) -> None:
    dice = random.Random(SEED)
    with record.step(f"`telamon up`, killed {KILLS} times at random moments, until everything stands"):
        found = world.up(killed_after=[dice.uniform(3, 60) for _ in range(KILLS)])
        assert found.code == 4, found.err
        assert "guard: kubernetes-platform" in found.err
        assert {each["place"] for each in found.document["layers"]} == {"stands"}
        record.result(
            "six layers stand; ends with the guard `kubernetes-platform`, because installing follows"
        )


def _stands(world: World, record: Record) -> None:
    terraform = world.terraform
    with record.step("everything counted, in the states and in what stands for AWS"):
        count = 0
        wanted: dict[str, int] = {}
        for layer in layers_on(world.ground_of_it):
            addresses = set(terraform.addresses(world.ground / layer.name))
            assert {each.address for each in layer.resources} - addresses == set(not_applied(layer))
            count += len(addresses - {APPLIED})
            _no_password(terraform.pull(world.ground / layer.name))
            for each in layer.resources:
                wanted[each.type] = wanted.get(each.type, 0) + 1
        assert len(world.made("ec2", "VPC")) == 2, "the account's own, and one more"
        assert len(world.made("ec2", "NatGateway")) == wanted["aws_nat_gateway"]
        assert len(world.made("ec2", "ElasticAddress")) == wanted["aws_eip"]
        assert len(world.made("eks", "Cluster")) == wanted["aws_eks_cluster"]
        record.result(f"{count} resources, none of them twice")


def _no_password(state: str) -> None:
    """A state holds no password, whoever would set one: AWS makes and keeps it."""
    assert SECRET not in state
    for resource in json.loads(state)["resources"]:
        for instance in resource["instances"]:
            held = {name: value for name, value in instance["attributes"].items() if value}
            assert not {name for name in held if name in PASSWORDS}, resource["type"]


def _drift(world: World, record: Record) -> None:
    group = str(world.terraform.outputs(world.ground / "cluster")["nodes_security_group_id"])
    file = str(world.file)
    with record.step("second plan of every layer, and every live rule: `telamon drift`"):
        found = world.run("drift", file)
        assert found.code == 0, found.out
        record.result("nothing to change in any, no rule that no state knows, exit code 0")
    own = re.findall(r"<securityGroupRuleId>(sgr-[0-9a-f]+)</securityGroupRuleId>", _rules_of(world, group))
    world.by_hand(
        "AuthorizeSecurityGroupIngress",
        GroupId=group,
        IpPermissions__1__IpProtocol="tcp",
        IpPermissions__1__FromPort="22",
        IpPermissions__1__ToPort="22",
        IpPermissions__1__IpRanges__1__CidrIp="0.0.0.0/0",
        IpPermissions__1__IpRanges__1__Description="for a moment",
    )
    with record.step("port 22 opened to the world by hand: `terraform plan`"):
        assert not world.terraform.plan(world.ground / "cluster", out=world.ground / "unseen")
        record.result("sees nothing")
    world.by_hand("RevokeSecurityGroupIngress", GroupId=group, SecurityGroupRuleId__1=own[0])
    with record.step("a rule of ours taken away by hand as well: `telamon drift --layer cluster`"):
        found = world.run("drift", file, "--layer", "cluster", "-o", "json")
        assert found.code == 23, found.err
        added, gone = found.document["differences"]
        assert "tcp 22 in from 0.0.0.0/0 (for a moment)" in added["told"]
        assert (added["what"], gone["what"]) == ("added", "gone")
        told = "; ".join(f"{each['severity']}: {each['address']}: {each['told']}" for each in (added, gone))
        record.result(f"exit code 23: {told}")
    with record.step("`telamon drift --layer cluster --fix`"):
        found = world.run("drift", file, "--layer", "cluster", "--fix", "--yes")
        assert found.code == 23, found.out + found.err
        assert added["rule"] not in world.by_hand("DescribeSecurityGroupRules")
        record.result("the rule that was added is taken back by its id; what is gone takes a plan")
    with record.step("that planned, approved by two, applied; `telamon drift --layer cluster`"):
        folder = world.ground / "cluster"
        plan, _ = world.desk.plan(folder, world.office.keys["bob"])
        world.approve([plan])
        world.desk.apply(folder, plan)
        assert world.run("drift", file, "--layer", "cluster").code == 0
        record.result("no difference, exit code 0")


def _rules_of(world: World, group: str) -> str:
    """Rules of a group that let in, as EC2 tells them."""
    answer = world.by_hand(
        "DescribeSecurityGroupRules", Filter__1__Name="group-id", Filter__1__Value__1=group
    )
    items = re.findall(r"<item>.*?</item>", answer, re.DOTALL)
    return "".join(item for item in items if "<isEgress>false" in item)


def _away(world: World, record: Record) -> None:
    terraform = world.terraform
    with record.step("`terraform destroy`, the last layer first"):
        for name in reversed(LayerName):
            folder = world.ground / name
            if name is LayerName.STATE:
                with pytest.raises(PlatformError, match="cannot be destroyed"):
                    terraform.destroy(folder)
            else:
                terraform.destroy(folder)
                assert terraform.addresses(folder) == ()
        record.result("nothing left but the bucket of the states and its key, which are protected")


def _no_secret(world: World) -> None:
    """Credentials are in no file that was written, and saved plans lie where only their owner reads them."""
    secret = SECRET.encode()
    for path in (*world.state.rglob("*"), *world.ground.rglob("*.json")):
        if path.is_file() and ".terraform" not in path.parts:
            assert secret not in path.read_bytes(), path
    for path in world.state.rglob("*.tfplan"):
        assert path.stat().st_mode & 0o777 == 0o600


def page(world: World, record: Record) -> str:
    """The run, written down."""
    rows = "\n".join(f"| {what} | {seconds:.0f} s | {came} |" for what, seconds, came in record.lines)
    cannot = "\n".join(f"| `{kind}` | {answer} |" for kind, answer in sorted(NOT_APPLIED.items()))
    forgets = ", ".join(f"`{kind}` ({', '.join(names)})" for kind, names in sorted(FORGOTTEN.items()))
    return f"""\
# AWS: the whole way, on a stand-in

Written by a run of `{WRITE}=1 .venv/bin/pytest tests/aws/test_whole_way.py`: `examples/aws.yaml` with
{versions(world)}.
Everything ran as real processes on one machine, which had other work to do; the times are no promise. No account of AWS
has seen any of it.

| what was done | took | what came of it |
|---|---:|---|
{rows}

Killed means SIGKILL to `telamon up`. Terraform, which runs in a session of its own, went on, and the next run waited
for it. A machine that loses its power takes terraform with it; what was made in the last seconds before that is not in
the state, and `telamon drift` does not look for it.

## What moto cannot do

Planned and validated like everything else, and left out of what was applied:

| type | what moto answers |
|---|---|
{cannot}

What moto takes and does not tell again, and the test therefore ignores in second plans: {forgets}.
"""


def versions(world: World) -> str:
    """Of everything that took part."""

    def first(*command: str) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        return done.stdout.strip().splitlines()[0]

    moto = first(str(tool("python")), "-c", "import moto; print(moto.__version__)")
    checkov = first(str(tool("checkov")), "--version")
    terraform = first(world.terraform.program, "version")
    return f"{terraform}, the AWS provider {PROVIDER}, moto {moto} and checkov {checkov}"
