"""``telamon down``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, stack_argument, state_option, wait_options, yes_option

if TYPE_CHECKING:
    from telamon.cli.documents.changed import Down
    from telamon.cli.session import Session
    from telamon.cli.target import Target
    from telamon.units import Duration


@click.command(cls=Verb)
@stack_argument
@state_option
@click.option("--purge", is_flag=True, help="Remove the data too, after naming what will go.")
@yes_option
@wait_options("5m")
@click.pass_obj
def command(
    session: Session,
    *,
    stack: str | None,
    state: Path | None,
    purge: bool,
    yes: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Stop a stack; its data stays unless --purge is given.

    Ends every process of the stack and its controller. `telamon up` brings it back with all data. STACK is a name or a
    file; where none is given it is the stack of stack.yaml, or the only one on this machine.

    Examples:
        telamon down
        telamon down acme
        telamon down examples/minimal.yaml --purge --yes
    """
    from telamon.cli import purging, target
    from telamon.cli.documents.changed import Down
    from telamon.errors import UsageError

    if purge and not wait:
        raise UsageError("--purge needs the stack to be down first", remedy="Leave --no-wait out.")
    found = target.find(session, stack, state=state)
    doomed = purging.contents(found) if purge else ()
    if doomed:
        if session.output == "text":
            session.terminal.note(purging.announcement(found, doomed))
        session.confirm(f"Remove all of it, for good, with the stack {found.name}?", yes=yes)
    count = stop(session, found, timeout=timeout if wait else None)
    if doomed:
        session.wiring().purge(found.root)
    answer = Down(
        stack=found.name,
        components=count,
        stopped=wait or not count,
        purged=tuple(item.name for item in doomed),
    )
    session.answer(lambda: answer, lambda: _text(answer))


def stop(session: Session, target: Target, *, timeout: Duration | None) -> int:
    """Take the stack down; returns the number of components that were asked to end.

    Args:
        session: whose terminal shows the progress.
        target: the stack.
        timeout: how long to wait at most; ``None``: nobody waits.

    Raises:
        TimeoutExpired: it is not down in time.
    """
    from telamon.cli.client import Controller
    from telamon.cli.waiting import until_gone

    controller = Controller(target.socket)
    if not controller.runs():
        if not target.exists:
            return 0
        # A controller that died has left its nodes running: its successor finds them and ends them.
        session.wiring().start_controller(target.root)
    count = controller.down()
    if timeout is not None:
        until_gone(session, controller, target=target, timeout=timeout)
    return count


def _text(answer: Down) -> str:
    if not answer.stopped:
        return f"{answer.stack} is going down; `telamon status` shows what is left"
    if answer.purged:
        return f"{answer.stack} is down, and its data is removed"
    return (
        f"{answer.stack} is down: its data stays"
        if answer.components
        else f"{answer.stack} is down: 0 changes"
    )
