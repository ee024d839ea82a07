"""Where a node keeps its search index, and how far it has come."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class IndexPlace:
    """Where the index lies in a node's own folder.

    Attributes:
        folder: of the index, below the node's folder; it may hold several indexes, each in a folder of its own.
        positions: files, or folders of files, in which the node notes how far its index has come, below the node's
            folder and outside ``folder``; such a note must never be newer than the index beside it.
        live: whether the node opens its index anew when the folder is put in place of another while it runs.
    """

    folder: str
    positions: tuple[str, ...] = ()
    live: bool = False
