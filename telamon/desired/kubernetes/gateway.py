"""The front door by Gateway API on Envoy Gateway: what the lab's balancers do, in the cluster's own words.

A user stays on a node by a cookie that names the node; nobody else is moved when nodes come and go, as a consistent
hash would. A node is fit when its status page says so in its body. What may be sent again without harm is sent to
another node when one fails; everything else is sent again only where it surely was not carried out.

Git over SSH has a gateway of its own, and so a balancer and an address of its own.

Sources: Gateway API 1.6 (``HTTPRoute``, ``TCPRoute``, session persistence, GEP-1619); Envoy Gateway 1.9, API reference
``gateway.envoyproxy.io/v1alpha1``; AWS Load Balancer Controller, "TargetGroupBinding". The times were measured on real
nodes of a lab.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from telamon.desired.kubernetes.data import Meta, Object, made, without_nothing
from telamon.desired.kubernetes.flows import GATEWAY_NAMESPACE, NAMESPACE_NAME
from telamon.desired.kubernetes.holding import page_of
from telamon.desired.kubernetes.pages import HOLD_PAGE, RETRY_AFTER
from telamon.desired.kubernetes.placement import own_priority
from telamon.desired.kubernetes.site import Part, Site
from telamon.model.edge import AcmTls, CertManagerTls, DisabledTls, SecretTls
from telamon.naming import EDGE, LABEL_PURPOSE
from telamon.products.base import Route

API: Final = "gateway.networking.k8s.io/v1"
TCP_API: Final = "gateway.networking.k8s.io/v1alpha2"
ENVOY: Final = "gateway.envoyproxy.io"
ENVOY_API: Final = f"{ENVOY}/v1alpha1"
CONTROLLER: Final = f"{ENVOY}/gatewayclass-controller"
WEB: Final = "web"
TCP: Final = "tcp"
BEHIND_BALANCER: Final = 8443
"""Port of the proxies behind a balancer that the ground on AWS has made."""
_SAFE: Final = ("GET", "HEAD", "OPTIONS")


def gateway_objects(site: Site) -> tuple[tuple[Object, ...], tuple[Object, ...]]:
    """The gateways themselves.

    Args:
        site: the stack.

    Returns:
        What belongs to the whole cluster, and what belongs to the namespace of the front door.
    """
    cluster: list[Object] = []
    if site.spec.edge.class_name is None:
        spec = {"controllerName": CONTROLLER}
        cluster.append(made(API, "GatewayClass", meta=Meta(class_name(site), "", _labels(site)), spec=spec))
    found = [_proxies(site, WEB), _web(site), _client_policy(site), *_certificates(site), *_redirect(site)]
    if any(part.tcp for part in site.parts):
        found += [_proxies(site, TCP), _tcp(site)]
    return tuple(cluster), (*found, *_bindings(site))


def routes(part: Part, site: Site) -> tuple[Object, ...]:
    """What of the front door is in the namespace of a product.

    Args:
        part: one of its components.
        site: the stack.
    """
    found: list[Object] = []
    if part.workload.routes:
        found += [_http_route(part, site), *_traffic_policies(part, site), _hold(part, site)]
    for route in part.tcp:
        name = f"{part.name}-{route.name}"
        meta = Meta(name, part.namespace, site.part_labels(part))
        parent = {"name": TCP, "namespace": site.edge_namespace, "sectionName": name}
        port = next(port.number for port in part.workload.ports if port.name == route.port)
        rules = [{"backendRefs": [{"name": part.name, "port": port}]}]
        found.append(made(TCP_API, "TCPRoute", meta=meta, spec={"parentRefs": [parent], "rules": rules}))
        banner = {"receive": {"type": "Text", "text": route.expect}} if route.expect else {}
        active = {**_probing(), "type": "TCP", "tcp": banner}
        target = {"group": "gateway.networking.k8s.io", "kind": "TCPRoute", "name": name}
        policy = {"targetRefs": [target], "healthCheck": {"active": active, "panicThreshold": 0}}
        found.append(made(ENVOY_API, "BackendTrafficPolicy", meta=meta, spec=policy))
    return tuple(found)


def class_name(site: Site) -> str:
    """Name of the class of the gateways."""
    return site.spec.edge.class_name or f"{site.prefix}-envoy"


def _labels(site: Site) -> dict[str, str]:
    return site.labels(EDGE)


def _meta(site: Site, name: str) -> Meta:
    return Meta(name, site.edge_namespace, _labels(site))


# ------------------------------------------------------------------------------------------------------------ gateways


def _web(site: Site) -> Object:
    listeners = [_listener(part, site) for part in site.products]
    if _redirects(site):
        listeners.append(
            {
                "name": "redirect",
                "port": 80,
                "protocol": "HTTP",
                "allowedRoutes": {"namespaces": {"from": "Same"}},
            }
        )
    return _gateway(site, WEB, listeners)


def _gateway(site: Site, name: str, listeners: list[dict[str, Any]]) -> Object:
    parameters = {"group": ENVOY, "kind": "EnvoyProxy", "name": name}
    spec = {
        "gatewayClassName": class_name(site),
        "listeners": listeners,
        "infrastructure": {"parametersRef": parameters},
    }
    return made(API, "Gateway", meta=_meta(site, name), spec=spec)


def _listener(part: Part, site: Site) -> dict[str, Any]:
    tls = site.tls
    found: dict[str, Any] = {
        "name": part.outline.product_name,
        "hostname": part.front.host,
        "port": _port(site),
        "protocol": "HTTP" if isinstance(tls, AcmTls | DisabledTls) else "HTTPS",
        "allowedRoutes": {"namespaces": _from(part)},
    }
    if isinstance(tls, CertManagerTls):
        found["tls"] = {"mode": "Terminate", "certificateRefs": [{"name": _certificate_name(part)}]}
    elif isinstance(tls, SecretTls):
        found["tls"] = {"mode": "Terminate", "certificateRefs": [{"name": tls.secret}]}
    return found


def _from(part: Part) -> dict[str, Any]:
    return {"from": "Selector", "selector": {"matchLabels": {NAMESPACE_NAME: part.namespace}}}


def _port(site: Site) -> int:
    if site.aws is not None:
        return BEHIND_BALANCER
    return site.spec.edge.port or (80 if isinstance(site.tls, DisabledTls) else 443)


def _redirects(site: Site) -> bool:
    """Whether plain requests are sent on to TLS; a balancer before the gateway has no port for them."""
    return site.aws is None and not isinstance(site.tls, DisabledTls) and _port(site) == 443


def _redirect(site: Site) -> Iterator[Object]:
    if not _redirects(site):
        return
    to_tls = {"type": "RequestRedirect", "requestRedirect": {"scheme": "https", "statusCode": 301}}
    spec = {
        "parentRefs": [{"name": WEB, "sectionName": "redirect"}],
        "hostnames": [part.front.host for part in site.products],
        "rules": [{"filters": [to_tls]}],
    }
    yield made(API, "HTTPRoute", meta=_meta(site, "redirect"), spec=spec)


def _tcp(site: Site) -> Object:
    listeners = [
        {
            "name": f"{part.name}-{route.name}",
            "port": (site.spec.edge.ssh.port if site.aws is None else None) or route.front_port,
            "protocol": "TCP",
            "allowedRoutes": {"namespaces": _from(part), "kinds": [{"kind": "TCPRoute"}]},
        }
        for part in site.parts
        for route in part.tcp
    ]
    return _gateway(site, TCP, listeners)


def _proxies(site: Site, name: str) -> Object:
    """A proxy on every node, so that a request needs no second hop and a lost node takes one proxy with it."""
    service: dict[str, Any] = {"name": _service_name(site, name), "type": "ClusterIP"}
    tolerations: list[dict[str, Any]] = []
    if site.aws is None:
        service |= {"type": "LoadBalancer", "externalTrafficPolicy": "Local"}
    else:
        tolerations = [{"key": LABEL_PURPOSE, "operator": "Exists", "effect": "NoSchedule"}]
    pod = without_nothing(
        tolerations=tolerations,
        priorityClassName=site.spec.placement.priority_class or own_priority(site),
    )
    resources = {"requests": {"cpu": "100m", "memory": "256Mi"}, "limits": {"memory": "1Gi"}}
    spec = {
        "provider": {
            "type": "Kubernetes",
            "kubernetes": {
                "envoyDaemonSet": {"pod": pod, "container": {"resources": resources}},
                "envoyService": service,
            },
        },
        "shutdown": {"drainTimeout": "60s", "minDrainDuration": "10s"},
    }
    return made(ENVOY_API, "EnvoyProxy", meta=_meta(site, name), spec=spec)


def _service_name(site: Site, gateway: str) -> str:
    return f"{site.prefix}-{gateway}"


def _client_policy(site: Site) -> Object:
    spec = {
        "targetRefs": [{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": WEB}],
        "path": {
            # A branch may be called "a/b": its slash is written %2F, and the product must see it so.
            "escapedSlashesAction": "KeepUnchanged",
            "disableMergeSlashes": True,
        },
        "headers": {"withUnderscoresAction": "Allow"},
        "timeout": {"http": {"idleTimeout": "1h"}},
    }
    if not isinstance(site.tls, AcmTls | DisabledTls):
        spec["tls"] = {"minVersion": "1.2"}
    return made(ENVOY_API, "ClientTrafficPolicy", meta=_meta(site, WEB), spec=spec)


def _certificate_name(part: Part) -> str:
    return f"{part.outline.product_name}-tls"


def _certificates(site: Site) -> Iterator[Object]:
    tls = site.tls
    if not isinstance(tls, CertManagerTls):
        return
    for part in site.products:
        name = _certificate_name(part)
        spec = {
            "secretName": name,
            "dnsNames": [part.front.host],
            "issuerRef": {"name": tls.issuer, "kind": tls.issuer_kind, "group": "cert-manager.io"},
            "privateKey": {"rotationPolicy": "Always"},
        }
        yield made("cert-manager.io/v1", "Certificate", meta=_meta(site, name), spec=spec)


def _bindings(site: Site) -> Iterator[Object]:
    """Register the proxies with the balancers that Terraform has made."""
    if site.facts.web_target_group:
        yield _binding(site, WEB, _port(site), group=site.facts.web_target_group)
    for part in site.parts:
        for route in part.tcp:
            group = site.facts.tcp_target_groups.get(f"{part.name}-{route.name}")
            if group:
                yield _binding(site, TCP, route.front_port, group=group)


def _binding(site: Site, gateway: str, port: int, *, group: str) -> Object:
    spec = {
        "serviceRef": {"name": _service_name(site, gateway), "port": port},
        "targetGroupARN": group,
        "targetType": "ip",
    }
    meta = Meta(f"{site.prefix}-{gateway}-{port}", GATEWAY_NAMESPACE, _labels(site))
    return made("elbv2.k8s.aws/v1beta1", "TargetGroupBinding", meta=meta, spec=spec)


# -------------------------------------------------------------------------------------------------------------- routes


def _http_route(part: Part, site: Site) -> Object:
    rules: list[dict[str, Any]] = []
    for number, route in enumerate(part.workload.routes):
        rules += [_rule(part, route, name) for name in (_safe_name(number), f"any-{number}")]
    parent = {"name": WEB, "namespace": site.edge_namespace, "sectionName": part.outline.product_name}
    spec = {"parentRefs": [parent], "hostnames": [part.front.host], "rules": rules}
    return made(API, "HTTPRoute", meta=Meta(part.name, part.namespace, site.part_labels(part)), spec=spec)


def _safe_name(number: int) -> str:
    return f"safe-{number}"


def _rule(part: Part, route: Route, name: str) -> dict[str, Any]:
    prefix = f"{part.outline.context_path}{route.prefix}".rstrip("/") or "/"
    path = {"type": "PathPrefix", "value": prefix}
    is_safe = name.startswith("safe")
    matches = [{"path": path, "method": method} for method in _SAFE] if is_safe else [{"path": path}]
    port = next(port.number for port in part.workload.ports if port.name == "http")
    found: dict[str, Any] = {
        "name": name,
        "matches": matches,
        "backendRefs": [{"name": part.name, "port": port}],
    }
    if route.sticky_cookie is not None:
        found["sessionPersistence"] = {
            "sessionName": route.sticky_cookie,
            "type": "Cookie",
            "cookieConfig": {"lifetimeType": "Session"},
        }
    return found


def _traffic_policies(part: Part, site: Site) -> Iterator[Object]:
    whole = {"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "name": part.name}
    unsent = _retrying("connect-failure", "refused-stream")
    meta = Meta(part.name, part.namespace, site.part_labels(part))
    yield made(ENVOY_API, "BackendTrafficPolicy", meta=meta, spec=_policy(part, [whole], retry=unsent))
    safe = [{**whole, "sectionName": _safe_name(number)} for number, _ in enumerate(part.workload.routes)]
    again = _retrying("connect-failure", "refused-stream", "reset", "retriable-status-codes")
    again["retryOn"]["httpStatusCodes"] = [503]
    meta = Meta(f"{part.name}-safe", part.namespace, site.part_labels(part))
    yield made(ENVOY_API, "BackendTrafficPolicy", meta=meta, spec=_policy(part, safe, retry=again))


def _retrying(*triggers: str) -> dict[str, Any]:
    return {
        "numRetries": 3,
        "perRetry": {"backOff": {"baseInterval": "25ms", "maxInterval": "250ms"}},
        "retryOn": {"triggers": list(triggers)},
    }


def _policy(part: Part, targets: list[dict[str, Any]], *, retry: Mapping[str, Any]) -> dict[str, Any]:
    health = part.workload.health
    http = without_nothing(
        path=f"{part.outline.context_path}{health.path}",
        method="GET",
        hostname=part.front.host,
        expectedStatuses=list(health.codes),
        expectedResponse={"type": "Text", "text": health.contains} if health.contains else {},
    )
    return {
        "targetRefs": targets,
        "loadBalancer": {"type": "LeastRequest"},
        "healthCheck": {
            "active": {**_probing(), "type": "HTTP", "http": http},
            "passive": {
                "consecutiveGatewayErrors": 5,
                "consecutiveLocalOriginFailures": 2,
                "splitExternalLocalOriginErrors": True,
                "interval": "500ms",
                "baseEjectionTime": "2s",
                "maxEjectionPercent": 50,
            },
            # Half of the nodes lost is no reason to send users to the lost ones.
            "panicThreshold": 0,
        },
        "retry": dict(retry),
        "timeout": {
            "tcp": {"connectTimeout": "500ms"},
            # A clone of a large repository or an export takes as long as it takes.
            "http": {"requestTimeout": "0s", "connectionIdleTimeout": "90s", "streamIdleTimeout": "1h"},
        },
        "circuitBreaker": {
            "maxConnections": 16384,
            "maxPendingRequests": 16384,
            "maxParallelRequests": 16384,
            "maxParallelRetries": 64,
        },
    }


def _probing() -> dict[str, Any]:
    return {"interval": "500ms", "timeout": "500ms", "unhealthyThreshold": 2, "healthyThreshold": 1}


def _hold(part: Part, site: Site) -> Object:
    """The page that the operator puts in the place of a product while it is held."""
    body = {"type": "Inline", "inline": HOLD_PAGE}
    answer = {
        "statusCode": 503,
        "contentType": "text/html; charset=utf-8",
        "body": body,
        "header": {"set": [{"name": "Retry-After", "value": str(RETRY_AFTER)}]},
    }
    meta = Meta(page_of(part.name), part.namespace, site.part_labels(part))
    return made(ENVOY_API, "HTTPRouteFilter", meta=meta, spec={"directResponse": answer})
