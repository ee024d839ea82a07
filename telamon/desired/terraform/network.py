"""The network: a VPC over all zones, ways out, endpoints, flow logs, and the bucket for logs.

Sources: AWS documentation, "VPC and subnet requirements" of Amazon EKS (tags, endpoints that a cluster without a way
out needs), "Enable access logs for your Network Load Balancer", "Enabling Amazon S3 server access logging".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from telamon.desired.terraform.buckets import Bucket, bucket
from telamon.desired.terraform.data import Input, Layer, LayerName, Output, Resource, Sheet, snake
from telamon.desired.terraform.ground import Ground, Zone
from telamon.desired.terraform.policies import (
    allow,
    by_service,
    from_account,
    key,
    log_group,
    logs_may_use,
    role,
)

VPC_ID: Final = Input("vpc_id", LayerName.NETWORK, "the network", "vpc-00000000000000000")
PRIVATE_SUBNETS: Final = Input(
    "private_subnet_ids",
    LayerName.NETWORK,
    "subnets of the machines, by zone",
    tuple(f"subnet-0000000000000000{n}" for n in range(4)),
)
PUBLIC_SUBNETS: Final = Input(
    "public_subnet_ids",
    LayerName.NETWORK,
    "subnets of the balancers, by zone",
    tuple(f"subnet-0000000000000001{n}" for n in range(4)),
)
DATA_SUBNETS: Final = Input(
    "data_subnet_ids",
    LayerName.NETWORK,
    "subnets of databases and file systems, by zone",
    tuple(f"subnet-0000000000000002{n}" for n in range(4)),
)
ROUTE_TABLES: Final = Input(
    "route_table_ids",
    LayerName.NETWORK,
    "route tables of machines and data, which learn floating addresses",
    tuple(f"rtb-0000000000000000{n}" for n in range(5)),
)
LOGS_BUCKET: Final = Input("logs_bucket", LayerName.NETWORK, "bucket for access logs", "logs-of-a-preview")
LOGS_KEY: Final = Input(
    "logs_key_arn",
    LayerName.NETWORK,
    "key of all log groups",
    "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000",
)

ENDPOINTS: Final = ("ec2", "ecr.api", "ecr.dkr", "eks", "eks-auth", "kms", "logs", "secretsmanager", "sts")
"""Services that machines and pods speak to without leaving the network, in production."""


def network(ground: Ground) -> Layer:
    """The layer ``network``.

    Args:
        ground: the stack.
    """
    vpc = Resource(
        "aws_vpc",
        "main",
        {
            "cidr_block": ground.platform.network,
            "enable_dns_hostnames": True,
            "enable_dns_support": True,
            "tags": {"Name": ground.prefix},
        },
    )
    # Without rules of its own, the group that AWS makes by itself lets nothing through.
    closed = Resource("aws_default_security_group", "closed", {"vpc_id": vpc.ref()})
    logs_key = key(ground, "logs", logs_may_use(ground))
    sheets = (
        Sheet("vpc", (vpc, closed, *_subnets(ground, vpc))),
        Sheet("routes", tuple(_routes(ground, vpc))),
        Sheet("endpoints", _endpoints(ground, vpc)),
        Sheet("flow_logs", (*logs_key, *_flow_logs(ground, vpc, logs_key[0]))),
        Sheet("logs_bucket", _logs_bucket(ground)),
    )
    return Layer(LayerName.NETWORK, sheets, outputs=_outputs(ground))


def _subnets(ground: Ground, vpc: Resource) -> Iterator[Resource]:
    cluster = f"kubernetes.io/cluster/{ground.prefix}"
    kinds: tuple[tuple[str, dict[str, str]], ...] = (
        ("private", {cluster: "shared", "kubernetes.io/role/internal-elb": "1"}),
        ("public", {cluster: "shared", "kubernetes.io/role/elb": "1"}),
        ("data", {}),
    )
    for kind, tags in kinds:
        for zone in ground.zones:
            body = {
                "vpc_id": vpc.ref(),
                "availability_zone": zone.name,
                "cidr_block": getattr(zone, kind),
                "map_public_ip_on_launch": False,
                "tags": {"Name": f"{ground.prefix}-{kind}-{zone.letter}"} | tags,
            }
            yield Resource("aws_subnet", f"{kind}_{zone.letter}", body)


def _routes(ground: Ground, vpc: Resource) -> Iterator[Resource]:
    gateway = Resource("aws_internet_gateway", "main", {"vpc_id": vpc.ref(), "tags": {"Name": ground.prefix}})
    yield gateway
    public = _table(ground, vpc, "public")
    yield public
    yield _default_route("public", public, gateway_id=gateway.ref())
    data = _table(ground, vpc, "data")
    yield data
    for zone in ground.zones:
        yield _joined("public", zone, public)
        yield _joined("data", zone, data)
    for zone in ground.ways_out:
        yield from _way_out(ground, zone)
    for zone in ground.zones:
        table = _table(ground, vpc, f"private-{zone.letter}")
        yield table
        out = zone if zone in ground.ways_out else ground.ways_out[0]
        yield _default_route(
            f"private_{zone.letter}", table, nat_gateway_id=f"${{aws_nat_gateway.{out.letter}.id}}"
        )
        yield _joined("private", zone, table)


def _way_out(ground: Ground, zone: Zone) -> Iterator[Resource]:
    tags = {"Name": f"{ground.prefix}-nat-{zone.letter}"}
    address = Resource("aws_eip", f"nat_{zone.letter}", {"domain": "vpc", "tags": tags})
    yield address
    body = {
        "allocation_id": address.ref(),
        "subnet_id": f"${{aws_subnet.public_{zone.letter}.id}}",
        "tags": tags,
        "depends_on": ["aws_internet_gateway.main"],
    }
    yield Resource("aws_nat_gateway", zone.letter, body)


def _table(ground: Ground, vpc: Resource, name: str) -> Resource:
    body = {"vpc_id": vpc.ref(), "tags": {"Name": f"{ground.prefix}-{name}"}}
    return Resource("aws_route_table", snake(name), body)


def _default_route(name: str, table: Resource, **target: str) -> Resource:
    body = {"route_table_id": table.ref(), "destination_cidr_block": "0.0.0.0/0"} | target
    return Resource("aws_route", name, body)


def _joined(kind: str, zone: Zone, table: Resource) -> Resource:
    name = f"{kind}_{zone.letter}"
    body = {"route_table_id": table.ref(), "subnet_id": f"${{aws_subnet.{name}.id}}"}
    return Resource("aws_route_table_association", name, body)


def _tables(ground: Ground) -> tuple[str, ...]:
    private = tuple(f"${{aws_route_table.private_{zone.letter}.id}}" for zone in ground.zones)
    return (*private, "${aws_route_table.data.id}")


def _endpoints(ground: Ground, vpc: Resource) -> tuple[Resource, ...]:
    region = ground.platform.region
    gateway = {
        "vpc_id": vpc.ref(),
        "service_name": f"com.amazonaws.{region}.s3",
        "vpc_endpoint_type": "Gateway",
        "route_table_ids": list(_tables(ground)),
        "tags": {"Name": f"{ground.prefix}-s3"},
    }
    found = [Resource("aws_vpc_endpoint", "s3", gateway)]
    if not ground.production:
        return tuple(found)
    group = security_group(ground, "endpoints", what="the endpoints of AWS services", vpc_id=vpc.ref())
    found += [group, rule_in(group, "https", port=443, cidr_ipv4=ground.platform.network)]
    for service in ENDPOINTS:
        body = {
            "vpc_id": vpc.ref(),
            "service_name": f"com.amazonaws.{region}.{service}",
            "vpc_endpoint_type": "Interface",
            "private_dns_enabled": True,
            "subnet_ids": [f"${{aws_subnet.private_{zone.letter}.id}}" for zone in ground.zones],
            "security_group_ids": [group.ref()],
            "tags": {"Name": f"{ground.prefix}-{service}"},
        }
        found.append(Resource("aws_vpc_endpoint", snake(service), body))
    return tuple(found)


def security_group(ground: Ground, name: str, *, what: str, vpc_id: str) -> Resource:
    """A security group without rules; each rule is a resource of its own, so that a plan names it.

    Args:
        ground: the stack.
        name: of the resource.
        what: it protects.
        vpc_id: of the network.
    """
    title = ground.name(name.replace("_", "-"))
    body = {
        "name": title,
        "description": f"{ground.prefix}: {what}",
        "vpc_id": vpc_id,
        "tags": {"Name": title},
    }
    return Resource("aws_security_group", name, body)


def rule_in(group: Resource, name: str, *, port: int, **source: str) -> Resource:
    """Let TCP in on one port.

    Args:
        group: that is opened.
        name: of what comes in, for people and for the resource.
        port: TCP port.
        source: ``cidr_ipv4`` or ``referenced_security_group_id``.
    """
    body = _rule(group, name.replace("_", " ")) | {
        "ip_protocol": "tcp",
        "from_port": port,
        "to_port": port,
    }
    return Resource("aws_vpc_security_group_ingress_rule", f"{group.name}_{name}", body | source)


def rule_out(group: Resource, name: str, *, port: int | None, **target: str) -> Resource:
    """Let TCP out to one port, or everything where ``port`` is ``None``; see :func:`rule_in`."""
    span: dict[str, Any] = {"ip_protocol": "-1"}
    if port is not None:
        span = {"ip_protocol": "tcp", "from_port": port, "to_port": port}
    body = _rule(group, name.replace("_", " ")) | span | target
    return Resource("aws_vpc_security_group_egress_rule", f"{group.name}_{name}", body)


def _rule(group: Resource, what: str) -> dict[str, Any]:
    return {"security_group_id": group.ref(), "description": what, "tags": {"Name": what}}


def _flow_logs(ground: Ground, vpc: Resource, logs_key: Resource) -> tuple[Resource, ...]:
    group = log_group("flow_logs", f"/telamon/{ground.stack}/flow-logs", key_arn=logs_key.ref("arn"))
    writing = allow(
        "WriteFlowLogs",
        ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"],
        on=[group.ref("arn"), f"{group.ref('arn')}:*"],
    )
    writer = role(ground, "flow-logs", service="vpc-flow-logs", statements=[writing])
    flow = {
        "vpc_id": vpc.ref(),
        "traffic_type": "ALL",
        "log_destination_type": "cloud-watch-logs",
        "log_destination": group.ref("arn"),
        "iam_role_arn": writer[0].ref("arn"),
        "tags": {"Name": ground.prefix},
    }
    return (group, *writer, Resource("aws_flow_log", "main", flow))


def _logs_bucket(ground: Ground) -> tuple[Resource, ...]:
    name = ground.bucket("logs")
    arn = f"arn:{ground.partition}:s3:::{name}"
    own = from_account(ground)
    statements = (
        allow(
            "BucketAccessLogs",
            ["s3:PutObject"],
            on=[f"{arn}/s3/*"],
            Principal=by_service("logging.s3"),
            Condition=own,
        ),
        allow(
            "BalancerLogs",
            ["s3:PutObject"],
            on=[f"{arn}/balancer/*"],
            Principal=by_service("delivery.logs"),
            Condition=own,
        ),
        allow(
            "BalancerLogsLook",
            ["s3:GetBucketAcl"],
            on=[arn],
            Principal=by_service("delivery.logs"),
            Condition=own,
        ),
    )
    return bucket(ground, Bucket("logs", name, expire_days=400, statements=statements))


def _ids(kind: str, zones: Sequence[Zone]) -> list[str]:
    return [f"${{aws_subnet.{kind}_{zone.letter}.id}}" for zone in zones]


def _outputs(ground: Ground) -> tuple[Output, ...]:
    return (
        Output(VPC_ID.name, "${aws_vpc.main.id}", VPC_ID.what),
        Output(PRIVATE_SUBNETS.name, _ids("private", ground.zones), PRIVATE_SUBNETS.what),
        Output(PUBLIC_SUBNETS.name, _ids("public", ground.zones), PUBLIC_SUBNETS.what),
        Output(DATA_SUBNETS.name, _ids("data", ground.zones), DATA_SUBNETS.what),
        Output(ROUTE_TABLES.name, list(_tables(ground)), ROUTE_TABLES.what),
        Output(LOGS_BUCKET.name, "${aws_s3_bucket_policy.logs.bucket}", LOGS_BUCKET.what),
        Output(LOGS_KEY.name, "${aws_kms_key.logs.arn}", LOGS_KEY.what),
    )
