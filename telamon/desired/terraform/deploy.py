"""The rights that applying the layers takes, printed for review: one policy a layer, and who may take the role on.

The actions follow from the types of the resources that are there, so a stack without a part needs no rights for it.
Names of the stack begin with its prefix; where AWS lets a right be limited to names, it is.

Source: AWS, "Service Authorization Reference" (which actions know resource types, and their ARNs).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.terraform.data import Layer, LayerName
from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.state import state_bucket

LONGEST: Final = 6144
"""Characters without white space that a managed policy of AWS may have."""


@dataclass(frozen=True)
class Right:
    """What resources of some types take.

    Attributes:
        prefix: of the types.
        actions: of AWS.
        resources: ARNs as service, region ("" where there is none) and resource; empty where AWS knows none to limit
            the actions to. ``{prefix}`` is what the names of the stack begin with.
    """

    prefix: str
    actions: tuple[str, ...]
    resources: tuple[tuple[str, str, str], ...] = ()


HERE: Final = "here"
"""The stack's own region."""
ANY: Final = "*"
"""Any region: of what AWS keeps in one for the whole world."""


def _named(service: str, *resources: str, region: str = HERE) -> tuple[tuple[str, str, str], ...]:
    return tuple((service, region, resource) for resource in resources)


_NETWORK_ACTIONS: Final = (
    "ec2:AllocateAddress",
    "ec2:Associate*",
    "ec2:AttachInternetGateway",
    "ec2:AuthorizeSecurityGroup*",
    "ec2:CreateFlowLogs",
    "ec2:CreateInternetGateway",
    "ec2:CreateNatGateway",
    "ec2:CreateRoute*",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateTags",
    "ec2:CreateVpc*",
    "ec2:DeleteFlowLogs",
    "ec2:DeleteInternetGateway",
    "ec2:DeleteNatGateway",
    "ec2:DeleteRoute*",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteSubnet",
    "ec2:DeleteTags",
    "ec2:DeleteVpc*",
    "ec2:Describe*",
    "ec2:DetachInternetGateway",
    "ec2:Disassociate*",
    "ec2:ModifySecurityGroupRules",
    "ec2:ModifySubnetAttribute",
    "ec2:ModifyVpc*",
    "ec2:ReleaseAddress",
    "ec2:ReplaceRoute*",
    "ec2:RevokeSecurityGroup*",
    "ec2:UpdateSecurityGroupRuleDescriptions*",
)

_EC2: Final = tuple(
    Right(prefix, _NETWORK_ACTIONS)
    for prefix in (
        "aws_default_security_group",
        "aws_eip",
        "aws_flow_log",
        "aws_internet_gateway",
        "aws_nat_gateway",
        "aws_route",
        "aws_security_group",
        "aws_subnet",
        "aws_vpc",
    )
)

_FIRST_USE: Final = tuple(
    Right(prefix, ("iam:CreateServiceLinkedRole",), _named("iam", "role/aws-service-role/*", region=""))
    for prefix in ("aws_config_", "aws_db_", "aws_eks_", "aws_fsx_", "aws_lb", "aws_wafv2_")
)
"""Services of AWS make themselves a role when an account uses them for the first time."""

