"""What a rule over several values finds, and what it gets to look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from telamon.model.stack import Stack, StackSpec
from telamon.products.base import Product
from telamon.stackfile.tree import Path

Registry = Mapping[str, Product]
"""The products that Telamon knows, by name."""


@dataclass(frozen=True)
class Finding:
    """One combination of values that cannot be.

    Attributes:
        path: the value to point at.
        message: what is wrong.
        remedy: what to change.
        also: the other values that it depends on; where one of them was refused already, the finding is not reported.
        throughout: mappings and lists that it depends on as a whole: a refusal anywhere in them counts too.
    """

    path: Path
    message: str
    remedy: str
    also: tuple[Path, ...] = ()
    throughout: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Subject:
    """What rules look at.

    Attributes:
        stack: a valid stack.
        registry: the products that Telamon knows.
        today: the date for which it is judged, ``None`` where dates do not matter.
    """

    stack: Stack
    registry: Registry
    today: date | None = None

    @property
    def spec(self) -> StackSpec:
        """What the stack file wants."""
        return self.stack.spec


Rule = Callable[[Subject], Iterator[Finding]]
"""A named check. Its name, with dashes, is shown to the user."""


def rule_name(rule: Rule) -> str:
    """The name of a rule as users see it."""
    return rule.__name__.replace("_", "-")
