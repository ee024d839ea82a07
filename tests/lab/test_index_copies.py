"""Copies of an index while its owner writes and everybody is killed: none is ever torn.

Source, target and copy are processes of their own; the judge is the index library, and what an index must hold is a
function of its mark. See :mod:`bench.indexes`.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.indexes.lucene import lacking, lucene
from bench.indexes.node import Index
from bench.indexes.rounds import judge

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.lab


def run(folder: Path, *options: str) -> dict[str, Any]:
    """Let the program copy, kill and judge; it is a process of its own because it forks."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.indexes", str(folder), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.timeout(600)
def test_no_copy_is_torn_under_writes_and_kills(tmp_path: Path) -> None:
    tally = run(tmp_path, "--syncs", "12", "--seed", "3")
    assert tally["syncs"] == 12
    assert tally["torn"] == 0
    assert sum(tally["kills"].values()) > 0


@pytest.mark.exhaustive
@pytest.mark.timeout(7200)
def test_no_copy_of_a_thousand_is_torn(tmp_path: Path) -> None:
    tally = run(tmp_path, "--syncs", "1000", "--seed", "4")
    assert tally["syncs"] == 1000
    assert tally["torn"] == 0
    assert {"copy", "source", "target"} <= set(tally["kills"])


@pytest.mark.exhaustive
@pytest.mark.skipif(bool(lacking()), reason=f"these are not installed: {lacking()}")
@pytest.mark.timeout(7200)
def test_no_copy_of_a_lucene_index_is_torn_under_writes_merges_and_kills(tmp_path: Path) -> None:
    tally = run(tmp_path, "--lucene", "--syncs", "100", "--seed", "6")
    assert tally["syncs"] == 100
    assert tally["torn"] == 0
    assert {"copy", "source", "target"} <= set(tally["kills"])


@pytest.mark.exhaustive
@pytest.mark.skipif(bool(lacking()), reason=f"these are not installed: {lacking()}")
@pytest.mark.timeout(600)
def test_lucene_itself_notices_what_it_is_there_for(tmp_path: Path) -> None:
    home = tmp_path / "node"
    home.mkdir()
    with lucene(tmp_path / "java") as keeper:
        child = os.fork()
        if child == 0:
            keeper.follow(home, seed=1, batch=30, commits=2)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert judge(home, seed=1, least=60, keeper=keeper) == ""
        assert "come to 60 only" in judge(home, seed=1, least=61, keeper=keeper)
        assert "the database" in judge(home, seed=2, least=0, keeper=keeper)
        for suffix in ("fdt", "tim"):
            torn = tmp_path / f"torn-{suffix}"
            shutil.copytree(home, torn)
            files = [
                path for path in (torn / "index" / "main").iterdir() if path.suffix in {f".{suffix}", ".cfs"}
            ]
            assert files
            for file in files:
                file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
            assert "does not open" in judge(torn, seed=1, least=0, keeper=keeper)


@pytest.mark.timeout(600)
def test_a_copy_may_die_before_any_change_of_the_disk(tmp_path: Path) -> None:
    tally = run(tmp_path, "--crash-points", "13")
    assert tally["torn"] == 0
    assert tally["kills"]["copy"] > 5


@pytest.mark.exhaustive
@pytest.mark.timeout(3600)
def test_a_copy_may_die_before_every_change_of_the_disk(tmp_path: Path) -> None:
    tally = run(tmp_path, "--crash-points", "1")
    assert tally["torn"] == 0
    assert tally["kills"]["copy"] > 100


def test_the_judge_notices_what_it_is_there_for(tmp_path: Path) -> None:
    home = tmp_path / "node"
    home.mkdir()
    Index(home).follow(1, batch=30, commits=2)
    assert judge(home, seed=1, least=60) == ""
    assert "come to 60 only" in judge(home, seed=1, least=61)
    assert "the database" in judge(home, seed=2, least=0)
    (home / "position").write_text("61")
    assert "note says 61" in judge(home, seed=1, least=0)
    for suffix in (".store", ".term"):
        torn = tmp_path / f"torn{suffix}"
        shutil.copytree(home, torn)
        for file in (torn / "index" / "main").glob(f"*{suffix}"):
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
        assert "does not open" in judge(torn, seed=1, least=0)
    (home / "index" / "main" / "meta.json").unlink()
    assert judge(home, seed=1, least=0) == "there is no index"
