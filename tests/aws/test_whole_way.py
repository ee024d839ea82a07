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
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from telamon.cli.ground import FACTS
from telamon.desired.terraform.data import APPLIED, LayerName
from telamon.desired.terraform.render import PROVIDER, layers_on
from telamon.errors import PlatformError
from tests.aws.conftest import ROOT, Moto, tool
from tests.aws.quirks import FORGOTTEN, NOT_APPLIED, not_applied
from tests.aws.world import ANSWERED_UNTIL, SECRET, SESSION, World
from tests.support.approval import needs_ssh

pytestmark = [needs_ssh, pytest.mark.exhaustive, pytest.mark.timeout(5400)]

WRITE = "TELAMON_WRITE_EVIDENCE"
EVIDENCE = ROOT / "docs" / "evidence" / "aws.md"
SEED = 6
PASSWORDS = frozenset({"password", "password_wo", "secret", "secret_string", "auth_token", "private_key"})
KILLS = 3


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


@pytest.mark.parametrize(
    "layers",
    [pytest.param(("state", "network"), id="network"), pytest.param(tuple(map(str, LayerName)), id="all")],
)
def test_the_whole_way(layers: tuple[str, ...], moto: Moto, tmp_path: Path) -> None:
    world = World.new(tmp_path, moto, (ROOT / "examples" / "aws.yaml").read_text(encoding="utf-8"))
    record = Record()
    _up(world, record, layers=layers)
    _stands(world, record, layers=layers)
    _drift(world, record, layer="cluster" if "cluster" in layers else "network")
    _no_secret(world, record, layers=layers)
    _judged(world, record)
    _away(world, record, layers=layers)
    if os.environ.get(WRITE):
        EVIDENCE.write_text(page(world, record, layers=layers), encoding="utf-8")


def _up(world: World, record: Record, *, layers: Sequence[str]) -> None:
    dice = random.Random(SEED)
    with record.step(
        f"`telamon up`, killed {KILLS} times at random moments, until {', '.join(layers)} stand"
    ):
        found = world.up(layers, killed_after=[dice.uniform(3, 60) for _ in range(KILLS)])
        assert world.standing(layers), found.err
        everything = len(layers) == len(LayerName)
        # Once everything stands it goes on to the cluster, and moto's answers nobody.
        assert found.code != 0, found.err
        assert (world.ground / FACTS).is_file() is everything
        record.result("they stand")


def _stands(world: World, record: Record, *, layers: Sequence[str]) -> None:
    terraform = world.terraform
    with record.step("everything counted, in the states and in what stands for AWS"):
        count = 0
        wanted: Counter[str] = Counter()
        for layer in layers_on(world.ground_of_it):
            if layer.name not in layers:
                continue
            addresses = set(terraform.addresses(world.ground / layer.name))
            assert {each.address for each in layer.resources} - addresses == set(not_applied(layer))
            count += len(addresses - {APPLIED})
            wanted.update(each.type for each in layer.resources)
            _no_password(terraform.pull(world.ground / layer.name))
        assert len(world.ids("DescribeVpcs", "vpcId")) == 2, "the account's own, and one more"
        assert len(world.ids("DescribeNatGateways", "natGatewayId")) == wanted["aws_nat_gateway"]
        assert len(world.ids("DescribeAddresses", "allocationId")) == wanted["aws_eip"]
        assert len(world.clusters()) == wanted["aws_eks_cluster"]
        record.result(f"{count} resources, none of them twice")


def _no_password(state: str) -> None:
    """A state holds no password, whoever would set one: AWS makes and keeps it."""
    assert SECRET not in state
    for resource in json.loads(state)["resources"]:
        for instance in resource["instances"]:
            held = {name: value for name, value in instance["attributes"].items() if value}
            assert not {name for name in held if name in PASSWORDS}, resource["type"]


