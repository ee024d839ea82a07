"""Releases, and the ways from one to another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Way(StrEnum):
    """How a release can be left for another one."""

    ROLLING = "rolling"
    """Node by node, while the others serve."""
    DOWNTIME = "downtime"
    """All nodes at once, with a planned interruption."""
    REFUSED = "refused"


@dataclass(frozen=True)
class Jump:
    """From one release to another.

    Attributes:
        way: which way it is gone.
        reason: why there is no better one.
        remedy: what to do about it; "" where nothing but another release helps.
    """

    way: Way
    reason: str = ""
    remedy: str = ""


class Act(StrEnum):
    """What a cluster can be told during a rolling upgrade."""

    START = "start"
    APPROVE = "approve"
    CANCEL = "cancel"
    RETRY = "retryUpgrade"


def numbers(release: str) -> tuple[int, ...]:
    """The numbers of a release: ``11.3.1`` is (11, 3, 1). What is no number counts as 0."""
    return tuple(int(part) if part.isdigit() else 0 for part in release.partition("-")[0].split("."))


def is_known(release: str, newest: Sequence[str]) -> bool:
    """Whether a release is one of those that are known; of a line no number up to the newest is left out.

    Args:
        release: e.g. ``11.3.2``.
        newest: the newest release of each line that is known.
    """
    asked = numbers(release)
    return any(asked[:2] == found[:2] and asked <= found for found in map(numbers, newest))


def nearest_known(release: str, newest: Sequence[str], *, most: int = 3) -> tuple[str, ...]:
    """The releases that were probably meant: the newest of the same line first, then of the lines beside it.

    Args:
        release: that nobody knows.
        newest: the newest release of each line that is known.
        most: how many at most.
    """
    asked = numbers(release)

    def far(found: str) -> tuple[int, ...]:
        return tuple(abs(one - other) for one, other in zip(numbers(found), asked, strict=False))

    return tuple(sorted(newest, key=far)[:most])


def backwards(from_release: str, to_release: str) -> Jump | None:
    """The refusal of a jump to an older release; ``None`` where it goes forward."""
    if numbers(to_release) >= numbers(from_release):
        return None
    return Jump(
        Way.REFUSED,
        f"{to_release} is older than {from_release}, and data is not made older: restore a backup",
    )
