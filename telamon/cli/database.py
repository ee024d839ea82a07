"""``telamon database``: what can be asked of the database servers of a stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli.options import (
    Verb,
    Verbs,
    plan_option,
    wait_options,
    window_option,
    yes_option,
)
from telamon.cli.places import place_options
from telamon.naming import DATABASE

if TYPE_CHECKING:
    from telamon.cli.places import Place
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.group(cls=Verbs)
def command() -> None:
    """Let the standby of the database take writes.

    A lost primary is succeeded without being asked; `telamon status` shows who takes writes, and whether the standby
    has every acknowledged one.

    Examples:
        telamon database switchover
    """


@command.command("switchover", cls=Verb)
@click.argument("member", required=False)
@place_options
@yes_option
@window_option
@plan_option
@wait_options("15m")
@click.pass_obj
def switchover(
    session: Session,
    *,
    member: str | None,
    place: Place,
    yes: bool,
    in_window: bool,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Stop the primary in order, let the standby take writes, and make a standby of the old primary.

    MEMBER is who is to take writes; the standby that is in sync where none is named. It is refused unless that standby
    has every acknowledged write. Requests that need the database fail for about a second.

    Examples:
        telamon database switchover
        telamon database switchover database-1 --yes
        telamon database switchover --yes --in-window
    """
    from telamon.cli.operating import Asked, Where, operate

    session.confirm("Requests that need the database will fail for about a second. Go on?", yes=yes or plan)
    asked = Asked("switchover", DATABASE, member or "")
    operate(session, asked, where=Where(place, wait, timeout, in_window, plan=plan))
