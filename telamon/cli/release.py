"""``telamon release``."""

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
@click.argument("member", shell_complete=completing.MEMBERS)
@stack_option
@state_option
@agreed_option
@wait_options("30m")
@click.pass_obj
def command(
    session: Session,
    *,
    member: str,
    stack: str | None,
    state: Path | None,
    wait: bool,
    timeout: Duration,
) -> None:
    """End the quarantine of a member.

    It is healed if need be and serves again once it is fit; whoever stood in for it then leaves.

    Examples:
        telamon release jira-1
    """
    from telamon.cli.client import Controller
    from telamon.cli.operating import Asked, Where, member_component, operate
    from telamon.cli.target import find

    controller = Controller(find(session, stack, state=state).socket)
    asked = Asked("release", member_component(controller, member), member)
    operate(session, asked, where=Where(stack, state, wait, timeout))
