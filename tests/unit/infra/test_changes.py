"""A plan in people's words."""

from __future__ import annotations

from typing import Any

import pytest

from telamon.errors import RefusedError
from telamon.infra.changes import HIDDEN, UNKNOWN, Kind, read_changes, secrets_in
from telamon.infra.policies import derive, digest_of
from telamon.infra.words import Summary, as_comment, as_text, goes_down, scrub


def resource(address: str, *actions: str, **change: Any) -> dict[str, Any]:
    return {
        "address": address,
        "type": address.partition(".")[0],
        "change": {"actions": list(actions), **change},
    }


def plan(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resource_changes": list(resources), "output_changes": {}}


@pytest.mark.parametrize(
    ("actions", "kind", "destructive"),
    [
        (("create",), Kind.CREATE, False),
        (("update",), Kind.UPDATE, False),
        (("read",), Kind.READ, False),
        (("delete",), Kind.DESTROY, True),
        (("forget",), Kind.FORGET, True),
        (("delete", "create"), Kind.REPLACE, True),
        (("create", "delete"), Kind.REPLACE, True),
    ],
)
def test_every_action_has_a_word(actions: tuple[str, ...], kind: Kind, destructive: bool) -> None:
    (change,) = read_changes(plan(resource("a.b", *actions)))
    assert (change.kind, change.destructive) == (kind, destructive)
    assert change.successor_first == (actions == ("create", "delete"))


def test_what_stays_is_left_out_unless_it_moves() -> None:
    still = resource("a.b", "no-op")
    assert read_changes(plan(still)) == ()
    (change,) = read_changes(plan({**still, "previous_address": "a.old"}))
    assert change.moved_from == "a.old"


@pytest.mark.parametrize(
    "document",
    [
        plan(resource("a.b", "evict")),
        {"errored": True},
        {"complete": False},
        {"deferred_changes": [{}]},
        {"action_invocations": [{}]},
    ],
)
def test_what_cannot_be_reviewed_is_refused(document: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        read_changes(document)


def test_a_leftover_object_is_named_apart() -> None:
    (change,) = read_changes(plan({**resource("a.b", "delete"), "deposed": "4c1f"}))
    assert change.address == "a.b (deposed 4c1f)"


def test_secrets_are_hidden_wherever_they_are() -> None:
    change = resource(
        "aws_db_instance.main",
        "update",
        before={"size": 1, "settings": {"key": "planted-1"}, "password": "planted-2", "kms_secret_id": "k1"},
        after={"size": 2, "settings": {"key": "planted-3"}, "password": "planted-4", "kms_secret_id": "k2"},
        before_sensitive={"settings": {"key": True}},
        after_sensitive={"settings": True},
        after_unknown={"arn": True},
    )
    (found,) = read_changes(plan(change))
    shown = {difference.path: (difference.before, difference.after) for difference in found.differences}
    assert shown == {
        "arn": ("", UNKNOWN),
        "kms_secret_id": ('"k1"', '"k2"'),
        "password": (HIDDEN, HIDDEN),
        "settings": ("", HIDDEN),
        "settings.key": (HIDDEN, ""),
        "size": ("1", "2"),
    }
    assert secrets_in(plan(change)) == {"planted-1", "planted-3"}


def test_a_secret_in_a_message_is_taken_out() -> None:
    assert (
        scrub("no: planted-1 planted-12", {"planted-1", "planted-12", "no"}) == "no: (sensitive) (sensitive)"
    )


def test_what_goes_down_is_said() -> None:
    changes = read_changes(
        plan(
            resource("aws_db_instance.main", "create", "delete"),
            resource("aws_eip.a", "delete"),
            resource("aws_eks_cluster.main", "update", before={"version": "1.33"}, after={"version": "1.34"}),
        )
    )
    database, cluster = goes_down(changes)
    assert "every product that uses it stops" in database
    assert database.endswith("(its successor is there first)")
    assert cluster == "aws_eks_cluster.main: the control plane is replaced; pods go on"


def test_a_comment_cannot_be_broken_out_of() -> None:
    address = 'a.b["x|y`<script>@everyone"]'
    changes = read_changes(plan(resource(address, "delete")))
    comment = as_comment(Summary("title", changes, (), (), frozenset()))
    row = next(line for line in comment.splitlines() if line.startswith("| destroyed"))
    assert "<script>" not in row
    assert "@everyone" not in row
    assert row.replace("\\|", "").count("|") == 4


def test_nothing_is_said_plainly() -> None:
    assert "nothing changes" in as_text(Summary("title", (), (), (), frozenset()))


# ------------------------------------------------------------------------------------- policies


def rule(source: str, first: int, last: int) -> dict[str, Any]:
    after = {"cidr_ipv4": source, "from_port": first, "to_port": last}
    return resource("aws_vpc_security_group_ingress_rule.a", "create", after=after)


@pytest.mark.parametrize(
    ("source", "first", "last", "passed"),
    [
        ("0.0.0.0/0", 443, 443, True),
        ("10.64.0.0/16", 0, 65535, True),
        ("0.0.0.0/0", 5432, 5432, False),
        ("0.0.0.0/0", 80, 443, False),
    ],
)
def test_doors_are_not_left_open(source: str, first: int, last: int, passed: bool) -> None:
    found = {policy.name: policy.passed for policy in derive(plan(rule(source, first, last)), None)}
    assert found["no-open-door"] is passed


@pytest.mark.parametrize("protected", [True, False])
def test_protection_is_taken_off_first(protected: bool) -> None:
    change = resource("aws_db_instance.main", "delete", before={"deletion_protection": protected})
    found = {policy.name: policy.passed for policy in derive(plan(change), None)}
    assert found["protection-first"] is not protected


@pytest.mark.parametrize(
    "report", [b"{}", b'{"verdicts": 1}', b'{"verdicts": [{}]}', b'{"verdicts": [], "more": 1}']
)
def test_a_report_that_cannot_be_read_is_refused(report: bytes) -> None:
    with pytest.raises(RefusedError):
        derive(plan(), report)


def test_the_order_of_policies_does_not_count() -> None:
    line = '{"policy": "%s", "resource": "", "passed": true, "reason": ""}'
    reports = [
        f'{{"verdicts": [{line % first}, {line % second}]}}' for first, second in (("A", "B"), ("B", "A"))
    ]
    digests = {digest_of(derive(plan(), report.encode())) for report in reports}
    assert len(digests) == 1