def _drift(world: World, record: Record, *, layer: str) -> None:
    group = _group_of(world, layer)
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
        assert not world.terraform.plan(world.ground / layer, out=world.ground / "unseen")
        record.result("sees nothing")
    world.by_hand("RevokeSecurityGroupIngress", GroupId=group, SecurityGroupRuleId__1=own[0])
    with record.step("a rule of ours taken away by hand as well: `telamon drift`"):
        found = world.run("drift", file, "--layer", layer, "-o", "json")
        assert found.code == 23, found.err
        added, gone = found.document["differences"]
        assert "tcp 22 in from 0.0.0.0/0 (for a moment)" in added["told"]
        assert (added["what"], gone["what"]) == ("added", "gone")
        told = "; ".join(f"{each['severity']}: {each['address']}: {each['told']}" for each in (added, gone))
        record.result(f"exit code 23: {told}")
    with record.step("`telamon drift --fix`"):
        found = world.run("drift", file, "--layer", layer, "--fix", "--yes")
        assert found.code == 23, found.out + found.err
        assert added["rule"] not in world.by_hand("DescribeSecurityGroupRules")
        record.result("the rule that was added is taken back by its id; what is gone takes a plan")
    with record.step("that planned, approved by two, applied; `telamon drift`"):
        folder = world.ground / layer
        plan, _ = world.desk.plan(folder, world.office.keys["bob"])
        world.approve([plan])
        world.desk.apply(folder, plan)
        assert world.run("drift", file, "--layer", layer).code == 0
        record.result("no difference, exit code 0")


def _group_of(world: World, layer: str) -> str:
    """A security group of a layer that has rules of ours."""
    resources = json.loads(world.terraform.pull(world.ground / layer))["resources"]
    (rule, *_) = [each for each in resources if each["type"] == "aws_vpc_security_group_ingress_rule"]
    return str(rule["instances"][0]["attributes"]["security_group_id"])


def _rules_of(world: World, group: str) -> str:
    """Rules of a group that let in, as EC2 tells them."""
    answer = world.by_hand(
        "DescribeSecurityGroupRules", Filter__1__Name="group-id", Filter__1__Value__1=group
    )
    items = re.findall(r"<item>.*?</item>", answer, re.DOTALL)
    return "".join(item for item in items if "<isEgress>false" in item)


def _away(world: World, record: Record, *, layers: Sequence[str]) -> None:
    terraform = world.terraform
    with record.step("`terraform destroy`, the last layer first"):
        for name in reversed(layers):
            folder = world.ground / name
            if name == LayerName.STATE:
                with pytest.raises(PlatformError, match="cannot be destroyed"):
                    terraform.destroy(folder)
            else:
                terraform.destroy(folder)
                assert terraform.addresses(folder) == ()
        record.result("nothing left but the bucket of the states and its key, which are protected")


def _no_secret(world: World, record: Record, *, layers: Sequence[str]) -> None:
    """No secret is in anything that was written, said, planned or remembered, and plans are their owner's alone."""
    with record.step("states, plans and their text, logs, reports and answers searched for every secret"):
        secrets = known_secrets(world)
        texts = dict(_written(world)) | dict(_remembered(world, layers))
        found = [(place, kind) for place, text in texts.items() for kind, each in secrets if each in text]
        assert found == []
        assert texts.keys() >= {"said.txt", "state/infra/audit.jsonl"}
        for path in world.state.rglob("*.tfplan"):
            assert path.stat().st_mode & 0o777 == 0o600
        kinds = ", ".join(
            f"{count} of {kind}" for kind, count in Counter(kind for kind, _ in secrets).items()
        )
        record.result(f"{len(texts)} texts hold none of {len(secrets)} ({kinds})")


def known_secrets(world: World) -> list[tuple[str, bytes]]:
    """Every secret that is about: who applies, who signs, and what AWS keeps. A key is known by each of its lines."""
    found = [("the credentials", SECRET.encode()), ("the credentials", SESSION.encode())]
    for key in world.office.keys.values():
        lines = key.read_bytes().splitlines()[1:-1]
        found += [("the keys of approvers", line) for line in lines if _is_private(line, lines)]
    return found + [("what AWS keeps", value.encode()) for value in world.kept_secrets()]


