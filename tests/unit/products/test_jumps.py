"""From one release to another: what each vendor's rules allow node by node, and what they do not.

Sources: Atlassian, "Zero downtime upgrade FAQs" (Jira); "Upgrade Confluence without downtime"; "Upgrade Bitbucket
without downtime".
"""

from __future__ import annotations

import pytest

from telamon.model.products import ProductSpec
from telamon.products.registry import registry
from telamon.products.release import Way

ROLLING, DOWNTIME, REFUSED = Way.ROLLING, Way.DOWNTIME, Way.REFUSED

JUMPS = (
    # Jira: any later release of the same major one, from 7.3 on.
    ("jira", "11.3.1", "11.3.5", ROLLING, ""),
    ("jira", "11.2.0", "11.3.0", ROLLING, ""),
    ("jira", "10.3.4", "10.7.0", ROLLING, ""),
    ("jira", "11.3.1", "12.0.1", DOWNTIME, "never run side by side"),
    ("jira", "10.3.4", "11.3.1", DOWNTIME, "never run side by side"),
    ("jira", "11.3.5", "11.3.1", REFUSED, "11.3.1 is older than 11.3.5"),
    ("jira", "11.3.1", "11.2.9", REFUSED, "restore a backup"),
    ("jira", "11.3.1", "10.7.0", REFUSED, "restore a backup"),
    ("jira", "7.2.9", "7.3.0", DOWNTIME, "releases before 7.3"),
    ("jira", "7.2.1", "7.2.9", DOWNTIME, "releases before 7.3"),
    ("jira", "7.2.9", "7.2.1", REFUSED, "restore a backup"),
    ("jira", "7.3.0", "7.3.1", ROLLING, ""),
    ("jira", "7.3.0", "7.13.0", ROLLING, ""),
    # Confluence: bug fixes from 7.8 on, the next feature release from 7.14 on.
    ("confluence", "10.2.1", "10.2.7", ROLLING, ""),
    ("confluence", "9.1.0", "9.2.3", ROLLING, ""),
    ("confluence", "9.9.0", "9.10.0", ROLLING, ""),
    (
        "confluence",
        "9.1.0",
        "9.3.0",
        DOWNTIME,
        "skips 1 feature release: only the next one rolls, so go by way of 9.2",
    ),
    ("confluence", "9.1.0", "9.4.0", DOWNTIME, "skips 2 feature releases"),
    ("confluence", "9.2.3", "10.0.1", DOWNTIME, "another platform release"),
    ("confluence", "10.2.7", "10.2.1", REFUSED, "10.2.1 is older than 10.2.7"),
    ("confluence", "10.2.1", "9.2.9", REFUSED, "restore a backup"),
    ("confluence", "7.7.2", "7.7.4", DOWNTIME, "releases before 7.8"),
    ("confluence", "7.7.2", "7.8.0", DOWNTIME, "releases before 7.8"),
    ("confluence", "7.8.0", "7.8.1", ROLLING, ""),
    ("confluence", "7.8.0", "7.9.0", DOWNTIME, "before 7.14 only bug-fix releases"),
    ("confluence", "7.13.0", "7.13.7", ROLLING, ""),
    ("confluence", "7.13.7", "7.14.0", DOWNTIME, "before 7.14 only bug-fix releases"),
    ("confluence", "7.14.0", "7.14.1", ROLLING, ""),
    ("confluence", "7.14.0", "7.15.0", ROLLING, ""),
    ("confluence", "7.14.0", "7.16.0", DOWNTIME, "go by way of 7.15"),
    # Bitbucket: bug fixes of the same feature release.
    ("bitbucket", "10.2.1", "10.2.4", ROLLING, ""),
    ("bitbucket", "7.9.0", "7.9.4", ROLLING, ""),
    ("bitbucket", "9.4.9", "9.4.10", ROLLING, ""),
    ("bitbucket", "10.2.1", "10.3.0", DOWNTIME, "only bug-fix releases"),
    ("bitbucket", "10.2.1", "10.4.0", DOWNTIME, "only bug-fix releases"),
    ("bitbucket", "9.4.1", "10.2.1", DOWNTIME, "only bug-fix releases"),
    ("bitbucket", "9.2.1", "10.2.1", DOWNTIME, "only bug-fix releases"),
    ("bitbucket", "10.2.4", "10.2.1", REFUSED, "10.2.1 is older than 10.2.4"),
    ("bitbucket", "10.2.1", "9.4.9", REFUSED, "restore a backup"),
)


@pytest.mark.parametrize(("product", "old", "new", "way", "reason"), JUMPS)
def test_a_jump_goes_the_way_that_the_vendor_allows(
    product: str, old: str, new: str, way: Way, reason: str
) -> None:
    jump = registry()[product].jump(old, new)
    assert jump.way is way
    assert bool(jump.reason) is (way is not ROLLING)
    assert reason in jump.reason


FORCED = "ATL_FORCE_CFG_UPDATE"


def section(version: str, **env: str) -> ProductSpec:
    """The section of a product in a stack file."""
    return ProductSpec.model_validate({"version": version, "env": env}, strict=False)


@pytest.mark.parametrize("value", ["true", "TRUE"])
@pytest.mark.parametrize(
    ("product", "old", "new"), [("jira", "11.3.1", "11.3.5"), ("confluence", "10.2.1", "10.2.7")]
)
def test_no_node_joins_with_a_configuration_that_is_written_anew_at_every_start(
    product: str, old: str, new: str, value: str
) -> None:
    jump = registry()[product].jump_with(section(old, **{FORCED: value}), from_release=old, to_release=new)
    assert jump.way is REFUSED
    assert FORCED in jump.reason
    assert "take it out of the stack file" in jump.remedy


@pytest.mark.parametrize(
    ("product", "old", "new", "env"),
    [
        ("jira", "11.3.1", "11.3.5", {FORCED: "false"}),
        ("jira", "11.3.1", "11.3.5", {"JVM_SUPPORT_RECOMMENDED_ARGS": "true"}),
        ("confluence", "10.2.1", "10.2.7", {FORCED: ""}),
        # The image of Bitbucket has no such file to write: its settings are in the environment at every start.
        ("bitbucket", "9.4.2", "9.4.16", {FORCED: "true"}),
    ],
)
def test_a_configuration_that_stays_as_it_is_stands_in_nobodys_way(
    product: str, old: str, new: str, env: dict[str, str]
) -> None:
    jump = registry()[product].jump_with(section(old, **env), from_release=old, to_release=new)
    assert jump.way is ROLLING


@pytest.mark.parametrize(
    ("product", "old", "new"), [("jira", "10.3.4", "11.3.1"), ("confluence", "9.2.3", "10.2.1")]
)
def test_with_a_planned_downtime_the_configuration_may_be_written_anew(
    product: str, old: str, new: str
) -> None:
    # All nodes come back with one build number then.
    jump = registry()[product].jump_with(section(old, **{FORCED: "true"}), from_release=old, to_release=new)
    assert jump.way is DOWNTIME
