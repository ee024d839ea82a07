"""What is foreseen of the ground is told layer by layer, with what becomes of machines."""

from __future__ import annotations

from telamon.cli.documents.checked import GroundForeseen, Plan
from telamon.cli.foreseeing import text

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
