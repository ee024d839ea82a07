"""The cluster: EKS with a private API, its keys, logs, add-ons, roles of pods, and registries.

Sources: AWS documentation of Amazon EKS, "Cluster IAM role", "Node IAM role", "Security group requirements", "Learn
how EKS Pod Identity grants pods access", "Amazon EKS add-ons"; Amazon ECR, "Image scanning".
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, Final

from telamon.desired.terraform.data import Input, Layer, LayerName, Output, Resource, Sheet, snake
from telamon.desired.terraform.ground import Ground, machines_for
from telamon.desired.terraform.machines import machines
from telamon.desired.terraform.network import (
    LOGS_KEY,
    PRIVATE_SUBNETS,
    VPC_ID,
    rule_in,
    rule_out,
    security_group,
)
from telamon.desired.terraform.policies import Statement, allow, key, log_group, role, usable_by

NODES_GROUP: Final = Input(
    "nodes_security_group_id",
    LayerName.CLUSTER,
    "security group of the machines",
    "sg-00000000000000000",
)
CLUSTER: Final = Resource("aws_eks_cluster", "main", {})
"""How other blocks refer to the cluster."""
TO_PODS: Final = (443, 4443, 8443, 9443)
"""Ports on which webhooks and metrics servers listen for the control plane, by custom."""
KUBELET: Final = 10250
OPERATOR_ROLE: Final = "operator"
"""Purpose of the role that the operator has; the layer edge adds what it may do there."""


def cluster(ground: Ground) -> Layer:
    """The layer ``cluster``.

    Args:
        ground: the stack.
    """
    made = key(ground, "cluster", *_disks(ground))
    control, nodes = _groups(ground)
    sheets = (
        Sheet("cluster", (*made, *_control_plane(ground, made[0], control))),
        Sheet("security_groups", (control, nodes, *_rules(ground, control, nodes))),
        Sheet("machines", machines(ground, made[0], group=nodes)),
        Sheet("addons", tuple(_addons(ground))),
        Sheet("identities", tuple(_identities(ground))),
        Sheet("registries", tuple(_registries(ground, made[0]))),
    )
    outputs = (
        Output("cluster_name", CLUSTER.ref("name"), "name of the cluster"),
        Output("cluster_endpoint", CLUSTER.ref("endpoint"), "where its API answers"),
        Output(
            "cluster_authority",
            CLUSTER.ref("certificate_authority[0].data"),
            "certificate authority of its API, in base64",
        ),
        Output("cluster_version", CLUSTER.ref("version"), "minor version of the control plane"),
        Output(
            "machines_version", _oldest(ground), "minor version of the machines, the oldest of the products'"
        ),
        Output(NODES_GROUP.name, nodes.ref(), NODES_GROUP.what),
        Output("cluster_key_arn", made[0].ref("arn"), "key of the cluster's disks"),
        Output(
            "registries",
            {name: f"${{aws_ecr_repository.{snake(name)}.repository_url}}" for name in _images(ground)},
            "registry of each component's image",
        ),
    )
    return Layer(LayerName.CLUSTER, sheets, (VPC_ID, PRIVATE_SUBNETS, LOGS_KEY), outputs)


def _oldest(ground: Ground) -> str:
    """The version of the products' machines; while a group takes over from another, that of the older ones."""
    told = [f"aws_eks_node_group.{snake(group.name)}.version" for group in machines_for(ground, "products")]
    # As texts they are in order up to 1.99.
    return f"${{{told[0]}}}" if len(told) == 1 else f"${{sort([{', '.join(told)}])[0]}}"


def _disks(ground: Ground) -> tuple[Statement, ...]:
    """Let machines of a scaling group start from disks that the key encrypts."""
    service = ground.arn(
        "iam",
        "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling",
        region="",
    )
    using = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    return (
        allow("ScalingGroups", using, on=["*"], Principal={"AWS": service}),
        allow(
            "ScalingGroupsGrant",
            ["kms:CreateGrant"],
            on=["*"],
            Principal={"AWS": service},
            Condition={"Bool": {"kms:GrantIsForAWSResource": "true"}},
        ),
        usable_by(ground, "eks", sid="ControlPlane"),
    )


def _groups(ground: Ground) -> tuple[Resource, Resource]:
    return (
        security_group(ground, "control_plane", what="the cluster's API", vpc_id=VPC_ID.ref),
        security_group(ground, "nodes", what="the machines and their pods", vpc_id=VPC_ID.ref),
    )


