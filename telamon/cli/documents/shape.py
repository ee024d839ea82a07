"""An answer as plain data, whose keys are those of its class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any


def plain(value: Any) -> Any:
    """A document as plain data, its keys in camel case."""
    if is_dataclass(value) and not isinstance(value, type):
        return {camel(field.name): plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return value


def camel(name: str) -> str:
    """The key of an attribute."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)
