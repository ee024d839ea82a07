"""Working off a row of drills, with progress, a report after each, and an end in order."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from telamon.cli.drill_words import Drilled, done_document, outcome_text
from telamon.cli.drilling import LabStage, alone, refuse_production
from telamon.errors import Interrupted, NotReadyError
from telamon.proof.drill.campaign import Done, Journal, Turn, draws
from telamon.proof.drill.driving import Settings, run
from telamon.proof.drill.outcome import Outcome, Verdict, read, write
from telamon.proof.report.page import write_report

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.cli.target import Target
    from telamon.proof.drill.drills import Drill
    from telamon.proof.drill.scene import Scene

FOLDER: Final = "drills"
"""Where reports are kept, below the state folder."""
RUN: Final = "run.json"
FAILED: Final = 1
"""Exit code where a drill failed: that is the answer, and no error of the program."""


@dataclass(frozen=True)
class Row:
    """Drills to be run on a stack.

    Attributes:
        session: whose terminal shows it.
        target: the stack.
        stage: the same, as drills use it.
        scene: its parts.
        title: of the report.
    """

    session: Session
    target: Target
    stage: LabStage
    scene: Scene
    title: str

    @classmethod
    def begin(
        cls, session: Session, target: Target, *, drills: Sequence[Drill], title: str, yes: bool
    ) -> Row:
        """See that drills may be run on a stack.

        Raises:
            NoController: nobody keeps the stack.
            RefusedError: it is a production stack, and its file does not allow one of them.
            Interrupted: a person does not want it.
        """
        stage = LabStage(session, target)
        scene = stage.scene()
        names = tuple(drill.name for drill in drills)
        refuse_production(scene, names)
        if scene.environment == "production":
            session.confirm(
                f"{scene.stack} is a production stack: {', '.join(names)} will hurt it. Go on?", yes=yes
            )
        return cls(session, target, stage, scene, title)

    def check_product(self, product: str) -> None:
        """Refuse a product that the stack does not have. Raises UsageError."""
        if product and product not in self.scene.products:
            from telamon.cli.names import unknown

            raise unknown("product", product, known=self.scene.products)

    def say(self, line: str) -> None:
        """Tell a person how far it is."""
        if self.session.output == "text":
            at = datetime.fromtimestamp(self.session.clock.now(), UTC).astimezone().strftime("%H:%M:%S")
            self.session.terminal.note(f"{at}  {line}")


def work_off(
    row: Row,
    turns: Sequence[Turn],
    *,
    settings: Settings,
    report: Path | None,
    campaign: str = "run",
    goes_on: bool = False,
) -> None:
    """Run drills in order, and answer with what came of them.

    Args:
        row: where.
        turns: which.
        settings: how each of them is run.
        report: folder of the report; ``None`` for one in the state folder.
        campaign: by which they are remembered.
        goes_on: whether to leave out what the campaign has run already.
    """
    journal = Journal(row.target.root / FOLDER)
    before = journal.read(campaign) if goes_on else ()
    known = {(done.drill, done.product) for done in before}
    left = [turn for turn in turns if (turn.drill.name, turn.product) not in known]
    _work(row, left, before, settings=settings, report=report, campaign=campaign, budget=float("inf"))


def soak_through(
    row: Row,
    drills: Sequence[Drill],
    *,
    seed: int,
    budget: float,
    most: int | None,
    settings: Settings,
    report: Path | None,
) -> None:
    """Run drills at random until the time is used up, going on where an earlier soak of the seed stopped.

    Args:
        row: where.
        drills: to draw from.
        seed: of the row.
        budget: seconds in all, those of earlier parts included.
        most: drills in all; ``None`` for any number.
        settings: how each of them is run.
        report: folder of the report; ``None`` for one in the state folder.
    """
    campaign = f"soak-{seed}"
    before = Journal(row.target.root / FOLDER).read(campaign)
    begin = max((done.number + 1 for done in before), default=0)
    turns = draws(drills, row.scene, seed=seed, begin=begin)
    limited = turns if most is None else islice(turns, max(most - begin, 0))
    used = sum(done.seconds for done in before)
    if before:
        row.say(f"going on after {len(before)} drills and {used:.0f} s")
    _work(row, limited, before, settings=settings, report=report, campaign=campaign, budget=budget - used)


def _work(
    row: Row,
    turns: Iterable[Turn],
    before: Sequence[Done],
    *,
    settings: Settings,
    report: Path | None,
    campaign: str,
    budget: float,
) -> None:
    home = row.target.root / FOLDER
    now = row.session.clock.now
    stamp = datetime.fromtimestamp(now(), UTC).strftime("%Y%m%d-%H%M%S")
    kept = [outcome for done in before for outcome in _kept(home / done.folder)]
    fresh: list[Outcome] = []
    folder = home / f"{stamp}-{campaign}" if report is None else report
    page, end = folder, now() + budget
    with alone(row.target, row.title):
        try:
            for turn in turns:
                if now() >= end:
                    break
                name = f"{stamp}-{campaign}-{turn.number}"
                outcome = _one(row, turn, settings=settings, folder=home / name)
                _remember(home, outcome, turn, campaign=campaign, name=name)
                fresh.append(outcome)
                page = write_report(folder, [*kept, *fresh], title=f"{row.title} on {row.scene.stack}")
        except KeyboardInterrupt as error:
            row.stage.faults.calm()
            raise Interrupted(
                f"interrupted after {len(fresh)} drills; every fault is over",
                remedy=f"The report so far is {page}.",
            ) from error
    if not fresh and kept:
        page = write_report(folder, kept, title=f"{row.title} on {row.scene.stack}")
    # Whoever goes on with a row wants to know how all of it went.
    _answer(row, [*kept, *fresh], page=page)


def _one(row: Row, turn: Turn, *, settings: Settings, folder: Path) -> Outcome:
    row.say(f"{turn.drill.name} {turn.product}".rstrip() + f": {turn.drill.title}")
    outcome = run(
        row.stage,
        turn.drill,
        product=turn.product,
        seed=turn.seed,
        settings=settings,
        folder=folder,
        say=lambda line: row.say(f"  {line}"),
    )
    if row.session.output == "text":
        row.session.terminal.say(outcome_text(outcome))
        row.session.terminal.flush()
    return outcome


def _remember(home: Path, outcome: Outcome, turn: Turn, *, campaign: str, name: str) -> None:
    folder = home / name
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / RUN, [outcome])
    done = Done(
        campaign,
        turn.number,
        turn.drill.name,
        turn.product,
        turn.seed,
        outcome.verdict,
        outcome.seconds,
        name,
    )
    Journal(home).append(done)


def _kept(folder: Path) -> Sequence[Outcome]:
    """What an earlier part has left; a folder that somebody removed is left out."""
    file = folder / RUN
    return read(file) if file.exists() else ()


def _answer(row: Row, outcomes: Sequence[Outcome], *, page: Path) -> None:
    answer = Drilled(row.scene.stack, str(page), tuple(done_document(outcome) for outcome in outcomes))
    row.session.answer(lambda: answer, lambda: f"report: {page}" if outcomes else "nothing is left to run")
    verdicts = {outcome.verdict for outcome in outcomes}
    if Verdict.FAILED in verdicts:
        raise click.exceptions.Exit(FAILED)
    if verdicts & {Verdict.VOID, Verdict.BROKEN}:
        raise click.exceptions.Exit(NotReadyError.exit_code)