def _rules(ground: Ground, control: Resource, nodes: Resource) -> Iterator[Resource]:
    from_nodes = {"referenced_security_group_id": nodes.ref()}
    from_control = {"referenced_security_group_id": control.ref()}
    yield rule_in(control, "api_from_nodes", port=443, **from_nodes)
    if not ground.platform.public_api:
        yield rule_in(control, "api_from_network", port=443, cidr_ipv4=ground.platform.network)
    for port in (*TO_PODS, KUBELET):
        yield rule_out(control, f"nodes_{port}", port=port, **from_nodes)
        yield rule_in(nodes, f"control_plane_{port}", port=port, **from_control)
    body = {
        "security_group_id": nodes.ref(),
        "description": "pods among themselves; network policies say which",
        "ip_protocol": "-1",
        "referenced_security_group_id": nodes.ref(),
        "tags": {"Name": "pods among themselves"},
    }
    yield Resource("aws_vpc_security_group_ingress_rule", "nodes_self", body)
    yield rule_out(nodes, "everywhere", port=None, cidr_ipv4="0.0.0.0/0")


def _control_plane(ground: Ground, made: Resource, control: Resource) -> Iterator[Resource]:
    logs = log_group("control_plane", f"/aws/eks/{ground.prefix}/cluster", key_arn=LOGS_KEY.ref)
    own = role(
        ground,
        "control-plane",
        service="eks",
        managed=("AmazonEKSClusterPolicy",),
        actions=("sts:AssumeRole", "sts:TagSession"),
    )
    yield from (logs, *own)
    # The group must be there before the cluster writes to it, or EKS makes one that keeps everything for ever.
    waits = [resource.address for resource in (logs, *own[1:])]
    yield Resource("aws_eks_cluster", "main", _cluster_body(ground, made, own[0]) | {
        "vpc_config": _where(ground, control),
        "depends_on": waits,
    })  # fmt: skip
    deployer = {
        "cluster_name": CLUSTER.ref("name"),
        "principal_arn": ground.arn("iam", f"role/{ground.prefix}-deploy", region=""),
    }
    yield Resource("aws_eks_access_entry", "deployer", deployer | {"type": "STANDARD"})
    policy = f"arn:{ground.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
    rights = deployer | {
        "policy_arn": policy,
        "access_scope": {"type": "cluster"},
        "depends_on": ["aws_eks_access_entry.deployer"],
    }
    yield Resource("aws_eks_access_policy_association", "deployer", rights)


def _cluster_body(ground: Ground, made: Resource, own: Resource) -> dict[str, Any]:
    return {
        "name": ground.prefix,
        "role_arn": own.ref("arn"),
        "version": ground.platform.kubernetes,
        "enabled_cluster_log_types": [
            "api",
            "audit",
            "authenticator",
            "controllerManager",
            "scheduler",
        ],
        "bootstrap_self_managed_addons": False,
        "access_config": {
            "authentication_mode": "API",
            "bootstrap_cluster_creator_admin_permissions": False,
        },
        "encryption_config": {
            "provider": {"key_arn": made.ref("arn")},
            "resources": ["secrets"],
        },
        "upgrade_policy": {"support_type": "STANDARD"},
        "zonal_shift_config": {"enabled": True},
    }


def _where(ground: Ground, control: Resource) -> dict[str, Any]:
    return {
        "subnet_ids": PRIVATE_SUBNETS.ref,
        "security_group_ids": [control.ref()],
        "endpoint_private_access": True,
        "endpoint_public_access": ground.platform.public_api,
    }


def _addons(ground: Ground) -> Iterator[Resource]:
    settings: dict[str, dict[str, Any]] = {
        "vpc-cni": {"enableNetworkPolicy": "true"} if ground.platform.network_policies == "vpc-cni" else {},
        "kube-proxy": {},
        "eks-pod-identity-agent": {},
        "coredns": {},
        "aws-ebs-csi-driver": {},
        "aws-efs-csi-driver": {},
        "snapshot-controller": {},
    }
    # These run as ordinary pods, so they need a machine first; the others are what machines need to be ready.
    late = {"coredns", "aws-ebs-csi-driver", "aws-efs-csi-driver", "snapshot-controller"}
    for name, values in settings.items():
        body: dict[str, Any] = {
            "cluster_name": CLUSTER.ref("name"),
            "addon_name": name,
            "resolve_conflicts_on_create": "OVERWRITE",
            "resolve_conflicts_on_update": "OVERWRITE",
        }
        if values:
            body["configuration_values"] = json.dumps(values)
        if name in late:
            body["depends_on"] = [
                f"aws_eks_node_group.{snake(group.name)}" for group in machines_for(ground, "system")
            ]
        yield Resource("aws_eks_addon", snake(name), body)


