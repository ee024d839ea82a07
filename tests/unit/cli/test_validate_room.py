"""``telamon validate`` says whether every pod has room."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.desk import Desk
from tests.support.manifests import JIRA, SMALL

TEXT = SMALL.replace("PRODUCTS", JIRA).replace(
    "MORE",
    "  database: {kind: external, host: db.acme.example, admin: {secret: admin}}\n"
    "  placement: {machines: [{name: large, count: COUNT, cpu: 8, memory: 32Gi}]}\n",
)


@pytest.mark.parametrize(
    ("count", "verdicts", "said"),
    [
        (1, ["cannot fit", "cannot fit"], "with all machines: cannot fit: 2 nodes of jira have to be apart"),
        (
            2,
            ["fits", "cannot fit"],
            "with a machine of large lost: cannot fit: 2 nodes of jira have to be apart",
        ),
        (3, ["fits", "fits"], "with a machine of large lost: fits"),
    ],
)
def test_a_lack_of_room_is_told_and_is_no_problem_of_the_file(
    desk: Desk, tmp_path: Path, *, count: int, verdicts: list[str], said: str
) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text(TEXT.replace("COUNT", str(count)), encoding="utf-8")
    answer = desk.run("validate", str(file))
    assert answer.code == 0
    assert said in answer.out
    told = desk.run("validate", str(file), "-o", "json").document["room"]
    assert [each["verdict"] for each in told] == verdicts
    assert all(bool(each["places"]) == (each["verdict"] == "fits") for each in told)


@pytest.mark.parametrize(("count", "verdicts"), [(1, ["cannot fit", "cannot fit"]), (3, ["fits", "fits"])])
def test_a_plan_for_a_cluster_says_so_too(
    desk: Desk, tmp_path: Path, *, count: int, verdicts: list[str]
) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text(TEXT.replace("COUNT", str(count)), encoding="utf-8")
    answer = desk.run("plan", str(file))
    assert answer.code == 0
    assert f"room with a machine of large lost: {verdicts[1]}" in answer.out
    document = desk.run("plan", str(file), "-o", "json").document
    assert [each["verdict"] for each in document["room"]] == verdicts
    assert document["steps"] == []


def test_a_plan_says_where_nobody_knows_which_machines_there_are(desk: Desk, tmp_path: Path) -> None:
    file = tmp_path / "stack.yaml"
    file.write_text(SMALL.replace("PRODUCTS", JIRA).replace("MORE", ""), encoding="utf-8")
    answer = desk.run("plan", str(file))
    assert answer.code == 0
    assert "room: nobody knows, for spec.placement.machines names no machines" in answer.out
