"""The machines: groups for what runs the cluster, and groups for the products.

Sources: AWS documentation of Amazon EKS, "Managed node groups" (an update starts a new machine before it drains an
old one, and drains behind disruption budgets), "Customize managed nodes with launch templates"; Amazon EKS API,
``NodegroupScalingConfig`` (minSize cannot be greater than desiredSize).

Trap: a launch template that names security groups keeps EKS from adding its own, so ours carry every rule.
"""

from __future__ import annotations

from typing import Any

from telamon.desired.terraform.data import Resource, snake
from telamon.desired.terraform.ground import Ground, Machines
from telamon.desired.terraform.network import PRIVATE_SUBNETS
from telamon.desired.terraform.policies import role
from telamon.naming import LABEL_PURPOSE

POLICIES = (
    "AmazonEKSWorkerNodePolicy",
    "AmazonEC2ContainerRegistryPullOnly",
    "AmazonSSMManagedInstanceCore",
)


def machines(ground: Ground, made: Resource, *, group: Resource) -> tuple[Resource, ...]:
    """Node groups with what they are started from.

    Args:
        ground: the stack.
        made: the key of their disks.
        group: their security group.
    """
    own = role(ground, "nodes", service="ec2", managed=POLICIES)
    waits = [resource.address for resource in own[1:]]
    # Without the network plug-in no machine becomes ready.
    waits += ["aws_eks_addon.vpc_cni", "aws_eks_addon.kube_proxy", "aws_eks_addon.eks_pod_identity_agent"]
    found = [*own]
    for each in ground.machines:
        template = _template(ground, each, made=made, group=group)
        found += [template, _group(each, template=template, own=own[0], waits=waits)]
    return tuple(found)


def _template(ground: Ground, size: Machines, *, made: Resource, group: Resource) -> Resource:
    tags = {"Name": f"{ground.prefix}-{size.name}", **ground.tags}
    disk = {
        "volume_type": "gp3",
        "volume_size": 100,
        "encrypted": "true",
        "kms_key_id": made.ref("arn"),
        "delete_on_termination": "true",
    }
    body = {
        "name": f"{ground.prefix}-{size.name}",
        "update_default_version": True,
        "instance_type": size.type,
        "vpc_security_group_ids": [group.ref()],
        "block_device_mappings": {"device_name": "/dev/xvda", "ebs": disk},
        # One hop: pods do not reach the machine's own role through its metadata.
        "metadata_options": {
            "http_endpoint": "enabled",
            "http_tokens": "required",
            "http_put_response_hop_limit": 1,
        },
        "monitoring": {"enabled": True},
        "tag_specifications": [
            {"resource_type": kind, "tags": tags} for kind in ("instance", "volume", "network-interface")
        ],
    }
    return Resource("aws_launch_template", snake(size.name), body)


def _group(size: Machines, *, template: Resource, own: Resource, waits: list[str]) -> Resource:
    body: dict[str, Any] = {
        "cluster_name": "${aws_eks_cluster.main.name}",
        "node_group_name": size.name,
        "node_role_arn": own.ref("arn"),
        "subnet_ids": PRIVATE_SUBNETS.ref,
        "version": size.kubernetes,
        "ami_type": "AL2023_x86_64_STANDARD",
        "launch_template": {"id": template.ref(), "version": template.ref("latest_version")},
        # An update adds machines of the new kind before the old ones are drained.
        "scaling_config": {
            "min_size": size.count,
            "desired_size": size.count,
            "max_size": size.count + size.surge,
        },
        "update_config": {"max_unavailable": size.emptied_at_once},
        "node_repair_config": {"enabled": True},
        "labels": {LABEL_PURPOSE: size.purpose},
        "depends_on": waits,
    }
    if size.autoscaled:
        # Whoever scales within the bounds is right; only the bounds are ours. For all others it must not be so: EKS
        # refuses a least number above the wanted one, so a group that is told to grow would not.
        body["lifecycle"] = {"ignore_changes": ["scaling_config[0].desired_size"]}
    if size.purpose == "products":
        body["taint"] = [{"key": LABEL_PURPOSE, "value": size.purpose, "effect": "NO_SCHEDULE"}]
    return Resource("aws_eks_node_group", snake(size.name), body)
