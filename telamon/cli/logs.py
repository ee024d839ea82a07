"""``telamon logs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb
from telamon.cli.places import Place, place_options
from telamon.errors import UsageError

if TYPE_CHECKING:
    from telamon.cli.session import Session


@click.command(cls=Verb)
@click.argument("member", required=False, shell_complete=completing.MEMBERS)
@click.option("-f", "--follow", is_flag=True, help="Go on showing what comes, until Ctrl-C.")
@click.option(
    "-n",
    "--lines",
    type=click.IntRange(min=0),
    default=50,
    metavar="N",
    help="How many of the last lines to begin with. Default: 50.",
)
@place_options
@click.pass_obj
def command(session: Session, *, member: str | None, follow: bool, lines: int, place: Place) -> None:
    """Show what was done, or what a member wrote.

    Without MEMBER it shows the journal: what was done to which member, why, and what came of it. MEMBER is a member, a
    component (all its members), or controller.

    In a cluster it shows the journal alone, which the operator keeps; what pods write `kubectl logs` shows.

    Examples:
        telamon logs
        telamon logs jira-0 -f
        telamon logs confluence --lines 200
        telamon logs controller
        telamon logs --context production -f
    """
    from telamon.cli import journal, tailing
    from telamon.cli.target import find

    if place.in_cluster:
        _show_cluster(session, place, member=member, lines=lines, follow=follow)
        return
    target = find(session, place.stack, state=place.state)
    if member is None:
        journal.show(session, journal.LabJournal(session, target), lines=lines, follow=follow)
    else:
        tailing.show(session, target.logs, member=member, lines=lines, follow=follow)


def _show_cluster(session: Session, place: Place, *, member: str | None, lines: int, follow: bool) -> None:
    """Show the journal of a stack of a cluster; what its pods write, the cluster shows itself."""
    from functools import partial

    from telamon.cli import journal
    from telamon.cli.clusters import connected
    from telamon.cli.keepers import stack_name

    if member is not None:
        raise UsageError(
            f"what {member} writes in a cluster is the cluster's to show",
            remedy="`kubectl logs` does, with the pod and the namespace of its product (STACK-PRODUCT).",
        )
    with connected(place.kubeconfig, place.context) as api:
        from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
        from telamon.platforms.kubernetes.asking import Asking
        from telamon.platforms.kubernetes.glimpsing import JournalGlance

        name = stack_name(session, api, given=place.stack)
        asking = Asking(api, name)
        asking.survey(session.wiring().products(asking.asked_for()))
        kept = journal.ClusterJournal(
            partial(JournalGlance, api, OPERATOR_NAMESPACE, name, asking.components)
        )
        journal.show(session, kept, lines=lines, follow=follow)
