"""``telamon status``."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, timeout_option
from telamon.cli.places import place_argument

if TYPE_CHECKING:
    from telamon.cli.places import Place
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@place_argument
@click.option("--wait", is_flag=True, help="Wait until the stack is ready.")
@timeout_option("15m")
@click.pass_obj
def command(session: Session, *, place: Place, wait: bool, timeout: Duration) -> None:
    """Show how a stack stands.

    Every component with what it does or waits for, its members with version, state, whether they serve, and how often
    they were restarted; conditions; and where to go. STACK is a name or a file; where none is given it is the stack of
    stack.yaml, or the only one on this machine. With --context or --kubeconfig it is asked for in that cluster.

    Examples:
        telamon status
        telamon status --wait --timeout 5m
        telamon status acme --context production -o json
    """
    from telamon.cli.keepers import keeper_of
    from telamon.cli.waiting import until_ready

    with keeper_of(session, place) as keeper:
        report = keeper.stack()
        if wait:
            report = until_ready(session, keeper, generation=report.generation, timeout=timeout)

    def text() -> str:
        from telamon.cli.render import status_text

        now = datetime.fromtimestamp(session.clock.now(), UTC)
        return status_text(report, now=now, stream=session.terminal.out)

    session.answer(lambda: report.document, text)
