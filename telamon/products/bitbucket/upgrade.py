"""From one release of Bitbucket to another.

Source: Atlassian, "Upgrade Bitbucket without downtime": bug-fix releases of the same feature release only.
"""

from __future__ import annotations

from collections.abc import Sequence

from telamon.errors import ProductError
from telamon.products import upgrade
from telamon.products.base import Flow
from telamon.products.release import Act, Jump, Way, backwards, numbers
from telamon.state.world import UpgradePhase

BASES = ("/rest/zdu", "/rest/zdu/cluster")
"""The REST reference uses the first; the prose for administrators the second."""


def jump(from_release: str, to_release: str) -> Jump:
    """Rolling inside one feature release."""
    back = backwards(from_release, to_release)
    if back is not None:
        return back
    if numbers(from_release)[:2] == numbers(to_release)[:2]:
        return Jump(Way.ROLLING)
    return Jump(Way.DOWNTIME, "only bug-fix releases of the same feature release roll")


def phase(*, bases: Sequence[str] = BASES) -> Flow[UpgradePhase | None]:
    """Where the cluster stands.

    Args:
        bases: paths below which it may tell, in the order in which they are tried.
    """
    return upgrade.phase(tuple(f"{base}/state" for base in bases))


def change(act: Act, *, bases: Sequence[str] = BASES) -> Flow[None]:
    """Tell the cluster something.

    Args:
        act: what; the REST reference lists start, cancel and approve.
        bases: paths below which it may listen, in the order in which they are tried.

    Raises:
        ProductError: it cannot be told that.
    """
    if act is Act.RETRY:
        raise ProductError(
            "Bitbucket cannot be told by REST to try its final tasks again",
            remedy="Do it at Administration, Rolling upgrade.",
        )
    return upgrade.change(tuple(f"{base}/{act.value}" for base in bases))


def smoke() -> Flow[str]:
    """Ask for what every user asks for: how the instance is, projects, repositories."""
    return upgrade.smoke(
        (
            "/rest/api/latest/application-properties",
            "/rest/api/latest/projects?limit=1",
            "/rest/api/latest/repos?limit=1",
        )
    )
