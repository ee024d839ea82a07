"""``telamon trust``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, stack_argument, state_option

if TYPE_CHECKING:
    from telamon.cli.session import Session


@click.command(cls=Verb)
@stack_argument
@state_option
@click.pass_obj
def command(session: Session, *, stack: str | None, state: Path | None) -> None:
    """Print the certificate authority of the front door.

    Where a stack's front door speaks TLS in the lab, its certificate is signed by an authority of the lab's own. A
    browser or a client trusts it once it knows this certificate.

    Examples:
        telamon trust > acme.pem
        curl --cacert <(telamon trust) https://jira.acme.localhost:8443/status
    """
    from telamon.cli.documents.told import Certificate
    from telamon.cli.target import find

    certificate = session.wiring().certificate(find(session, stack, state=state).root)
    session.answer(lambda: Certificate(certificate), lambda: certificate.rstrip("\n"))
