"""Where a workload listens, and what the front door does for it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Port:
    """A listening port of a workload.

    Attributes:
        name: role: "http", "ssh", "cluster", "ehcache", "ehcache-object", "aleph" …
        number: the product's own default; the lab moves it only when it is taken.
        public: whether the front door forwards to it.
    """

    name: str
    number: int
    public: bool = False


@dataclass(frozen=True)
class HealthMatch:
    """How a balancer tells a serving node: a GET answered with one of ``codes`` and with ``contains`` in the body.

    Attributes:
        path: below the context path.
        contains: "" is in every body.
        codes: HTTP codes.
    """

    path: str
    contains: str
    codes: tuple[int, ...] = (200,)


@dataclass(frozen=True)
class Route:
    """What the front door sends to a workload besides the product's whole host.

    Attributes:
        prefix: path prefix (below the context path).
        websocket: whether upgrades are allowed there.
        sticky_cookie: name of the balancer's cookie, ``None`` for none.
    """

    prefix: str
    websocket: bool = False
    sticky_cookie: str | None = None


@dataclass(frozen=True)
class TcpRoute:
    """A TCP listener of the front door (git SSH): ``expect`` is the banner a healthy node sends first."""

    name: str
    port: str
    front_port: int
    expect: str
