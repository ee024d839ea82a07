"""What is otherwise than it was applied: what changed outside, what went, and rules that no plan shows."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.infra.drift import (
    Deviation,
    LiveRule,
    Severity,
    added_rules,
    drift_of,
    groups_in,
    rules_in,
    rules_kept,
    worst,
)


def change(
    address: str, before: Any, after: Any, *, actions: tuple[str, ...] = ("update",)
) -> dict[str, Any]:
    return {
        "address": address,
        "type": address.partition(".")[0],
        "change": {"actions": list(actions), "before": before, "after": after},
    }


def plan(*changes: dict[str, Any], outside: tuple[str, ...] = ()) -> dict[str, Any]:
    drift = [
        {"address": address, "type": address.partition(".")[0], "change": {"actions": ["update"]}}
        for address in outside
    ]
    return {"resource_changes": list(changes), "resource_drift": drift}


def one(document: dict[str, Any]) -> Any:
    (found,) = drift_of("network", document)
    return found


def test_what_was_changed_outside_is_told_with_both_values() -> None:
    address = "aws_vpc_security_group_ingress_rule.web"
    found = one(
        plan(change(address, {"cidr_ipv4": "0.0.0.0/0"}, {"cidr_ipv4": "10.0.0.0/8"}), outside=(address,))
    )
    assert (found.what, found.severity) == (Deviation.CHANGED, Severity.HIGH)
    assert found.told == 'cidr_ipv4 is "0.0.0.0/0" and should be "10.0.0.0/8"'


def test_what_only_the_files_say_is_no_drift() -> None:
    found = one(plan(change("aws_kms_key.data", {"rotation": 1}, {"rotation": 2})))
    assert (found.what, found.severity) == (Deviation.PENDING, Severity.LOW)


def test_what_is_gone_is_told() -> None:
    address = "aws_s3_bucket_public_access_block.logs"
    found = one(plan(change(address, None, {}, actions=("create",)), outside=(address,)))
    assert (found.what, found.severity) == (Deviation.GONE, Severity.HIGH)


@pytest.mark.parametrize(
    ("address", "before", "after", "severity"),
    [
        ("aws_db_instance.main", {"multi_az": False}, {"multi_az": True}, Severity.HIGH),
        ("aws_db_instance.main", {"monitoring_interval": 0}, {"monitoring_interval": 60}, Severity.MEDIUM),
        ("aws_kms_key.data", {"tags": {"a": "b"}}, {"tags": {}}, Severity.LOW),
        ("aws_security_group.web", {"description": "x"}, {"description": "y"}, Severity.LOW),
        ("aws_lb.web", {"idle": 1}, {"idle": 2}, Severity.MEDIUM),
        ("aws_something_new.x", {"a": 1}, {"a": 2}, Severity.MEDIUM),
    ],
)
def test_differences_have_their_weight(
    address: str, before: dict[str, Any], after: dict[str, Any], severity: Severity
) -> None:
    assert one(plan(change(address, before, after), outside=(address,))).severity is severity


def test_the_noise_of_a_fresh_apply_is_no_difference() -> None:
    assert drift_of("network", plan(outside=("aws_vpc.main",))) == ()


def test_a_secret_is_in_no_difference() -> None:
    address = "aws_db_instance.main"
    found = one(plan(change(address, {"password": "hunter2"}, {"password": "hunter3"}), outside=(address,)))
    assert "hunter" not in found.told


def rule(name: str, **more: Any) -> LiveRule:
    plain: dict[str, Any] = {
        "group": "sg-1",
        "egress": False,
        "protocol": "tcp",
        "from_port": 22,
        "to_port": 22,
        "peer": "0.0.0.0/0",
        "description": "for a moment",
    }
    return LiveRule(id=name, **plain | more)


GROUPS = {"sg-1": ("cluster", "aws_security_group.nodes")}


def test_a_rule_that_no_state_knows_was_added() -> None:
    (found,) = added_rules([rule("sgr-1"), rule("sgr-2")], groups=GROUPS, known=frozenset({"sgr-1"}))
    assert (found.rule, found.what, found.severity) == ("sgr-2", Deviation.ADDED, Severity.HIGH)
    assert (found.layer, found.address) == GROUPS["sg-1"]
    assert "tcp 22 in from 0.0.0.0/0 (for a moment)" in found.told
    assert "anybody in the world" in found.risk


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"egress": True}, "tcp 22 out to 0.0.0.0/0"),
        ({"protocol": "-1", "from_port": -1, "to_port": -1}, "everything in from 0.0.0.0/0"),
        ({"to_port": 80}, "tcp 22-80 in from"),
        ({"peer": "sg-9"}, "in from sg-9"),
    ],
)
def test_a_rule_is_told_as_people_say_it(more: dict[str, Any], told: str) -> None:
    assert told in str(rule("sgr-1", **more))


def test_what_leaves_matters_less_than_what_comes_in() -> None:
    found = added_rules([rule("sgr-1", egress=True)], groups=GROUPS, known=frozenset())
    assert worst(found) is Severity.MEDIUM
    assert worst(()) is Severity.NONE


def test_states_are_asked_for_their_groups_and_rules() -> None:
    def resource(address: str, **values: Any) -> dict[str, Any]:
        return {"address": address, "type": address.partition(".")[0], "mode": "managed", "values": values}

    resources = [
        resource("aws_security_group.web", id="sg-1"),
        resource("aws_default_security_group.closed", id="sg-2"),
        resource("aws_vpc_security_group_ingress_rule.web", id="sgr-1", security_group_rule_id="sgr-1"),
        resource("aws_vpc.main", id="vpc-1"),
    ]
    state = {"prior_state": {"values": {"root_module": {"resources": resources}}}}
    assert groups_in(state) == {"sg-1": "aws_security_group.web", "sg-2": "aws_default_security_group.closed"}
    assert rules_in(state) == {"sgr-1"}


def test_a_state_that_is_not_compared_still_tells_which_rules_are_its_own() -> None:
    def resource(kind: str, **attributes: Any) -> dict[str, Any]:
        return {"mode": "managed", "type": kind, "name": "any", "instances": [{"attributes": attributes}]}

    state = {
        "version": 4,
        "resources": [
            resource("aws_vpc_security_group_ingress_rule", id="sgr-1", security_group_rule_id="sgr-1"),
            resource("aws_vpc_security_group_egress_rule", id="sgr-2", security_group_rule_id=None),
            resource("aws_security_group", id="sg-1"),
        ],
    }
    assert rules_kept(state) == {"sgr-1", "sgr-2"}
    assert rules_kept({}) == frozenset()