def _identities(ground: Ground) -> Iterator[Resource]:
    """The roles that pods have, each for one service account."""
    managed = (
        ("ebs-csi", "kube-system", "ebs-csi-controller-sa", "service-role/AmazonEBSCSIDriverPolicy"),
        ("efs-csi", "kube-system", "efs-csi-controller-sa", "service-role/AmazonEFSCSIDriverPolicy"),
        ("vpc-cni", "kube-system", "aws-node", "AmazonEKS_CNI_Policy"),
    )
    actions = ("sts:AssumeRole", "sts:TagSession")
    for purpose, namespace, account, policy in managed:
        own = role(ground, purpose, service="pods.eks", managed=(policy,), actions=actions)
        yield from (*own, _bound(own[0], namespace, account))
    for purpose, account, statements in (
        ("balancer-controller", "aws-load-balancer-controller", _balancer_rights()),
        (OPERATOR_ROLE, "telamon-operator", _operator_rights(ground)),
    ):
        namespace = "telamon-system" if purpose == OPERATOR_ROLE else "kube-system"
        own = role(ground, purpose, service="pods.eks", statements=statements, actions=actions)
        yield from (*own, _bound(own[0], namespace, account))


def _bound(own: Resource, namespace: str, account: str) -> Resource:
    body = {
        "cluster_name": CLUSTER.ref("name"),
        "namespace": namespace,
        "service_account": account,
        "role_arn": own.ref("arn"),
    }
    return Resource("aws_eks_pod_identity_association", own.name, body)


def _balancer_rights() -> tuple[Statement, ...]:
    """Register pods with the target groups that the edge has made; nothing else."""
    looking = [
        "ec2:DescribeInstances",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeVpcs",
    ]
    looking += ["elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth"]
    moving = ["elasticloadbalancing:DeregisterTargets", "elasticloadbalancing:RegisterTargets"]
    return (
        allow("Look", looking, on=["*"]),
        allow("Register", moving, on=["arn:*:elasticloadbalancing:*:*:targetgroup/*/*"]),
    )


def _operator_rights(ground: Ground) -> tuple[Statement, ...]:
    """Keep backups, and snapshot the database before a change."""
    bucket = f"arn:{ground.partition}:s3:::{backup_bucket(ground)}"
    found = [
        allow("ListBackups", ["s3:GetBucketLocation", "s3:ListBucket"], on=[bucket]),
        allow("KeepBackups", ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"], on=[f"{bucket}/*"]),
        allow(
            "BackupKey",
            ["kms:Decrypt", "kms:GenerateDataKey"],
            on=[ground.arn("kms", "key/*")],
            Condition={"ForAnyValue:StringEquals": {"kms:ResourceAliases": f"alias/{ground.prefix}-data"}},
        ),
    ]
    if ground.database is not None:
        instance = ground.arn("rds", f"db:{ground.prefix}")
        snapshots = ground.arn("rds", f"snapshot:{ground.prefix}-*")
        found.append(
            allow(
                "SnapshotDatabase",
                ["rds:CreateDBSnapshot", "rds:DescribeDBInstances", "rds:DescribeDBSnapshots"],
                on=[instance, snapshots],
            )
        )
    return tuple(found)


def backup_bucket(ground: Ground) -> str:
    """Name of the bucket for backups: the one of the file, else the stack's own."""
    destination = ground.spec.backup.destination
    named = destination.bucket if destination is not None and destination.kind == "s3" else None
    return named or ground.bucket("backup")


def _images(ground: Ground) -> tuple[str, ...]:
    return tuple(component for tenant in ground.tenants for component in tenant.components)


def _registries(ground: Ground, made: Resource) -> Iterator[Resource]:
    expire = {
        "rules": [
            {
                "rulePriority": 1,
                "description": "what has no tag is of no use after two weeks",
                "selection": {
                    "tagStatus": "untagged",
                    "countType": "sinceImagePushed",
                    "countUnit": "days",
                    "countNumber": 14,
                },
                "action": {"type": "expire"},
            }
        ]
    }
    for name in _images(ground):
        body = {
            "name": f"{ground.prefix}/{name}",
            "image_tag_mutability": "IMMUTABLE",
            "image_scanning_configuration": {"scan_on_push": True},
            "encryption_configuration": {"encryption_type": "KMS", "kms_key": made.ref("arn")},
        }
        registry = Resource("aws_ecr_repository", snake(name), body)
        yield registry
        rule = {"repository": registry.ref("name"), "policy": json.dumps(expire)}
        yield Resource("aws_ecr_lifecycle_policy", registry.name, rule)
