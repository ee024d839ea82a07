"""``telamon retry``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb, agreed_option, stack_option, state_option, timeout_option

if TYPE_CHECKING:
    from telamon.cli.client import Controller
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@click.argument("component", required=False, shell_complete=completing.COMPONENTS)
@stack_option
@state_option
@agreed_option
@click.option("--wait", is_flag=True, help="Wait until the stack is ready.")
@timeout_option("15m")
@click.pass_obj
def command(
    session: Session,
    *,
    component: str | None,
    stack: str | None,
    state: Path | None,
    wait: bool,
    timeout: Duration,
) -> None:
    """Try again what has failed, without waiting.

    Says that the cause is gone: failures of COMPONENT, or of all components, no longer count, a quarantined member is
    started at once, and a change that was held is tried again. It destroys nothing, so it never asks.

    Examples:
        telamon retry
        telamon retry jira --wait
    """
    from telamon.cli.client import Controller
    from telamon.cli.documents.changed import Retried
    from telamon.cli.target import find
    from telamon.cli.waiting import until_ready

    controller = Controller(find(session, stack, state=state).socket)
    _check(controller, component)
    retried = controller.retry(component)
    if wait:
        until_ready(session, controller, generation=controller.stack().generation, timeout=timeout)
    session.answer(lambda: Retried(retried), lambda: f"trying again: {', '.join(retried)}")


def _check(controller: Controller, component: str | None) -> None:
    names = [found.name for found in controller.stack().status.components]
    if component is not None and component not in names:
        from telamon.cli.names import unknown

        raise unknown("component", component, known=names)
