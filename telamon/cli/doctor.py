"""``telamon doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, stack_argument, state_option
from telamon.errors import MachineError, NoController, NotReadyError, ProductError

if TYPE_CHECKING:
    from telamon.cli.documents import CheckedProduct, Examination
    from telamon.cli.session import Session
    from telamon.cli.target import Target


@click.command(cls=Verb)
@stack_argument
@state_option
@click.pass_context
def command(context: click.Context, *, stack: str | None, state: Path | None) -> None:
    """Check this machine, and what the products say of themselves.

    First whether this machine can carry a lab: system, libraries, rights, room, paths. Then, where a stack runs, every
    product's own health checks, asked through the front door. The exit code is 0 where all is well, 6 where the machine
    lacks something, 8 where a product is ill.

    Examples:
        telamon doctor
        telamon doctor acme -o json
    """
    session: Session = context.obj
    found = examine(session, _target(session, stack, state))

    def text() -> str:
        from telamon.cli.documents import plain
        from telamon.cli.render import doctor_text

        shown = plain(found)
        table = doctor_text(shown["machine"], shown["products"], stream=session.terminal.out)
        return table if found.controller else f"{table}\nno controller runs, so no product was asked"

    session.answer(lambda: found, text)
    if not all(check.healthy for check in found.machine):
        context.exit(MachineError.exit_code)
    if not found.healthy:
        context.exit(ProductError.exit_code)


def examine(session: Session, target: Target) -> Examination:
    """Look at everything.

    Args:
        session: whose wiring knows the machine.
        target: the stack whose products are asked, if it runs.
    """
    from telamon.cli.documents import CheckedMachine, Examination

    machine = tuple(
        CheckedMachine(check.name, check.healthy, check.reason, check.remedy)
        for check in session.wiring().machine_checks(target.root)
    )
    products = _ask(target)
    return Examination(
        healthy=all(check.healthy for check in machine) and all(check.healthy for check in products or ()),
        controller=products is not None,
        machine=machine,
        products=products or (),
    )


def _ask(target: Target) -> tuple[CheckedProduct, ...] | None:
    from telamon.cli.client import Controller
    from telamon.cli.documents import CheckedProduct

    controller = Controller(target.socket)
    try:
        return tuple(CheckedProduct(**check) for check in controller.doctor())
    except NoController:
        return None


def _target(session: Session, stack: str | None, state: Path | None) -> Target:
    """The stack that is meant; before the first one, the place where one would be."""
    from telamon.cli.target import find, target_of
    from telamon.naming import StackName

    try:
        return find(session, stack, state=state)
    except NotReadyError:
        return target_of(session, StackName("lab"), state=state)
