"""A stack as one flat file: what Git keeps, and what kubectl and Argo CD take.

The text holds what was written and nothing more, so that a default that Telamon improves later reaches it too. It is
the same for the same stack, byte by byte, and every YAML reader, of version 1.1 or 1.2, understands it in one way.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any, Final

from telamon.model.stack import Stack
from telamon.stackfile.scalars import resolve, trap

LINE_END: Final = "\n"
_LINE: Final = re.compile(r"([ -~]*[!-~])?")
"""A line of a text that reads as it is within a block: printable, without a space at its end."""
_PLAIN: Final = re.compile(r"[A-Za-z0-9_./][A-Za-z0-9_./+@%=-]*")
"""Text that needs no quotes, unless it means something else without them."""


def build(stack: Stack) -> str:
    """Print a stack as YAML.

    Args:
        stack: from whatever files it was read.

    Returns:
        The text, with a line end after the last line. Reading it gives the same stack.
    """
    data = stack.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude={"status"})
    return to_yaml(data)


def to_yaml(data: Any) -> str:
    """Print dictionaries, lists and single values as YAML in block style."""
    return "\n".join(_lines(data, "")) + "\n"


def _lines(data: Any, indent: str) -> Iterator[str]:
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from _entry(f"{indent}{_scalar(key)}:", value, f"{indent}  ")
    elif isinstance(data, list) and data:
        for item in data:
            yield from _item(item, indent)
    else:
        yield f"{indent}{_scalar(data)}"


def _entry(head: str, value: Any, indent: str) -> Iterator[str]:
    if isinstance(value, dict | list) and value:
        yield head
        yield from _lines(value, indent)
    elif isinstance(value, str) and _is_block(value):
        yield f"{head} {'|' if value.endswith(LINE_END) else '|-'}"
        yield from (f"{indent}{line}".rstrip() for line in value.removesuffix(LINE_END).split(LINE_END))
    else:
        yield f"{head} {_scalar(value)}"


def _is_block(text: str) -> bool:
    """Whether a text of several lines may stand as it is, for whoever reads it."""
    first, *others = text.removesuffix(LINE_END).split(LINE_END)
    if not others or not others[-1] or not first or first.startswith(" "):
        return False
    return all(_LINE.fullmatch(line) for line in (first, *others))


def _item(item: Any, indent: str) -> Iterator[str]:
    if not isinstance(item, dict | list) or not item:
        yield f"{indent}- {_scalar(item)}"
        return
    first, *others = _lines(item, f"{indent}  ")
    # The dash takes the place of the first line's indentation.
    yield f"{indent}- {first[len(indent) + 2 :]}"
    yield from others


def _scalar(value: Any) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and resolve(value) == value and trap(value) is None:
        return value
    return _quoted(value) if isinstance(value, str) else json.dumps(value)


def _quoted(text: str) -> str:
    return f'"{"".join(map(_escaped, text))}"'


def _escaped(character: str) -> str:
    # Not as JSON does it: YAML does not join the two halves that JSON makes of a character beyond U+FFFF.
    code = ord(character)
    if character in {'"', "\\"}:
        return f"\\{character}"
    if 0x20 <= code < 0x7F:
        return character
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
