"""``telamon restart``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb, agreed_option, plan_option, wait_options, window_option
from telamon.cli.places import place_options

if TYPE_CHECKING:
    from telamon.cli.places import Place
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@click.argument("component", shell_complete=completing.COMPONENTS)
@click.argument("member", required=False, shell_complete=completing.MEMBERS)
@click.option("--downtime", is_flag=True, help="Agree to an interruption where there is one member alone.")
@place_options
@agreed_option
@window_option
@plan_option
@wait_options("1h")
@click.pass_obj
def command(
    session: Session,
    *,
    component: str,
    member: str | None,
    downtime: bool,
    place: Place,
    in_window: bool,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Restart the members of a component one by one.

    The others serve meanwhile.

    Each is drained, stopped, started, and must serve again before the next one goes. With MEMBER only that one.
    The only node of a product, the only database server and the only member of the front door take --downtime: nobody
    serves in their place.

    Examples:
        telamon restart jira
        telamon restart confluence confluence-1 --no-wait
        telamon restart jira --in-window
        telamon restart database --downtime
    """
    from telamon.cli.operating import Asked, Where, operate

    asked = Asked("restart", component, member or "", {"downtime": "yes"} if downtime else {})
    operate(session, asked, where=Where(place, wait, timeout, in_window, plan=plan))
