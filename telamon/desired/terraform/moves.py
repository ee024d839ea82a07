"""Where resources went whose name in the layers has changed.

Terraform knows a resource by its address: without an entry here, a new name destroys what is there and makes another.
Add an entry in the change that renames; entries stay, because some installation is always several releases behind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from telamon.desired.terraform.data import LayerName


@dataclass(frozen=True)
class Move:
    """One change of name within a layer.

    Attributes:
        layer: whose.
        before: the address in earlier releases.
        after: the address now.
    """

    layer: LayerName
    before: str
    after: str


MOVES: Final[tuple[Move, ...]] = ()
"""Every change of name since the first release, oldest first; there was none so far."""


def moved_blocks(moves: Iterable[Move], layer: LayerName) -> list[dict[str, str]]:
    """The ``moved`` blocks of one layer."""
    return [{"from": move.before, "to": move.after} for move in moves if move.layer is layer]
