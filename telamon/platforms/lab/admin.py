"""A balancer's admin page on its unix socket. Source: Envoy documentation, "Administration interface"."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Mapping
from typing import Any

from telamon.errors import TemporaryError, brief
from telamon.products.base import Endpoint
from telamon.state.phase import Phase

TIMEOUT = 0.5
"""Seconds until a balancer counts as silent."""


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket instead of a host."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def ask(path: str, query: str, *, method: str = "GET", timeout: float = TIMEOUT) -> tuple[int, str]:
    """Ask a balancer.

    Args:
        path: of its socket.
        query: page and query.
        method: HTTP method; changes want POST.
        timeout: seconds.

    Returns:
        HTTP status and body.

    Raises:
        OSError: nobody listens, or nobody answers in time.
    """
    connection = _UnixConnection(path, timeout)
    try:
        connection.request(method, query)
        answer = connection.getresponse()
        return answer.status, answer.read().decode("utf-8", errors="replace")
    except http.client.HTTPException as error:
        raise ConnectionError(brief(error)) from error
    finally:
        connection.close()


def phase(path: str) -> Phase:
    """How a balancer says it is."""
    try:
        _, text = ask(path, "/ready")
    except OSError:
        return Phase.UNREACHABLE
    match text.strip():
        case "LIVE":
            return Phase.RUNNING
        case "DRAINING":
            return Phase.STOPPING
        case _:
            return Phase.STARTING


def members(path: str) -> Mapping[str, Mapping[Endpoint, bool]] | None:
    """Where a balancer sends requests, and whether it found that place fit, by cluster.

    Args:
        path: of its socket.

    Returns:
        ``None`` where there is no balancer to ask.

    Raises:
        TemporaryError: there is one, and it does not answer.
    """
    found = _clusters(path)
    if found is None:
        return None
    return {name: dict(_member(host) for host in hosts) for name, hosts in found.items()}


def requests(path: str) -> Mapping[str, Mapping[Endpoint, int]]:
    """How many requests a balancer has sent to each place since it was started, by cluster.

    Args:
        path: of its socket.

    Returns:
        Nothing where there is no balancer to ask.

    Raises:
        TemporaryError: there is one, and it does not answer.
    """
    return {
        name: {_member(host)[0]: _total(host) for host in hosts}
        for name, hosts in (_clusters(path) or {}).items()
    }


def shut(path: str) -> Mapping[str, bool] | None:
    """Whether a balancer sends the listed members of each cluster nothing, because it was told to.

    Args:
        path: of its socket.

    Returns:
        ``None`` where there is no balancer to ask.

    Raises:
        TemporaryError: there is one, and it does not answer.
    """
    found = _clusters(path)
    if found is None:
        return None
    return {
        name: all(host.get("health_status", {}).get("eds_health_status") == "UNHEALTHY" for host in hosts)
        for name, hosts in found.items()
    }


def _clusters(path: str) -> Mapping[str, list[Mapping[str, Any]]] | None:
    """The members of every cluster as a balancer lists them; ``None`` where there is no balancer to ask."""
    try:
        _, text = ask(path, "/clusters?format=json")
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    except OSError as error:
        raise TemporaryError(f"the balancer at {path} does not answer: {brief(error)}", delay=0.5) from error
    return {
        cluster["name"]: cluster.get("host_statuses", [])
        for cluster in json.loads(text).get("cluster_statuses", [])
    }


def _member(host: Mapping[str, Any]) -> tuple[Endpoint, bool]:
    """One member of a cluster. Source: Envoy API reference, ``admin.v3.HostHealthStatus``."""
    address = host["address"]["socket_address"]
    flags = {name for name, value in host.get("health_status", {}).items() if value is True}
    return Endpoint(address["address"], address["port_value"]), not flags


def _total(host: Mapping[str, Any]) -> int:
    """Requests to one member. Source: Envoy API reference, ``admin.v3.SimpleMetric``; a number is text in JSON."""
    stats = host.get("stats", [])
    return next((int(stat.get("value", 0)) for stat in stats if stat["name"] == "rq_total"), 0)


def stop_listening(path: str) -> None:
    """Ask a balancer to take no new connections and to end old ones in order. It may be gone already."""
    try:
        ask(path, "/drain_listeners?graceful&skip_exit", method="POST")
    except OSError:
        return
