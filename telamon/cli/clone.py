"""``telamon clone``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb, agreed_option, stack_option, state_option, wait_options

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@click.argument("backups", nargs=-1, required=True, metavar="BACKUP...", shell_complete=completing.BACKUPS)
@click.option("--as", "name", required=True, metavar="NAME", help="What the copy is called.")
@click.option(
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Stack file of the copy; written where there is none. Default: NAME.yaml here.",
)
@click.option(
    "--into",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder of the copy's state. Default: NAME, beside that of the stack.",
)
@stack_option
@state_option
@agreed_option
@wait_options("6h")
@click.pass_obj
def command(
    session: Session,
    *,
    backups: tuple[str, ...],
    name: str,
    file: Path | None,
    into: Path | None,
    stack: str | None,
    state: Path | None,
    wait: bool,
    timeout: Duration,
) -> None:
    """Bring up a copy of a stack beside it, from backups, that does not act as the original.

    The copy is a stack of its own: own name, own folder, own addresses, own passwords. Its products begin with what the
    backups hold, one backup for each product. Before anything starts on it, mail is off, webhooks and application links
    are off, the base URL is the copy's own, and a banner says that it is a copy. Users log in as in the original; the
    administrator and the account of Telamon have new passwords (`telamon secret`).

    The stack that is copied goes on as it is, and needs no controller for this. The same command again goes on with a
    copy that was not finished. A backup that is damaged is refused, and what there is of the copy is removed.
    `telamon down NAME --purge` removes a copy.

    Examples:
        telamon clone jira-20260312T101500Z --as acme-test
        telamon clone jira-20260312T101500Z confluence-20260312T101600Z --as acme-test --stack acme
        telamon clone jira-20260312T101500Z --as acme-test --file clone.yaml --into /var/tmp/acme-test
    """
    from telamon.cli import cloning
    from telamon.cli.bringing import Wishes
    from telamon.cli.target import find

    source = find(session, stack, state=state)
    copy = cloning.prepare(
        session, source, backups=backups, wanted=cloning.Wanted(name, file or Path(f"{name}.yaml"), into)
    )
    cloning.bring_up(session, copy, wishes=Wishes(yes=True, wait=wait, timeout=timeout))
