"""Where the secrets of a product are, on whatever platform: under the names of the stack file, or under our own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telamon.desired.calls import SetupDesired
from telamon.desired.outline import Outline
from telamon.model.common import SecretRef
from telamon.naming import database_name, secret_name
from telamon.products.base import Purpose, SecretValue


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


def _reference(given: SecretRef | None, name: str, key: str) -> SecretValue:
    return SecretValue(name, key) if given is None else SecretValue(given.secret, given.key or key)


def _name(given: SecretRef | None, name: str) -> str:
    return name if given is None else given.secret
