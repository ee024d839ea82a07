"""What an answer showed, so that load generator, record and history checker agree on it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from telamon.products.traffic import Act, Promise, Shape

DIGITS: Final = 16
"""Hexadecimal digits of a digest that are kept: enough to tell the files of one run apart."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What an answer showed, or what a write was made of.

    Attributes:
        tokens: of this run, in the order in which they stand there; what other runs wrote is left out.
        version: of a register; 0 where none is told.
        size: bytes of what was opened or written; -1 where nothing was.
        digest: of those bytes, as :func:`digest_of` makes it; "" where there are none.
        missing: the thing itself, or what was to be opened, is not there.
    """

    tokens: tuple[str, ...] = ()
    version: int = 0
    size: int = -1
    digest: str = ""
    missing: bool = False

    def packed(self) -> Sequence[Any]:
        """As it stands in a record."""
        return [int(self.missing), self.version, self.size, self.digest, *self.tokens]

    @classmethod
    def unpacked(cls, values: Sequence[Any] | None) -> Seen | None:
        """Read what :meth:`packed` made.

        Args:
            values: out of a record; ``None`` where nothing was seen.
        """
        if values is None:
            return None
        missing, version, size, digest, *tokens = values
        return cls(tuple(tokens), version, size, digest, bool(missing))


@dataclass(frozen=True)
class Sense:
    """What all requests of a kind mean; see :class:`telamon.products.traffic.Meaning`.

    Attributes:
        act: what they do.
        shape: of the thing they do it to.
        promise: what is promised of their answers.
        copies: how often the token of one element stands in what is written and shown.
    """

    act: Act
    shape: Shape
    promise: Promise = Promise.STRICT
    copies: int = 1


def digest_of(data: bytes) -> str:
    """The first digits of the SHA-256 of some bytes."""
    return hashlib.sha256(data).hexdigest()[:DIGITS]


def payload_of(token: str, size: int) -> str:
    """Bytes that follow from a token alone, and of which no part is like another.

    Args:
        token: of a write.
        size: how many, all of them ASCII.
    """
    width = len(token) + 10
    lines = (f"{token} {number:08d}\n" for number in range(size // width + 1))
    return "".join(lines)[:size]
