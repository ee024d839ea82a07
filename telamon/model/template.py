"""Texts with placeholders: ``--listen ${address}:${port.http}``.

A text is taken apart once, into literal parts and placeholders; filling in is left to whoever knows the values, because
some of them are secrets that plain data must not hold. ``$${`` writes a literal ``${``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_PART: Final = re.compile(r"\$\$\{|\$\{(?P<name>[^{}]*)\}|\$\{")


@dataclass(frozen=True)
class Placeholder:
    """A value to be filled in, by its name: what stands between ``${`` and ``}``."""

    name: str


Part = str | Placeholder


class UnfinishedPlaceholder(ValueError):
    """A ``${`` without its ``}``."""


def parts(text: str) -> tuple[Part, ...]:
    """Take a text apart.

    Args:
        text: with any number of placeholders.

    Returns:
        Literal texts and placeholders, in order; joining them again, filled in, gives the text that was meant.

    Raises:
        UnfinishedPlaceholder: a ``${`` has no ``}``.
    """
    found: list[Part] = []
    literal, end = "", 0
    for match in _PART.finditer(text):
        literal += text[end : match.start()]
        end = match.end()
        if match[0] == "$${":
            literal += "${"
            continue
        if match["name"] is None:
            raise UnfinishedPlaceholder(f'"{text[match.start() :][:40]}" has no closing brace')
        if literal:
            found.append(literal)
        found.append(Placeholder(match["name"]))
        literal = ""
    literal += text[end:]
    return (*found, literal) if literal else tuple(found)


def placeholders(text: str) -> frozenset[str]:
    """The names of the placeholders in a text.

    Raises:
        UnfinishedPlaceholder: a ``${`` has no ``}``.
    """
    return frozenset(part.name for part in parts(text) if isinstance(part, Placeholder))
