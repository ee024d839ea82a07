"""What is foreseen of the ground is told layer by layer, with what becomes of machines."""

from __future__ import annotations

import pytest

from telamon.cli.documents.checked import GroundForeseen, Plan
from telamon.cli.foreseeing import room_on, text
from telamon.desired.terraform.ground import ground
from tests.support.manifests import products, stack_of

ROLLED = GroundForeseen(
    "cluster",
    "has no plan that is good: there is none yet",
    changes="1 changed",
    down=("aws_eks_node_group.products: nodes are replaced one after another",),
    notes=("aws_eks_node_group.products: AWS starts machines of the new kind",),
    destructive=("aws_eip.old",),
    refused=("kubernetes-apart: machines go to 1.36 in the plan after",),
    cost=-12.5,
    stand_ins=("vpc_id",),
)


def test_each_layer_is_told_and_what_becomes_of_its_machines() -> None:
    standing = GroundForeseen("state", "stands")
    told = text(Plan("acme", (), (), (), (), (standing, ROLLED))).splitlines()
    assert told[:-1] == [
        "acme: what would become of its ground",
        "  state    stands",
        "  cluster  1 changed",
        "      values stand in for what is not there yet: vpc_id",
        "      destroyed or replaced: aws_eip.old",
        "      goes down: aws_eks_node_group.products: nodes are replaced one after another",
        "      aws_eks_node_group.products: AWS starts machines of the new kind",
        "      refused: kubernetes-apart: machines go to 1.36 in the plan after",
        "      a month costs USD -12.50",
    ]


AWS = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  environment: production
  domain: acme.example
  products: {jira: {version: 11.3.1, nodes: 2, resources: {memory: 12Gi}}}
  platform: {kind: aws, region: eu-central-1, account: "123456789012", nodeGroups: {products: GROUP}}
"""


@pytest.mark.parametrize(
    ("group", "verdicts"),
    [
        ("{type: m7i.xlarge, count: 3}", ["fits", "fits"]),
        ("{type: m7i.xlarge, count: 2}", ["fits", "cannot fit"]),
        ("{type: m7i.large, count: 4}", ["cannot fit", "cannot fit"]),
        ("{type: x2idn.16xlarge, count: 3}", ["no packing found"]),
    ],
)
def test_room_is_judged_on_the_machines_that_the_ground_would_start(group: str, verdicts: list[str]) -> None:
    stack = stack_of(AWS.replace("GROUP", group))
    found = room_on(stack, ground(stack, products(stack)))
    assert [each.verdict for each in found] == verdicts
    told = text(Plan("acme", (), (), (), (), (), found))
    assert f"  room with all machines: {verdicts[0]}" in told
    assert ("x2idn.16xlarge" in told) is (len(verdicts) == 1)
