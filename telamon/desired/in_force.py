"""What only the journal knows and what is desired rests on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType


@dataclass(frozen=True)
class InForce:
    """What is in force in the products of a stack, beside what the stack file says.

    Attributes:
        releases: that the data is of, by component; none for a product without data.
        logins: roles that nodes log in to their database as, by component; the owner of the database where none is
            named.
        upgrades: releases that upgrades in progress lead to, by component, whatever the stack file says by now.
    """

    releases: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    logins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    upgrades: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