RIGHTS: Final = (
    *_EC2,
    *_FIRST_USE,
    Right(
        "aws_launch_template",
        (
            "ec2:CreateLaunchTemplate*",
            "ec2:CreateTags",
            "ec2:DeleteLaunchTemplate*",
            "ec2:Describe*",
            "ec2:ModifyLaunchTemplate",
            "ec2:RunInstances",
        ),
    ),
    Right("aws_acm_", ("acm:*Certificate", "acm:ListTagsForCertificate", "acm:RemoveTagsFromCertificate")),
    Right(
        "aws_backup_",
        ("backup:*", "backup-storage:MountCapsule"),
        _named("backup", "backup-vault:{prefix}*", "backup-plan:*"),
    ),
    Right("aws_budgets_", ("budgets:*",), _named("budgets", "budget/{prefix}*", region="")),
    Right(
        "aws_cloudfront_", ("cloudfront:*Distribution*", "cloudfront:ListTagsForResource", "cloudfront:*Tag*")
    ),
    Right("aws_cloudtrail", ("cloudtrail:*",), _named("cloudtrail", "trail/{prefix}*")),
    Right(
        "aws_cloudwatch_event",
        ("events:*",),
        _named("events", "rule/{prefix}*"),
    ),
    Right(
        "aws_cloudwatch_log",
        ("logs:*",),
        _named("logs", "log-group:*{prefix}*", "log-group:/telamon/*", region=ANY),
    ),
    Right("aws_cloudwatch_log", ("logs:Describe*", "logs:PutResourcePolicy", "logs:DeleteResourcePolicy")),
    Right("aws_cloudtrail", ("cloudtrail:DescribeTrails",)),
    Right(
        "aws_cloudwatch_metric",
        ("cloudwatch:*Alarm*", "cloudwatch:*Tag*"),
        _named("cloudwatch", "alarm:{prefix}*"),
    ),
    Right(
        "aws_config_",
        (
            "config:Delete*",
            "config:Describe*",
            "config:List*",
            "config:Put*",
            "config:Start*",
            "config:Stop*",
            "config:TagResource",
        ),
    ),
    Right(
        "aws_db_",
        ("rds:*",),
        _named(
            "rds", "db:{prefix}*", "pg:{prefix}*", "subgrp:{prefix}*", "snapshot:{prefix}*", "deployment:*"
        ),
    ),
    Right("aws_db_", ("rds:Describe*", "secretsmanager:CreateSecret", "secretsmanager:TagResource")),
    Right("aws_ecr_", ("ecr:*",), _named("ecr", "repository/{prefix}/*")),
    Right(
        "aws_efs_",
        (
            "elasticfilesystem:*",
            "ec2:CreateNetworkInterface",
            "ec2:DeleteNetworkInterface",
            "ec2:Describe*",
        ),
    ),
    Right(
        "aws_eks_",
        ("eks:*",),
        _named(
            "eks",
            *(
                f"{kind}/{{prefix}}{rest}"
                for kind, rest in (
                    ("cluster", ""),
                    ("nodegroup", "/*"),
                    ("addon", "/*"),
                    ("access-entry", "/*"),
                    ("podidentityassociation", "/*"),
                )
            ),
        ),
    ),
    Right("aws_fsx_", ("fsx:*",), _named("fsx", "file-system/*", "volume/*", "backup/*")),
    Right(
        "aws_iam_",
        (
            "iam:AttachRolePolicy",
            "iam:CreateRole",
            "iam:DeleteRole*",
            "iam:DetachRolePolicy",
            "iam:GetRole*",
            "iam:List*",
            "iam:PassRole",
            "iam:PutRolePolicy",
            "iam:TagRole",
            "iam:UntagRole",
            "iam:UpdateAssumeRolePolicy",
            "iam:UpdateRole*",
        ),
        _named("iam", "role/{prefix}-*", region=""),
    ),
    Right(
        "aws_kms_",
        (
            "kms:CreateAlias",
            "kms:CreateGrant",
            "kms:CreateKey",
            "kms:Decrypt",
            "kms:DeleteAlias",
            "kms:Describe*",
            "kms:EnableKeyRotation",
            "kms:Encrypt",
            "kms:GenerateDataKey*",
            "kms:Get*",
            "kms:List*",
            "kms:PutKeyPolicy",
            "kms:ScheduleKeyDeletion",
            "kms:TagResource",
            "kms:UntagResource",
            "kms:Update*",
        ),
    ),
    Right(
        "aws_lb",
        (
            "elasticloadbalancing:*Listener*",
            "elasticloadbalancing:*LoadBalancer*",
            "elasticloadbalancing:*Tag*",
            "elasticloadbalancing:*Target*",
            "elasticloadbalancing:SetSecurityGroups",
            "elasticloadbalancing:SetSubnets",
        ),
    ),
    Right(
        "aws_route53_", ("route53:*",), (("route53", "none", "hostedzone/*"), ("route53", "none", "change/*"))
    ),
    Right(
        "aws_route53_",
        ("route53:CreateHostedZone", "route53:*QueryLoggingConfig*", "route53:ListHostedZones*"),
    ),
    Right("aws_s3_", ("s3:*",), (("s3", "none", "{prefix}-*"), ("s3", "none", "{backup}"))),
    Right("aws_sns_", ("sns:*",), _named("sns", "{prefix}*")),
    Right("aws_ssm_", ("ssm:*Document*", "ssm:*Tag*"), _named("ssm", "document/{prefix}*")),
    Right(
        "aws_wafv2_",
        ("wafv2:*",),
        _named("wafv2", "global/webacl/{prefix}*", "global/managedruleset/*", region=ANY),
    ),
    Right("aws_wafv2_", ("logs:CreateLogDelivery", "logs:DeleteLogDelivery")),
)
"""By the begin of the types they are for; a type may need several."""


