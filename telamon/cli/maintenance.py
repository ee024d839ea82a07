"""``telamon maintenance``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb, plan_option, wait_options, yes_option
from telamon.cli.places import place_options

if TYPE_CHECKING:
    from telamon.cli.places import Place
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@click.argument("switch", type=click.Choice(("on", "off")))
@click.argument("product", shell_complete=completing.PRODUCTS)
@place_options
@yes_option
@plan_option
@wait_options("5m")
@click.pass_obj
def command(
    session: Session,
    *,
    switch: str,
    product: str,
    place: Place,
    yes: bool,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Show the users of a product a maintenance page, or let them in again.

    The front door answers every request with 503, a page and Retry-After, from the first moment to the last. The
    members go on running and are healed as ever; whoever speaks to them directly still can.

    Examples:
        telamon maintenance on jira
        telamon maintenance off jira
    """
    from telamon.cli.operating import Asked, Where, operate

    if switch == "on":
        session.confirm(f"no user of {product} will be served. Go on?", yes=yes or plan)
    operate(session, Asked(f"maintenance-{switch}", product), where=Where(place, wait, timeout, plan=plan))
