"""What notices a rule of a security group that was changed outside Terraform, and takes back what was added.

Terraform's plan does not see a rule that somebody added beside its own. So the trail's event itself starts the
remedy: an automation that revokes exactly the rules the event says were made, and a message to the pager. What was
taken away by hand is only reported: the next plan shows it, and putting it back is Terraform's work.

Sources: AWS documentation of Amazon EventBridge, "Input transformation"; AWS Systems Manager Automation,
``aws:executeAwsApi``; Amazon EC2 API, ``AuthorizeSecurityGroupIngress`` (the answer names the rules that were made);
AWS Config, "Remediating Noncompliant Resources", AWS-DisablePublicAccessForSecurityGroup.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from telamon.desired.terraform.data import Resource
from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.policies import allow, role

DIRECTIONS: Final = (("ingress", "Ingress"), ("egress", "Egress"))
REPORTED: Final = (
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateSecurityGroup",
    "DeleteSecurityGroup",
    "ModifySecurityGroupRules",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
)


def revert(ground: Ground, topic: Resource) -> tuple[Resource, ...]:
    """Rules, automations and their roles.

    Args:
        ground: the stack.
        topic: where the pager listens.
    """
    return tuple(_parts(ground, topic))


def _parts(ground: Ground, topic: Resource) -> Iterator[Resource]:
    tagged = {"StringEquals": {"aws:ResourceTag/telamon.dev/stack": ground.stack}}
    revoking = ["ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"]
    groups = [ground.arn("ec2", "security-group/*"), ground.arn("ec2", "security-group-rule/*")]
    statements = [
        # A rule that somebody adds by hand carries no tag; the group it was added to does.
        allow("RevokeRules", revoking, on=groups[:1], Condition=tagged),
        allow("NameRules", revoking, on=groups[1:]),
        allow("LookAtGroups", ["ec2:DescribeSecurityGroupRules", "ec2:DescribeSecurityGroups"], on=["*"]),
    ]
    automation = role(ground, "revert", service="ssm", statements=statements)
    yield from automation
    starting = allow(
        "StartAutomations",
        ["ssm:StartAutomationExecution"],
        on=[ground.arn("ssm", f"automation-definition/{ground.prefix}-revert-*:*")],
    )
    passing = allow(
        "PassRole",
        ["iam:PassRole"],
        on=[automation[0].ref("arn")],
        Condition={"StringEquals": {"iam:PassedToService": "ssm.amazonaws.com"}},
    )
    starter = role(ground, "revert-start", service="events", statements=[starting, passing])
    yield from starter
    for name, direction in DIRECTIONS:
        yield from _direction(ground, name, direction, automation=automation[0], starter=starter[0])
    yield from _reported(ground, topic)
    yield from _by_configuration(automation[0])


def _outside(ground: Ground, names: tuple[str, ...]) -> str:
    """Match changes of security groups that neither Terraform, nor AWS's own services, nor the remedy made.

    An IAM user and the root user have no session issuer, so a missing one matches too.
    """
    roles = (f"{ground.prefix}-deploy", f"{ground.prefix}-revert", "aws-service-role/*")
    own = [ground.arn("iam", f"role/{name}", region="") for name in roles]
    issuer = {"arn": [{"anything-but": {"wildcard": own}}, {"exists": False}]}
    detail: dict[str, Any] = {
        "eventSource": ["ec2.amazonaws.com"],
        "eventName": list(names),
        "errorCode": [{"exists": False}],
        "userIdentity": {"sessionContext": {"sessionIssuer": issuer}},
    }
    pattern = {
        "source": ["aws.ec2"],
        "detail-type": ["AWS API Call via CloudTrail"],
        "detail": detail,
    }
    return json.dumps(pattern)


def _automation(direction: str) -> dict[str, Any]:
    """An automation that takes back rules by their ids."""
    return {
        "schemaVersion": "0.3",
        "description": "Takes back rules that were added to a security group outside Terraform.",
        "assumeRole": "{{ AutomationAssumeRole }}",
        "parameters": {
            "GroupId": {"type": "String"},
            "RuleIds": {"type": "StringList"},
            "AutomationAssumeRole": {"type": "String"},
        },
        "mainSteps": [
            {
                "name": "Revoke",
                "action": "aws:executeAwsApi",
                "inputs": {
                    "Service": "ec2",
                    "Api": f"RevokeSecurityGroup{direction}",
                    "GroupId": "{{ GroupId }}",
                    "SecurityGroupRuleIds": "{{ RuleIds }}",
                },
            }
        ],
    }


def _direction(
    ground: Ground, name: str, direction: str, *, automation: Resource, starter: Resource
) -> Iterator[Resource]:
    title = f"{ground.prefix}-revert-{name}"
    document = Resource(
        "aws_ssm_document",
        f"revert_{name}",
        {
            "name": title,
            "document_type": "Automation",
            "document_format": "JSON",
            "content": json.dumps(_automation(direction)),
        },
    )
    rule = Resource(
        "aws_cloudwatch_event_rule",
        f"revert_{name}",
        {
            "name": title,
            "description": f"{direction} rules added outside Terraform",
            "event_pattern": _outside(ground, (f"AuthorizeSecurityGroup{direction}",)),
        },
    )
    target = {
        "rule": rule.ref("name"),
        "target_id": "revert",
        "arn": f"{ground.arn('ssm', f'automation-definition/{title}')}:$DEFAULT",
        "role_arn": starter.ref("arn"),
        "input_transformer": {
            "input_paths": {
                "group": "$.detail.requestParameters.groupId",
                "rules": "$.detail.responseElements.securityGroupRuleSet.items[*].securityGroupRuleId",
            },
            # The list comes with its own brackets and quotes.
            "input_template": (
                f'{{"GroupId":["<group>"],"RuleIds":<rules>,"AutomationAssumeRole":["{automation.ref("arn")}"]}}'
            ),
        },
        "depends_on": [document.address],
    }
    yield from (document, rule, Resource("aws_cloudwatch_event_target", f"revert_{name}", target))


def _reported(ground: Ground, topic: Resource) -> Iterator[Resource]:
    rule = Resource(
        "aws_cloudwatch_event_rule",
        "security_groups",
        {
            "name": f"{ground.prefix}-security-groups",
            "description": "security groups changed outside Terraform",
            "event_pattern": _outside(ground, REPORTED),
        },
    )
    yield rule
    yield Resource(
        "aws_cloudwatch_event_target",
        "security_groups",
        {"rule": rule.ref("name"), "target_id": "pager", "arn": topic.ref("arn")},
    )


def _by_configuration(automation: Resource) -> Iterator[Resource]:
    """The second net: what no event told of is found by AWS Config, and closed to the world."""
    yield Resource(
        "aws_config_remediation_configuration",
        "open_ssh",
        {
            "config_rule_name": "${aws_config_config_rule.open_ssh.name}",
            "resource_type": "AWS::EC2::SecurityGroup",
            "target_type": "SSM_DOCUMENT",
            "target_id": "AWS-DisablePublicAccessForSecurityGroup",
            "automatic": True,
            "maximum_automatic_attempts": 3,
            "retry_attempt_seconds": 60,
            "parameter": [
                {"name": "AutomationAssumeRole", "static_value": automation.ref("arn")},
                {"name": "GroupId", "resource_value": "RESOURCE_ID"},
            ],
        },
    )
