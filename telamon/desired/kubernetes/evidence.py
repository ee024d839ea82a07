"""Where evidence about a member in quarantine lies on a cluster, and what must not be in it."""

from __future__ import annotations

from dataclasses import dataclass

from telamon.desired.kubernetes.logins import keeps_logins
from telamon.desired.kubernetes.renewed import renewed_secret
from telamon.desired.kubernetes.site import Part, Site
from telamon.desired.kubernetes.wanted import operator_secrets, token_secret
from telamon.naming import secret_name


@dataclass(frozen=True)
class EvidenceDesired:
    """Evidence about the members of a product.

    Attributes:
        secret: name of the secret in which it lies, in the product's namespace.
        hidden: names of the secrets that the operator may read there; their values are taken out.
    """

    secret: str
    hidden: tuple[str, ...]


def evidence_secret(stack: str, product: str) -> str:
    """Name of the secret in which Telamon keeps what it gathered about members of a product.

    Viewers of a namespace read its ConfigMaps, and no logs of its pods, so it is a secret.

    Args:
        stack: name of the stack.
        product: name of the product.
    """
    return secret_name(stack, product, purpose="evidence")


def evidence_of(part: Part, site: Site) -> EvidenceDesired:
    """Where evidence about the members of a component lies.

    Args:
        part: the component.
        site: the stack.
    """
    product = part.outline.product_name
    hidden = {str(name) for name, _ in operator_secrets(site, product)} | {
        str(name) for name in kept_secrets(part, site)
    }
    return EvidenceDesired(evidence_secret(site.stack, product), tuple(sorted(hidden)))


def kept_secrets(part: Part, site: Site) -> set[str]:
    """Names of the secrets that Telamon keeps for a product itself, but for the one with evidence.

    Args:
        part: any component of the product.
        site: the stack.
    """
    product = next(each for each in site.products if each.outline.product_name == part.outline.product_name)
    name, kind = product.outline.product_name, product.outline.product
    kept = {str(token_secret(site, name).secret)} if kind.has_account else set()
    if kind.cluster_secret or keeps_logins(product, site):
        kept.add(str(renewed_secret(site.stack, name)))
    return kept
