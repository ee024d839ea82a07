"""Which secrets a lab needs, where they are looked for, and what is made where nobody has put one.

A secret that the stack file names is made under that name as well, so that a file written for production can be
rehearsed without its secrets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from telamon.desired.lab.data import ProcessDesired, SecretDesired, SecretKind
from telamon.desired.outline import Outline
from telamon.desired.product_secrets import ProductSecrets
from telamon.naming import BACKUP, DATABASE, secret_name
from telamon.products.base import JoinedValue, SecretValue

ADMIN = "admin"
SERVICE_ACCOUNT = "telamon"
EMAIL_DOMAIN = "example.com"
"""Reserved for examples by RFC 2606: no mail of a lab reaches anybody."""


def cluster_secret(stack: str, purpose: str) -> SecretValue:
    """Where the password of one of the roles is that keep the database cluster; each is used by its own work alone."""
    return SecretValue(secret_name(stack, DATABASE, purpose=purpose), "password")


def database_secrets(stack: str) -> Iterator[SecretDesired]:
    """Passwords of the superuser, and of the roles that it makes."""
    for purpose in ("superuser", "replication", "operator", "manager", "reader"):
        yield SecretDesired(cluster_secret(stack, purpose), SecretKind.PASSWORD)


def vault_secret(stack: str) -> SecretDesired:
    """The password of the backups; who has lost it has lost them."""
    return SecretDesired(
        SecretValue(secret_name(stack, BACKUP, purpose="vault"), "password"), SecretKind.PASSWORD
    )


def wanted(
    part: Outline, secrets: ProductSecrets, *, referenced: Collection[SecretValue]
) -> Iterator[SecretDesired]:
    """Everything that must exist before the first node of a product starts, and nothing it has no use for.

    Args:
        part: the product's own nodes.
        secrets: where they are.
        referenced: what the environments of the product's nodes and companions refer to.
    """
    product = part.product
    shared = (secrets.database, secrets.cluster, secrets.search, *secrets.further.values())
    for value in shared:
        if value in referenced or (product.needs_database and value == secrets.database):
            yield SecretDesired(value, SecretKind.PASSWORD)
    if product.has_setup:
        yield SecretDesired(secrets.license, SecretKind.LICENSE)
        yield from _account(secrets.admin, ADMIN, "Administrator")
    if product.has_account:
        yield from _account(secrets.account, SERVICE_ACCOUNT, "Telamon")


def references(process: ProcessDesired) -> Iterator[SecretValue]:
    """The secrets that a process's environment refers to."""
    for value in process.environment.values():
        parts = value.parts if isinstance(value, JoinedValue) else (value,)
        yield from (part for part in parts if isinstance(part, SecretValue))


def _account(secret: str, username: str, name: str) -> Iterator[SecretDesired]:
    yield SecretDesired(SecretValue(secret, "username"), SecretKind.TEXT, username)
    yield SecretDesired(SecretValue(secret, "password"), SecretKind.PASSWORD)
    yield SecretDesired(SecretValue(secret, "email"), SecretKind.TEXT, f"{username}@{EMAIL_DOMAIN}")
    yield SecretDesired(SecretValue(secret, "name"), SecretKind.TEXT, name)
