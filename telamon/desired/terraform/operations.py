"""Who looks: the trail, alarms to the pager topic, rules of AWS Config, a budget.

Sources: AWS documentation of AWS CloudTrail, "Creating CloudWatch alarms for CloudTrail events"; the CIS AWS
Foundations Benchmark, chapter "Monitoring" (which events are alarming); AWS Config, "List of AWS Config Managed Rules".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from telamon.desired.cost import estimate
from telamon.desired.terraform.buckets import Bucket, bucket
from telamon.desired.terraform.data import Layer, LayerName, Output, Resource, Sheet, snake
from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.network import LOGS_BUCKET, LOGS_KEY
from telamon.desired.terraform.policies import (
    allow,
    by_service,
    document,
    from_account,
    key,
    log_group,
    role,
    usable_by,
)
from telamon.desired.terraform.revert import revert

NAMESPACE: Final = "Telamon/Trail"
SUSPICIOUS: Final = (
    ("root-used", '{ $.userIdentity.type = "Root" && $.userIdentity.invokedBy NOT EXISTS }'),
    ("denied", '{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") }'),
    (
        "login-without-second-factor",
        '{ ($.eventName = "ConsoleLogin") && ($.additionalEventData.MFAUsed != "Yes") }',
    ),
    (
        "trail-changed",
        '{ ($.eventName = "StopLogging") || ($.eventName = "DeleteTrail") || ($.eventName = "UpdateTrail") }',
    ),
    (
        "key-disabled",
        (
            '{ ($.eventSource = "kms.amazonaws.com")'
            ' && (($.eventName = "DisableKey") || ($.eventName = "ScheduleKeyDeletion")) }'
        ),
    ),
    (
        "rights-changed",
        (
            '{ ($.eventName = "PutRolePolicy") || ($.eventName = "AttachRolePolicy")'
            ' || ($.eventName = "CreatePolicyVersion") || ($.eventName = "CreateAccessKey") }'
        ),
    ),
    (
        "bucket-opened",
        (
            '{ ($.eventSource = "s3.amazonaws.com")'
            ' && (($.eventName = "PutBucketPolicy") || ($.eventName = "DeleteBucketPublicAccessBlock")) }'
        ),
    ),
    (
        "network-changed",
        (
            '{ ($.eventName = "CreateRoute") || ($.eventName = "DeleteRoute")'
            ' || ($.eventName = "ReplaceRoute") || ($.eventName = "AttachInternetGateway") }'
        ),
    ),
)
"""Name of an alarm and what in the trail raises it."""
OFTEN: Final = frozenset({"denied"})
"""Alarms of things that happen now and then in good order, and raise an alarm only when there are many."""
RULES: Final = (
    ("open-ssh", "INCOMING_SSH_DISABLED"),
    ("default-group-closed", "VPC_DEFAULT_SECURITY_GROUP_CLOSED"),
    ("database-encrypted", "RDS_STORAGE_ENCRYPTED"),
    ("database-private", "RDS_INSTANCE_PUBLIC_ACCESS_CHECK"),
    ("buckets-private", "S3_BUCKET_PUBLIC_READ_PROHIBITED"),
    ("disks-encrypted", "ENCRYPTED_VOLUMES"),
    ("trail-runs", "CLOUD_TRAIL_ENABLED"),
)
"""Rules of AWS Config, by AWS's own names."""
BUDGET_MARGIN: Final = 1.2
"""The budget is the estimate and a fifth: traffic is not in the estimate."""


def operations(ground: Ground) -> Layer:
    """The layer ``operations``.

    Args:
        ground: the stack.
    """
    made = key(
        ground,
        "audit",
        *(
            usable_by(ground, service, sid=sid)
            for service, sid in (
                ("cloudtrail", "Trail"),
                ("sns", "Topic"),
                ("cloudwatch", "Alarms"),
                ("events", "Events"),
                ("config", "Configuration"),
                ("budgets", "Budget"),
            )
        ),
    )
    topic = tuple(_topic(ground, made[0]))
    sheets = (
        Sheet("pager", (*made, *topic)),
        Sheet("trail", tuple(_trail(ground, made[0], topic[0]))),
        Sheet("alarms", tuple(_alarms(ground, topic[0]))),
        Sheet("configuration", tuple(_configuration(ground, made[0]))),
        Sheet("revert", revert(ground, topic[0])),
        Sheet("budget", (_budget(ground, topic[0]),)),
    )
    outputs = (Output("pager_topic_arn", topic[0].ref("arn"), "where alarms go; the pager subscribes to it"),)
    return Layer(LayerName.OPERATIONS, sheets, (LOGS_BUCKET, LOGS_KEY), outputs)


