"""Whoever approves a plan is told what becomes of the machines, and what holds them."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.infra.node_groups import notes, refusals
from telamon.infra.policies import derive

OLD = {
    "node_group_name": "products",
    "version": "1.34",
    "launch_template": [{"version": "3"}],
    "update_config": [{"max_unavailable": 2}],
}


def group(
    name: str, *actions: str, before: Any = None, after: Any = None, unknown: Any = None
) -> dict[str, Any]:
    change = {"actions": list(actions), "before": before, "after": after, "after_unknown": unknown or {}}
    return {"address": f"aws_eks_node_group.{name}", "type": "aws_eks_node_group", "change": change}


def plan(*groups: dict[str, Any]) -> dict[str, Any]:
    return {"resource_changes": list(groups)}


@pytest.mark.parametrize(
    ("changed", "unknown"),
    [
        ({"version": "1.35"}, {}),
        ({"release_version": "1.34.2-20261101"}, {}),
        ({"launch_template": [{"version": "4"}]}, {}),
        ({"launch_template": [{}]}, {"launch_template": [{"version": True}]}),
        ({}, {"launch_template": [{"version": True}]}),
    ],
)
def test_a_group_that_aws_rolls_is_told_with_what_holds_it(changed: dict[str, Any], unknown: Any) -> None:
    (told,) = notes(plan(group("products", "update", before=OLD, after=OLD | changed, unknown=unknown)))
    assert told.startswith("aws_eks_node_group.products: AWS starts machines of the new kind")
    assert "2 at a time, as disruption budgets allow" in told
    assert "`telamon machines roll --group products --into THAT`" in told


@pytest.mark.parametrize(
    "item",
    [
        group("products", "no-op", before=OLD, after=OLD),
        group("products", "update", before=OLD, after=OLD | {"labels": {"a": "b"}}),
        group("products", "create", after=OLD),
    ],
)
def test_nothing_is_told_where_no_machine_that_runs_is_touched(item: dict[str, Any]) -> None:
    assert notes(plan(item)) == ()


def test_a_group_of_another_purpose_takes_over_from_nobody() -> None:
    system, products = ({"labels": {"telamon.dev/purpose": name}} for name in ("system", "products"))
    there = group("products", "no-op", before=OLD | products, after=OLD | products)
    assert notes(plan(there, group("core", "create", after=system))) == ()
    (told,) = notes(plan(there, group("next", "create", after=products | {"node_group_name": "next"})))
    assert "`telamon machines roll --group THOSE --into next`" in told


def test_a_group_that_comes_beside_and_one_that_goes_name_the_roll() -> None:
    beside = OLD | {"node_group_name": "products-b", "version": "1.35"}
    there = group("products", "no-op", before=OLD, after=OLD)
    (told,) = notes(plan(there, group("b", "create", after=beside)))
    assert "beside those that are there (products)" in told
    assert "--into products-b`" in told
    for actions in (("delete",), ("delete", "create"), ("create", "delete")):
        after = OLD if "create" in actions else None
        (told,) = notes(plan(group("products", *actions, before=OLD, after=after)))
        assert "`telamon machines roll --group products --into ANOTHER` done before this is applied" in told


def test_a_plan_that_would_go_on_against_the_budgets_is_refused() -> None:
    forced = plan(group("products", "update", before=OLD, after=OLD | {"force_update_version": True}))
    assert [name for name, _, _ in refusals(forced)] == ["machines-not-forced"]
    assert "machines-not-forced" in {each.name for each in derive(forced, None) if not each.passed}
    assert not list(refusals(plan(group("products", "delete", before=OLD))))
    kept = plan(group("products", "update", before=OLD, after=OLD | {"force_update_version": False}))
    assert "machines-not-forced" in {each.name for each in derive(kept, None) if each.passed}
