"""The balancers' clusters: where requests can go, and how a member is found fit.

Sources: Envoy 1.40 API reference, ``config.cluster.v3``, ``config.core.v3.HealthCheck``, ``config.endpoint.v3``. The
intervals and thresholds were measured on real nodes under load: a 503 takes a node out within 0.2 s, a hang within
0.6 s.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from telamon.products.base import Endpoint, HealthMatch

TYPE = "type.googleapis.com"

CONNECT_TIMEOUT = "0.25s"
UPSTREAM_IDLE = "1.5s"
"""A kept-alive connection is given up before any common server does so (2 s is the shortest default known): else a
request may be sent on a connection that is just being closed, and a POST cannot be sent again."""

RETRY_BUDGET_PERCENT = 50.0
RETRIES_AT_LEAST = 64
"""Retries under way are at most half of the requests under way, or this many, whichever is more."""

TRUSTED_BELOW = 1.0
"""Where less than so many per cent of the listed members were found fit, which is none of them, all that are listed get
requests: checks that no member answers in time tell of a machine that is too slow, and the engine takes from the list
whom it finds lost. With the default of 50 % one lost member of two would get requests."""

HELD_FACTOR = 141
"""Differs from the default, 140, and that is all: it weighs one priority against another, of which there is none. A
balancer's workers hear of drops together with changes of the list, and members that were unfit anyway are no change.
Source: tried with Envoy 1.40 (``tests/lab/test_slow_members.py``)."""

CONNECTIONS = 16384


def eds_cluster(name: str, *, membership: str, health: Mapping[str, Any], http: bool) -> Mapping[str, Any]:
    """A cluster whose members stand in a file.

    Args:
        name: its name.
        membership: absolute path of the file.
        health: the health check.
        http: whether it speaks HTTP; otherwise connections are passed on.
    """
    cluster: dict[str, Any] = {
        "@type": f"{TYPE}/envoy.config.cluster.v3.Cluster",
        "name": name,
        "type": "EDS",
        "connect_timeout": CONNECT_TIMEOUT,
        "eds_cluster_config": {"eds_config": file_source(membership)},
        "ignore_health_on_host_removal": True,
        "lb_policy": "LEAST_REQUEST",
        "common_lb_config": {
            "healthy_panic_threshold": {"value": TRUSTED_BELOW if http else 0},
            # By default a member that was added and found fit within a second stays unknown to the workers for the
            # rest of it: long enough to drain the only other member in.
            "update_merge_window": "0s",
            "override_host_status": {"statuses": ["UNKNOWN", "HEALTHY", "DEGRADED", "DRAINING"]},
        },
        "health_checks": [health],
        "circuit_breakers": {"thresholds": [_thresholds()]},
    }
    if http:
        cluster["outlier_detection"] = _outlier_detection()
        cluster["typed_extension_protocol_options"] = {
            "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": _http_options()
        }
    else:
        cluster["close_connections_on_host_health_failure"] = True
    return cluster


def http_health(match: HealthMatch, *, context_path: str, host: str) -> Mapping[str, Any]:
    """Ask the status page and look into its body as well, because a 200 alone is not readiness.

    Args:
        match: the page, and what a serving node's answer contains.
        context_path: before the page's path.
        host: sent as ``Host``.
    """
    codes = [{"start": code, "end": code + 1} for code in match.codes]
    check: dict[str, Any] = {
        "path": f"{context_path}{match.path}",
        "host": host,
        "expected_statuses": codes,
    }
    if match.contains:
        check["receive"] = [{"text": match.contains.encode().hex()}]
        # By default only the first 1,024 bytes of the body are looked at.
        check["response_buffer_size"] = 16384
    return {**_health_timing(), "http_health_check": check}


def tcp_health(expect: str) -> Mapping[str, Any]:
    """Connect, and wait for the banner that a healthy node sends first; "" is content with the connection."""
    receive = [{"text": expect.encode().hex()}] if expect else []
    # A kept connection that nobody logs in on is closed by the server after a while, and that would count as a
    # failure, for which every session of the member is cut.
    return {**_health_timing(), "reuse_connection": False, "tcp_health_check": {"receive": receive}}


def load_assignment(
    cluster: str, members: Mapping[str, Endpoint], *, held: bool = False
) -> Mapping[str, Any]:
    """The membership of one cluster, as its file holds it.

    Args:
        cluster: its name.
        members: member name to where it listens.
        held: whether nobody gets requests though all are listed, so that users see the page for that. Every request is
            dropped, because members that are all unfit would be trusted; that they are unfit is what a balancer tells
            when asked. Source: Envoy API reference, ``config.endpoint.v3.LbEndpoint.health_status``,
            ``config.endpoint.v3.ClusterLoadAssignment.Policy.DropOverload``.
    """
    health = {"health_status": "UNHEALTHY"} if held else {}
    assignment: dict[str, Any] = {
        "@type": f"{TYPE}/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": cluster,
        "endpoints": [{"lb_endpoints": [{**_lb_endpoint(*member), **health} for member in members.items()]}],
    }
    if held:
        everything = {"numerator": 100, "denominator": "HUNDRED"}
        assignment["policy"] = {
            "drop_overloads": [{"category": "held", "drop_percentage": everything}],
            "overprovisioning_factor": HELD_FACTOR,
        }
    return {"resources": [assignment]}


def discovery(resources: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """A file of clusters or listeners, as the balancers read it."""
    return {"resources": list(resources)}


def file_source(path: str) -> Mapping[str, Any]:
    """Where a balancer finds a changing part of its configuration. It notices a rename, not a write in place."""
    return {"resource_api_version": "V3", "path_config_source": {"path": path}}


def socket_address(endpoint: Endpoint) -> Mapping[str, Any]:
    """An address and port in the balancers' form."""
    return {"socket_address": {"address": endpoint.host, "port_value": endpoint.port}}


def _lb_endpoint(member: str, endpoint: Endpoint) -> Mapping[str, Any]:
    return {"endpoint": {"address": socket_address(endpoint), "hostname": member}}


def _health_timing() -> Mapping[str, Any]:
    return {
        "interval": "0.5s",
        "timeout": "0.25s",
        "unhealthy_threshold": 1,
        "healthy_threshold": 1,
        # The default is 60 s: a product that nobody has used yet would notice a lost node that much later.
        "no_traffic_interval": "1s",
        "unhealthy_edge_interval": "0.25s",
        "healthy_edge_interval": "0.25s",
    }


def _thresholds() -> Mapping[str, Any]:
    return {
        "max_connections": CONNECTIONS,
        "max_pending_requests": CONNECTIONS,
        "max_requests": CONNECTIONS,
        "retry_budget": {
            "budget_percent": {"value": RETRY_BUDGET_PERCENT},
            "min_retry_concurrency": RETRIES_AT_LEAST,
        },
    }


def _outlier_detection() -> Mapping[str, Any]:
    return {
        "consecutive_gateway_failure": 5,
        "split_external_local_origin_errors": True,
        "consecutive_local_origin_failure": 2,
        "base_ejection_time": "2s",
        "max_ejection_percent": 50,
    }


def _http_options() -> Mapping[str, Any]:
    return {
        "@type": f"{TYPE}/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
        "common_http_protocol_options": {"idle_timeout": UPSTREAM_IDLE},
        "explicit_http_config": {"http_protocol_options": {}},
    }
