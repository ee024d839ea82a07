"""The balancers' listeners: from the address users type to a cluster.

For every route there are three entries, because retries follow the method. Websockets: no time limit. GET, HEAD and
OPTIONS: sent again also after a reset, and once more elsewhere when there is no answer within a second, while the
first attempt goes on. All other methods: sent again only where they were certainly never sent.

Sources: Envoy 1.40 API reference, ``config.route.v3``, ``extensions.filters.network.http_connection_manager.v3``,
``extensions.filters.http.stateful_session.v3``, ``extensions.http.stateful_session.cookie.v3``.
"""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from telamon.desired.lab.clusters import TYPE, socket_address
from telamon.desired.lab.facts import TlsFiles
from telamon.products.base import Endpoint, Route

IDLE = "300s"
"""Longest silence on a request: a clone or an upload may take hours, but something moves all the time."""
WEBSOCKET_IDLE = "3600s"
TRY_TIMEOUT = "1s"
"""After this long without an answer a GET is tried on another member as well."""
RETRY_AFTER = 5
"""Seconds after which a browser should come back when no member serves."""

_SAFE_METHODS = "GET|HEAD|OPTIONS"
_RETRY_SAFE = "connect-failure,refused-stream,reset,reset-before-request,retriable-status-codes"
_RETRY_UNSENT = "connect-failure,refused-stream,reset-before-request"
_STATEFUL = "envoy.filters.http.stateful_session"


@dataclass(frozen=True)
class FrontRoute:
    """A path prefix of a product, with the context path before it, and the cluster that answers it."""

    route: Route
    prefix: str
    cluster: str


@dataclass(frozen=True)
class FrontHost:
    """A product at the front door.

    Attributes:
        name: of the product.
        title: for people.
        domain: host name.
        url: where it can be reached, for people.
        context_path: path under which the product answers, "" for the whole host.
        routes: the longest prefix first.
    """

    name: str
    title: str
    domain: str
    url: str
    context_path: str
    routes: tuple[FrontRoute, ...]


def http_listener(
    name: str, endpoint: Endpoint, *, hosts: Sequence[Mapping[str, Any]], tls: TlsFiles | None, shared: bool
) -> Mapping[str, Any]:
    """A listener for browsers and clients.

    Args:
        name: its name.
        endpoint: where it listens.
        hosts: virtual hosts.
        tls: certificate; ``None`` for plain HTTP.
        shared: whether several balancers listen on this port.
    """
    chain: dict[str, Any] = {"filters": [_connection_manager(name, hosts)]}
    if tls is not None:
        chain["transport_socket"] = _tls_socket(tls)
    return _listener(name, endpoint, chain=chain, shared=shared)


def tcp_listener(name: str, endpoint: Endpoint, *, cluster: str, shared: bool) -> Mapping[str, Any]:
    """A listener that passes connections on as they are."""
    proxy = {
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": {
            "@type": f"{TYPE}/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": name,
            "cluster": cluster,
            "max_connect_attempts": 3,
            "idle_timeout": WEBSOCKET_IDLE,
        },
    }
    return _listener(name, endpoint, chain={"filters": [proxy]}, shared=shared)


def virtual_host(host: FrontHost, *, domains: Sequence[str]) -> Mapping[str, Any]:
    """Everything of one product under one or more host names ("*" for any)."""
    routes = [entry for route in host.routes for entry in _entries(route)]
    if host.context_path:
        redirect = {"path_redirect": f"{host.context_path}/", "response_code": "FOUND"}
        routes.append({"match": {"path": "/"}, "redirect": redirect})
    return {"name": host.name, "domains": list(domains), "routes": routes}


def signpost(hosts: Sequence[FrontHost]) -> Mapping[str, Any]:
    """What an unknown host name gets: the way to every product."""
    links = "".join(
        f'<li><a href="{html.escape(host.url)}">{html.escape(host.title)}</a></li>' for host in hosts
    )
    body = _page("Nothing is served under this name", f"<p>These are here:</p><ul>{links}</ul>")
    answer = {"status": 404, "body": {"inline_string": body}}
    return {
        "name": "signpost",
        "domains": ["*"],
        "routes": [
            {
                "match": {"prefix": "/"},
                "direct_response": answer,
                "response_headers_to_add": [_header("Content-Type", "text/html; charset=utf-8")],
            }
        ],
    }


