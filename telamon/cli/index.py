"""``telamon index``: the search indexes of a product's nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import (
    Verb,
    Verbs,
    agreed_option,
    plan_option,
    wait_options,
    window_option,
    yes_option,
)
from telamon.cli.places import place_options

if TYPE_CHECKING:
    from telamon.cli.documents.told import MemberIndex
    from telamon.cli.places import Place
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.group(cls=Verbs)
def command() -> None:
    """Show the search indexes of nodes, and give a node another one.

    A node whose index is broken, or never catches up, gets that of another one by itself; what can be asked for here is
    the same, at another time or in another way. A product that keeps its index in a companion is told so.

    Examples:
        telamon index status
        telamon index sync jira --to jira-1
        telamon index rebuild bitbucket
    """


@command.command("status", cls=Verb)
@place_options
@click.pass_obj
def status(session: Session, *, place: Place) -> None:
    """Show how the index of every node stands.

    Examples:
        telamon index status
        telamon index status -o json
    """
    from telamon.cli.documents.told import MemberIndex
    from telamon.cli.keepers import keeper_of

    with keeper_of(session, place) as keeper:
        found = keeper.stack().status
    indexes = [
        MemberIndex(
            member.name,
            member.component,
            member.state,
            readable=member.index.readable,
            behind=member.index.behind,
        )
        for member in found.members
        if member.index is not None
    ]
    session.answer(lambda: indexes, lambda: _table(indexes))


@command.command("sync", cls=Verb)
@click.argument("product", shell_complete=completing.PRODUCTS)
@click.option("--from", "source", metavar="MEMBER", help="Whose index it gets. Default: the fittest.")
@click.option("--to", "target", metavar="MEMBER", required=True, help="Who gets it.")
@click.option(
    "--strategy",
    type=click.Choice(("snapshot", "copy")),
    help="Let the product recover its index in the vendor's way, or copy the files. Default: as the product has it.",
)
@place_options
@agreed_option
@window_option
@plan_option
@wait_options("1h")
@click.pass_obj
def sync(
    session: Session,
    *,
    product: str,
    source: str | None,
    target: str,
    strategy: str | None,
    place: Place,
    in_window: bool,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Give a node the search index of another one.

    The source goes on serving and writing. The node that gets the index is drained and stopped for the moment in which
    the two are exchanged, and serves again when it has caught up with what was written since. Never a torn index,
    whatever dies meanwhile: the old one stays until the new one is whole.

    Examples:
        telamon index sync jira --from jira-0 --to jira-1
        telamon index sync confluence --to confluence-1 --strategy copy
        telamon index sync jira --to jira-1 --in-window
    """
    from telamon.cli.operating import Asked, Where, operate

    params = {"source": source or "", "strategy": strategy or ""}
    asked = Asked("index-sync", product, target, {name: value for name, value in params.items() if value})
    operate(session, asked, where=Where(place, wait, timeout, in_window, plan=plan))


@command.command("rebuild", cls=Verb)
@click.argument("product", shell_complete=completing.PRODUCTS)
@click.option("--on", "member", metavar="MEMBER", help="Which node makes it. Default: the last that serves.")
@place_options
@yes_option
@window_option
@plan_option
@wait_options("12h")
@click.pass_obj
def rebuild(
    session: Session,
    *,
    product: str,
    member: str | None,
    place: Place,
    yes: bool,
    in_window: bool,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Have a product make its whole search index anew, from its own data.

    That takes about an hour for a million issues. A product that locks the node which makes the index has that node
    taken out of rotation first, and the others go on serving; the product hands the new index to them. Where only one
    node's index is bad, `telamon index sync` mends it in seconds.

    Examples:
        telamon index rebuild bitbucket
        telamon index rebuild jira --on jira-1 --yes --in-window
    """
    from telamon.cli.operating import Asked, Where, operate

    session.confirm(
        f"Have {product} make its whole index anew? Searches may find less until it has.", yes=yes or plan
    )
    where = Where(place, wait, timeout, in_window, plan=plan)
    operate(session, Asked("index-rebuild", product, member or ""), where=where)


def _table(indexes: list[MemberIndex]) -> str:
    if not indexes:
        return "no node tells of an index now"
    rows = [(one.member, one.state, _words(one)) for one in indexes]
    first, second = (max(len(row[column]) for row in rows) for column in (0, 1))
    return "\n".join(f"{name:{first}}  {state:{second}}  {words}" for name, state, words in rows)


def _words(index: MemberIndex) -> str:
    if not index.readable:
        return "its index cannot be read"
    if index.behind is None:
        return "its index is read; how far it is, the product does not tell"
    return "its index has caught up" if index.behind == 0 else f"its index lacks {index.behind} operations"
