"""The network for static files: CloudFront in front of what looks the same to everybody, and of nothing else.

A firewall lets through only the prefix under which a product serves such files, because any other path that a network
may fetch is a path on which it may keep an answer made for one person (and the way in of CVE-2021-26086). Cookies are
not sent on. Everybody else goes straight to the balancer, so the products see the clients' own addresses.

Sources: Atlassian documentation, "Configure your CDN for Data Center"; AWS documentation of Amazon CloudFront, "Use
managed cache policies", "Use managed response headers policies"; AWS WAF, "Logging web ACL traffic"; Service
Authorization Reference, "Amazon CloudFront" (both rights of invalidations know distributions as their resource).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final

from telamon.desired.terraform.cluster import OPERATOR_ROLE
from telamon.desired.terraform.data import Resource, snake
from telamon.desired.terraform.ground import Ground, Tenant
from telamon.desired.terraform.policies import allow, document, key, log_group, logs_may_use
from telamon.desired.terraform.regions import WORLDWIDE
from telamon.model.edge import CdnSpec

CACHE_BY_ORIGIN: Final = "4cc15a8a-d715-48a4-82b8-cc0b614638fe"
"""Managed cache policy UseOriginCacheControlHeaders-QueryStrings: the product says how long."""
HEADERS: Final = Resource("aws_cloudfront_response_headers_policy", "static", {})
"""How distributions refer to the headers that are added to every answer."""
A_YEAR: Final = 31_536_000
"""Seconds."""


def cdn_hosts(ground: Ground) -> dict[str, str]:
    """Under which host each product's static files are found, for products that know of such a network."""
    return {
        tenant.name: f"static-{tenant.name}.{ground.spec.domain}"
        for tenant in ground.tenants
        if tenant.static_prefix is not None
    }


def cdn(ground: Ground, wanted: CdnSpec, *, provider: str) -> Iterator[Resource]:
    """Everything for static files.

    Args:
        ground: the stack.
        wanted: what the file says.
        provider: the one of the region that CloudFront takes firewalls from.
    """
    made = key(ground, "static", logs_may_use(ground, region=WORLDWIDE))
    yield from (Resource(part.type, part.name, {**part.body, "provider": provider}) for part in made)
    yield Resource(HEADERS.type, HEADERS.name, _headers(ground))
    hosts = cdn_hosts(ground)
    for tenant in ground.tenants:
        if tenant.name not in hosts:
            continue
        yield from _firewall(ground, tenant, made[0], provider=provider)
        distribution = _distribution(tenant, wanted, host=hosts[tenant.name])
        yield distribution
        target = {
            "name": distribution.ref("domain_name"),
            "zone_id": distribution.ref("hosted_zone_id"),
            "evaluate_target_health": False,
        }
        body = {
            "zone_id": "${aws_route53_zone.main.zone_id}",
            "name": hosts[tenant.name],
            "type": "A",
            "alias": target,
        }
        yield Resource("aws_route53_record", f"static_{snake(tenant.name)}", body)
    if hosts:
        yield _forgetting(ground, hosts)


def _forgetting(ground: Ground, names: Iterable[str]) -> Resource:
    """Let the operator have these distributions forget what they keep, and nothing else with them."""
    arns = [f"${{aws_cloudfront_distribution.{snake(name)}.arn}}" for name in names]
    rights = ["cloudfront:CreateInvalidation", "cloudfront:GetInvalidation"]
    body = {
        "name": "static-files",
        "role": ground.name(OPERATOR_ROLE, longest=64),
        "policy": document(allow("ForgetStaticFiles", rights, on=arns)),
    }
    return Resource("aws_iam_role_policy", "operator_static", body)


def _headers(ground: Ground) -> dict[str, Any]:
    security = {
        "content_type_options": {"override": True},
        "referrer_policy": {"referrer_policy": "same-origin", "override": True},
        "strict_transport_security": {
            "access_control_max_age_sec": A_YEAR,
            "include_subdomains": True,
            "preload": True,
            "override": True,
        },
    }
    return {
        "name": ground.name("static"),
        "comment": "static files",
        "security_headers_config": security,
    }


