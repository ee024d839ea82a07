"""Where the secrets of a product are on a cluster: brought by somebody, or, once they were renewed, made by Telamon.

What somebody brought is never written over, for whatever brought it may write it again. Telamon has one secret of its
own for each product, and nodes refer to it as soon as the journal says that it holds what they are to use.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from telamon.desired.in_force import InForce
from telamon.desired.outline import Outline
from telamon.desired.product_secrets import ProductSecrets, product_secrets
from telamon.naming import database_name, secret_name
from telamon.products.base import SecretValue

CLUSTER_KEY: Final = "cluster"
"""Key of the secret that nodes share; those of passwords are the names of the roles, which no product is called as."""


def renewed_secret(stack: str, product: str) -> str:
    """Name of the secret that Telamon itself keeps for a product.

    Args:
        stack: name of the stack.
        product: name of the product.
    """
    return secret_name(stack, product, purpose="renewed")


def secrets_in_use(stack: str, part: Outline, *, in_force: InForce) -> ProductSecrets:
    """Where the secrets are that the nodes of a product use now.

    Args:
        stack: name of the stack.
        part: the product's own nodes.
        in_force: which role they log in to their database as, and whether the secret that they share was renewed.
    """
    name = part.product_name
    owner, own = database_name(name), renewed_secret(stack, name)
    login = in_force.logins.get(part.component, owner)
    found = product_secrets(stack, part, login=login)
    if login != owner:
        found = replace(found, database=SecretValue(own, login))
    if part.component in in_force.renewed:
        found = replace(found, cluster=SecretValue(own, CLUSTER_KEY))
    return found
