"""From one release of Jira to another.

Sources: Atlassian, "Zero downtime upgrade FAQs" (any later release of the same major one, from 7.3 on; between major
releases a node refuses to start beside the others); Jira REST API 2, group "cluster".
"""

from __future__ import annotations

from telamon.products import upgrade
from telamon.products.base import Flow
from telamon.products.release import Act, Jump, Way, backwards, numbers
from telamon.state.world import UpgradePhase

BASE = "/rest/api/2/cluster/zdu"
FIRST = (7, 3)
"""The first release that can be upgraded without downtime."""


def jump(from_release: str, to_release: str) -> Jump:
    """Rolling inside one major release."""
    return backwards(from_release, to_release) or _forward(numbers(from_release), numbers(to_release))


def _forward(old: tuple[int, ...], new: tuple[int, ...]) -> Jump:
    if old[0] != new[0]:
        return Jump(Way.DOWNTIME, "nodes of two major releases never run side by side")
    if old[:2] < FIRST:
        return Jump(Way.DOWNTIME, "releases before 7.3 know no upgrade mode")
    return Jump(Way.ROLLING)


def phase() -> Flow[UpgradePhase | None]:
    """Where the cluster stands."""
    return upgrade.phase((f"{BASE}/state",))


def change(act: Act) -> Flow[None]:
    """Tell the cluster something."""
    return upgrade.change((f"{BASE}/{act.value}",))


def smoke() -> Flow[str]:
    """Ask for what every user asks for: who one is, how the instance is, a search, the first page."""
    return upgrade.smoke(
        (
            "/rest/api/2/serverInfo",
            "/rest/api/2/myself",
            "/rest/api/2/search?maxResults=1",
            "/rest/api/2/project",
        )
    )