def rights_for(resource_type: str) -> tuple[Right, ...]:
    """What resources of one type take; empty only for a type that nobody has written down yet."""
    return tuple(right for right in RIGHTS if resource_type.startswith(right.prefix))


def deploy_role(ground: Ground, layers: Sequence[Layer]) -> Mapping[str, Mapping[str, Any]]:
    """The documents of the role that applies the layers, by file name.

    Args:
        ground: the stack.
        layers: all of them.
    """
    found: dict[str, Mapping[str, Any]] = {"trust.json": _trust(ground)}
    for layer in layers:
        found[f"{layer.name}.json"] = {
            "Version": "2012-10-17",
            "Statement": list(_statements(ground, layer)),
        }
    return MappingProxyType(found)


def _trust(ground: Ground) -> Mapping[str, Any]:
    """Whom the account itself lets take on the role, by policies of their own."""
    statement = {
        "Sid": "TheRolesOfThisAccount",
        "Effect": "Allow",
        "Principal": {"AWS": ground.arn("iam", "root", region="")},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    }
    return {"Version": "2012-10-17", "Statement": [statement]}


def _statements(ground: Ground, layer: Layer) -> Iterator[Mapping[str, Any]]:
    if layer.name is not LayerName.STATE:
        yield _own_state(ground, layer)
    needed = [
        right for right in RIGHTS if any(each.type.startswith(right.prefix) for each in layer.resources)
    ]
    wide: set[str] = set()
    said: set[tuple[tuple[str, ...], tuple[tuple[str, str, str], ...]]] = set()
    for right in needed:
        if not right.resources:
            wide |= set(right.actions)
            continue
        if (right.actions, right.resources) in said:
            continue
        said.add((right.actions, right.resources))
        arns = [
            _arn(ground, service, region=region, resource=resource)
            for service, region, resource in right.resources
        ]
        yield {"Effect": "Allow", "Action": list(right.actions), "Resource": arns}
    if wide:
        yield {
            "Sid": "WhatAwsCannotLimitToNames",
            "Effect": "Allow",
            "Action": sorted(wide),
            "Resource": "*",
            "Condition": {"StringEquals": {"aws:RequestedRegion": _regions(ground, layer)}},
        }


def _regions(ground: Ground, layer: Layer) -> list[str]:
    found = {ground.platform.region}
    # CloudFront, Route 53 and IAM answer from one region for the whole world.
    found |= {"us-east-1"} if layer.worldwide else set()
    return sorted(found)


def _own_state(ground: Ground, layer: Layer) -> Mapping[str, Any]:
    bucket = f"arn:{ground.partition}:s3:::{state_bucket(ground)}"
    return {
        "Sid": "OwnState",
        "Effect": "Allow",
        "Action": ["s3:DeleteObject", "s3:GetObject", "s3:ListBucket", "s3:PutObject"],
        "Resource": [
            bucket,
            f"{bucket}/{layer.name}.tfstate",
            f"{bucket}/{layer.name}.tfstate.tflock",
        ],
    }


def _arn(ground: Ground, service: str, *, region: str, resource: str) -> str:
    from_file = ground.spec.backup.destination
    backup = getattr(from_file, "bucket", "") or f"{ground.prefix}-*"
    filled = resource.format(prefix=ground.prefix, backup=backup)
    if region == "none":
        return f"arn:{ground.partition}:{service}:::{filled}"
    where = ground.platform.region if region == HERE else region
    return ground.arn(service, filled, region=where)
