"""How long it takes until everything is ready."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from bench.errors import BenchError
from bench.machine import ROOT, others_busy
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import PRODUCTS, Session

MAKE_WITHIN = 1800.0


def cold_up(session: Session, _repeat: int) -> Run:
    """Bring the stack up in an empty state folder."""
    session.clear()
    busy, began = others_busy(session.lab.root), time.time()
    seconds = session.lab.up()
    session.note(up=True)
    return Run({"seconds": seconds}, began, busy)


def up_again(session: Session, _repeat: int) -> Run:
    """Take the stack down, and bring it up again with its data."""
    session.ensure_up()
    for product in PRODUCTS:
        session.prepared(product)
    down = session.lab.down()
    session.note(up=False)
    busy, began = others_busy(session.lab.root), time.time()
    seconds = session.lab.up()
    session.note(up=True)
    return Run({"seconds": seconds, "down": down}, began, busy)


def make_up(session: Session, _repeat: int) -> Run:
    """Clone the repository, and do what its first page says."""
    session.pause()
    with tempfile.TemporaryDirectory(prefix="bench-clone-") as name:
        folder = Path(name)
        # The database's user must reach the state folder, and temporary folders are private.
        folder.chmod(0o711)
        checkout = folder / "telamon"
        _run(["git", "clone", "--quiet", str(ROOT), str(checkout)], folder)
        environment = {**os.environ, "TELAMON_STATE": str(folder / "state")}
        busy, began = others_busy(session.lab.root), time.time()
        try:
            seconds = _timed(["make", "up"], checkout, environment)
        finally:
            program = checkout / ".venv" / "bin" / "telamon"
            if program.exists():
                command = [str(program), "down", "examples/minimal.yaml", "--purge", "--yes"]
                _timed(command, checkout, environment)
            shutil.rmtree(folder / "state", ignore_errors=True)
    return Run({"seconds": seconds}, began, busy)


def _timed(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    began = time.monotonic()
    _run(command, folder, environment)
    return time.monotonic() - began


def _run(command: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=MAKE_WITHIN,
    )
    if done.returncode != 0:
        raise BenchError(f"{' '.join(command[:2])} ended with {done.returncode}: {done.stderr[-600:]}")


SCENARIOS = (
    Scenario(
        "cold-up",
        "First start of three products",
        "`telamon up` in an empty state folder: databases are made, set-up pages walked, second nodes added one by "
        "one. Timed from the command to its end, when every component is ready.",
        (Figure("seconds", "to ready", "s", "median", 120.0),),
        cold_up,
    ),
    Scenario(
        "up-again",
        "Start with data, after `down`",
        "`telamon down`, then `telamon up` over the same state folder, with content in every product.",
        (
            Figure("seconds", "to ready", "s", "median", 30.0),
            Figure("down", "`down` before it", "s", "median"),
        ),
        up_again,
    ),
    Scenario(
        "make-up",
        "`make up` in a fresh clone",
        "`git clone`, then `make up`: the virtual environment is made too, out of pip's cache "
        "where it has the packages.",
        (Figure("seconds", "to ready", "s", "median", 120.0),),
        make_up,
        repeats=1,
    ),
)
