"""From one release of Confluence to another.

Source: Atlassian, "Upgrade Confluence without downtime": up to 7.8 never; from 7.8 to 7.13 bug-fix releases; from 7.14
bug-fix releases and the next feature release, never two; another platform (major) release needs downtime.
"""

from __future__ import annotations

from collections.abc import Sequence

from telamon.products import upgrade
from telamon.products.base import Flow
from telamon.products.release import Act, Jump, Way, backwards, numbers
from telamon.state.world import UpgradePhase

BASES = ("/rest/zdu", "/rest/zdu/cluster/zdu")
"""The vendor's REST reference and performance toolkit use the first, its administration pages the second."""
BUG_FIXES_FROM = (7, 8)
FEATURES_FROM = (7, 14)


def jump(from_release: str, to_release: str) -> Jump:
    """Rolling to a bug-fix release and to the next feature release."""
    return backwards(from_release, to_release) or _forward(numbers(from_release), numbers(to_release))


def _forward(old: tuple[int, ...], new: tuple[int, ...]) -> Jump:
    if old[0] != new[0]:
        return Jump(Way.DOWNTIME, "another platform release cannot join a running cluster")
    if old[:2] < BUG_FIXES_FROM:
        return Jump(Way.DOWNTIME, "releases before 7.8 know no upgrade mode")
    skipped = new[1] - old[1]
    if skipped == 0:
        return Jump(Way.ROLLING)
    if old[:2] < FEATURES_FROM:
        return Jump(Way.DOWNTIME, "before 7.14 only bug-fix releases roll")
    if skipped == 1:
        return Jump(Way.ROLLING)
    return Jump(
        Way.DOWNTIME,
        f"it skips {skipped - 1} feature release{'s' if skipped > 2 else ''}: only the next one rolls, so go by "
        f"way of {old[0]}.{old[1] + 1}",
    )


def phase(*, bases: Sequence[str] = BASES) -> Flow[UpgradePhase | None]:
    """Where the cluster stands; its first base tells it with the nodes as well.

    Args:
        bases: paths below which it may tell, in the order in which they are tried.
    """
    first, *others = bases
    return upgrade.phase((f"{first}/state", f"{first}/cluster", *(f"{base}/state" for base in others)))


def change(act: Act, *, bases: Sequence[str] = BASES) -> Flow[None]:
    """Tell the cluster something.

    Args:
        act: what.
        bases: paths below which it may listen, in the order in which they are tried.
    """
    return upgrade.change(tuple(f"{base}/{act.value}" for base in bases))


def smoke() -> Flow[str]:
    """Ask for what every user asks for: who one is, content, a search, the first page."""
    return upgrade.smoke(
        (
            "/rest/api/user/current",
            "/rest/api/content?limit=1",
            "/rest/api/space?limit=1",
            "/rest/api/search?cql=type=page",
        )
    )
