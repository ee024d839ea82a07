"""``telamon version``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon import __version__
from telamon.cli.options import Verb

if TYPE_CHECKING:
    from telamon.cli.session import Session


@click.command(cls=Verb)
@click.pass_obj
def command(session: Session) -> None:
    """Print the version.

    Examples:
        telamon version
        telamon version -o json
    """

    def document() -> object:
        import platform

        from telamon.cli.documents.program import Version

        return Version(__version__, platform.python_version())

    session.answer(document, lambda: f"telamon {__version__}")
