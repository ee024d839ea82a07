"""``telamon quarantine``."""

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
@click.argument("member", shell_complete=completing.MEMBERS)
@click.option("--replace", is_flag=True, help="Add another member first, which stands in until the release.")
@place_options
@yes_option
@plan_option
@wait_options("30m")
@click.pass_obj
def command(
    session: Session,
    *,
    member: str,
    replace: bool,
    place: Place,
    yes: bool,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Take a member out of service, and leave it running to be looked at.

    It gets no more requests, and it is neither healed nor restarted until `telamon release MEMBER`. Thread dumps, logs
    and the state of things around it are gathered in an archive without secrets. The last member that serves is kept,
    unless another one is added first with --replace.

    In a cluster nothing is run in the pod, so threads are not dumped there; `telamon support MEMBER --context NAME`
    fetches what was gathered.

    Examples:
        telamon quarantine jira-1
        telamon quarantine confluence-0 --replace
    """
    from telamon.cli.operating import Asked, Where, member_component, operate

    component = member_component(session, place, member=member)
    session.confirm(f"{member} will serve nobody until it is released. Go on?", yes=yes or plan)
    params = {"replace": "yes"} if replace else {}
    asked = Asked("quarantine", component, member, params)
    operate(session, asked, where=Where(place, wait, timeout, plan=plan))
