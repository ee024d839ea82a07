"""What ``telamon plan`` tells of a stack for a cluster that nobody has looked at, and how it shows what was seen."""

from __future__ import annotations

from pathlib import Path

from telamon.cli.cluster_plan import lines
from telamon.cli.documents.checked import Plan
from telamon.cli.documents.foreseen import ClusterPlan, ObjectForeseen, RestartForeseen
from tests.support.desk import STACK, Desk
from tests.support.manifests import JIRA, SMALL

TEXT = SMALL.replace("PRODUCTS", JIRA).replace("MORE", "")
"""A stack of which no image has a digest, which only dev lets pass."""


def written(folder: Path, text: str) -> str:
    """A stack file."""
    file = folder / "stack.yaml"
    file.write_text(text, encoding="utf-8")
    return str(file)


def test_a_file_alone_tells_the_steps_of_a_first_installation(desk: Desk, tmp_path: Path) -> None:
    file = written(tmp_path, TEXT.replace("environment: production", "environment: dev"))
    found = desk.run("plan", file, "-o", "json")
    assert found.code == 0, found.err
    steps = [step["step"] for step in found.document["steps"]]
    assert steps.index("start jira-0") < steps.index("set-up on jira-0") < steps.index("start jira-1")
    cluster = found.document["cluster"]
    assert (cluster["seen"], cluster["objects"], cluster["refused"]) == (False, [], [])
    assert "acme-jira/acme-jira-license" in cluster["secrets"]
    closed = {each["preset"]: each for each in found.document["closed"]}
    assert closed["smtp"]["ports"] == [25, 465, 587]
    assert "no mail leaves" in closed["smtp"]["without"]
    assert "application-links" not in closed


def test_what_rendering_refuses_is_told_and_does_not_keep_the_rest_back(desk: Desk, tmp_path: Path) -> None:
    found = desk.run("plan", written(tmp_path, TEXT), "-o", "json")
    assert found.code == 0, found.err
    assert found.document["steps"] == []
    (refused,) = found.document["cluster"]["refused"]
    assert "telamon lock" in refused
    assert found.document["closed"]


def test_a_stack_of_the_lab_is_planned_in_no_cluster(desk: Desk, tmp_path: Path) -> None:
    found = desk.run("plan", written(tmp_path, STACK), "--context", "production", "-o", "json")
    assert found.code == 2
    assert "Leave --context" in found.document["remedy"]


def shown(told: ClusterPlan) -> list[str]:
    """What a terminal shows of a plan."""
    return list(lines(Plan("acme", (), (), (), (), cluster=told), told))


def test_a_terminal_shows_each_change_and_who_is_restarted() -> None:
    fields = tuple(f"spec.{number}: 1 becomes 2" for number in range(10))
    told = ClusterPlan(
        seen=True,
        standing=True,
        objects=(
            ObjectForeseen("jira", "acme-jira/StatefulSet/jira", "changed", fields),
            ObjectForeseen("", "acme-jira/ResourceQuota/jira", "created", ()),
        ),
        restarts=(RestartForeseen("jira", ("jira-1", "jira-0")),),
        going_on=("backup-jira-3",),
        refused=("no (because). Do.",),
    )
    assert shown(told) == [
        "changed: acme-jira/StatefulSet/jira",
        *(f"    {field}" for field in fields[:8]),
        "    and 2 more fields",
        "created: acme-jira/ResourceQuota/jira",
        "restarted, in this order: jira-1, jira-0 (jira)",
        "goes on, and is waited for: backup-jira-3",
        "refused: no (because). Do.",
        "room: nobody knows, for spec.placement.machines names no machines",
    ]


def test_a_first_installation_is_counted() -> None:
    made = tuple(ObjectForeseen("jira", f"acme-jira/Service/{number}", "created", ()) for number in range(13))
    told = shown(ClusterPlan(seen=True, objects=made))
    assert "not in this cluster yet" in told[0]
    assert told[1] == "created: 13 objects (jira: 13)"
