"""What must be known of a region without asking AWS.

Sources: AWS documentation, "AWS Regions and Availability Zones" and "Amazon Resource Names (ARNs)", and the AWS
provider's guide on partitions. Letters of zones differ between accounts only in which building they mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from telamon.errors import RefusedError

WORLDWIDE: Final = "us-east-1"
"""CloudFront takes certificates and firewalls from this region alone, and Route 53 writes its query logs there."""

_USUAL: Final = "abcd"
_LETTERS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "ap-northeast-1": "acd",
        "ca-central-1": "abd",
        "us-east-1": "abcd",
        "us-west-1": "ac",
    }
)
"""Regions where the first letters of the alphabet are not all to be had for a new account."""


def zone_names(region: str, count: int) -> tuple[str, ...]:
    """The first zones of a region.

    Args:
        region: e.g. ``eu-central-1``.
        count: how many.

    Raises:
        RefusedError: the region has fewer.
    """
    letters = _LETTERS.get(region, _USUAL)
    if count > len(letters):
        raise RefusedError(
            f"{region} has {len(letters)} zones for a new account, and the stack asks for {count}",
            guard="zones",
            remedy=f"Write spec.platform.zones: {len(letters)}, or choose another region.",
        )
    return tuple(f"{region}{letter}" for letter in letters[:count])


def partition(region: str) -> str:
    """The part of AWS that a region belongs to, as the second word of every ARN."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"
