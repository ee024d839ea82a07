"""``telamon logs``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb, stack_option, state_option

if TYPE_CHECKING:
    from telamon.cli.session import Session


@click.command(cls=Verb)
@click.argument("member", required=False, shell_complete=completing.MEMBERS)
@click.option("-f", "--follow", is_flag=True, help="Go on showing what comes, until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=50,
    metavar="N",
    help="How many of the last lines to begin with. Default: 50.",
)
@stack_option
@state_option
@click.pass_obj
def command(
    session: Session, *, member: str | None, follow: bool, lines: int, stack: str | None, state: Path | None
) -> None:
    """Show what was done, or what a member wrote.

    Without MEMBER it shows the journal: what was done to which member, why, and what came of it. MEMBER is a member, a
    component (all its members), or controller.

    Examples:
        telamon logs
        telamon logs jira-0 -f
        telamon logs confluence --lines 200
        telamon logs controller
    """
    from telamon.cli import journal, tailing
    from telamon.cli.target import find

    target = find(session, stack, state=state)
    if member is None:
        journal.show(session, target, lines=lines, follow=follow)
    else:
        tailing.show(session, target.logs, member=member, lines=lines, follow=follow)
