"""Edits of a text, and how one is moved over another that came first. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from understudy.kit.errors import BadRequest

Component = int | str
Operation = tuple[Component, ...]

_MAXIMUM_COMPONENTS = 10_000


def read_operation(value: Any) -> Operation:
    """Check an operation that came from outside.

    Raises:
        BadRequest: it is none.
    """
    if not isinstance(value, list) or len(value) > _MAXIMUM_COMPONENTS:
        raise BadRequest("an operation is a list")
    for component in value:
        if isinstance(component, bool) or not isinstance(component, int | str) or component in {0, ""}:
            raise BadRequest("an operation holds numbers other than 0, and texts")
    return tuple(value)


def apply(text: str, operation: Operation) -> str:
    """The text after an operation.

    Raises:
        BadRequest: the operation reaches beyond the end of the text.
    """
    parts: list[str] = []
    at = 0
    for component in operation:
        if isinstance(component, str):
            parts.append(component)
            continue
        end = at + abs(component)
        if end > len(text):
            raise BadRequest("the operation reaches beyond the end of the text")
        if component > 0:
            parts.append(text[at:end])
        at = end
    parts.append(text[at:])
    return "".join(parts)


def transform(operation: Operation, earlier: Operation) -> Operation:
    """Move an operation over one that was made on the same text and has been applied first.

    Where both insert at one place, the earlier text stays in front. What both remove is removed once.
    """
    result: list[Component] = []
    rest = _Walk(operation)
    for component in earlier:
        if isinstance(component, str):
            result.append(len(component))
            continue
        pieces = rest.take(abs(component))
        result.extend(piece for piece in pieces if isinstance(piece, str) or component > 0)
    result.extend(rest.remainder())
    return _joined(result)


class _Walk:
    """Hands out an operation in pieces, measured along the text it was made on."""

    def __init__(self, operation: Operation) -> None:
        self._components = list(operation)

    def take(self, length: int) -> Iterator[Component]:
        """Pieces that cover so many characters; insertions come along before the character they precede."""
        while length:
            if not self._components:
                yield length
                return
            component = self._components[0]
            if isinstance(component, str):
                yield self._components.pop(0)
                continue
            size = min(abs(component), length)
            sign = 1 if component > 0 else -1
            rest = abs(component) - size
            if rest:
                self._components[0] = sign * rest
            else:
                self._components.pop(0)
            yield sign * size
            length -= size

    def remainder(self) -> list[Component]:
        """What has not been handed out."""
        return self._components


def _joined(components: list[Component]) -> Operation:
    """The same with neighbours of one kind put together, and without keeping at the end."""
    result: list[Component] = []
    for component in components:
        last = result[-1] if result else 0
        if isinstance(component, str):
            if isinstance(last, str):
                result[-1] = last + component
            else:
                result.append(component)
        elif isinstance(last, int) and component * last > 0:
            result[-1] = last + component
        else:
            result.append(component)
    while result and isinstance(result[-1], int) and result[-1] > 0:
        result.pop()
    return tuple(result)
