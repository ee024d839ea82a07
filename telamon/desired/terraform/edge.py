"""The edge: names, certificates, a balancer for the web and one for git over SSH.

Sources: AWS documentation of Elastic Load Balancing, "Network Load Balancers" (target groups, client IP preservation,
security policies); AWS Certificate Manager, "DNS validation": a domain and its wildcard are proven by one record.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from telamon.desired.terraform.cdn import cdn, cdn_hosts
from telamon.desired.terraform.cluster import NODES_GROUP
from telamon.desired.terraform.data import Layer, LayerName, Output, Resource, Sheet, snake
from telamon.desired.terraform.ground import Ground
from telamon.desired.terraform.network import (
    LOGS_BUCKET,
    PUBLIC_SUBNETS,
    VPC_ID,
    rule_in,
    rule_out,
    security_group,
)
from telamon.desired.terraform.policies import allow, document, key, log_group, logs_may_use
from telamon.desired.terraform.regions import WORLDWIDE
from telamon.model.edge import AcmTls, DisabledTls

WEB_PORT: Final = 8443
"""Where the gateway's pods listen."""
TLS_POLICY: Final = "ELBSecurityPolicy-TLS13-1-2-2021-06"
ELSEWHERE: Final = "aws.worldwide"


def edge(ground: Ground) -> Layer:
    """The layer ``edge``.

    Args:
        ground: the stack.
    """
    tls = ground.spec.edge.tls or AcmTls(kind="acm")
    own_certificate = isinstance(tls, AcmTls) and tls.certificate is None
    sheets = [Sheet("names", tuple(_names(ground)))]
    outputs = [
        Output("name_servers", "${aws_route53_zone.main.name_servers}", "to be named by the parent domain")
    ]
    if own_certificate or ground.spec.edge.cdn is not None:
        sheets.append(Sheet("certificates", tuple(_certificates(ground, balancers=own_certificate))))
    certificate = None
    if isinstance(tls, AcmTls):
        certificate = tls.certificate or "${aws_acm_certificate_validation.main.certificate_arn}"
        outputs.append(Output("certificate_arn", certificate, "certificate of the front door"))
    if ground.spec.edge.driver != "alb":
        plain = isinstance(tls, DisabledTls)
        sheets.append(Sheet("web", tuple(_web(ground, certificate, plain=plain))))
        outputs.append(
            Output("web_target_group_arn", "${aws_lb_target_group.web.arn}", "where pods register")
        )
    tcp = _tcp(ground)
    if tcp:
        sheets.append(Sheet("ssh", tuple(_ssh(ground, tcp))))
        groups = {name: f"${{aws_lb_target_group.{snake(name)}.arn}}" for name in tcp}
        outputs.append(Output("tcp_target_group_arns", groups, "where pods register, by listener"))
    if ground.spec.edge.cdn is not None:
        sheets.append(Sheet("cdn", tuple(cdn(ground, ground.spec.edge.cdn, provider=ELSEWHERE))))
        urls = {name: f"https://{host}" for name, host in cdn_hosts(ground).items()}
        outputs.append(Output("cdn_urls", urls, "what each product is told as the base of its static files"))
        ids = {name: f"${{aws_cloudfront_distribution.{snake(name)}.id}}" for name in urls}
        outputs.append(Output("cdn_distributions", ids, "to be invalidated after an upgrade, by product"))
    inputs = (VPC_ID, PUBLIC_SUBNETS, LOGS_BUCKET, NODES_GROUP)
    return Layer(LayerName.EDGE, tuple(sheets), inputs, tuple(outputs), worldwide=True)


def _names(ground: Ground) -> Iterator[Resource]:
    zone = Resource(
        "aws_route53_zone",
        "main",
        {"name": ground.spec.domain, "comment": f"{ground.prefix}: names of the stack"},
    )
    yield zone
    made = key(ground, "queries", logs_may_use(ground, region=WORLDWIDE))
    yield from (Resource(part.type, part.name, {**part.body, "provider": ELSEWHERE}) for part in made)
    path = f"/aws/route53/{ground.prefix}"
    group = log_group("queries", path, key_arn=made[0].ref("arn"), provider=ELSEWHERE)
    yield group
    writing = allow(
        "Route53",
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        on=[f"{ground.arn('logs', f'log-group:{path}', region=WORLDWIDE)}:*"],
        Principal={"Service": "route53.amazonaws.com"},
    )
    may = Resource(
        "aws_cloudwatch_log_resource_policy",
        "queries",
        {
            "policy_name": f"{ground.prefix}-queries",
            "policy_document": document(writing),
            "provider": ELSEWHERE,
        },
    )
    yield may
    logging = {
        "zone_id": zone.ref("zone_id"),
        "cloudwatch_log_group_arn": group.ref("arn"),
        "depends_on": [may.address],
    }
    yield Resource("aws_route53_query_log", "main", logging)


def _alias(name: str, host: str, balancer: Resource) -> Resource:
    target = {
        "name": balancer.ref("dns_name"),
        "zone_id": balancer.ref("zone_id"),
        "evaluate_target_health": True,
    }
    body = {"zone_id": "${aws_route53_zone.main.zone_id}", "name": host, "type": "A", "alias": target}
    return Resource("aws_route53_record", name, body)


def _below(ground: Ground, host: str) -> bool:
    return host == ground.spec.domain or host.endswith(f".{ground.spec.domain}")


