"""A stack file of the sections that charts amount to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from telamon.errors import UsageError
from telamon.importer.homes import Claim
from telamon.importer.keys import keys_of
from telamon.importer.section import Hint, Section, section
from telamon.importer.values import Account, Ledger, Values, account
from telamon.naming import API_VERSION
from telamon.products.base import Product
from telamon.stackfile.build import to_yaml

Document = dict[str, Any]
_SPREAD: Final = frozenset({"placement.nodeSelector", "placement.tolerations", "placement.priorityClass"})


@dataclass(frozen=True)
class Wishes:
    """What only a person can say.

    Attributes:
        name: of the stack.
        domain: of all products; "" takes it from their hosts.
        versions: by product, where no value names one.
        shared_class: storage class of shared homes that the charts name no place for; "" for none.
    """

    name: str
    domain: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)
    shared_class: str = ""


@dataclass(frozen=True)
class Imported:
    """What charts amount to.

    Attributes:
        document: the stack file, as data.
        text: the stack file.
        accounts: what became of every value.
    """

    document: Document
    text: str
    accounts: tuple[Account, ...]


def assemble(
    sources: Sequence[tuple[Product, Values]], wishes: Wishes, *, claims: Sequence[Claim] = ()
) -> Imported:
    """Make a stack file.

    Args:
        sources: each product with the values of its chart.
        wishes: what a person says besides.
        claims: of the cluster; none where nobody looked.

    Raises:
        UsageError: something that a stack file needs stands in no value.
    """
    ledgers: dict[str, Ledger] = {}
    sections: dict[str, Section] = {}
    for product, values in sources:
        if product.chart is None or product.name in sections:
            raise UsageError(
                f"there are two sets of values of {product.name}, or none that is known",
                remedy="Give each product once.",
            )
        ledger = ledgers[product.name] = Ledger(product.name)
        sections[product.name] = section(values, ledger, product=product, chart=product.chart, claims=claims)
    document = _document(sections, ledgers, wishes)
    accounts = tuple(
        each
        for product, values in sources
        if product.chart is not None
        for each in account(values, ledgers[product.name], keys=keys_of(product.chart))
    )
    return Imported(document, to_yaml(document), accounts)


def _document(sections: Mapping[str, Section], ledgers: Mapping[str, Ledger], wishes: Wishes) -> Document:
    domain = wishes.domain or _domain(sections)
    shared = _agreed(sections, ledgers)
    edge = shared.setdefault("edge", {})
    edge.setdefault("tls", {"kind": "disabled"})
    products = {}
    for name, made in sections.items():
        # What stands first in a stack file is what people look for first.
        products[name] = {"version": _version(name, made, wishes)} | made.document
        if url := _base_url(name, made, domain=domain, plain=edge["tls"]["kind"] == "disabled"):
            products[name]["baseUrl"] = url
    spec: Document = {
        "environment": "production",
        "domain": domain,
        "products": products,
        "platform": {"kind": "kubernetes"},
    }
    homeless = [name for name, made in sections.items() if not _has_home(made)]
    if homeless and not wishes.shared_class:
        raise UsageError(
            f"no value says where the shared home of {', '.join(homeless)} is",
            remedy="Give the claims of the cluster with --claims, or a class for new homes with --shared-class.",
        )
    if homeless:
        spec["storage"] = {"shared": {"kind": "csi", "storageClass": wishes.shared_class}}
    return {
        "apiVersion": API_VERSION,
        "kind": "Stack",
        "metadata": {"name": wishes.name},
        "spec": spec | shared,
    }


def _has_home(made: Section) -> bool:
    return "volume" in made.document.get("storage", {}).get("sharedHome", {})


def _version(name: str, made: Section, wishes: Wishes) -> str:
    found = wishes.versions.get(name) or made.document.get("version")
    if not found:
        raise UsageError(
            f"no value says which version of {name} runs: the chart's own was meant",
            remedy=f"Say it with --version {name}=VERSION.",
        )
    return str(found)


def _domain(sections: Mapping[str, Section]) -> str:
    domains = {made.host.partition(".")[2] for made in sections.values() if made.host}
    if len(domains) != 1 or not next(iter(domains)):
        found = f"the hosts have {', '.join(sorted(domains))}" if domains else "no value names a host"
        raise UsageError(
            f"nothing says which domain the stack has: {found}", remedy="Say it with --domain DOMAIN."
        )
    return next(iter(domains))


def _base_url(name: str, made: Section, *, domain: str, plain: bool) -> str:
    """The URL that users type, where it is not the one that Telamon would make of the domain."""
    if not made.host:
        return ""
    usual = made.host == f"{name}.{domain}" and not made.port and (made.scheme == "http") == plain
    if usual:
        return ""
    own = {"https": "443", "http": "80"}[made.scheme]
    port = f":{made.port}" if made.port and made.port != own else ""
    return f"{made.scheme}://{made.host}{port}{made.document.get('contextPath', '')}"


def _agreed(sections: Mapping[str, Section], ledgers: Mapping[str, Ledger]) -> Document:
    """What the whole stack has once: the first product that says it decides."""
    first: dict[str, tuple[str, Hint]] = {}
    for name, made in sections.items():
        for hint in made.hints:
            owner, decided = first.setdefault(hint.key, (name, hint))
            if decided.value == hint.value:
                more = ", which counts for every product" if hint.key in _SPREAD else ""
                ledgers[name].taken(hint.path, f"{hint.key}{more}")
            else:
                ledgers[name].lost(hint.path, f"a stack has one {hint.key}: that of {owner}")
    found: Document = {}
    for key, (_, hint) in first.items():
        outer, _, inner = key.partition(".")
        found.setdefault(outer, {})[inner] = hint.value
    return found
