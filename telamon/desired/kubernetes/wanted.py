"""Which secrets somebody has to bring before the pods can start: the values are in no manifest.

Sources: Kubernetes, "Secrets", types of Secret; Envoy Gateway 1.9, which turns a listener away whose secret is not of
the type ``kubernetes.io/tls`` (seen on real nodes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from telamon.desired.calls import UserDesired
from telamon.desired.kubernetes.backups import saving_of
from telamon.desired.kubernetes.data import Bundle, Object
from telamon.desired.kubernetes.environment import service_host
from telamon.desired.kubernetes.mounts import certificate_secret
from telamon.desired.kubernetes.site import Part, Site
from telamon.naming import secret_name
from telamon.products.base import Purpose, SecretValue

TLS: Final = "kubernetes.io/tls"
_PAIR: Final = ("tls.crt", "tls.key")


@dataclass(frozen=True)
class BroughtSecret:
    """What a secret that somebody has brought is like, without its values.

    Attributes:
        keys: that it has.
        type: that it is of.
    """

    keys: frozenset[str]
    type: str = ""


def brought(live: Object | None) -> BroughtSecret | None:
    """Leave the values of a secret behind.

    Args:
        live: as it lives; ``None`` where it is not there.
    """
    return (
        None if live is None else BroughtSecret(frozenset(live.get("data") or ()), str(live.get("type", "")))
    )


@dataclass(frozen=True, order=True)
class WantedSecret:
    """A secret that somebody brings.

    Attributes:
        namespace: where it has to be.
        name: of the secret.
        keys: that are read of it; none where it is taken as a whole.
        type: that it has to be of; "" where any will do.
    """

    namespace: str
    name: str
    keys: tuple[str, ...]
    type: str = ""

    def missing(self, found: BroughtSecret) -> tuple[str, ...]:
        """Keys that one which was brought has not got.

        Args:
            found: what it is like.
        """
        return tuple(key for key in self.keys if key not in found.keys)

    def of_wrong_type(self, found: BroughtSecret) -> str:
        """Which type it is of in place of which; "" where it is as it has to be. It keeps it, and is made anew.

        Args:
            found: what it is like.
        """
        if not self.type or found.type == self.type:
            return ""
        return f"of type {found.type}, and has to be of type {self.type}"


def wanted_secrets(site: Site, bundles: Sequence[Bundle]) -> tuple[WantedSecret, ...]:
    """Every secret that the objects refer to, those that the operator reads for the set-up, and those of backups.

    Args:
        site: the stack.
        bundles: everything that was rendered.
    """
    found: dict[tuple[str, str], set[str]] = {}
    types: dict[tuple[str, str], str] = {}
    produced: set[tuple[str, str]] = set()
    for bundle in bundles:
        for item in bundle.objects:
            namespace = str(item["metadata"].get("namespace", ""))
            produced |= {(namespace, name) for name in made_secrets(item)}
            for name, key in _references(item):
                found.setdefault((namespace, name), set()).update({key} if key else ())
            types |= {(namespace, name): of_type for name, of_type in _types(item)}
    for part in site.products:
        for name, key in operator_secrets(site, part.outline.product_name):
            found.setdefault((part.namespace, name), set()).add(key)
        saving = saving_of(part, site)
        if saving is not None:
            found.setdefault((part.namespace, saving.vault.secret), set()).add(saving.vault.key)
    return tuple(
        sorted(
            WantedSecret(namespace, name, tuple(sorted(keys)), types.get((namespace, name), ""))
            for (namespace, name), keys in found.items()
            if (namespace, name) not in produced
        )
    )


def operator_secrets(site: Site, product: str) -> Iterator[tuple[str, str]]:
    """What the operator reads in the namespace of a product: secret and key.

    Args:
        site: the stack.
        product: name of the product.
    """
    part = next(each for each in site.products if each.outline.product_name == product)
    secrets, kind = part.secrets, part.outline.product
    if kind.has_setup:
        purposes = secrets.by_purpose()
        for purpose in (
            Purpose.LICENSE,
            Purpose.ADMIN_USERNAME,
            Purpose.ADMIN_PASSWORD,
            Purpose.ADMIN_EMAIL,
            Purpose.ADMIN_NAME,
        ):
            yield purposes[purpose].secret, purposes[purpose].key
    if kind.has_account:
        for key in ("username", "password", "email"):
            yield secrets.account, key
    for companion in site.of_product(part):
        user = user_of(companion, site)
        if user is not None:
            yield user.password.secret, user.password.key
            if user.authority is not None:
                yield user.authority.secret, user.authority.key


def user_of(part: Part, site: Site) -> UserDesired | None:
    """As whom the nodes of a component are asked that know their user from their environment; ``None`` for others.

    Args:
        part: the component.
        site: the stack.
    """
    user = part.workload.user
    if user is None:
        return None
    password = part.secrets.by_purpose()[user.purpose]
    if not part.container.certificate:
        return UserDesired(user.name, password)
    authority = SecretValue(certificate_secret(part, site), "ca.crt")
    return UserDesired(user.name, password, authority, service_host(part))


def token_secret(site: Site, product: str) -> SecretValue:
    """Where the operator keeps the token of the account that it makes itself.

    It is a secret of its own, because the others are written by somebody else, who would write over it.

    Args:
        site: the stack.
        product: name of the product.
    """
    return SecretValue(secret_name(site.stack, product, purpose="token"), "token")


def made_secrets(item: Object) -> Iterator[str]:
    """The secrets that cert-manager makes of an object: a certificate, or an ingress that names an issuer.

    Args:
        item: as it was rendered.
    """
    if item["kind"] == "Certificate":
        yield str(item["spec"]["secretName"])
    elif any(name.startswith("cert-manager.io/") for name in item["metadata"].get("annotations", {})):
        yield from (str(entry["secretName"]) for entry in item["spec"].get("tls", ()))


def _references(value: Any) -> Iterator[tuple[str, str]]:
    """Name and key of every secret that a part of an object refers to; "" for the whole secret."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from _reference(name, item)
            yield from _references(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _references(item)


def _reference(name: str, item: Any) -> Iterator[tuple[str, str]]:
    if name == "secretKeyRef":
        yield str(item["name"]), str(item["key"])
    elif name == "secret" and isinstance(item, dict):
        secret = item.get("secretName") or item.get("name")
        keys = [entry["key"] for entry in item.get("items", ())]
        yield from ((str(secret), str(key)) for key in keys or [""])
    elif name == "passwordSecret":
        yield from ((str(item["name"]), key) for key in ("username", "password"))
    elif name == "imagePullSecrets":
        yield from ((str(entry["name"]), "") for entry in item)
    elif name == "certificateRefs":
        yield from ((str(entry["name"]), key) for entry in item for key in _PAIR)
    elif name == "tls" and isinstance(item, list):
        yield from ((str(entry["secretName"]), key) for entry in item for key in _PAIR)


def _types(value: Any) -> Iterator[tuple[str, str]]:
    """Name and type of every secret that a part of an object refers to where only one of that type will do."""
    if isinstance(value, dict):
        for name, item in value.items():
            if name == "certificateRefs":
                yield from ((str(entry["name"]), TLS) for entry in item)
            else:
                yield from _types(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _types(item)
