"""Kubernetes is upgraded one minor version at a time, the control plane first, the machines apart."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.infra.kubernetes import notes, refusals
from telamon.infra.policies import derive


def plan(cluster: tuple[str | None, str | None], *groups: tuple[str | None, str | None]) -> dict[str, Any]:
    def item(address: str, versions: tuple[str | None, str | None]) -> dict[str, Any]:
        before, after = ({"version": version} if version else None for version in versions)
        change = {"actions": ["update"], "before": before, "after": after}
        return {"address": address, "type": address.partition(".")[0], "change": change}

    changes = [item("aws_eks_cluster.main", cluster)]
    changes += [item(f"aws_eks_node_group.group_{number}", group) for number, group in enumerate(groups)]
    return {"resource_changes": changes}


def guards(document: dict[str, Any]) -> set[str]:
    return {name for name, _, _ in refusals(document)}


@pytest.mark.parametrize(
    ("cluster", "groups", "refused"),
    [
        ((None, "1.33"), [(None, "1.33")], set()),
        (("1.33", "1.33"), [("1.33", "1.33")], set()),
        (("1.33", "1.34"), [("1.33", "1.33")], set()),
        (("1.34", "1.34"), [("1.33", "1.34")], set()),
        (("1.33", "1.35"), [("1.33", "1.33")], {"kubernetes-one-minor"}),
        (("1.34", "1.33"), [("1.33", "1.33")], {"kubernetes-one-minor"}),
        (("1.33", "1.34"), [("1.33", "1.34")], {"kubernetes-apart"}),
        (("1.34", "1.34"), [("1.34", "1.35")], {"kubernetes-skew"}),
        (("1.33", "1.34"), [("1.30", "1.30")], {"kubernetes-skew"}),
        (("1.33", "1.34"), [("1.33", None)], set()),
    ],
)
def test_steps_that_are_allowed_and_steps_that_are_not(
    cluster: tuple[str, str], groups: list[tuple[str, str]], refused: set[str]
) -> None:
    assert guards(plan(cluster, *groups)) == refused


def test_every_group_is_named_and_told_what_to_write() -> None:
    found = list(refusals(plan(("1.33", "1.34"), ("1.33", "1.34"), ("1.33", "1.34"))))
    assert [address for _, address, _ in found] == [f"aws_eks_node_group.group_{number}" for number in (0, 1)]
    assert all('machinesKubernetes: "1.33"' in told for _, _, told in found)


def test_they_are_policies_of_every_plan() -> None:
    failed = {
        found.name for found in derive(plan(("1.33", "1.35"), ("1.33", "1.33")), None) if not found.passed
    }
    kept = {found.name for found in derive(plan(("1.33", "1.34"), ("1.33", "1.33")), None) if found.passed}
    assert failed == {"kubernetes-one-minor"}
    assert {"kubernetes-one-minor", "kubernetes-apart", "kubernetes-skew"} <= kept


def test_people_are_told_what_is_served_no_more_and_until_when() -> None:
    told = notes(plan(("1.31", "1.32")))
    assert "from 1.31 to 1.32, supported until 2026-03-23; there is no way back" in told[0]
    served, look = told[1:]
    assert "telamon apis FILE --to 1.32" in look
    assert served.startswith("1.32 no longer serves FlowSchema, PriorityLevelConfiguration as flowcontrol")
    assert served.endswith("write flowcontrol.apiserver.k8s.io/v1")
    assert "of which nothing is known here" in notes(plan(("1.98", "1.99")))[0]
    assert notes(plan(("1.33", "1.33"))) == ()
    assert notes(plan((None, "1.33"))) == ()
