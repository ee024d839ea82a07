"""``telamon doctor``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from telamon.cli.options import Verb, agreed_option, stack_argument, state_option
from telamon.errors import MachineError, NoController, NotReadyError, ProductError, UsageError

if TYPE_CHECKING:
    from telamon.cli.findings import CheckedProduct, Examination
    from telamon.cli.session import Session
    from telamon.cli.target import Target


@click.command(cls=Verb)
@stack_argument
@state_option
@click.option(
    "--repair", is_flag=True, help="Move a damaged state file aside, so that `telamon up` can go on."
)
@agreed_option
@click.option(
    "--live", default="", metavar="URL", help="A real instance, by the URL that users type or of one node."
)
@click.option("--product", default="", metavar="NAME", help="With --live: which product it is.")
@click.option(
    "--credentials",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="SECRET",
    help="With --live: a file with `token:`, or `username:` and `password:`, of an administrator, for you alone.",
)
@click.option(
    "--authority",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --live: authorities to trust, as PEM. Default: those of this machine.",
)
@click.option(
    "--write",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="With --live: where to write what was seen, for `observed:` of the product in the stack file.",
)
@click.pass_context
def command(
    context: click.Context,
    *,
    stack: str | None,
    state: Path | None,
    repair: bool,
    live: str,
    product: str,
    credentials: Path | None,
    authority: Path | None,
    write: Path | None,
) -> None:
    """Check this machine, and what the products say of themselves.

    First whether this machine can carry a lab: system, libraries, rights, room, paths. Then, where a stack runs, every
    product's own health checks, asked through the front door. The exit code is 0 where all is well, 6 where the machine
    lacks something, 8 where a product is ill.

    With --repair it looks at the state file of a stack that is kept by no controller. One that is damaged is moved
    aside; nothing is deleted, and no data of a product is touched.

    With --live it asks a real instance instead, without changing anything there: every line of the contract that the
    engine relies on is looked at, and told as "holds", "differs" or "unseen". What public sources disagree on and the
    instance shows is written with --write, and the engine goes by it where the stack file names the file. The exit code
    is 8 where a line differs.

    Examples:
        telamon doctor
        telamon doctor --live https://jira.acme.example --product jira --credentials account.yaml --write jira.yaml
        telamon doctor acme -o json
        telamon doctor acme --repair
    """
    session: Session = context.obj
    if live:
        from telamon.cli.live import Instance, look

        if not look(session, Instance(live, product, credentials, authority), write=write):
            context.exit(ProductError.exit_code)
        return
    if product or credentials or authority or write:
        raise UsageError("nothing says which instance is meant", remedy="Name its URL with --live.")
    target = _target(session, stack, state)
    if repair:
        _repair(session, target)
        return
    found = examine(session, target)

    def text() -> str:
        from telamon.cli.documents.shape import plain
        from telamon.cli.render import doctor_text

        shown = plain(found)
        table = doctor_text(shown["machine"], shown["products"], stream=session.terminal.out)
        return table if found.controller else f"{table}\nno controller runs, so no product was asked"

    session.answer(lambda: found, text)
    if not all(check.healthy for check in found.machine):
        context.exit(MachineError.exit_code)
    if not found.healthy:
        context.exit(ProductError.exit_code)


LOST: Final = (
    "the stack file in force: give it again with `telamon up FILE`",
    "the journal and the list of operations",
    "failures, quarantines and refusals that counted against members",
    "which products were set up, which release their data is of, and which nodes have joined; it is learnt anew",
)
"""What is lost with a state file, and how it comes back."""


def _repair(session: Session, target: Target) -> None:
    """Move a damaged state file aside, and say what is lost with it."""
    from telamon.cli.findings import Repaired

    aside = session.wiring().kept_state(target.root).repair(session.time)
    answer = Repaired(stack=target.name, moved=str(aside or ""), lost=LOST if aside is not None else ())

    def text() -> str:
        if aside is None:
            return f"the state file of {target.name} is sound: nothing was changed"
        lost = "\n".join(f"  {line}" for line in LOST)
        return f"the state file was damaged and is now {aside}\nlost with it:\n{lost}"

    session.answer(lambda: answer, text)


def examine(session: Session, target: Target) -> Examination:
    """Look at everything.

    Args:
        session: whose wiring knows the machine.
        target: the stack whose products are asked, if it runs.
    """
    from telamon.cli.findings import CheckedMachine, Examination

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
    from telamon.cli.findings import CheckedProduct

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