def _topic(ground: Ground, made: Resource) -> Iterator[Resource]:
    topic = Resource(
        "aws_sns_topic", "pager", {"name": f"{ground.prefix}-pager", "kms_master_key_id": made.ref("key_id")}
    )
    yield topic
    senders = ("budgets", "cloudtrail", "cloudwatch", "events")
    statements = [
        allow(
            f"From{service.capitalize()}",
            ["sns:Publish"],
            on=[topic.ref("arn")],
            Principal=by_service(service),
            Condition=from_account(ground),
        )
        for service in senders
    ]
    yield Resource(
        "aws_sns_topic_policy", "pager", {"arn": topic.ref("arn"), "policy": document(*statements)}
    )


def _trail(ground: Ground, made: Resource, topic: Resource) -> Iterator[Resource]:
    name = ground.bucket("trail")
    arn = f"arn:{ground.partition}:s3:::{name}"
    trail = ground.arn("cloudtrail", f"trail/{ground.prefix}")
    own = {"StringEquals": {"aws:SourceArn": trail}}
    statements = (
        allow("Look", ["s3:GetBucketAcl"], on=[arn], Principal=by_service("cloudtrail"), Condition=own),
        allow(
            "Write",
            ["s3:PutObject"],
            on=[f"{arn}/AWSLogs/{ground.platform.account}/*"],
            Principal=by_service("cloudtrail"),
            Condition=own,
        ),
    )
    wanted = Bucket(
        "trail",
        name,
        expire_days=400,
        key_arn=made.ref("arn"),
        log_bucket=LOGS_BUCKET.ref,
        statements=statements,
        lasting=ground.production,
    )
    yield from bucket(ground, wanted)
    group = log_group("trail", f"/telamon/{ground.stack}/trail", key_arn=LOGS_KEY.ref)
    yield group
    writing = allow(
        "WriteTrail", ["logs:CreateLogStream", "logs:PutLogEvents"], on=[f"{group.ref('arn')}:log-stream:*"]
    )
    writer = role(ground, "trail", service="cloudtrail", statements=[writing])
    yield from writer
    body = {
        "name": ground.prefix,
        "s3_bucket_name": "${aws_s3_bucket.trail.id}",
        "sns_topic_name": topic.ref("name"),
        "kms_key_id": made.ref("arn"),
        "is_multi_region_trail": True,
        "include_global_service_events": True,
        "enable_log_file_validation": True,
        "cloud_watch_logs_group_arn": f"{group.ref('arn')}:*",
        "cloud_watch_logs_role_arn": writer[0].ref("arn"),
        "depends_on": ["aws_s3_bucket_policy.trail", "aws_sns_topic_policy.pager"],
    }
    yield Resource("aws_cloudtrail", "main", body)


def _alarms(ground: Ground, topic: Resource) -> Iterator[Resource]:
    for purpose, pattern in SUSPICIOUS:
        name = snake(purpose)
        metric = f"{ground.prefix}-{purpose}"
        counting = {
            "name": metric,
            "log_group_name": "${aws_cloudwatch_log_group.trail.name}",
            "pattern": pattern,
            "metric_transformation": {"name": metric, "namespace": NAMESPACE, "value": "1"},
        }
        yield Resource("aws_cloudwatch_log_metric_filter", name, counting)
        often = 20 if purpose in OFTEN else 1
        yield _alarm(
            metric,
            name,
            topic=topic,
            values={"namespace": NAMESPACE, "metric_name": metric, "statistic": "Sum", "threshold": often},
        )
    if ground.database is not None:
        dimensions = {"DBInstanceIdentifier": ground.prefix}
        for purpose, metric, operator, threshold in (
            ("database-disk", "FreeStorageSpace", "LessThanThreshold", 10 * 1024**3),
            ("database-processor", "CPUUtilization", "GreaterThanThreshold", 90),
        ):
            values = {
                "namespace": "AWS/RDS",
                "metric_name": metric,
                "statistic": "Average",
                "threshold": threshold,
                "comparison_operator": operator,
                "dimensions": dimensions,
                "evaluation_periods": 3,
            }
            yield _alarm(f"{ground.prefix}-{purpose}", snake(purpose), topic=topic, values=values)


