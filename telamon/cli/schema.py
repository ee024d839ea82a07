"""``telamon schema``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb

if TYPE_CHECKING:
    from telamon.cli.session import Session


@click.command(cls=Verb)
@click.option("--overlay", is_flag=True, help="The schema of an overlay instead.")
@click.pass_obj
def command(session: Session, overlay: bool) -> None:
    """Print the JSON schema of the stack file.

    Editors that speak YAML check and complete a file by it. With or without -o json it is the same JSON.

    Examples:
        telamon schema > stack.schema.json
        telamon schema --overlay > overlay.schema.json
    """
    import json

    from telamon.stackfile import schema as schemas

    registry = session.wiring().registry()
    made = schemas.overlay_schema(registry) if overlay else schemas.schema(registry)
    session.answer(lambda: made, lambda: json.dumps(made, indent=2, ensure_ascii=False))
