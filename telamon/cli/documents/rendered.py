"""What ``-o json`` prints: what rendering the ground answers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CostPart:
    """One line of a month's cost.

    Attributes:
        name: what it is.
        layer: where it is made.
        monthly: USD.
        published: whether every price in it was read in print, and none remembered.
    """

    name: str
    layer: str
    monthly: float
    published: bool


@dataclass(frozen=True)
class CostChoice:
    """What a setting would save (negative) or cost.

    Attributes:
        path: of the setting.
        now: what it says.
        instead: what it could say.
        monthly: difference, USD a month.
        meaning: what one gets or gives up.
    """

    path: str
    now: str
    instead: str
    monthly: float
    meaning: str


@dataclass(frozen=True)
class Rendered:
    """Answer of ``render --terraform``.

    Attributes:
        stack: name of the stack.
        folder: that was written to.
        written: files that are new or differ now.
        same: files that were so already.
        removed: files of an earlier run that are no longer meant.
        monthly: USD a month, as far as it does not depend on use.
        prices: region and day of the price list.
        parts: what that is made of.
        choices: what single settings would save or cost, the largest saving first.
        not_counted: what depends on use.
    """

    stack: str
    folder: str
    written: tuple[str, ...]
    same: tuple[str, ...]
    removed: tuple[str, ...]
    monthly: float
    prices: str
    parts: tuple[CostPart, ...]
    choices: tuple[CostChoice, ...]
    not_counted: tuple[str, ...]
