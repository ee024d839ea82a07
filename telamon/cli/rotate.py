"""``telamon rotate``: new secrets for what runs."""

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
    from telamon.cli.places import Place
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.group(cls=Verbs)
def command() -> None:
    """Give what runs a new secret.

    Examples:
        telamon rotate database-password jira
        telamon rotate cluster-secret bitbucket --downtime
    """


@command.command("cluster-secret", cls=Verb)
@click.argument("product", shell_complete=completing.PRODUCTS)
@click.option("--downtime", is_flag=True, help="Agree that every node of the product stops.")
@place_options
@yes_option
@window_option
@plan_option
@wait_options("1h")
@click.pass_obj
def cluster_secret(
    session: Session,
    *,
    product: str,
    downtime: bool,
    place: Place,
    yes: bool,
    in_window: bool,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Give the nodes of a product's cluster a new secret, in a planned interruption.

    Nodes with different secrets form different clusters, so all of them stop, and users see the maintenance page until
    enough serve again. Without --downtime it is refused.

    Examples:
        telamon rotate cluster-secret bitbucket --downtime
        telamon rotate cluster-secret bitbucket --downtime --yes --no-wait
    """
    from telamon.cli.operating import Asked, Where, operate

    if downtime:
        session.confirm(f"Every node of {product} will stop for a while. Go on?", yes=yes or plan)
    asked = Asked("rotate-cluster-secret", product, params={"downtime": "yes"} if downtime else {})
    operate(session, asked, where=Where(place, wait, timeout, in_window, plan=plan))


@command.command("database-password", cls=Verb)
@click.argument("product", shell_complete=completing.PRODUCTS)
@place_options
@agreed_option
@window_option
@plan_option
@wait_options("1h")
@click.pass_obj
def database_password(
    session: Session,
    *,
    product: str,
    place: Place,
    in_window: bool,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Give the nodes of a product another log-in to their database, while users go on working.

    Two roles take turns. The one whose turn it is gets a new password; the nodes, and those of companions that share
    the database, restart with it one by one; then the other role is ended. A node that does not come up with it turns
    everything back, and so does `telamon operations cancel` until the old role is being ended. Refused where a node is
    not well, where there is only one, and where the stack file tells the nodes whom to log in as.

    Examples:
        telamon rotate database-password jira
        telamon rotate database-password confluence --in-window
    """
    from telamon.cli.operating import Asked, Where, operate

    operate(
        session,
        Asked("rotate-database-password", product),
        where=Where(place, wait, timeout, in_window, plan=plan),
    )
