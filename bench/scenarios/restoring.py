"""Backups at random moments under load, each restored, and judged by programs other than the one that took them."""

from __future__ import annotations

import os
import random
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.machine import others_busy
from bench.restored import dangling
from bench.results import Figure, Run
from bench.scenarios.base import Scenario
from bench.session import PRODUCTS, Session
from telamon.proof.record import Record
from telamon.proof.summary import summarise

RATE = 50.0
POINTS = 50
EARLIEST, LATEST = 2.0, 8.0
"""Seconds of load before a backup is asked for: anything between the two."""
MIB = 2**20
ADDING = frozenset({"comment", "create-issue", "create-blog"})
"""Kinds of requests whose token stays in a row until somebody removes it."""
REMOVING = frozenset({"delete-note"})


def point(session: Session, repeat: int) -> Run:
    """Take one backup of one product under load, and judge what comes back out of it."""
    product = PRODUCTS[repeat % len(PRODUCTS)]
    chance = random.Random(repeat)
    session.ensure_up()
    session.prepared(product)
    busy, began = others_busy(session.lab.root), time.time()
    name = f"restore-points-{repeat}"
    with session.load((product,), rate=RATE, seed=repeat + 1, name=name) as (generator,):
        generator.sleep_until(chance.uniform(EARLIEST, LATEST))
        asked = time.monotonic()
        session.lab.telamon("backup", product, "--stack", str(session.lab.file))
        seconds = time.monotonic() - asked
        generator.ask_to_end()
        record = generator.finish()
    session.keep(record)
    listed: list[dict[str, Any]] = session.lab.telamon("backup", "list", "--stack", str(session.lab.file))
    page = listed[-1]
    with tempfile.TemporaryDirectory(prefix="tb-restored-", dir=session.lab.root.parent) as folder:
        place = Path(folder)
        _fetch(session, page["snapshot"], place)
        lacking = dangling(product, place / "database.dump", files=place / "files")
        figures = {
            "lost": float(_lost(record, before=asked, dump=place / "database.dump")),
            "dangling": float(len(lacking)),
            "told": float(len(page["lacking"])),
            "broken": float(_broken(place / "files")),
            "seconds": seconds,
            "added": page["added"] / MIB,
        }
    load = summarise(record, fault=record.seconds, healed=record.seconds)
    notes = [f"{page['name']} of {page['size'] / MIB:.1f} MiB", *lacking[:3]]
    return Run(figures, began, busy, notes=notes, loads=(load,))


def _fetch(session: Session, snapshot: str, place: Path) -> None:
    """Read a backup back with restic alone, as its README says."""
    lab = session.lab
    secret = lab.telamon("secret", "--stack", str(lab.file), f"{lab.name}-backup-vault", "password")
    environment = {**os.environ, "RESTIC_PASSWORD": str(secret["value"])}
    vault = f"{lab.root}.backups/vault"
    command = ["restic", "--no-cache", "--repo", vault, "restore", snapshot, "--target", str(place)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BenchError(f"restic could not read {snapshot} back: {done.stderr.strip()[-300:]}")


def _lost(record: Record, *, before: float, dump: Path) -> int:
    """Writes that were acknowledged before the backup was asked for, and are not in it.

    The dump is not compressed, so every token that it holds is in its bytes.
    """
    text = dump.read_bytes()
    removed = {sample.element for sample in record.samples if sample.kind in REMOVING}
    tokens = {
        sample.token
        for sample in record.samples
        if sample.kind in ADDING and sample.ok and record.epoch + sample.answered < before
    }
    tokens -= removed
    return sum(1 for token in tokens if token.encode() not in text)


def _broken(files: Path) -> int:
    """Repositories that git does not call whole."""
    broken = 0
    for head in files.glob("data/repositories/[0-9]*/HEAD"):
        words = [
            "git",
            "-c",
            "safe.directory=*",
            f"--git-dir={head.parent}",
            "fsck",
            "--full",
            "--no-progress",
        ]
        broken += subprocess.run(words, capture_output=True, check=False).returncode != 0
    return broken


SCENARIOS = (
    Scenario(
        "restore-points",
        "Backups at random moments under load",
        f"{POINTS} times: {RATE:.0f} requests/s to one product, files and pushes among them; after {EARLIEST:.0f} to "
        f"{LATEST:.0f} s `telamon backup`, which restores and judges what it took before it lists it. Then restic "
        "alone reads it back: every comment, issue and post that was acknowledged before the backup was asked for must "
        "be in the dump, no row of it may lack its file or commit as the bench reads both, and git must call every "
        "repository whole. A late generator makes no run void: nothing here is about time.",
        (
            Figure("lost", "acknowledged writes that are not in the backup", "", "sum", 0.0),
            Figure("dangling", "rows without their file or commit", "", "sum", 0.0),
            Figure("told", "the same, as the page of the backup tells", "", "sum", 0.0),
            Figure("broken", "repositories that git fsck complains of", "", "sum", 0.0),
            Figure("seconds", "time of a backup, verified", "s", "median"),
            Figure("added", "added to the vault", "MiB", "median"),
        ),
        point,
        repeats=POINTS,
        lasting=True,
    ),
)