def _is_private(line: bytes, lines: Sequence[bytes]) -> bool:
    """The first lines of a key say its kind and its public half, which approvals show."""
    return lines.index(line) >= len(lines) // 2


def _written(world: World) -> Iterator[tuple[str, bytes]]:
    """Every file beside the keys and what the provider brings along."""
    for path in sorted(world.folder.rglob("*")):
        inside = path.relative_to(world.folder)
        if path.is_file() and ".terraform" not in inside.parts and inside.parts[0] != "keys":
            yield str(inside), path.read_bytes()


def _remembered(world: World, layers: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """States from where they are kept, and every plan as people and programs read it."""
    for name in layers:
        yield f"state of {name}", world.terraform.pull(world.ground / name).encode()
    for kept in world.plans():
        name, folder = kept.folder.name, world.ground / kept.evidence.part
        yield f"plan {name}", world.terraform.show(folder, plan=kept.plan)
        shown = world.run("infra", "show", str(folder), name, "--stack", str(world.file))
        assert kept.evidence.part in shown.out, shown.err
        yield f"words of plan {name}", shown.out.encode()


def _judged(world: World, record: Record) -> None:
    with record.step("what checkov said of every plan"):
        found = judged(world)
        assert found.failed == 0
        assert found.passed > 50
        assert len(found.waived) <= 8
        record.result(
            f"{found.passed} checks passed, {found.failed} failed, {len(found.waived)} different ones waived "
            f"({', '.join(sorted(found.waived))}) with owner, reason and day; {len(found.answered)} more fail "
            "because this run takes away what it made"
        )


@dataclass(frozen=True)
class Judged:
    """What checkov said of every plan that was applied.

    Attributes:
        passed: checks that found nothing.
        failed: checks that found something for which nobody answers.
        waived: checks that somebody answers for with `examples/waivers.json`.
        answered: checks that only fail because the test takes away what it made.
    """

    passed: int
    failed: int
    waived: frozenset[str]
    answered: frozenset[str]


def judged(world: World) -> Judged:
    """Count the verdicts that lie with the plans."""
    verdicts = [
        verdict
        for kept in world.plans()
        for verdict in json.loads(kept.report or b'{"verdicts": []}')["verdicts"]
    ]
    waived = [verdict for verdict in verdicts if verdict.get("waivedUntil")]
    ours = frozenset(each["policy"] for each in waived if each["waivedUntil"] == ANSWERED_UNTIL)
    others = frozenset(each["policy"] for each in waived if each["waivedUntil"] != ANSWERED_UNTIL)
    return Judged(
        passed=sum(verdict["passed"] for verdict in verdicts) - len(waived),
        failed=sum(not verdict["passed"] for verdict in verdicts),
        waived=others,
        answered=ours,
    )


def page(world: World, record: Record, *, layers: Sequence[str]) -> str:
    """The run, written down."""
    rows = "\n".join(f"| {what} | {seconds:.0f} s | {came} |" for what, seconds, came in record.lines)
    cannot = "\n".join(f"| `{kind}` | {answer} |" for kind, answer in sorted(NOT_APPLIED.items()))
    left = [str(name) for name in LayerName if name not in layers]
    without = f"The layers {', '.join(left)} were not part of this run. " if left else ""
    forgets = ", ".join(f"`{kind}` ({', '.join(names)})" for kind, names in sorted(FORGOTTEN.items()))
    return f"""\
# AWS: the whole way, on a stand-in

Written by a run of `{WRITE}=1 .venv/bin/pytest tests/aws/test_whole_way.py`: `examples/aws.yaml` with
{versions(world)}.
{without}Everything ran as real processes on one machine, which had other work to do; the times are no promise. No
account of AWS has seen any of it.

| what was done | took | what came of it |
|---|---:|---|
{rows}

Killed means SIGKILL to `telamon up`. Terraform, which runs in a session of its own, went on, and the next run waited
for it. Terraform itself is killed in `tests/aws/test_killed_terraform.py`: what it had made is taken into the state by
its id, once the lock that it left was released.

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