# ------------------------------------------------------------------------------------------------------------- routes


def _entries(route: FrontRoute) -> list[Mapping[str, Any]]:
    upgrade = [{"name": "upgrade", "string_match": {"exact": "websocket", "ignore_case": True}}]
    safe = [{"name": ":method", "string_match": {"safe_regex": {"regex": _SAFE_METHODS}}}]
    entries = [
        _entry(route, headers=safe, action=_safe_action()),
        _entry(route, headers=[], action=_action()),
    ]
    if route.route.websocket:
        entries.insert(0, _entry(route, headers=upgrade, action=_websocket_action()))
    return entries


def _entry(
    route: FrontRoute, *, headers: Sequence[Mapping[str, Any]], action: Mapping[str, Any]
) -> Mapping[str, Any]:
    # "/wiki" is meant to match "/wiki" and "/wiki/page", never "/wikipedia".
    kind = "prefix" if route.prefix.endswith("/") else "path_separated_prefix"
    match: dict[str, Any] = {kind: route.prefix}
    if headers:
        match["headers"] = list(headers)
    return {
        "match": match,
        "route": {"cluster": route.cluster, **action},
        "typed_per_filter_config": {_STATEFUL: _stickiness(route.route.sticky_cookie)},
    }


def _safe_action() -> Mapping[str, Any]:
    retry = {
        **_retry(_RETRY_SAFE),
        "retriable_status_codes": [503],
        "per_try_timeout": TRY_TIMEOUT,
    }
    return {
        "timeout": "0s",
        "idle_timeout": IDLE,
        "retry_policy": retry,
        "hedge_policy": {"hedge_on_per_try_timeout": True},
    }


def _action() -> Mapping[str, Any]:
    return {"timeout": "0s", "idle_timeout": IDLE, "retry_policy": _retry(_RETRY_UNSENT)}


def _websocket_action() -> Mapping[str, Any]:
    return {
        "timeout": "0s",
        "idle_timeout": WEBSOCKET_IDLE,
        "retry_policy": _retry(_RETRY_UNSENT),
        "upgrade_configs": [{"upgrade_type": "websocket", "enabled": True}],
    }


def _retry(on: str) -> Mapping[str, Any]:
    predicate = {
        "name": "envoy.retry_host_predicates.previous_hosts",
        "typed_config": {
            "@type": f"{TYPE}/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate"
        },
    }
    return {
        "retry_on": on,
        "num_retries": 2,
        "retry_host_predicate": [predicate],
        "host_selection_retry_max_attempts": 3,
    }


def _stickiness(cookie: str | None) -> Mapping[str, Any]:
    kind = f"{TYPE}/envoy.extensions.filters.http.stateful_session.v3.StatefulSessionPerRoute"
    if cookie is None:
        return {"@type": kind, "disabled": True}
    state = {
        "name": "envoy.http.stateful_session.cookie",
        "typed_config": {
            "@type": f"{TYPE}/envoy.extensions.http.stateful_session.cookie.v3.CookieBasedSessionState",
            "cookie": {"name": cookie, "path": "/", "ttl": "0s"},
        },
    }
    return {"@type": kind, "stateful_session": {"session_state": state}}


# ---------------------------------------------------------------------------------------------------------- listeners


def _listener(name: str, endpoint: Endpoint, *, chain: Mapping[str, Any], shared: bool) -> Mapping[str, Any]:
    return {
        "@type": f"{TYPE}/envoy.config.listener.v3.Listener",
        "name": name,
        "address": socket_address(endpoint),
        "filter_chains": [chain],
        # Two balancers share a port on purpose; where there is one, a forgotten second one must not do so in silence.
        "enable_reuse_port": shared,
    }


