"""YAML and JSON of other tools, as plain data: no stack file, so nothing about it is ours to refuse.

It is read as YAML 1.1, because that is what Helm and kubectl read. Source: sigs.k8s.io/yaml, its README.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from telamon.errors import UsageError, brief

MOST_VALUES: Final = 500_000
"""Values of a file, each alias counted as often as it is used."""


def documents(content: bytes, *, source: str) -> tuple[Any, ...]:
    """Read every document of a file; empty ones are left out.

    Args:
        content: of the file.
        source: its name, for refusals.

    Raises:
        UsageError: it is not YAML, or it unfolds to more than anybody writes.
    """
    loader = YAML(typ="safe", pure=True)
    loader.version = "1.1"
    try:
        found = tuple(item for item in loader.load_all(content.decode("utf-8")) if item is not None)
    except (YAMLError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise UsageError(f"{source} is not YAML: {brief(error)}", remedy="Check the file.") from error
    _refuse_bomb(found, source)
    return found


def _refuse_bomb(found: tuple[Any, ...], source: str) -> None:
    """A few aliases of aliases unfold to billions of values."""
    waiting, seen = list(found), 0
    while waiting:
        item = waiting.pop()
        seen += 1
        if seen > MOST_VALUES:
            raise UsageError(
                f"{source} holds more than {MOST_VALUES} values", remedy="Give one file a release."
            )
        if isinstance(item, Mapping):
            waiting.extend(item.values())
        elif isinstance(item, list):
            waiting.extend(item)