def _alarm(title: str, name: str, *, topic: Resource, values: dict[str, Any]) -> Resource:
    body = {
        "alarm_name": title,
        "comparison_operator": "GreaterThanOrEqualToThreshold",
        "evaluation_periods": 1,
        "period": 300,
        "treat_missing_data": "notBreaching",
        "alarm_actions": [topic.ref("arn")],
        "ok_actions": [topic.ref("arn")],
    }
    return Resource("aws_cloudwatch_metric_alarm", name, body | values)


def _configuration(ground: Ground, made: Resource) -> Iterator[Resource]:
    name = ground.bucket("configuration")
    arn = f"arn:{ground.partition}:s3:::{name}"
    own = from_account(ground)
    service = by_service("config")
    statements = (
        allow("Look", ["s3:GetBucketAcl", "s3:ListBucket"], on=[arn], Principal=service, Condition=own),
        allow("Write", ["s3:PutObject"], on=[f"{arn}/AWSLogs/*"], Principal=service, Condition=own),
    )
    wanted = Bucket(
        "configuration",
        name,
        expire_days=400,
        key_arn=made.ref("arn"),
        log_bucket=LOGS_BUCKET.ref,
        statements=statements,
    )
    yield from bucket(ground, wanted)
    delivering = (
        allow("Deliver", ["s3:PutObject"], on=[f"{arn}/AWSLogs/{ground.platform.account}/*"]),
        allow("LookAtBucket", ["s3:GetBucketAcl", "s3:ListBucket"], on=[arn]),
        allow("Seal", ["kms:Decrypt", "kms:GenerateDataKey"], on=[made.ref("arn")]),
    )
    managed = ("service-role/AWS_ConfigRole",)
    own_role = role(ground, "configuration", service="config", managed=managed, statements=delivering)
    yield from own_role
    recorder = Resource(
        "aws_config_configuration_recorder",
        "main",
        {
            "name": ground.prefix,
            "role_arn": own_role[0].ref("arn"),
            "recording_group": {"all_supported": True, "include_global_resource_types": True},
        },
    )
    channel = Resource(
        "aws_config_delivery_channel",
        "main",
        {
            "name": ground.prefix,
            "s3_bucket_name": "${aws_s3_bucket.configuration.id}",
            "depends_on": [recorder.address, "aws_s3_bucket_policy.configuration"],
        },
    )
    status = Resource(
        "aws_config_configuration_recorder_status",
        "main",
        {"name": recorder.ref("name"), "is_enabled": True, "depends_on": [channel.address]},
    )
    yield from (recorder, channel, status)
    for purpose, rule in RULES:
        body = {
            "name": f"{ground.prefix}-{purpose}",
            "source": {"owner": "AWS", "source_identifier": rule},
            "depends_on": [status.address],
        }
        yield Resource("aws_config_config_rule", snake(purpose), body)


def _budget(ground: Ground, topic: Resource) -> Resource:
    def told(kind: str, percent: int) -> dict[str, Any]:
        return {
            "comparison_operator": "GREATER_THAN",
            "threshold": percent,
            "threshold_type": "PERCENTAGE",
            "notification_type": kind,
            "subscriber_sns_topic_arns": [topic.ref("arn")],
        }

    body = {
        "name": ground.prefix,
        "budget_type": "COST",
        "time_unit": "MONTHLY",
        "limit_amount": f"{round(estimate(ground).total * BUDGET_MARGIN, -1):.0f}",
        "limit_unit": "USD",
        "cost_filter": {
            "name": "TagKeyValue",
            "values": [f"user:telamon.dev/stack${ground.stack}"],
        },
        "notification": [told("ACTUAL", 80), told("FORECASTED", 100)],
    }
    return Resource("aws_budgets_budget", "main", body)
