"""What only the journal knows and what is desired rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from telamon.desired.outline import UNVERSIONED
from telamon.model.stack import Stack
from telamon.naming import ProductName, component_name


@dataclass(frozen=True)
class InForce:
    """What is in force in the products of a stack, beside what the stack file says.

    Attributes:
        releases: that the data is of, by component; none for a product without data.
        logins: roles that nodes log in to their database as, by component; the owner of the database where none is
            named.
        upgrades: releases that upgrades in progress lead to, by component, whatever the stack file says by now.
        renewed: components whose nodes share a secret that Telamon itself has made in the place of one that somebody
            brought.
    """

    releases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    logins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    upgrades: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    renewed: frozenset[str] = frozenset()


def leading_to(stack: Stack, in_force: InForce) -> Stack:
    """The stack with the versions that upgrades in progress lead to.

    Args:
        stack: the stack file.
        in_force: beside what it says.
    """
    ends = {
        name: in_force.upgrades[component_name(name)]
        for name, spec in stack.spec.products.items()
        if in_force.upgrades.get(component_name(name)) not in {None, spec.version or UNVERSIONED}
    }
    return with_releases(stack, ends) if ends else stack


def with_releases(stack: Stack, releases: Mapping[ProductName, str]) -> Stack:
    """The stack with other versions of some products.

    Args:
        stack: the stack file.
        releases: by product.
    """
    products = {
        name: spec.model_copy(update={"version": releases[name]}) if name in releases else spec
        for name, spec in stack.spec.products.items()
    }
    return stack.model_copy(update={"spec": stack.spec.model_copy(update={"products": products})})