def _distribution(tenant: Tenant, wanted: CdnSpec, *, host: str) -> Resource:
    name = snake(tenant.name)
    origin = {
        "origin_id": "product",
        "domain_name": tenant.host,
        "custom_origin_config": {
            "http_port": 80,
            "https_port": 443,
            "origin_protocol_policy": "https-only",
            "origin_ssl_protocols": ["TLSv1.2"],
        },
    }
    behaviour = {
        "target_origin_id": "product",
        "viewer_protocol_policy": "https-only",
        "allowed_methods": ["GET", "HEAD", "OPTIONS"],
        "cached_methods": ["GET", "HEAD"],
        "compress": True,
        "cache_policy_id": CACHE_BY_ORIGIN,
        "response_headers_policy_id": HEADERS.ref(),
    }
    body = {
        "comment": f"static files of {tenant.name}",
        "enabled": True,
        "aliases": [host],
        "http_version": "http2and3",
        "is_ipv6_enabled": True,
        "price_class": f"PriceClass_{wanted.price_class.capitalize()}",
        "web_acl_id": f"${{aws_wafv2_web_acl.{name}.arn}}",
        "origin": origin,
        "default_cache_behavior": behaviour,
        "restrictions": {"geo_restriction": {"restriction_type": "none"}},
        "viewer_certificate": {
            "acm_certificate_arn": "${aws_acm_certificate_validation.cdn.certificate_arn}",
            "ssl_support_method": "sni-only",
            "minimum_protocol_version": "TLSv1.2_2021",
        },
    }
    return Resource("aws_cloudfront_distribution", name, body)


def _firewall(ground: Ground, tenant: Tenant, made: Resource, *, provider: str) -> Iterator[Resource]:
    name = snake(tenant.name)
    title = ground.name(f"static-{tenant.name}")
    static = {
        "byte_match_statement": {
            "field_to_match": {"uri_path": {}},
            "positional_constraint": "STARTS_WITH",
            "search_string": f"{tenant.path}{tenant.static_prefix}",
            "text_transformation": {"priority": 0, "type": "NORMALIZE_PATH"},
        }
    }
    rules = [
        _group_of_aws(title, "AWSManagedRulesKnownBadInputsRuleSet", priority=0, action="none"),
        # Whoever comes through a company's proxy looks anonymous: such requests are counted, not refused.
        _group_of_aws(title, "AWSManagedRulesAnonymousIpList", priority=1, action="count"),
        {
            "name": "static-files",
            "priority": 2,
            "action": {"allow": {}},
            "statement": static,
            "visibility_config": _visible(f"{title}-files"),
        },
    ]
    acl = Resource(
        "aws_wafv2_web_acl",
        name,
        {
            "name": title,
            "description": f"static files of {tenant.name} and nothing else",
            "scope": "CLOUDFRONT",
            "default_action": {"block": {}},
            "rule": rules,
            "visibility_config": _visible(title),
            "provider": provider,
        },
    )
    # AWS takes only groups whose name begins so.
    group = log_group(f"firewall_{name}", f"aws-waf-logs-{title}", key_arn=made.ref("arn"), provider=provider)
    logging = {
        "resource_arn": acl.ref("arn"),
        "log_destination_configs": [group.ref("arn")],
        "redacted_fields": [{"single_header": {"name": header}} for header in ("authorization", "cookie")],
        "provider": provider,
    }
    yield from (acl, group, Resource("aws_wafv2_web_acl_logging_configuration", name, logging))


def _group_of_aws(title: str, name: str, *, priority: int, action: str) -> dict[str, Any]:
    """A group of rules that AWS keeps up to date."""
    return {
        "name": name,
        "priority": priority,
        "override_action": {action: {}},
        "statement": {"managed_rule_group_statement": {"vendor_name": "AWS", "name": name}},
        "visibility_config": _visible(f"{title}-{name}"),
    }


def _visible(metric: str) -> dict[str, Any]:
    return {
        "cloudwatch_metrics_enabled": True,
        "metric_name": metric,
        "sampled_requests_enabled": True,
    }
