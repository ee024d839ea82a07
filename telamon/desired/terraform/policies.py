"""Policy documents of AWS, keys and roles, written alike everywhere."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from telamon.desired.terraform.data import Resource, snake
from telamon.desired.terraform.ground import Ground

Statement = Mapping[str, Any]


def document(*statements: Statement) -> str:
    """A policy as text; keys keep their order, so that the text is the same every time."""
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(sid: str, actions: Sequence[str], *, on: Sequence[str], **more: Any) -> Statement:
    """A statement that allows something.

    Args:
        sid: what it is for.
        actions: of AWS.
        on: ARNs.
        more: ``Principal`` and ``Condition``.
    """
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(on)} | more


def by_service(service: str) -> Mapping[str, str]:
    """The principal that a service of AWS is."""
    return {"Service": f"{service}.amazonaws.com"}


def from_account(ground: Ground) -> Mapping[str, Any]:
    """A condition against services that act for somebody else's account."""
    return {"StringEquals": {"aws:SourceAccount": ground.platform.account}}


def key(ground: Ground, purpose: str, *statements: Statement) -> tuple[Resource, Resource]:
    """An encryption key that renews itself once a year, and its alias.

    Args:
        ground: the stack.
        purpose: what it encrypts, e.g. ``database``.
        statements: who besides the account's own roles may use it.
    """
    name = snake(purpose)
    own = allow(
        "TheRolesOfThisAccount",
        ["kms:*"],
        on=["*"],
        Principal={"AWS": ground.arn("iam", "root", region="")},
    )
    made = Resource(
        "aws_kms_key",
        name,
        {
            "description": f"{ground.prefix}: {purpose}",
            "enable_key_rotation": True,
            "deletion_window_in_days": 30 if ground.production else 7,
            "policy": document(own, *statements),
        },
    )
    alias = {"name": f"alias/{ground.prefix}-{purpose}", "target_key_id": made.ref("key_id")}
    return made, Resource("aws_kms_alias", name, alias)


def usable_by(ground: Ground, service: str, *, sid: str) -> Statement:
    """Let a service of AWS use a key for this account."""
    return allow(
        sid,
        ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        on=["*"],
        Principal=by_service(service),
        Condition=from_account(ground),
    )


def logs_may_use(ground: Ground, *, region: str | None = None) -> Statement:
    """Let CloudWatch Logs use a key for the log groups of this account."""
    where = region or ground.platform.region
    groups = ground.arn("logs", "*", region=where)
    return allow(
        "LogGroups",
        ["kms:Decrypt", "kms:Describe*", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        on=["*"],
        Principal={"Service": f"logs.{where}.amazonaws.com"},
        Condition={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
    )


def role(
    ground: Ground,
    purpose: str,
    *,
    service: str,
    managed: Sequence[str] = (),
    statements: Sequence[Statement] = (),
    actions: Sequence[str] = ("sts:AssumeRole",),
) -> tuple[Resource, ...]:
    """A role that a service of AWS takes on.

    Args:
        ground: the stack.
        purpose: what it is for.
        service: who takes it on, e.g. ``eks``.
        managed: policies of AWS to attach, by the path after ``policy/``.
        statements: what it may do besides.
        actions: what the service does to take it on.
    """
    name = snake(purpose)
    trust = {
        "Effect": "Allow",
        "Action": list(actions),
        "Principal": by_service(service),
    }
    made = Resource(
        "aws_iam_role",
        name,
        {"name": ground.name(purpose, longest=64), "assume_role_policy": document(trust)},
    )
    found = [made]
    for policy in managed:
        body = {"role": made.ref("name"), "policy_arn": f"arn:{ground.partition}:iam::aws:policy/{policy}"}
        suffix = snake(policy.rpartition("/")[2]).lower()
        found.append(Resource("aws_iam_role_policy_attachment", f"{name}_{suffix}", body))
    if statements:
        inline = {"name": purpose, "role": made.ref("id"), "policy": document(*statements)}
        found.append(Resource("aws_iam_role_policy", name, inline))
    return tuple(found)


def log_group(name: str, path: str, *, key_arn: str, **more: Any) -> Resource:
    """A log group, encrypted, kept for a year.

    Args:
        name: of the resource.
        path: of the group.
        key_arn: of the key.
        more: further arguments.
    """
    body = {"name": path, "retention_in_days": 365, "kms_key_id": key_arn} | more
    return Resource("aws_cloudwatch_log_group", name, body)
