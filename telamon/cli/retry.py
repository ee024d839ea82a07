"""``telamon retry``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb, agreed_option, timeout_option
from telamon.cli.places import Place, place_options

if TYPE_CHECKING:
    from telamon.cli.keepers import Keeper
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@click.argument("component", required=False, shell_complete=completing.COMPONENTS)
@place_options
@agreed_option
@click.option("--wait", is_flag=True, help="Wait until the stack is ready.")
@timeout_option("15m")
@click.pass_obj
def command(
    session: Session,
    *,
    component: str | None,
    place: Place,
    wait: bool,
    timeout: Duration,
) -> None:
    """Try again what has failed, without waiting.

    Says that the cause is gone: failures of COMPONENT, or of all components, no longer count, a quarantined member is
    started at once, and a change that was held is tried again. It destroys nothing, so it never asks.

    In a cluster the operator is asked by an Operation for each component; a release whose upgrade interrupts its users
    is tried again by `telamon upgrade --downtime` alone.

    Examples:
        telamon retry
        telamon retry jira --wait
        telamon retry jira --context production
    """
    from telamon.cli.client import Controller
    from telamon.cli.documents.changed import Retried
    from telamon.cli.keepers import keeper_of
    from telamon.cli.waiting import until_ready

    with keeper_of(session, place) as keeper:
        chosen = _chosen(keeper, component)
        if isinstance(keeper, Controller):
            retried = tuple(keeper.retry(component))
        else:
            retried = tuple(
                _asked(session, keeper, name, timeout=timeout, again=place.words) for name in chosen
            )
        if wait:
            until_ready(session, keeper, generation=keeper.stack().generation, timeout=timeout)
    session.answer(lambda: Retried(retried), lambda: f"trying again: {', '.join(retried)}")


def _asked(session: Session, keeper: Keeper, component: str, *, timeout: Duration, again: str) -> str:
    """Have a component of a cluster tried again. Returns its name."""
    from telamon.cli.operating import follow, refuse_failed

    made = keeper.operate({"verb": "retry", "component": component, "member": "", "params": {}})
    ended = follow(session, keeper, name=made.metadata.name, timeout=timeout, again=again)
    refuse_failed(ended, again=again)
    return component


def _chosen(keeper: Keeper, component: str | None) -> tuple[str, ...]:
    """The components that are meant."""
    names = [found.name for found in keeper.stack().status.components]
    if component is None:
        return tuple(names)
    if component not in names:
        from telamon.cli.names import unknown

        raise unknown("component", component, known=names)
    return (component,)