def _certificates(ground: Ground, *, balancers: bool) -> Iterator[Resource]:
    """Certificates of the front door and of static files, each for the hosts that are there and for no wildcard."""
    wanted: list[tuple[str, dict[str, Any], list[str]]] = []
    if balancers:
        own = [tenant.host for tenant in ground.tenants if _below(ground, tenant.host)]
        wanted.append(("main", {}, own))
    if ground.spec.edge.cdn is not None:
        wanted.append(("cdn", {"provider": ELSEWHERE}, list(cdn_hosts(ground).values())))
    for name, provider, hosts in wanted:
        if not hosts:
            continue
        certificate = Resource(
            "aws_acm_certificate",
            name,
            {
                "domain_name": hosts[0],
                "subject_alternative_names": hosts[1:],
                "validation_method": "DNS",
                "lifecycle": {"create_before_destroy": True},
            }
            | provider,
        )
        proofs = [_proof(host, certificate) for host in hosts]
        body = {
            "certificate_arn": certificate.ref("arn"),
            "validation_record_fqdns": [proof.ref("fqdn") for proof in proofs],
        }
        yield from (certificate, *proofs)
        yield Resource("aws_acm_certificate_validation", name, body | provider)


def _proof(host: str, certificate: Resource) -> Resource:
    option = f'[for o in {certificate.address}.domain_validation_options : o if o.domain_name == "{host}"][0]'
    body = {
        "zone_id": "${aws_route53_zone.main.zone_id}",
        "name": f"${{{option}.resource_record_name}}",
        "type": f"${{{option}.resource_record_type}}",
        "records": [f"${{{option}.resource_record_value}}"],
        "ttl": 300,
        "allow_overwrite": True,
    }
    return Resource("aws_route53_record", f"proof_{snake(host)}", body)


def _balancer(ground: Ground, name: str, group: Resource) -> Resource:
    body = {
        "name": ground.name(name, longest=32),
        "load_balancer_type": "network",
        "internal": False,
        "subnets": PUBLIC_SUBNETS.ref,
        "security_groups": [group.ref()],
        "enable_cross_zone_load_balancing": True,
        "enable_deletion_protection": ground.production,
        "access_logs": {"bucket": LOGS_BUCKET.ref, "prefix": f"balancer/{name}", "enabled": True},
    }
    return Resource("aws_lb", snake(name), body)


def _targets(ground: Ground, name: str, port: int) -> Resource:
    body = {
        "name": ground.name(name, longest=32),
        "port": port,
        "protocol": "TCP",
        "target_type": "ip",
        "vpc_id": VPC_ID.ref,
        # The pods see the client's own address.
        "preserve_client_ip": True,
        "deregistration_delay": 120,
        "connection_termination": False,
        "health_check": {
            "protocol": "TCP",
            "interval": 10,
            "healthy_threshold": 2,
            "unhealthy_threshold": 2,
        },
        "lifecycle": {"create_before_destroy": True},
    }
    return Resource("aws_lb_target_group", snake(name), body)


def _between(group: Resource, name: str, port: int) -> Iterator[Resource]:
    """Rules by which a balancer reaches pods."""
    yield rule_out(group, f"pods_{port}", port=port, referenced_security_group_id=NODES_GROUP.ref)
    body = {
        "security_group_id": NODES_GROUP.ref,
        "description": f"the balancer {name}",
        "ip_protocol": "tcp",
        "from_port": port,
        "to_port": port,
        "referenced_security_group_id": group.ref(),
        "tags": {"Name": f"balancer {name}"},
    }
    yield Resource("aws_vpc_security_group_ingress_rule", f"nodes_from_{snake(name)}", body)


def _web(ground: Ground, certificate: str | None, *, plain: bool) -> Iterator[Resource]:
    port = ground.spec.edge.port or (80 if plain else 443)
    group = security_group(ground, "web", what="the front door", vpc_id=VPC_ID.ref)
    yield group
    yield rule_in(group, "everybody", port=port, cidr_ipv4="0.0.0.0/0")
    yield from _between(group, "web", WEB_PORT)
    balancer = _balancer(ground, "web", group)
    targets = _targets(ground, "web", WEB_PORT)
    listener: dict[str, Any] = {
        "load_balancer_arn": balancer.ref("arn"),
        "port": port,
        "protocol": "TCP",
        "default_action": {"type": "forward", "target_group_arn": targets.ref("arn")},
    }
    if certificate is not None:
        listener |= {"protocol": "TLS", "ssl_policy": TLS_POLICY, "certificate_arn": certificate}
    yield from (balancer, targets, Resource("aws_lb_listener", "web", listener))
    for tenant in ground.tenants:
        if _below(ground, tenant.host):
            yield _alias(snake(tenant.name), tenant.host, balancer)


def _tcp(ground: Ground) -> dict[str, tuple[int, int]]:
    """Listener name to the port of the front door and the port of pods, for everything besides HTTP."""
    found: dict[str, tuple[int, int]] = {}
    for tenant in ground.tenants:
        for route in tenant.tcp:
            port = ground.spec.edge.ssh.port if route.name == "ssh" else None
            found[f"{tenant.name}-{route.name}"] = (port or route.front_port, route.front_port)
    return found


def _ssh(ground: Ground, tcp: dict[str, tuple[int, int]]) -> Iterator[Resource]:
    group = security_group(ground, "ssh", what="git over SSH", vpc_id=VPC_ID.ref)
    balancer = _balancer(ground, "ssh", group)
    yield from (group, balancer)
    for name, (front, port) in tcp.items():
        yield rule_in(group, f"everybody_{front}", port=front, cidr_ipv4="0.0.0.0/0")
        yield from _between(group, name, port)
        targets = _targets(ground, name, port)
        listener = {
            "load_balancer_arn": balancer.ref("arn"),
            "port": front,
            "protocol": "TCP",
            "default_action": {"type": "forward", "target_group_arn": targets.ref("arn")},
        }
        yield from (targets, Resource("aws_lb_listener", snake(name), listener))
    yield _alias("git", f"git.{ground.spec.domain}", balancer)
