"""``telamon release``."""

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
@click.argument("member", shell_complete=completing.MEMBERS)
@place_options
@agreed_option
@plan_option
@wait_options("30m")
@click.pass_obj
def command(
    session: Session,
    *,
    member: str,
    place: Place,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """End the quarantine of a member.

    It is healed if need be and serves again once it is fit; whoever stood in for it then leaves.

    Examples:
        telamon release jira-1
    """
    from telamon.cli.operating import Asked, Where, member_component, operate

    asked = Asked("release", member_component(session, place, member=member), member)
    operate(session, asked, where=Where(place, wait, timeout, plan=plan))