def _connection_manager(name: str, hosts: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {
        "name": "envoy.filters.network.http_connection_manager",
        "typed_config": {
            "@type": (
                f"{TYPE}/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager"
            ),
            "stat_prefix": name,
            "use_remote_address": True,
            "stream_idle_timeout": WEBSOCKET_IDLE,
            "max_request_headers_kb": 64,
            "server_header_transformation": "PASS_THROUGH",
            "http_protocol_options": {"accept_http_10": True},
            "upgrade_configs": [{"upgrade_type": "websocket", "enabled": False}],
            "http_filters": [_stateful_filter(), _router()],
            "local_reply_config": _local_replies(),
            "access_log": [_failures_log()],
            "route_config": {
                "name": name,
                "virtual_hosts": list(hosts),
                "ignore_port_in_host_matching": True,
                "validate_clusters": False,
                "request_headers_to_add": [
                    {**_header("X-Forwarded-Host", "%REQ(:authority)%"), "append_action": "ADD_IF_ABSENT"}
                ],
            },
        },
    }


def _stateful_filter() -> Mapping[str, Any]:
    kind = f"{TYPE}/envoy.extensions.filters.http.stateful_session.v3.StatefulSession"
    return {"name": _STATEFUL, "typed_config": {"@type": kind}}


def _router() -> Mapping[str, Any]:
    kind = f"{TYPE}/envoy.extensions.filters.http.router.v3.Router"
    return {"name": "envoy.filters.http.router", "typed_config": {"@type": kind}}


def _failures_log() -> Mapping[str, Any]:
    """One line for every answer from 500 up, so that a failed request can be explained afterwards."""
    line = (
        "%START_TIME% %REQ(:METHOD)% %REQ(:AUTHORITY)% %PROTOCOL% %RESPONSE_CODE% %RESPONSE_FLAGS% "
        "%RESPONSE_CODE_DETAILS% %UPSTREAM_HOST% %DURATION%ms tries=%UPSTREAM_REQUEST_ATTEMPT_COUNT%\n"
    )
    return {
        "name": "envoy.access_loggers.stdout",
        "filter": {
            "status_code_filter": {
                "comparison": {"op": "GE", "value": {"default_value": 500, "runtime_key": "telamon.log_from"}}
            }
        },
        "typed_config": {
            "@type": f"{TYPE}/envoy.extensions.access_loggers.stream.v3.StdoutAccessLog",
            "log_format": {"text_format_source": {"inline_string": line}},
        },
    }


def _local_replies() -> Mapping[str, Any]:
    """What people see while no member serves; clients that do not ask for HTML get a line of text."""
    page = _page(
        "One moment, please",
        "<p>This service is starting or under maintenance. The page tries again by itself.</p>",
        refresh=RETRY_AFTER,
    )
    html_asked = {"header_filter": {"header": {"name": "accept", "string_match": {"contains": "text/html"}}}}
    no_member = {"response_flag_filter": {"flags": ["UH", "UF", "URX", "UC", "UT", "UO", "UDO"]}}
    retry = [_header("Retry-After", str(RETRY_AFTER))]
    return {
        "mappers": [
            {
                "filter": {"and_filter": {"filters": [no_member, html_asked]}},
                "headers_to_add": retry,
                "body_format_override": {
                    "text_format_source": {"inline_string": page},
                    "content_type": "text/html; charset=utf-8",
                },
            },
            {"filter": no_member, "headers_to_add": retry},
        ]
    }


def _tls_socket(tls: TlsFiles) -> Mapping[str, Any]:
    certificate = {
        "certificate_chain": {"filename": tls.certificate},
        "private_key": {"filename": tls.key},
    }
    return {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{TYPE}/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "alpn_protocols": ["h2", "http/1.1"],
                "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
                "tls_certificates": [certificate],
            },
        },
    }


def _header(name: str, value: str) -> Mapping[str, Any]:
    return {"header": {"key": name, "value": value}}


def _page(title: str, body: str, *, refresh: int = 0) -> str:
    """A small page of our own. A per cent sign would be read as a command by the balancer, so there is none in it."""
    again = f'<meta http-equiv="refresh" content="{refresh}">' if refresh else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"{again}<title>{html.escape(title)}</title></head>"
        '<body style="font-family:sans-serif;max-width:36rem;margin:4rem auto;padding:0 1rem">'
        f"<main><h1>{html.escape(title)}</h1>{body}</main></body></html>"
    )
