"""What a cluster's policies close that a stack seems to use. Every namespace denies what nobody opened.

A policy knows addresses and ports and no names, so an address in a setting is judged by its port alone; a port that is
open may still lead to another place. What administrators configure in the products themselves stands in their databases
and is not seen here; :data:`CLOSED` says what becomes of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final
from urllib.parse import urlsplit

from telamon.model.cluster import BY_PROXY, EGRESS_PORTS, INTERNET_ALONE, EgressPreset
from telamon.model.products import ProductSpec
from telamon.model.stack import StackSpec
from telamon.stackfile.findings import Finding, Subject
from telamon.stackfile.rules.products import PRODUCTS
from telamon.stackfile.tree import Path

EGRESS: Final = ("spec", "security", "egress")
CLOSED: Final[Mapping[EgressPreset, str]] = MappingProxyType(
    {
        "application-links": "products do not reach one another: links, previews of issues and pages, joint log-in",
        "smtp": "no mail leaves: notifications, invitations, forgotten passwords",
        "ldap": "a directory elsewhere is not asked: its users cannot log in, and are not brought up to date",
        "idp": "nodes do not reach an identity provider: log-in by OpenID Connect fails, that by SAML does not",
        "marketplace": "administrators are offered no apps, no updates and no checks of licences of apps",
        "webhooks": "nothing outside is told: webhooks, builds, chat",
        "s3": "apps reach no bucket; what storage.s3 names is open by itself",
        "kube-api": "nothing in a pod reaches the cluster's API, but for what a product asks by itself",
    }
)
"""What does not work while a preset is not open.

SAML goes by the browser; OpenID Connect has nodes ask for tokens and keys. Sources: Atlassian, "SAML single sign-on for
Atlassian Data Center applications"; OpenID Connect Core, 3.1.3 (token endpoint).
"""
_USUAL: Final[Mapping[str, tuple[int, EgressPreset]]] = MappingProxyType(
    {
        "http": (80, "webhooks"),
        "https": (443, "webhooks"),
        "ldap": (389, "ldap"),
        "ldaps": (636, "ldap"),
        "smtp": (25, "smtp"),
        "smtps": (465, "smtp"),
    }
)
"""Usual port of a scheme, and the preset that opens it."""
_ADDRESS: Final = re.compile(r"\b(https?|ldaps?|smtps?)://(?:[^/\s@]*@)?([A-Za-z0-9.-]+)(?::(\d{1,5}))?")
_PROXY: Final = re.compile(r"-Dhttps?\.proxyPort=(\d{1,5})")


def closed_presets(spec: StackSpec) -> tuple[EgressPreset, ...]:
    """Presets that a stack on a cluster leaves closed, in the order of :data:`CLOSED`.

    One that another preset opens along with its own is not closed, though nobody has asked for it.

    Args:
        spec: of any stack; of one in the lab nothing is closed.
    """
    if spec.platform.kind == "lab":
        return ()
    opened = spec.security.egress
    return tuple(
        preset
        for preset in CLOSED
        if preset not in opened and not any(_opens(other, preset, spec) for other in opened)
    )


def _opens(other: EgressPreset, preset: EgressPreset, spec: StackSpec) -> bool:
    """Whether one preset leads wherever another one does, at its ports, and by the proxy where that one does."""
    if other not in EGRESS_PORTS or preset not in EGRESS_PORTS:
        return False
    as_wide = other not in INTERNET_ALONE or preset in INTERNET_ALONE
    same_way = spec.security.proxy is None or (other in BY_PROXY) == (preset in BY_PROXY)
    return as_wide and same_way and set(EGRESS_PORTS[preset]) <= set(EGRESS_PORTS[other])


def links_are_closed(subject: Subject) -> Iterator[Finding]:
    """Products beside one another that may not reach the front door, and so not one another."""
    names = list(subject.spec.products)
    if len(names) > 1 and "application-links" in closed_presets(subject.spec):
        yield Finding(
            EGRESS,
            f"nothing leads from one of {', '.join(names)} to another, so links between them do not work",
            "Add application-links, unless they are to be apart.",
        )


def proxy_is_closed(subject: Subject) -> Iterator[Finding]:
    """A proxy that the products are told to use, and may not reach."""
    spec, given = subject.spec, subject.spec.security.proxy
    if spec.platform.kind == "lab" or given is None or BY_PROXY & set(spec.security.egress):
        return
    port = urlsplit(given.url).port or 80
    if port not in _open_ports(spec):
        yield Finding(
            ("spec", "security", "proxy", "url"),
            f"no preset leads to the proxy, so port {port} of it is closed to the products",
            f"Add what they go by the proxy for to security.egress: {', '.join(sorted(BY_PROXY))}.",
            also=(EGRESS,),
        )


def named_address_is_closed(subject: Subject) -> Iterator[Finding]:
    """A setting of a product that names an address of which the port is closed."""
    if subject.spec.platform.kind == "lab":
        return
    reachable = _open_ports(subject.spec)
    for name, product in subject.spec.products.items():
        for path, text in _settings(name, product):
            yield from _unreachable(path, text, subject.spec, reachable=reachable)


def _unreachable(path: Path, text: str, spec: StackSpec, *, reachable: frozenset[int]) -> Iterator[Finding]:
    for match in _ADDRESS.finditer(text):
        scheme, host, given = match.groups()
        usual, preset = _USUAL[scheme]
        port = int(given or usual)
        if port in reachable or _is_within(host, spec):
            continue
        opens = f"Add {preset} to security.egress" if port in EGRESS_PORTS[preset] else "Open it"
        other = ", or its address to security.allow" if port in EGRESS_PORTS[preset] else " by security.allow"
        yield Finding(
            path,
            f"{scheme}://{host} is named here, and port {port} outside is closed to the product",
            f"{opens}{other}.",
            also=(EGRESS,),
        )
    for match in _PROXY.finditer(text):
        port = int(match[1])
        if port not in reachable:
            yield Finding(
                path,
                f"a proxy at port {port} is named here, and that port is closed to the product",
                "Write the proxy to security.proxy, or its address to security.allow.",
                also=(EGRESS,),
            )


def _is_within(host: str, spec: StackSpec) -> bool:
    """Whether an address is the pod itself, or the front door, of which another rule speaks."""
    return host in {"localhost", spec.domain} or host.startswith("127.") or host.endswith(f".{spec.domain}")


def _settings(name: str, product: ProductSpec) -> Iterator[tuple[Path, str]]:
    own = (*PRODUCTS, name)
    for variable, value in product.env.items():
        yield (*own, "env", variable), value
    for index, argument in enumerate(product.jvm_args):
        yield (*own, "jvmArgs", index), argument
    for key, value in product.properties.items():
        yield (*own, "properties", key), value


def _open_ports(spec: StackSpec) -> frozenset[int]:
    """Ports that something opens to an address outside; with a proxy some of them lead to that alone."""
    presets = (EGRESS_PORTS.get(preset, ()) for preset in spec.security.egress)
    return frozenset(port for ports in presets for port in ports) | {
        rule.port for rule in spec.security.allow
    }
