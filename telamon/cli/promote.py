"""``telamon promote``."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, agreed_option

if TYPE_CHECKING:
    from telamon.cli.promotion_words import PromotionStep
    from telamon.cli.session import Session
    from telamon.cli.stages import Place, Sources


@click.command(cls=Verb)
@click.argument("stages", nargs=-1, required=True, metavar="STAGE STAGE...")
@click.option(
    "--status",
    "reports",
    multiple=True,
    metavar="STAGE=FILE",
    help="Stack with its status, as JSON, of a stage that no controller of this machine keeps.",
)
@click.option(
    "--state",
    "states",
    multiple=True,
    metavar="STAGE=DIR",
    help="State folder of a stage. Default: its usual one.",
)
@click.option(
    "--context",
    "contexts",
    multiple=True,
    metavar="STAGE=NAME",
    help="Context of the kubeconfig, of a stage that lives in a cluster.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Default: KUBECONFIG, or the user's own.",
)
@click.option("--dry-run", is_flag=True, help="Judge and show, and write nothing.")
@click.option("--patch", "as_patch", is_flag=True, help="Print the edits for `git apply`, and write nothing.")
@agreed_option
@click.pass_obj
def command(
    session: Session,
    *,
    stages: tuple[str, ...],
    reports: tuple[str, ...],
    states: tuple[str, ...],
    contexts: tuple[str, ...],
    kubeconfig: Path | None,
    dry_run: bool,
    as_patch: bool,
) -> None:
    """Take the locked digests of one environment on to the next.

    Each STAGE is a stack file, or a folder with a stack.yaml, and has its stack.lock.yaml beside it. The lock of a
    stage gets the digests of the stage before, once that has been green for its soak time (spec.soak): ready and whole
    without a break, running what its file and its lock say, nothing under it changed by hand. Nothing but locks is
    edited, and nothing at all where anything speaks against it: exit code 4 then, with all of it. With three stages
    every digest moves by one; what a stage gets now has to soak there first.

    Examples:
        telamon promote dev staging production
        telamon promote staging production --context staging=acme-staging
        telamon promote staging production --status staging=staging.json --dry-run
        telamon promote dev staging --patch > promotion.patch
    """
    from telamon.cli.promotion_words import Promoted, promoted_text
    from telamon.cli.stages import Sources, by_stage, read_stage
    from telamon.errors import RefusedError

    places = [read_stage(session, name) for name in stages]
    _refuse_nonsense(places)
    states_of, reports_of = (
        {name: Path(path) for name, path in by_stage(given, option=option, stages=stages).items()}
        for given, option in ((states, "--state"), (reports, "--status"))
    )
    contexts_of = by_stage(contexts, option="--context", stages=stages, what="NAME")
    sources = Sources(states_of, reports_of, contexts_of, kubeconfig)
    steps = tuple(_step(session, before, after, sources=sources) for before, after in pairwise(places))
    refused = any(step.objections for step in steps)
    written = () if refused or dry_run or as_patch else _write(places, steps)
    answer = Promoted(written, steps)
    edits = "".join(step.patch for step in steps).rstrip("\n")

    def text() -> str:
        return edits if as_patch and not refused else promoted_text(answer, dry=dry_run)

    session.answer(lambda: answer, text)
    session.terminal.flush()
    if refused:
        raise click.exceptions.Exit(RefusedError.exit_code)


def _refuse_nonsense(places: list[Place]) -> None:
    from telamon.errors import UsageError

    if len(places) == 1:
        raise UsageError(
            f"{places[0].stage.name} is one stage, and digests move between two",
            remedy="Name the next one as well.",
        )
    locks = [place.lock.resolve() for place in places]
    if len(set(locks)) < len(locks):
        raise UsageError(
            "two stages have the same lock, so there is nothing to move between them",
            remedy="Give each stage a folder of its own.",
        )


def _step(session: Session, before: Place, after: Place, *, sources: Sources) -> PromotionStep:
    from telamon.cli.promotion_words import MovedImage, PromotionObjection, PromotionStep, lock_after, patch
    from telamon.cli.stages import look
    from telamon.plan.promotion import Crossing, moves, objections
    from telamon.stackfile.lock import lock_text

    ran = look(session, before, sources=sources)
    against = objections(Crossing(before.stage, ran, after.stage, session.time))
    images = tuple(
        MovedImage(each.image, each.before, each.after, each.changes)
        for each in moves(before.stage, after.stage)
    )
    had = lock_text(after.stage.lock) if after.lock.exists() else ""
    edit = patch(str(after.lock), before=had, after=lock_text(lock_after(images)))
    return PromotionStep(
        before=before.stage.name,
        after=after.stage.name,
        green=ran.green.since.isoformat(timespec="seconds") if ran.green is not None else "",
        images=images,
        objections=tuple(PromotionObjection(each.guard, each.told, each.remedy) for each in against),
        file=str(after.lock),
        patch=edit,
    )


def _write(places: list[Place], steps: tuple[PromotionStep, ...]) -> tuple[str, ...]:
    """Write the locks, the last stage first: whoever is stopped between two can run it again."""
    from telamon.cli.locking import read_lock_beside, write_lock
    from telamon.cli.promotion_words import lock_after
    from telamon.errors import ConflictError

    written: list[str] = []
    for place, step in reversed(list(zip(places[1:], steps, strict=True))):
        if not step.patch:
            continue
        if read_lock_beside(place.file) != place.stage.lock:
            raise ConflictError(
                f"{place.lock} was changed by somebody else meanwhile", remedy="Run it again and look first."
            )
        write_lock(place.file, lock_after(step.images))
        written.append(step.file)
    return tuple(reversed(written))
