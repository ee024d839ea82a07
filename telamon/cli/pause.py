"""``telamon pause``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb, agreed_option, plan_option, wait_options
from telamon.cli.places import place_options

if TYPE_CHECKING:
    from telamon.cli.places import Place
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@click.argument("component", shell_complete=completing.COMPONENTS)
@place_options
@agreed_option
@plan_option
@wait_options("5m")
@click.pass_obj
def command(
    session: Session,
    *,
    component: str,
    place: Place,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Leave a component as it is: look at it, and neither heal nor change it.

    Use it while you work on the component by hand. It holds over restarts of the controller, until `telamon resume`;
    `telamon down` ends a paused component all the same. A product is paused for good by `paused` in the stack file.

    Examples:
        telamon pause jira
    """
    from telamon.cli.operating import Asked, Where, operate

    operate(session, Asked("pause", component), where=Where(place, wait, timeout, plan=plan))
