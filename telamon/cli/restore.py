"""``telamon restore``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, stack_option, state_option, wait_options, yes_option

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@click.argument("product")
@click.option(
    "--from", "source", required=True, metavar="BACKUP", help="Name of the backup; `telamon backup list`."
)
@stack_option
@state_option
@yes_option
@wait_options("6h")
@click.pass_obj
def command(
    session: Session,
    *,
    product: str,
    source: str,
    stack: str | None,
    state: Path | None,
    yes: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Put a product's data back to those of a backup.

    The backup is fetched, judged and loaded beside what is in force while the product serves; a damaged one is refused
    there. Then users see the maintenance page, the data change places, and the product starts. If it does not start on
    them, what was before is put back. Else a backup of what was before is taken, so that nothing is lost by it.

    Examples:
        telamon restore jira --from jira-20260312T101500Z
        telamon restore bitbucket --from bitbucket-20260312T101500Z --yes
    """
    from telamon.cli.operating import Asked, Where, operate
    from telamon.cli.target import find
    from telamon.errors import UsageError

    entry = session.wiring().backups(find(session, stack, state=state).root).get(source)
    if entry.product != product:
        raise UsageError(
            f"{source} is a backup of {entry.product}, not of {product}",
            remedy=f"Write `telamon restore {entry.product} --from {source}`, or choose another backup.",
        )
    question = f"Interrupt {product}, and put its data back to {entry.taken}?"
    session.confirm(question, yes=yes)
    params = {"from": source, "release": entry.release}
    operate(session, Asked("restore", product, params=params), where=Where(stack, state, wait, timeout))
