"""``telamon drill``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Decorated, Verb, stack_option, state_option, yes_option

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telamon.cli.session import Session
    from telamon.cli.target import Target
    from telamon.proof.drill.drills import Drill
    from telamon.proof.drill.driving import Settings


class Verbs(Verb, click.Group):
    """A verb that has verbs of its own."""


@click.group(cls=Verbs)
def command() -> None:
    """Break something on purpose while users work, and report what they saw.

    A drill states what is expected to hold, breaks something for a bounded time, waits until everything is well again,
    and ends whatever it has broken, also when it is interrupted or killed. Users are load generators that keep a record
    of every request; from the record alone it is judged whether any acknowledged write was lost.

    Examples:
        telamon drill list
        telamon drill run node-kill
        telamon drill suite --report drills
        telamon drill compare drills-before drills
    """


def run_options(function: Decorated) -> Decorated:
    """How drills are run, and where their report goes."""
    rate = click.option(
        "--rate",
        type=click.FloatRange(min=1, max=1000),
        metavar="N",
        help="Requests per second, over all products under load. Default: 60.",
    )
    report = click.option(
        "--report",
        type=click.Path(path_type=Path, file_okay=False),
        metavar="DIR",
        help="Folder of the report. Default: one in the stack's state folder.",
    )
    return stack_option(state_option(yes_option(rate(report(function)))))


seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    metavar="N",
    help="Of everything that is chosen. Default: 0.",
)


@command.command("list", cls=Verb)
@click.pass_obj
def list_drills(session: Session) -> None:
    """List the drills there are.

    Examples:
        telamon drill list
        telamon drill list -o json
    """
    from telamon.cli.drill_words import drill_document, list_text
    from telamon.proof.drill.catalogue import catalogue

    found = catalogue()
    session.answer(lambda: [drill_document(drill) for drill in found], lambda: list_text(found))


@command.command(cls=Verb)
@click.argument("name")
@click.pass_obj
def show(session: Session, *, name: str) -> None:
    """Say what a drill does, and what must hold.

    Examples:
        telamon drill show node-kill
    """
    from telamon.cli.drill_words import drill_document, drill_text

    (drill,) = _chosen((name,))
    session.answer(lambda: drill_document(drill), lambda: drill_text(drill))


@command.command(cls=Verb)
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--product", default="", metavar="NAME", help="The product to hurt. Default: each in turn.")
@click.option("--quick", is_flag=True, help="As briefly as each drill of a soak.")
@seed_option
@run_options
@click.pass_obj
def run(
    session: Session,
    *,
    names: tuple[str, ...],
    product: str,
    quick: bool,
    seed: int,
    stack: str | None,
    state: Path | None,
    yes: bool,
    rate: float | None,
    report: Path | None,
) -> None:
    """Run drills, one after the other, and write a report.

    Exit code: 0 where all of them passed or cannot be done here, 1 where one failed, 9 where one proves nothing.

    Examples:
        telamon drill run node-kill
        telamon drill run node-hang database-kill --product jira --seed 7
        telamon drill run balancer-kill --rate 200 --report evidence
    """
    from telamon.cli.drill_rows import Row, work_off
    from telamon.proof.drill.campaign import QUICK, turns
    from telamon.proof.drill.driving import Settings

    drills = _chosen(names)
    row = Row.begin(
        session, _target(session, stack, state), drills=drills, title=f"Drill: {', '.join(names)}", yes=yes
    )
    row.check_product(product)
    work_off(
        row,
        turns(drills, row.scene, seed=seed, product=product),
        settings=_at(QUICK if quick else Settings(), rate),
        report=report,
    )


@command.command(cls=Verb)
@seed_option
@click.option(
    "--continue", "goes_on", is_flag=True, help="Leave out what the last suite of this seed has run."
)
@run_options
@click.pass_obj
def suite(
    session: Session,
    *,
    seed: int,
    goes_on: bool,
    stack: str | None,
    state: Path | None,
    yes: bool,
    rate: float | None,
    report: Path | None,
) -> None:
    """Run every drill, once for every product that it can hurt.

    Examples:
        telamon drill suite
        telamon drill suite --continue --report evidence
    """
    from telamon.cli.drill_rows import Row, work_off
    from telamon.proof.drill.campaign import turns
    from telamon.proof.drill.catalogue import catalogue
    from telamon.proof.drill.driving import Settings

    drills = catalogue()
    row = Row.begin(session, _target(session, stack, state), drills=drills, title="Drill suite", yes=yes)
    work_off(
        row,
        turns(drills, row.scene, seed=seed),
        settings=_at(Settings(), rate),
        report=report,
        campaign=f"suite-{seed}",
        goes_on=goes_on,
    )


@command.command(cls=Verb)
@click.option("--budget", default="2h", metavar="DURATION", help="How long in all. Default: 2h.")
@click.option("--faults", type=click.IntRange(min=1), metavar="N", help="How many drills in all, at most.")
@seed_option
@run_options
@click.pass_obj
def soak(
    session: Session,
    *,
    budget: str,
    faults: int | None,
    seed: int,
    stack: str | None,
    state: Path | None,
    yes: bool,
    rate: float | None,
    report: Path | None,
) -> None:
    """Run drills at random until the time is used up.

    One that was cut short goes on where it stopped: the same seed draws the same row, and the time that was used
    counts.

    Examples:
        telamon drill soak --budget 2h --seed 1
        telamon drill soak --budget 30m --faults 20
    """
    from telamon.cli.drill_rows import Row, soak_through
    from telamon.proof.drill.campaign import QUICK
    from telamon.proof.drill.catalogue import catalogue
    from telamon.units import Duration as Length

    drills = catalogue()
    row = Row.begin(
        session, _target(session, stack, state), drills=drills, title=f"Soak with seed {seed}", yes=yes
    )
    soak_through(
        row,
        drills,
        seed=seed,
        budget=Length.parse(budget).seconds,
        most=faults,
        settings=_at(QUICK, rate),
        report=report,
    )


@command.command(cls=Verb)
@click.argument("first", metavar="A", type=click.Path(path_type=Path))
@click.argument("second", metavar="B", type=click.Path(path_type=Path))
@click.pass_obj
def compare(session: Session, *, first: Path, second: Path) -> None:
    """Hold two reports against one another: what became better, and what worse.

    A and B are folders with a report.json, or such files.

    Examples:
        telamon drill compare before after
    """
    from telamon.cli.drill_words import compared_document, compared_text
    from telamon.proof.drill.outcome import read
    from telamon.proof.report.compare import compare as held

    found = held(read(first), read(second))
    session.answer(lambda: [compared_document(one) for one in found], lambda: compared_text(found))


def _chosen(names: Sequence[str]) -> tuple[Drill, ...]:
    """The drills of some names. Raises UsageError for one that nobody knows."""
    from telamon.cli.names import unknown
    from telamon.proof.drill.catalogue import catalogue

    known = {drill.name: drill for drill in catalogue()}
    for name in names:
        if name not in known:
            raise unknown("drill", name, known=list(known))
    return tuple(known[name] for name in names)


def _target(session: Session, stack: str | None, state: Path | None) -> Target:
    from telamon.cli.target import find

    return find(session, stack, state=state)


def _at(settings: Settings, rate: float | None) -> Settings:
    from dataclasses import replace

    return settings if rate is None else replace(settings, rate=rate)
