"""What a plan does to the machines of a cluster, and what holds it: for people, before they approve.

A managed node group is rolled by AWS itself, behind disruption budgets and nothing else. It is never told to go on
where those do not allow it: a plan that says so is refused. Who wants the products' health to hold machines back has a
group made beside, and empties the old one with ``telamon machines roll`` (docs/adr/0046).

Sources: Amazon EKS User Guide, "Understand each phase of node updates" (machines of the new kind are started first; old
ones are picked at random, at most ``maxUnavailable`` at a time; pods that have not left after 15 minutes fail the
update unless it is forced), "Delete a managed node group"; AWS provider, ``aws_eks_node_group``
(``force_update_version``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from telamon.naming import LABEL_PURPOSE

GROUP: Final = "aws_eks_node_group"
ROLLS: Final = ("version", "release_version", "launch_template")
"""Attributes whose change replaces every machine of a group."""
LEAVES_WITHIN: Final = 15
"""Minutes that EKS gives the pods of a machine to leave."""


def refusals(plan: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What speaks against what a plan does to machines.

    Args:
        plan: what ``terraform show -json`` prints.

    Yields:
        Name of a policy, address, and reason.
    """
    for item in _groups(plan):
        if (item["change"].get("after") or {}).get("force_update_version"):
            told = f"pods that their budgets hold back would be deleted after {LEAVES_WITHIN} minutes all the same"
            yield "machines-not-forced", item["address"], told


def notes(plan: Mapping[str, Any]) -> tuple[str, ...]:
    """What people should know of the machines that a plan replaces, adds or takes away; empty where it does not.

    Args:
        plan: what ``terraform show -json`` prints.
    """
    rolled, come, go = [], [], []
    for item in _groups(plan):
        actions = set(item["change"]["actions"])
        if "delete" in actions:
            go.append(item)
        elif "create" in actions:
            come.append(item)
        elif _is_rolled(item["change"]):
            rolled.append(item)
    return (*map(_rolled, rolled), *_beside(come, plan), *map(_gone, go))


def _groups(plan: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [item for item in plan.get("resource_changes", ()) if item["type"] == GROUP]


def _is_rolled(change: Mapping[str, Any]) -> bool:
    before, after = (change.get(side) or {} for side in ("before", "after"))
    unknown = change.get("after_unknown") or {}
    known = any(before.get(key) != after.get(key) for key in ROLLS if key in before or key in after)
    return "update" in change["actions"] and (known or any(_is_unknown(unknown.get(key)) for key in ROLLS))


def _is_unknown(value: object) -> bool:
    """Whether any part of a value is known after the apply alone."""
    if isinstance(value, dict):
        return any(map(_is_unknown, value.values()))
    if isinstance(value, list):
        return any(map(_is_unknown, value))
    return value is True


def _rolled(item: Mapping[str, Any]) -> str:
    settings = (item["change"].get("after") or {}).get("update_config") or [{}]
    most = settings[0].get("max_unavailable") or 1
    return (
        f"{item['address']}: AWS starts machines of the new kind, and then empties the old ones in no order that is "
        f"told, {most} at a time, as disruption budgets allow; where pods have not left within {LEAVES_WITHIN} minutes "
        f"it stops. It does not ask whether the products are well. `telamon machines list` says what speaks against it "
        f"now; where their health is to hold each machine back, write a group beside it in "
        f"spec.platform.nodeGroups, and empty this one with `telamon machines roll --group {_name(item)} --into THAT`"
    )


def _beside(come: list[Mapping[str, Any]], plan: Mapping[str, Any]) -> Iterator[str]:
    for item in come:
        there = sorted(
            _name(each)
            for each in _groups(plan)
            if each["change"].get("before") and _purpose(each, "before") == _purpose(item, "after")
        )
        if not there:
            continue
        yield (
            f"{item['address']}: its machines come beside those that are there ({', '.join(there)}); `telamon machines "
            f"roll --group THOSE --into {_name(item)}` then empties them one by one, while the products stay well"
        )


def _gone(item: Mapping[str, Any]) -> str:
    return (
        f"{item['address']}: its machines go, and AWS empties them without asking whether the products are well; have "
        f"`telamon machines roll --group {_name(item)} --into ANOTHER` done before this is applied"
    )


def _purpose(item: Mapping[str, Any], side: str) -> str:
    """What a group's machines are for; "" where they do not say."""
    return str(((item["change"].get(side) or {}).get("labels") or {}).get(LABEL_PURPOSE, ""))


def _name(item: Mapping[str, Any]) -> str:
    """Of the group, as its machines carry it."""
    for side in ("before", "after"):
        name = (item["change"].get(side) or {}).get("node_group_name")
        if name:
            return str(name)
    return str(item["address"]).rpartition(".")[2]
