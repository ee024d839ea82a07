"""What a product is asked about its search index, and how its nodes can be given another one."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from telamon.indexfiles.place import IndexPlace
from telamon.products.flow import Flow


class IndexKeeper(StrEnum):
    """Who keeps the search index."""

    NODE = "node"
    COMPANION = "companion"
    NOBODY = "nobody"


@dataclass(frozen=True)
class IndexReport:
    """The state of the search index of one node.

    Attributes:
        readable: whether the node can open it.
        behind: operations not yet applied; 0 is caught up; ``None`` where the product does not tell.
        detail: the product's own words.
    """

    readable: bool
    behind: int | None
    detail: str = ""


class IndexStrategy(StrEnum):
    """How a node gets another index."""

    SNAPSHOT = "snapshot"
    """The vendor's way: its index is taken away while it is stopped, and it recovers one by itself when it starts."""
    COPY = "copy"
    """The files of another node's newest commit."""


class RebuildWay(StrEnum):
    """How a product makes its whole index anew from its own data."""

    ASIDE = "aside"
    """On one node, which serves nobody meanwhile; the product itself hands the new index to the others."""
    SERVING = "serving"
    """On one node, which goes on serving; the product itself hands the new index to the others."""
    COMPANION = "companion"
    """In the companion that keeps the index, told by any node."""


@dataclass(frozen=True)
class Rebuild:
    """How far a product is with making its whole index anew.

    Attributes:
        finished: whether it has ended.
        words: the product's own figures, for people.
        fault: why it ended without a new index; "" where it did not.
    """

    finished: bool
    words: str = ""
    fault: str = ""


@dataclass(frozen=True)
class IndexWays:
    """What can be done about the index of a node.

    Attributes:
        place: where it lies.
        strategies: that work; the first is taken where nobody names one.
        shares: whether another node must be asked for a snapshot before a node recovers from it
            (:meth:`Indexed.share_index`).
        noted_apart: whether a node notes elsewhere than in these files how far its index has come. Such a note does not
            come along, so a copy must hold whatever its new owner has noted (:meth:`Indexed.index_settled`).
    """

    place: IndexPlace
    strategies: tuple[IndexStrategy, ...]
    shares: bool = False
    noted_apart: bool = False


class Indexed:
    """The index of a workload. Subclasses override what differs.

    Attributes:
        index: who keeps it.
        index_lag: operations that the index of a node always lacks while others write; fewer count as caught up.
        index_ways: what can be done about the index of a node; ``None`` where no node keeps one.
        index_rebuild: how the product makes its whole index anew; ``None`` where it cannot be asked to.
    """

    index: IndexKeeper = IndexKeeper.NOBODY
    index_lag: int = 0
    index_ways: IndexWays | None = None
    index_rebuild: RebuildWay | None = None

    def index_report(self) -> Flow[IndexReport | None]:
        """The node's index; ``None`` where the node keeps none."""
        yield from ()
        return None

    def share_index(self) -> Flow[bool]:
        """Have this node lay its index where a node that starts without one finds it.

        Returns:
            Whether it is there; ``False`` means under way: run it again later.
        """
        yield from ()
        return True

    def index_settled(self) -> Flow[bool]:
        """See whether this node's index holds every operation that there was when the question was put.

        Returns:
            Whether it does; ``False`` means not yet: run it again later.
        """
        yield from ()
        return True

    def rebuild_index(self) -> Flow[None]:
        """Have the product make its whole index anew; one that is at it already is left to go on."""
        yield from ()

    def index_rebuilt(self) -> Flow[Rebuild]:
        """How far the node is with what :meth:`rebuild_index` has begun on it."""
        yield from ()
        return Rebuild(finished=True)
