"""``telamon quarantine``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb, stack_option, state_option, wait_options, yes_option

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@click.argument("member", shell_complete=completing.MEMBERS)
@click.option("--replace", is_flag=True, help="Add another member first, which stands in until the release.")
@stack_option
@state_option
@yes_option
@wait_options("30m")
@click.pass_obj
def command(
    session: Session,
    *,
    member: str,
    replace: bool,
    stack: str | None,
    state: Path | None,
    yes: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Take a member out of service, and leave it running to be looked at.

    It gets no more requests, and it is neither healed nor restarted until `telamon release MEMBER`. Thread dumps, logs
    and the state of things around it are gathered in an archive without secrets. The last member that serves is kept,
    unless another one is added first with --replace.

    Examples:
        telamon quarantine jira-1
        telamon quarantine confluence-0 --replace
    """
    from telamon.cli.client import Controller
    from telamon.cli.operating import Asked, Where, member_component, operate
    from telamon.cli.target import find

    controller = Controller(find(session, stack, state=state).socket)
    component = member_component(controller, member)
    session.confirm(f"{member} will serve nobody until it is released. Go on?", yes=yes)
    params = {"replace": "yes"} if replace else {}
    asked = Asked("quarantine", component, member, params)
    operate(session, asked, where=Where(stack, state, wait, timeout))
