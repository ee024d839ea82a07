"""Sets of whole numbers as intervals: ports, addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

LAST_PORT: Final = 65535
LAST_ADDRESS: Final = 2**32 - 1


@dataclass(frozen=True)
class Intervals:
    """A set of whole numbers.

    Attributes:
        spans: first and last number of each interval; ascending, apart, and with a gap between any two.
    """

    spans: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> Intervals:
        """The union of intervals, in any order; one that ends before it begins is empty."""
        found: list[tuple[int, int]] = []
        for first, last in sorted(span for span in spans if span[0] <= span[1]):
            if found and first <= found[-1][1] + 1:
                found[-1] = (found[-1][0], max(last, found[-1][1]))
            else:
                found.append((first, last))
        return cls(tuple(found))

    def __bool__(self) -> bool:
        return bool(self.spans)

    def __contains__(self, number: int) -> bool:
        return any(first <= number <= last for first, last in self.spans)

    def __or__(self, other: Intervals) -> Intervals:
        if self == other or not other.spans:
            return self
        return Intervals.of((*self.spans, *other.spans))

    def __and__(self, other: Intervals) -> Intervals:
        if self == other:
            return self
        return Intervals.of(
            (max(first, begin), min(last, end)) for first, last in self.spans for begin, end in other.spans
        )

    def __sub__(self, other: Intervals) -> Intervals:
        rest = list(self.spans)
        for begin, end in other.spans:
            rest = [
                piece
                for first, last in rest
                for piece in ((first, min(last, begin - 1)), (max(first, end + 1), last))
                if piece[0] <= piece[1]
            ]
        return Intervals.of(rest)


NO_NUMBERS: Final = Intervals()
ALL_PORTS: Final = Intervals(((0, LAST_PORT),))
ALL_ADDRESSES: Final = Intervals(((0, LAST_ADDRESS),))


def network(text: str, but: Iterable[str] = ()) -> Intervals:
    """The addresses of a network.

    Args:
        text: in CIDR notation, IPv4.
        but: networks that are not meant.

    Raises:
        ValueError: a text is no network.
    """
    return _span(text) - Intervals.of(span for each in but for span in _span(each).spans)


def _span(text: str) -> Intervals:
    found = ipaddress.IPv4Network(text, strict=False)
    return Intervals(((int(found.network_address), int(found.broadcast_address)),))


def addresses_text(found: Intervals) -> str:
    """Addresses as networks in CIDR notation, with commas between."""
    return ", ".join(
        str(each)
        for first, last in found.spans
        for each in ipaddress.summarize_address_range(
            ipaddress.IPv4Address(first), ipaddress.IPv4Address(last)
        )
    )


def ports_text(found: Intervals) -> str:
    """Ports as people write them."""
    if found == ALL_PORTS:
        return "every port"
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found.spans)
