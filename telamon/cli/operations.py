"""``telamon operations``: what was asked for, how far it is, and how it ended."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import click

from telamon.cli.options import (
    Verb,
    Verbs,
    agreed_option,
    timeout_option,
)
from telamon.cli.places import place_options

if TYPE_CHECKING:
    from telamon.cli.places import Place
    from telamon.cli.session import Session
    from telamon.model.operation import Operation
    from telamon.units import Duration

SHOWN: Final = 20
"""Operations that the list shows where nothing is said."""


@click.group(cls=Verbs)
def command() -> None:
    """Show, wait for or cancel what was asked for once.

    Restarts, index copies, backups, upgrades and the like are operations: each has a name, goes on in the controller
    whoever waits for it, survives the controller, and is kept after its end.

    Examples:
        telamon operations list
        telamon operations show restart-jira-3
        telamon operations wait restart-jira-3
        telamon operations cancel restart-jira-3
    """


@command.command("list", cls=Verb)
@place_options
@click.option("--all", "everything", is_flag=True, help=f"Show all that are kept, not the last {SHOWN}.")
@click.pass_obj
def list_(session: Session, *, place: Place, everything: bool) -> None:
    """List operations, the newest last.

    Examples:
        telamon operations list
        telamon operations list --context production
        telamon operations list --all -o json
    """
    from telamon.cli.keepers import keeper_of

    with keeper_of(session, place) as keeper:
        found = keeper.operations()
    shown = found if everything else found[-SHOWN:]
    session.answer(lambda: [_document(one) for one in shown], lambda: _table(shown))


@command.command("show", cls=Verb)
@click.argument("name")
@place_options
@click.pass_obj
def show(session: Session, *, name: str, place: Place) -> None:
    """Show one operation: what was asked for, how far it is, how it ended.

    Examples:
        telamon operations show restart-jira-3
    """
    from telamon.cli.keepers import keeper_of

    with keeper_of(session, place) as keeper:
        found = keeper.operation(name)
    session.answer(lambda: _document(found), lambda: _text(found))


@command.command("wait", cls=Verb)
@click.argument("name")
@place_options
@timeout_option("1h")
@click.pass_obj
def wait(session: Session, *, name: str, place: Place, timeout: Duration) -> None:
    """Wait until an operation has ended; its failure is the failure of this command.

    Examples:
        telamon operations wait restart-jira-3 --timeout 30m
    """
    from telamon.cli.keepers import keeper_of
    from telamon.cli.operating import follow, tell

    with keeper_of(session, place) as keeper:
        ended = follow(session, keeper, name=name, timeout=timeout, again=place.words)
    tell(session, ended, again=place.words)


@command.command("cancel", cls=Verb)
@click.argument("name")
@place_options
@agreed_option
@click.pass_obj
def cancel(session: Session, *, name: str, place: Place) -> None:
    """Ask an operation to end early.

    It ends in order: what was begun is finished or taken back, as the operation's own message says.

    Examples:
        telamon operations cancel restart-jira-3
    """
    from telamon.cli.keepers import keeper_of

    with keeper_of(session, place) as keeper:
        found = keeper.cancel(name)
    session.answer(lambda: _document(found), lambda: f"{name} was asked to end early")


def _document(operation: Operation) -> dict[str, Any]:
    return operation.model_dump(mode="json", exclude_none=True)


def _table(operations: tuple[Operation, ...]) -> str:
    if not operations:
        return "no operation was asked for yet"
    rows = [
        (one.metadata.name, one.status.phase, one.status.message or one.status.step) for one in operations
    ]
    first = max(len(row[0]) for row in rows)
    return "\n".join(f"{name:{first}}  {phase:9}  {words}".rstrip() for name, phase, words in rows)


def _text(operation: Operation) -> str:
    status, target = operation.status, operation.spec.target
    lines = [
        f"{operation.metadata.name}: {status.phase}",
        f"  on        {target.member or target.component}",
        *(f"  {name:9} {value}" for name, value in sorted(operation.spec.params.items())),
        f"  asked     {status.started:%Y-%m-%d %H:%M:%S %Z}" if status.started else "",
        f"  ended     {status.finished:%Y-%m-%d %H:%M:%S %Z}" if status.finished else "",
        f"  last step {status.step}" if status.step else "",
        f"  {status.message}" if status.message else "",
    ]
    return "\n".join(line for line in lines if line)
