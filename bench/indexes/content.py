"""What the database holds after so many operations: a function, so that it can be asked about any moment."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

KEYS = 400
"""Different keys; so few that most operations change or delete something that is there."""


@dataclass(frozen=True)
class Operation:
    """One change: a value for a key, or its end (``None``)."""

    key: str
    value: str | None


def operation(seed: int, number: int) -> Operation:
    """The operation of that number, from 1.

    Args:
        seed: of the whole history.
        number: position in it.
    """
    digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()[:16]
    key = f"k{int.from_bytes(digest[:4], 'big') % KEYS}"
    # A value as long as a short text, and different every time.
    value = None if digest[4] < 50 else f"{number} " + digest.hex() * (1 + digest[5] % 20)
    return Operation(key, value)


def state(seed: int, position: int) -> Mapping[str, str]:
    """What the database holds after the first operations.

    Args:
        seed: of the history.
        position: number of the last one.
    """
    found: dict[str, str] = {}
    for number in range(1, position + 1):
        done = operation(seed, number)
        if done.value is None:
            found.pop(done.key, None)
        else:
            found[done.key] = done.value
    return found
