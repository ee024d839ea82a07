"""List prices of AWS, on demand, without tax: what the estimate of :mod:`telamon.desired.cost` is made of.

They are those of one region on one day. Other regions differ by up to a third either way, and nobody pays list prices
for long; the estimate is there to compare one file with another, and to notice a setting that costs ten times as much.

Sources, by row: ``published`` rows are printed in the test results of Infracost, the cost estimator (its price list of
us-east-1), in Apache Libcloud 3.9.1, or on the service's own page as quoted by several guides; the others are from the
service's pricing page as it is remembered and wait for being read again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Final

REGION: Final = "us-east-1"
"""Region of the prices."""
AS_OF: Final = date(2026, 11, 22)
"""Day on which the table was made."""
HOURS: Final = 730
"""Hours of an average month, as AWS's own calculator counts."""


@dataclass(frozen=True)
class Price:
    """One price.

    Attributes:
        dollars: USD.
        unit: what they buy.
        published: whether it was read in print for this table; else it was remembered.
    """

    dollars: float
    unit: str
    published: bool = True


PRICES: Final[Mapping[str, Price]] = MappingProxyType(
    {
        "eks-cluster": Price(0.10, "hour"),
        "machine-large": Price(0.1008, "hour of an m7i.large; larger sizes cost in proportion"),
        "disk-gp3": Price(0.08, "GB and month"),
        "nat-gateway": Price(0.045, "hour"),
        "address": Price(0.005, "hour of a public IPv4 address"),
        "endpoint": Price(0.01, "hour and zone"),
        "balancer": Price(0.0225, "hour, without capacity units"),
        "database-large": Price(0.168, "hour of a db.m7g.large; twice that in two zones", published=False),
        "database-disk": Price(0.115, "GB and month; twice that in two zones"),
        "efs": Price(0.30, "GB and month"),
        "openzfs-disk": Price(0.09, "GB and month in one zone; twice that in two"),
        "openzfs-throughput": Price(0.26, "MB/s and month in one zone"),
        "openzfs-throughput-zones": Price(0.87, "MB/s and month in two zones", published=False),
        "key": Price(1.00, "key and month"),
        "secret": Price(0.40, "secret and month"),
        "zone": Price(0.50, "hosted zone and month"),
        "firewall": Price(5.00, "list and month"),
        "firewall-rule": Price(1.00, "rule and month"),
        "alarm": Price(0.10, "alarm and month"),
    }
)

SIZES: Final[Mapping[str, float]] = MappingProxyType(
    {"medium": 0.5, "large": 1, "xlarge": 2}
    | {f"{count}xlarge": 2.0 * count for count in (2, 4, 8, 12, 16, 24, 32, 48)}
)
"""What an instance of a size costs, in instances of size large of the same family."""
