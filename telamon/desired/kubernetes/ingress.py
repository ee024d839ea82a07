"""The front door by Ingress: the nginx controller that many still run, and AWS' own balancer.

Neither reads the body of a status page, so the pods' own readiness does; see
:mod:`telamon.desired.kubernetes.pods`. Neither passes TCP on without settings of its controller, so git over SSH gets a
balancer of its own.

Sources: kubernetes/ingress-nginx, "Annotations" (the project was retired in March 2026; what runs it still works); AWS
Load Balancer Controller 2.13, "Ingress annotations", "Network Load Balancer".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from telamon.desired.kubernetes.data import Meta, Object, made, port_name, without_nothing
from telamon.desired.kubernetes.site import Part, Site
from telamon.desired.kubernetes.workloads import selector
from telamon.model.edge import AcmTls, CertManagerTls, SecretTls
from telamon.naming import LABEL_SERVING
from telamon.products.base import Route

_NGINX: Final = "nginx.ingress.kubernetes.io"
_ALB: Final = "alb.ingress.kubernetes.io"
_NLB: Final = "service.beta.kubernetes.io/aws-load-balancer"
LONG: Final = 3600
"""Seconds for which a connection may be silent: websockets and large clones are."""


def ingress_objects(part: Part, site: Site) -> tuple[Object, ...]:
    """What of the front door is in the namespace of a product.

    Args:
        part: one of its components.
        site: the stack.
    """
    found: list[Object] = []
    if part.workload.routes:
        found.append(_ingress(part, site))
    found += (_tcp_service(part, site, name=route.name, port=route.port) for route in part.tcp)
    return tuple(found)


def _ingress(part: Part, site: Site) -> Object:
    annotations = dict(_nginx(part, site) if site.driver == "nginx" else _alb(part, site))
    port = {"port": {"name": "http"}}
    paths = [
        {
            "path": _path(part, route),
            "pathType": "Prefix",
            "backend": {"service": {"name": part.name, **port}},
        }
        for route in part.workload.routes
    ]
    spec = without_nothing(
        ingressClassName=site.spec.edge.class_name or site.driver,
        tls=list(_tls(part, site)),
        rules=[{"host": part.front.host, "http": {"paths": paths}}],
    )
    meta = Meta(part.name, part.namespace, site.part_labels(part), annotations)
    return made("networking.k8s.io/v1", "Ingress", meta=meta, spec=spec)


def _path(part: Part, route: Route) -> str:
    return f"{part.outline.context_path}{route.prefix}".rstrip("/") or "/"


def _tls(part: Part, site: Site) -> Iterator[dict[str, Any]]:
    tls = site.tls
    if isinstance(tls, SecretTls):
        yield {"hosts": [part.front.host], "secretName": tls.secret}
    elif isinstance(tls, CertManagerTls):
        yield {"hosts": [part.front.host], "secretName": f"{part.outline.product_name}-tls"}


def _cookie(part: Part) -> str | None:
    return next((route.sticky_cookie for route in part.workload.routes if route.sticky_cookie), None)


def _nginx(part: Part, site: Site) -> Iterator[tuple[str, str]]:
    cookie = _cookie(part)
    if cookie is not None:
        yield f"{_NGINX}/affinity", "cookie"
        # Users stay where they are when nodes come; only those of a node that went are moved.
        yield f"{_NGINX}/affinity-mode", "persistent"
        yield f"{_NGINX}/session-cookie-name", cookie
        yield f"{_NGINX}/session-cookie-path", "/"
        yield f"{_NGINX}/session-cookie-change-on-failure", "true"
        if part.front.scheme == "https":
            yield f"{_NGINX}/session-cookie-secure", "true"
    yield f"{_NGINX}/proxy-body-size", "0"
    yield f"{_NGINX}/proxy-connect-timeout", "5"
    yield f"{_NGINX}/proxy-read-timeout", str(LONG)
    yield f"{_NGINX}/proxy-send-timeout", str(LONG)
    yield f"{_NGINX}/proxy-request-buffering", "off"
    # What was surely not carried out is sent to another node; a write that may have been is not.
    yield f"{_NGINX}/proxy-next-upstream", "error timeout http_503"
    yield f"{_NGINX}/proxy-next-upstream-tries", "3"
    tls = site.tls
    if isinstance(tls, CertManagerTls) and part.is_product:
        kind = "cluster-issuer" if tls.issuer_kind == "ClusterIssuer" else "issuer"
        yield f"cert-manager.io/{kind}", tls.issuer


def _alb(part: Part, site: Site) -> Iterator[tuple[str, str]]:
    health = part.workload.health
    yield f"{_ALB}/group.name", site.prefix
    yield f"{_ALB}/scheme", "internet-facing"
    yield f"{_ALB}/target-type", "ip"
    yield f"{_ALB}/healthcheck-path", f"{part.outline.context_path}{health.path}"
    yield f"{_ALB}/success-codes", ",".join(str(code) for code in health.codes)
    yield f"{_ALB}/healthcheck-interval-seconds", "5"
    yield f"{_ALB}/healthcheck-timeout-seconds", "3"
    yield f"{_ALB}/healthy-threshold-count", "2"
    yield f"{_ALB}/unhealthy-threshold-count", "2"
    sticky = [
        "stickiness.enabled=true",
        "stickiness.type=lb_cookie",
        "stickiness.lb_cookie.duration_seconds=86400",
    ]
    attributes = ["deregistration_delay.timeout_seconds=120", *(sticky if _cookie(part) else [])]
    yield f"{_ALB}/target-group-attributes", ",".join(attributes)
    yield f"{_ALB}/load-balancer-attributes", f"idle_timeout.timeout_seconds={LONG}"
    if isinstance(site.tls, AcmTls):
        yield f"{_ALB}/listen-ports", '[{"HTTP": 80}, {"HTTPS": 443}]'
        yield f"{_ALB}/ssl-redirect", "443"
        yield f"{_ALB}/ssl-policy", "ELBSecurityPolicy-TLS13-1-2-2021-06"
        if site.facts.certificate:
            yield f"{_ALB}/certificate-arn", site.facts.certificate


def _tcp_service(part: Part, site: Site, *, name: str, port: str) -> Object:
    route = next(each for each in part.tcp if each.name == name)
    annotations: dict[str, str] = {}
    group = site.facts.tcp_target_groups.get(f"{part.name}-{name}")
    if site.aws is not None and not group:
        annotations = {
            f"{_NLB}-type": "external",
            f"{_NLB}-nlb-target-type": "ip",
            f"{_NLB}-scheme": "internet-facing",
        }
    spec = {
        "type": "ClusterIP" if group else "LoadBalancer",
        "selector": {**selector(part, site), LABEL_SERVING: "true"},
        "ports": [
            {
                "name": name,
                "port": site.spec.edge.ssh.port or route.front_port,
                "targetPort": port_name(port),
                "protocol": "TCP",
            }
        ],
    }
    if not group:
        # The products see who really connects.
        spec["externalTrafficPolicy"] = "Local"
    meta = Meta(f"{part.name}-{name}", part.namespace, site.part_labels(part), annotations)
    return made("v1", "Service", meta=meta, spec=spec)
