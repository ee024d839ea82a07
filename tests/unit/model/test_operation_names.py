"""Names of operations: the longest verb on the longest component still has one."""

from __future__ import annotations

from telamon.model.operation import Operation
from telamon.plan.operations.registry import PLANNERS


def test_every_verb_can_be_asked_of_a_companion() -> None:
    for verb in PLANNERS:
        made = Operation.model_validate(
            {
                "apiVersion": "telamon.dev/v1alpha1",
                "kind": "Operation",
                "metadata": {"name": f"{verb}-confluence-synchrony-1200"},
                "spec": {"verb": verb, "target": {"stack": "acme"}, "generation": 1},
            },
            strict=False,
        )
        assert made.metadata.name.startswith(verb)
