"""What moto cannot do, or tells differently from AWS, and how a test answers it: never in what users get.

Everything listed here is validated and planned as it is; only applying goes around it. Measured with moto 5.2.5 and
the AWS provider 5.100.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.terraform.cdn import CACHE_BY_ORIGIN
from telamon.desired.terraform.data import Layer, LayerName, Resource

NOT_APPLIED: Final[Mapping[str, str]] = MappingProxyType(
    {
        "aws_backup_selection": "501 CreateBackupSelection",
        "aws_budgets_budget": "501 for tags and subscribers; what is left in the state breaks every later refresh",
        "aws_cloudfront_response_headers_policy": "404 for the URL",
        "aws_config_remediation_configuration": "501 PutRemediationConfigurations",
        "aws_efs_backup_policy": "501 PutBackupPolicy",
        "aws_efs_file_system_policy": "501 DeleteFileSystemPolicy, so that nothing could be destroyed",
        "aws_eks_access_entry": "404 for the URL",
        "aws_eks_access_policy_association": "404 for the URL",
        "aws_eks_addon": "404 for the URL",
        "aws_eks_pod_identity_association": "404 for the URL",
        "aws_fsx_openzfs_file_system": "unexpected state ''; DescribeVolumes answers 501",
        "aws_route53_query_log": "404 NoSuchCloudWatchLogsLogGroup, although the group is there",
    }
)
"""Types that are planned and not applied, with moto's answer."""

FORGOTTEN: Final[Mapping[str, tuple[str, ...]]] = MappingProxyType(
    {
        "aws_backup_plan": ("tags", "tags_all"),
        "aws_backup_vault": ("tags", "tags_all"),
        "aws_cloudfront_distribution": ("default_cache_behavior", "viewer_certificate"),
        "aws_db_instance": (
            "performance_insights_enabled",
            "performance_insights_kms_key_id",
            "performance_insights_retention_period",
        ),
        "aws_db_parameter_group": ("parameter",),
        "aws_eks_cluster": ("access_config", "upgrade_policy", "zonal_shift_config"),
        "aws_eks_node_group": ("node_repair_config", "remote_access", "scaling_config", "update_config"),
        "aws_launch_template": ("tag_specifications",),
        "aws_s3_bucket_notification": ("eventbridge",),
        "aws_vpc_security_group_egress_rule": ("description",),
        "aws_vpc_security_group_ingress_rule": ("description",),
    }
)
"""Arguments that moto takes and does not tell again, by type: a second plan would set them for ever."""

UNPROTECTED: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "aws_db_instance": {"deletion_protection": False, "skip_final_snapshot": True},
        "aws_lb": {"enable_deletion_protection": False},
        "aws_s3_bucket": {"force_destroy": True},
    }
)
"""What keeps a test from taking away what it made."""


@dataclass(frozen=True)
class Reach:
    """How terraform finds moto.

    Attributes:
        offline: nothing is asked, not even which account it is; enough for a plan.
        backend: what the state's backend needs besides what the file says; ``None`` keeps it on disk.
    """

    offline: bool
    backend: Mapping[str, Any] | None = None


def override(layer: Layer, rendered: Mapping[str, Any], reach: Reach) -> dict[str, Any]:
    """The content of ``test_override.tf.json`` for one layer.

    Args:
        layer: whose.
        rendered: its ``terraform.tf.json``.
        reach: how moto is found, or that it is not.
    """
    providers: list[dict[str, Any]] = [{"s3_use_path_style": True, "max_retries": 2}]
    if reach.offline:
        providers[0] |= {
            "allowed_account_ids": [],
            "skip_credentials_validation": True,
            "skip_requesting_account_id": True,
            "skip_metadata_api_check": True,
        }
    if layer.worldwide:
        providers.append(providers[0] | {"alias": "worldwide"})
    backend: dict[str, Any] = {"local": {}}
    if reach.backend is not None and "s3" in rendered["terraform"]["backend"]:
        backend = {"s3": rendered["terraform"]["backend"]["s3"] | dict(reach.backend)}
    found: dict[str, Any] = {"terraform": {"backend": backend}, "provider": {"aws": providers}}
    if not reach.offline:
        resources = _resources(layer)
        if resources:
            found["resource"] = resources
        outputs = {
            output.name: {"value": _told(output.value)}
            for output in layer.outputs
            if _unapplied(str(output.value))
        }
        if outputs:
            found["output"] = outputs
    return found


def not_applied(layer: Layer) -> tuple[str, ...]:
    """Addresses that are planned and not applied."""
    return tuple(
        each.address
        for each in layer.resources
        if each.type in NOT_APPLIED or each.address == "aws_s3_bucket_policy.state"
    )


def _unapplied(text: str) -> bool:
    return any(f"{kind}." in text for kind in NOT_APPLIED)


def _told(value: Any) -> Any:
    """An output in which what was not applied has a name that is nobody's."""
    if isinstance(value, Mapping):
        return {key: _told(item) for key, item in value.items()}
    return "not-made-by-moto" if _unapplied(str(value)) else value


def _resources(layer: Layer) -> dict[str, Any]:
    found: dict[str, dict[str, Any]] = {}
    for resource in layer.resources:
        body = _answer(resource)
        if (layer.name, resource.type) == (LayerName.STATE, "aws_s3_bucket"):
            # It stays protected, as with users: the last that is left, and left on purpose.
            body.pop("lifecycle")
        if (layer.name, resource.type) == (LayerName.STATE, "aws_s3_bucket_policy"):
            # moto enforces it, and speaks no TLS: nobody could read a state.
            body["count"] = 0
        if body:
            found.setdefault(resource.type, {})[resource.name] = body
    return found


def _answer(resource: Resource) -> dict[str, Any]:
    body: dict[str, Any] = {}
    lifecycle: dict[str, Any] = {}
    if resource.type in NOT_APPLIED:
        body["count"] = 0
    if resource.type == "aws_backup_selection":
        body["resources"] = []
    if resource.type == "aws_cloudfront_distribution":
        behaviour = dict(resource.body["default_cache_behavior"])
        behaviour.pop("response_headers_policy_id")
        body["default_cache_behavior"] = behaviour | {"cache_policy_id": CACHE_BY_ORIGIN}
    if resource.type in FORGOTTEN:
        lifecycle["ignore_changes"] = list(FORGOTTEN[resource.type])
    if resource.body.get("lifecycle", {}).get("prevent_destroy"):
        lifecycle["prevent_destroy"] = False
    if lifecycle:
        body["lifecycle"] = lifecycle
    return body | dict(UNPROTECTED.get(resource.type, {}))
