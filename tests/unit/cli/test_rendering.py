"""``telamon render``: the ground of a stack as files."""

from __future__ import annotations

from pathlib import Path

from tests.support.desk import Desk
from tests.support.ground import EXAMPLE


def test_the_ground_is_written_and_priced(desk: Desk, tmp_path: Path) -> None:
    answer = desk.run("render", str(EXAMPLE), "--terraform", "--output", str(tmp_path / "ground"))
    assert answer.code == 0
    assert "files written, 0 were so already" in answer.out
    assert "control plane" in answer.out
    layers = {path.name for path in (tmp_path / "ground").iterdir()}
    assert layers == {"state", "network", "cluster", "data", "edge", "operations", "deploy-role"}


def test_the_same_file_gives_the_same_bytes(desk: Desk, tmp_path: Path) -> None:
    for name in ("one", "two"):
        desk.run("render", str(EXAMPLE), "--terraform", "--output", str(tmp_path / name))
    one, two = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.json")}
        for name in ("one", "two")
    )
    assert one == two
    assert len(one) > 40


def test_as_json_the_choices_are_sorted(desk: Desk, tmp_path: Path) -> None:
    command = ("render", str(EXAMPLE), "--terraform", "--output", str(tmp_path), "-o", "json")
    answer = desk.run(*command).document
    assert answer["stack"] == "acme"
    assert answer["monthly"] > 1000
    assert [choice["monthly"] for choice in answer["choices"]] == sorted(
        choice["monthly"] for choice in answer["choices"]
    )


def test_where_to_write_the_ground_must_be_said(desk: Desk) -> None:
    assert desk.run("render", str(EXAMPLE), "--terraform").code == 2


def test_a_lab_has_no_ground(desk: Desk, tmp_path: Path) -> None:
    answer = desk.run(
        "render", str(EXAMPLE.with_name("minimal.yaml")), "--terraform", "--output", str(tmp_path)
    )
    assert answer.code == 4
    assert list(tmp_path.iterdir()) == []
