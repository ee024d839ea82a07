"""Read the status page of an application as its profile describes it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from telamon.model.profile import CodeReader, JsonReader, PhaseName, StatusPage, TextReader
from telamon.products.base import HealthMatch, Response
from telamon.state.phase import Phase

_WORST_FIRST: tuple[PhaseName, ...] = ("ERROR", "STOPPING", "MAINTENANCE", "STARTING", "RUNNING")
"""Where an answer fits several states, the one that says least good of the node counts."""


def read_status(page: StatusPage, response: Response) -> Phase:
    """Name the phase a node is in.

    Args:
        page: how to read the answer.
        response: the answer.

    Returns:
        The worst state that the answer fits; the profile's ``otherwise`` where it fits none; UNREACHABLE where there is
        no answer.
    """
    if not response.answered:
        return Phase.UNREACHABLE
    fitting = frozenset(_fitting(page.reader, response))
    return Phase(next((name for name in _WORST_FIRST if name in fitting), page.otherwise))


def _fitting(reader: CodeReader | JsonReader | TextReader, response: Response) -> Iterator[PhaseName]:
    """Every state that an answer fits."""
    match reader:
        case CodeReader():
            yield from (name for name, codes in reader.states.items() if response.status in codes)
        case JsonReader():
            value = _field(response.json(), reader.field.split("."))
            yield from (name for name, values in reader.states.items() if value in values)
        case TextReader():
            yield from (name for name, texts in reader.states.items() if _has_any(response.text, texts))


def health_match(page: StatusPage) -> HealthMatch:
    """What a balancer can match of it: the codes, or the one text that means RUNNING.

    A balancer matches less than :func:`read_status` reads. Where several texts mean RUNNING it matches none of them,
    and the engine takes a node that says something else out of rotation by itself.
    """
    reader = page.reader
    if isinstance(reader, CodeReader):
        return HealthMatch(page.path, "", tuple(reader.states.get("RUNNING", ())) or (200,))
    wanted = reader.states.get("RUNNING", ())
    return HealthMatch(page.path, wanted[0] if len(wanted) == 1 else "")


def _has_any(text: str, wanted: Iterable[str]) -> bool:
    return any(part in text for part in wanted)


def _field(document: Any, path: Iterable[str]) -> str | None:
    """A field of a JSON document as text; booleans and numbers as JSON writes them."""
    value = document
    for key in path:
        if not isinstance(value, dict) or key not in value:
            return None
        value = value[key]
    return value if isinstance(value, str) else json.dumps(value)
