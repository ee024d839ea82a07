"""Rules about what users type: URLs, hosts, paths and ports."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from telamon import naming
from telamon.model.edge import DisabledTls
from telamon.stackfile.findings import Finding, Subject
from telamon.stackfile.rules.products import PRODUCTS
from telamon.stackfile.tree import Path

_DOMAIN: Path = ("spec", "domain")
_TLS: Path = ("spec", "edge", "tls")


def base_url_in_domain(subject: Subject) -> Iterator[Finding]:
    """A product's URL lies in the stack's domain: certificates, cookies and the front door know no other."""
    domain = subject.spec.domain
    for name, product in subject.spec.products.items():
        host = urlsplit(product.base_url or "").hostname
        if host is not None and host != domain and not host.endswith(f".{domain}"):
            yield Finding(
                (*PRODUCTS, name, "baseUrl"),
                f"{host} does not lie in the stack's domain {domain}",
                f"Write a host such as {naming.host_name(name, domain)}, or change the domain.",
                also=(_DOMAIN,),
            )


def base_url_agrees(subject: Subject) -> Iterator[Finding]:
    """A product's URL has the context path, and the scheme that the front door speaks."""
    tls = subject.spec.edge.tls
    encrypted = tls is not None and not isinstance(tls, DisabledTls)
    for name, product in subject.spec.products.items():
        if product.base_url is None:
            continue
        path = (*PRODUCTS, name, "baseUrl")
        url = urlsplit(product.base_url)
        if url.path != product.context_path:
            yield Finding(
                path,
                f'the URL ends with "{url.path}", and the context path is "{product.context_path}"',
                "Write the same path in both.",
                also=((*PRODUCTS, name, "contextPath"),),
            )
        if encrypted and url.scheme == "http":
            yield Finding(
                path, "the URL begins with http, and the edge has TLS", "Write https.", also=(_TLS,)
            )


def products_do_not_share_an_address(subject: Subject) -> Iterator[Finding]:
    """Two products are never reached by the same host and path."""
    taken: dict[str, str] = {}
    for name, product in subject.spec.products.items():
        url = urlsplit(product.base_url or f"https://{naming.host_name(name, subject.spec.domain)}")
        path = (*PRODUCTS, name)
        address = f"{url.netloc}{product.context_path}"
        other = taken.setdefault(address, name)
        if other != name:
            yield Finding(
                (*path, "baseUrl"),
                f"{address} is the address of {other} already",
                "Give one of them another host.",
                also=(
                    (*PRODUCTS, other, "baseUrl"),
                    (*path, "contextPath"),
                    (*PRODUCTS, other, "contextPath"),
                    _DOMAIN,
                ),
            )


def front_ports_differ(subject: Subject) -> Iterator[Finding]:
    """The front door listens once on a port."""
    edge = subject.spec.edge
    taken: dict[int, Path] = {}
    listening: list[tuple[Path, int | None]] = [
        (("spec", "edge", "port"), edge.port),
        (("spec", "edge", "ssh", "port"), edge.ssh.port),
    ]
    for name, product in subject.spec.products.items():
        forwards = () if product.profile is None else product.profile.tcp
        listening += [
            ((*PRODUCTS, name, "profile", "tcp", index, "listen"), forward.listen)
            for index, forward in enumerate(forwards)
        ]
    for path, port in listening:
        if port is None:
            continue
        other = taken.setdefault(port, path)
        if other != path:
            yield Finding(
                path,
                f"the front door listens on port {port} already",
                f"Choose another port; this one is named on {'.'.join(map(str, other))}.",
                also=(other,),
            )
