"""Which secrets a lab needs, where they are looked for, and what is made where nobody has put one.

A secret that the stack file names is made under that name as well, so that a file written for production can be
rehearsed without its secrets.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from telamon.desired.lab.data import ProcessDesired, SecretDesired, SecretKind, SetupDesired
from telamon.desired.lab.outline import Outline
from telamon.model.common import SecretRef
from telamon.naming import BACKUP, DATABASE, database_name, secret_name
from telamon.products.base import JoinedValue, Purpose, SecretValue

ADMIN = "admin"
SERVICE_ACCOUNT = "telamon"
EMAIL_DOMAIN = "example.com"
"""Reserved for examples by RFC 2606: no mail of a lab reaches anybody."""


@dataclass(frozen=True)
class ProductSecrets:
    """Where the secrets of one product are."""

    license: SecretValue
    admin: str
    account: str
    login: str
    database: SecretValue
    cluster: SecretValue
    search: SecretValue
    further: Mapping[str, SecretValue]

    def by_purpose(self) -> Mapping[str, SecretValue]:
        """What a node's environment may refer to."""
        return {
            Purpose.LICENSE: self.license,
            Purpose.ADMIN_USERNAME: SecretValue(self.admin, "username"),
            Purpose.ADMIN_PASSWORD: SecretValue(self.admin, "password"),
            Purpose.ADMIN_EMAIL: SecretValue(self.admin, "email"),
            Purpose.ADMIN_NAME: SecretValue(self.admin, "name"),
            Purpose.CLUSTER: self.cluster,
            Purpose.SEARCH_PASSWORD: self.search,
            **self.further,
        }

    def set_up(self, *, title: str, base_url: str) -> SetupDesired:
        """What the set-up pages and the service account are filled in with."""
        purposes = self.by_purpose()
        return SetupDesired(
            title=title,
            base_url=base_url,
            license=self.license,
            admin_username=purposes[Purpose.ADMIN_USERNAME],
            admin_password=purposes[Purpose.ADMIN_PASSWORD],
            admin_email=purposes[Purpose.ADMIN_EMAIL],
            admin_name=purposes[Purpose.ADMIN_NAME],
            account_username=SecretValue(self.account, "username"),
            account_password=SecretValue(self.account, "password"),
            account_email=SecretValue(self.account, "email"),
            account_token=SecretValue(self.account, "token"),
        )


def login_secret(stack: str, product: str, *, role: str) -> SecretValue:
    """Where the password of a role is that a product's nodes log in to their database as."""
    name = secret_name(stack, product, purpose="database")
    return SecretValue(name, "password" if role == database_name(product) else role)


def product_secrets(stack: str, part: Outline, *, login: str) -> ProductSecrets:
    """Say where the secrets of a product are: where its section names them, or under names of our own.

    Args:
        stack: name of the stack.
        part: the product's own nodes.
        login: the role that they log in to their database as.
    """
    product, spec = part.product_name, part.spec
    listed = spec.profile.secrets if spec.profile is not None else ()
    return ProductSecrets(
        license=_reference(spec.license, secret_name(stack, product, purpose="license"), "license"),
        admin=_name(spec.admin, secret_name(stack, product, purpose="admin")),
        account=_name(spec.service_account, secret_name(stack, product, purpose="service-account")),
        login=login,
        database=login_secret(stack, product, role=login),
        cluster=SecretValue(secret_name(stack, product, purpose="cluster"), "secret"),
        search=SecretValue(secret_name(stack, product, purpose="search"), "password"),
        further={name: SecretValue(secret_name(stack, product, purpose=name), "secret") for name in listed},
    )


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


def _reference(given: SecretRef | None, name: str, key: str) -> SecretValue:
    return SecretValue(name, key) if given is None else SecretValue(given.secret, given.key or key)


def _name(given: SecretRef | None, name: str) -> str:
    return name if given is None else given.secret
