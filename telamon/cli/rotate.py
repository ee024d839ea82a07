"""``telamon rotate``: new secrets for what runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, Verbs, stack_option, state_option, wait_options, yes_option

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.group(cls=Verbs)
def command() -> None:
    """Give what runs a new secret.

    Examples:
        telamon rotate cluster-secret bitbucket --downtime
    """


@command.command("cluster-secret", cls=Verb)
@click.argument("product")
@click.option("--downtime", is_flag=True, help="Agree that every node of the product stops.")
@stack_option
@state_option
@yes_option
@wait_options("1h")
@click.pass_obj
def cluster_secret(
    session: Session,
    *,
    product: str,
    downtime: bool,
    stack: str | None,
    state: Path | None,
    yes: bool,
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
        session.confirm(f"Every node of {product} will stop for a while. Go on?", yes=yes)
    asked = Asked("rotate-cluster-secret", product, params={"downtime": "yes"} if downtime else {})
    operate(session, asked, where=Where(stack, state, wait, timeout))
