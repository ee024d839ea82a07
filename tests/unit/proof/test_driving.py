"""What a drill's verdict is where it could not be carried through."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from telamon.errors import NoController, NotReadyError
from telamon.proof.drill.drills import Drill, Strike
from telamon.proof.drill.driving import Settings, run
from telamon.proof.drill.outcome import Outcome, Verdict
from telamon.proof.drill.scene import Scene

SCENE = Scene("acme", "dev", (), ("jira",), ())


def drilled(folder: Path, *, plan: Callable[..., tuple[Strike, ...]], scene: Callable[[], Scene]) -> Outcome:
    """Carry out a drill on a stack that is well."""
    drill = Drill("node-kill", "A node dies", "nobody notices", "product", plan, heals_within=10.0)
    stage: Any = SimpleNamespace(
        faults=SimpleNamespace(tidy=lambda: None, lacks=lambda _: ""),
        undo=lambda: None,
        trouble=lambda: "",
        scene=scene,
        repeat=lambda *_, **__: "again",
    )
    return run(stage, drill, product="jira", seed=1, settings=Settings(), folder=folder, say=lambda _: None)


def test_a_drill_for_which_there_is_nobody_is_skipped(tmp_path: Path) -> None:
    def nobody(scene: Scene, product: str, dice: random.Random) -> tuple[Strike, ...]:
        raise NotReadyError(f"{product} has no second node that serves")

    outcome = drilled(tmp_path, plan=nobody, scene=lambda: SCENE)
    assert (outcome.verdict, outcome.reason) == (Verdict.SKIPPED, "jira has no second node that serves")


def test_a_drill_during_which_nobody_keeps_the_stack_is_not_taken_for_one_that_cannot_be_done(
    tmp_path: Path,
) -> None:
    def gone() -> Scene:
        raise NoController("nobody keeps it")

    outcome = drilled(tmp_path, plan=lambda *_: (), scene=gone)
    assert (outcome.verdict, outcome.reason) == (Verdict.BROKEN, "nobody keeps it")
