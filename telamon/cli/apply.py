"""``telamon apply``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.clusters import cluster_options
from telamon.cli.options import Verb, file_argument, lab_option, state_option, wait_options, yes_option

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@file_argument
@lab_option
@state_option
@yes_option
@wait_options("15m")
@cluster_options
@click.pass_obj
def command(
    session: Session,
    *,
    file: Path,
    lab: bool,
    state: Path | None,
    yes: bool,
    wait: bool,
    timeout: Duration,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Send a changed file to the controller that runs.

    Like up, but starts nothing: where no controller runs it says so. FILE is stack.yaml where none is named; give
    --lab again where the stack was brought up with it.

    In a cluster (--context or --kubeconfig) it writes the Stack, with what the operator may not make, as `telamon up`
    does; an operator must be there.

    Examples:
        telamon plan && telamon apply
        telamon apply production.yaml --lab --timeout 30m
        telamon apply production.yaml --context production
    """
    from telamon.cli import bringing
    from telamon.cli.client import Controller
    from telamon.cli.reading import note_doubts, read_file
    from telamon.cli.target import target_of

    found = read_file(session, file, lab=lab)
    note_doubts(session, found)
    if found.stack.spec.platform.kind != "lab" and (kubeconfig is not None or context is not None):
        from telamon.cli.ground import facts_beside
        from telamon.cli.raising import ClusterWishes, raise_stack

        facts = facts_beside(session, found.stack, state=state)
        wishes = ClusterWishes(kubeconfig, context, None, facts, timeout.seconds if wait else None)
        raise_stack(session, found, file=file, wishes=wishes)
        return
    bringing.refuse_other_platforms(found)
    target = target_of(session, found.stack.metadata.name, state=state)
    controller = Controller(target.socket)
    bringing.note_other_version(session, controller)
    bringing.bring(session, controller, found=found, wishes=bringing.Wishes(yes, wait, timeout))
