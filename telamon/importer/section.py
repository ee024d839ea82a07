"""A product's section of the stack file, made of the values of its chart."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from telamon.importer.homes import Claim, database, local_home, shared_home
from telamon.importer.objects import objects
from telamon.importer.running import arguments, companion, resources, sidecars, variables, volumes
from telamon.importer.values import Ledger, Values
from telamon.products.base import Product
from telamon.products.chart import Chart

Document = dict[str, Any]
_VERSION: Final = re.compile(r"[0-9]+(\.[0-9]+)+")
_ISSUERS: Final = (("cert-manager.io/cluster-issuer", "ClusterIssuer"), ("cert-manager.io/issuer", "Issuer"))


@dataclass(frozen=True)
class Hint:
    """Something that one product's chart says and that the whole stack has once.

    Attributes:
        key: dotted path below ``spec``.
        value: of it.
        path: of the value in the chart.
    """

    key: str
    value: Any
    path: str


@dataclass(frozen=True)
class Section:
    """What one chart amounts to.

    Attributes:
        document: the product's section; "version" is missing where nobody says it.
        hints: for the sections that all products share.
        host: that users type; "" where the chart has none.
        scheme: that they type.
        port: that they type; "" for the scheme's own.
    """

    document: Document
    hints: tuple[Hint, ...]
    host: str
    scheme: str
    port: str


def section(
    values: Values, ledger: Ledger, *, product: Product, chart: Chart, claims: Sequence[Claim]
) -> Section:
    """Carry over what there is a place for.

    Args:
        values: of the chart.
        ledger: takes what became of each.
        product: whose chart it is.
        chart: what it calls things.
        claims: of the cluster; none where nobody looked.
    """
    hints = [
        *_image_hints(values, ledger, product),
        *_placement(values),
        *_edge_hints(values, ledger),
        *_ssh(values, ledger, chart),
    ]
    hints += _authorities(values, ledger, chart)
    document: Document = {}
    version = _version(values, ledger)
    if version:
        document["version"] = version
    if edition := _edition(values, product):
        document["edition"] = edition
        ledger.taken("image.repository", "edition")
    nodes = values.text("replicaCount")
    if nodes.isdigit():
        document["nodes"] = max(1, int(nodes))
        ledger.taken("replicaCount", "nodes")
    if path := _context(values, ledger, chart):
        document["contextPath"] = path
    storage = {
        "localHome": local_home(values, ledger, section=chart.section, claims=claims),
        "sharedHome": shared_home(values, ledger, section=chart.section, claims=claims),
        "s3": objects(values, ledger, product=product, chart=chart, release=version),
    }
    parts: Document = {
        "license": _license(values, ledger, chart),
        "companions": dict(_companions(values, ledger, chart)),
        "resources": resources(values, ledger, chart=chart),
        "storage": {name: home for name, home in storage.items() if home},
        "database": database(values, ledger),
        "stopGrace": _grace(values, ledger, product=product, chart=chart),
        "env": variables(values, ledger, chart=chart),
        "jvmArgs": arguments(values, ledger, chart=chart),
        "volumes": volumes(values, ledger, chart=chart),
        "sidecars": sidecars(values, ledger),
    }
    document |= {name: part for name, part in parts.items() if part}
    secure = values.at("ingress.https") is not False
    host = values.text("ingress.host").lower()
    if host:
        ledger.taken("ingress.host", "domain, or baseUrl")
        for path in ("ingress.https", "ingress.port"):
            if values.at(path) is not None:
                ledger.taken(path, "baseUrl")
    return Section(document, tuple(hints), host, "https" if secure else "http", values.text("ingress.port"))


def _version(values: Values, ledger: Ledger) -> str:
    tag = values.text("image.tag")
    found = _VERSION.match(tag or values.release)
    if found is None:
        if tag:
            ledger.lost("image.tag", f"{tag} is no version: say which one it is with --version")
        return ""
    if tag:
        rest = tag.removeprefix(found[0])
        ledger.taken("image.tag", f"version{f'; {rest} of the tag is left out' if rest else ''}")
    return found[0]


def _edition(values: Values, product: Product) -> str:
    repository = values.text("image.repository")
    editions = product.container.editions if product.container is not None else {}
    return next(
        (name for name, own in editions.items() if repository == own or repository.endswith(f"/{own}")), ""
    )


def _image_hints(values: Values, ledger: Ledger, product: Product) -> Iterator[Hint]:
    repository, registry = values.text("image.repository"), values.text("image.registry")
    container = product.container
    known = (container.repository, *container.editions.values()) if container is not None else ()
    whole = f"{registry}/{repository}" if registry else repository
    own = next((each for each in known if whole == each or whole.endswith(f"/{each}")), "")
    if repository and not own:
        ledger.lost("image.repository", "an image of your own takes a patch of the StatefulSet")
    elif own:
        ledger.taken("image.repository", "the product's own image")
        if mirror := whole.removesuffix(own).rstrip("/").removeprefix("docker.io"):
            yield Hint("images.mirror", mirror, "image.registry" if registry else "image.repository")
    for number, each in enumerate(values.items("serviceAccount.imagePullSecrets")):
        if number == 0 and each.get("name"):
            yield Hint("images.pullSecret", str(each["name"]), "serviceAccount.imagePullSecrets")
        else:
            ledger.lost(f"serviceAccount.imagePullSecrets[{number}]", "one secret logs in to the registry")


def _placement(values: Values) -> Iterator[Hint]:
    selector = values.at("nodeSelector")
    if isinstance(selector, dict) and selector:
        yield Hint(
            "placement.nodeSelector", {str(key): str(each) for key, each in selector.items()}, "nodeSelector"
        )
    tolerations = []
    for number, each in enumerate(values.items("tolerations")):
        if each.get("key"):
            made = {"name": f"toleration-{number}", "key": str(each["key"])}
            if each.get("value") and each.get("operator", "Equal") == "Equal":
                made["value"] = str(each["value"])
            tolerations.append(made | ({"effect": str(each["effect"])} if each.get("effect") else {}))
    if tolerations:
        yield Hint("placement.tolerations", tolerations, "tolerations")
    if name := values.text("priorityClassName"):
        yield Hint("placement.priorityClass", name, "priorityClassName")


def _edge_hints(values: Values, ledger: Ledger) -> Iterator[Hint]:
    if values.on("ingress.create") and values.at("ingress.nginx") is not False:
        yield Hint("edge.driver", "nginx", "ingress.create")
        if name := values.text("ingress.className"):
            yield Hint("edge.className", name, "ingress.className")
    if values.at("ingress.https") is False:
        return
    if secret := values.text("ingress.tlsSecretName"):
        issuer = next((each for each in _ISSUERS if _annotation(values, each[0])), None)
        if issuer is not None:
            tls = {"kind": "cert-manager", "issuer": _annotation(values, issuer[0]), "issuerKind": issuer[1]}
            ledger.taken(f"ingress.annotations.{issuer[0]}", "edge.tls")
            yield Hint("edge.tls", tls, "ingress.tlsSecretName")
        else:
            yield Hint("edge.tls", {"kind": "secret", "secret": secret}, "ingress.tlsSecretName")


def _annotation(values: Values, name: str) -> str:
    given = values.at("ingress.annotations")
    return str(given.get(name) or "") if isinstance(given, dict) else ""


def _ssh(values: Values, ledger: Ledger, chart: Chart) -> Iterator[Hint]:
    if chart.ssh and values.on(f"{chart.ssh}.enabled"):
        ledger.taken(f"{chart.ssh}.enabled", "edge.ssh")
        if values.on(f"{chart.ssh}.host"):
            ledger.lost(f"{chart.ssh}.host", "git over SSH is reached as git. before the stack's domain")
        port = values.text(f"{chart.ssh}.port") or "22"
        if port.isdigit():
            yield Hint("edge.ssh", {"port": int(port)}, f"{chart.ssh}.port")


def _authorities(values: Values, ledger: Ledger, chart: Chart) -> Iterator[Hint]:
    path = f"{chart.section}.additionalCertificates"
    listed = values.items(f"{path}.secretList")
    if len(listed) == 1 and isinstance(keys := listed[0].get("keys"), list) and len(keys) == 1:
        yield Hint(
            "security.authorities",
            {"secret": str(listed[0].get("name")), "key": str(keys[0])},
            f"{path}.secretList",
        )
    elif listed or values.on(f"{path}.secretName"):
        why = "put all certificates into one key of one secret, and name it in security.authorities"
        ledger.lost(f"{path}.secretList" if listed else f"{path}.secretName", why)


def _context(values: Values, ledger: Ledger, chart: Chart) -> str:
    for path in (f"{chart.section}.service.contextPath", "ingress.path"):
        given = values.text(path).rstrip("/")
        if given:
            ledger.taken(path, "contextPath")
            return given if given.startswith("/") else f"/{given}"
    return ""


def _license(values: Values, ledger: Ledger, chart: Chart) -> Document:
    secret = values.text(f"{chart.license}.secretName") if chart.license else ""
    if not secret:
        return {}
    ledger.taken(chart.license, "license")
    return {"secret": secret, "key": values.text(f"{chart.license}.secretKey") or "license-key"}


def _companions(values: Values, ledger: Ledger, chart: Chart) -> Iterator[tuple[str, Document]]:
    for each in chart.companions:
        found = companion(values, ledger, given=each)
        if found is not None:
            yield each.name, found


def _grace(values: Values, ledger: Ledger, *, product: Product, chart: Chart) -> str:
    path = f"{chart.section}.shutdown.terminationGracePeriodSeconds"
    seconds = values.text(path)
    if not seconds.isdigit():
        return ""
    if int(seconds) <= product.stop_grace:
        ledger.taken(path, f"stopGrace: left at {product.stop_grace:g}s, which is no shorter")
        return ""
    ledger.taken(path, "stopGrace")
    return f"{seconds}s"
