"""Whoever brings the layers up is killed again and again; terraform goes on, and nothing is made twice."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from telamon.platforms.aws.ascent import Found, Place
from tests.support.approval import needs_ssh, needs_terraform
from tests.support.layers import Hill, everything

pytestmark = [needs_ssh, needs_terraform, pytest.mark.timeout(600)]

ROOT = Path(__file__).resolve().parents[2]
ROUNDS = 60
LONGEST = 6.0
"""Seconds until a run is killed at the latest: about what a plan and an apply take."""
EACH = 0.4
"""Seconds that each thing takes to make, so that kills meet it half-way."""


def run_and_kill(folder: Path, *, after: float) -> bool:
    """Run a climb, and kill it unless it ends before. Returns whether it was killed."""
    command = [sys.executable, "-m", "tests.support.layers", str(folder)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            process.wait(after)
        except subprocess.TimeoutExpired:
            process.kill()
            return True
        return False


@pytest.mark.parametrize(
    "seed", [1, *(pytest.param(seed, marks=pytest.mark.exhaustive) for seed in range(2, 7))]
)
def test_killed_anywhere_the_next_run_goes_on_and_makes_nothing_twice(seed: int, tmp_path: Path) -> None:
    dice = random.Random(seed)
    hill = Hill.new(tmp_path, seconds=EACH)
    killed = 0
    found: list[Found] = []
    for _ in range(ROUNDS):
        killed += run_and_kill(tmp_path, after=dice.uniform(0.3, LONGEST))
        hill.office.clock.at = time.time()
        found = list(hill.ascent.look())
        if all(each.place is Place.STANDS for each in found):
            break
        hill.approve(found)
    else:
        pytest.fail(f"never came to the top: {found}")
    assert killed > 0
    assert hill.made == everything()
    assert not list(hill.office.records.rglob("apply/plan.tfplan")), "a plan that was applied lies about"
