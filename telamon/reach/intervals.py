"""Sets of whole numbers as intervals: ports, addresses."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

LAST_PORT: Final = 65535
LAST_ADDRESS: Final = 2**32 - 1
"""Of IPv4."""
SIX: Final = 2**33
"""Where addresses of IPv6 begin among all: apart from those of IPv4, so that no interval reaches from one into the
other."""


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
ALL_ADDRESSES: Final = Intervals(((0, LAST_ADDRESS), (SIX, SIX + 2**128 - 1)))


def network(text: str, but: Iterable[str] = ()) -> Intervals:
    """The addresses of a network.

    Args:
        text: in CIDR notation, of IPv4 or IPv6.
        but: networks that are not meant.

    Raises:
        ValueError: a text is no network.
    """
    return _span(text) - Intervals.of(span for each in but for span in _span(each).spans)


def _span(text: str) -> Intervals:
    found = ipaddress.ip_network(text, strict=False)
    first = number_of(found.network_address)
    return Intervals(((first, first + found.num_addresses - 1),))


def number_of(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> int:
    """The number of an address among all of them."""
    return int(address) + (SIX if address.version == 6 else 0)


def addresses_text(found: Intervals) -> str:
    """Addresses as networks in CIDR notation, with commas between."""
    return ", ".join(str(each) for span in found.spans for each in _networks(*span))


def _networks(first: int, last: int) -> Iterator[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    if first >= SIX:
        yield from ipaddress.summarize_address_range(
            ipaddress.IPv6Address(first - SIX), ipaddress.IPv6Address(last - SIX)
        )
    else:
        yield from ipaddress.summarize_address_range(
            ipaddress.IPv4Address(first), ipaddress.IPv4Address(last)
        )


def ports_text(found: Intervals) -> str:
    """Ports as people write them."""
    if found == ALL_PORTS:
        return "every port"
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in found.spans)
