"""``telamon build``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, file_argument, lab_option

if TYPE_CHECKING:
    from telamon.cli.session import Session


@click.command(cls=Verb)
@file_argument
@lab_option
@click.pass_obj
def command(session: Session, *, file: Path, lab: bool) -> None:
    """Print a file and all that it extends as one flat Stack.

    That is the form which Git keeps and which kubectl and Argo CD take. It holds what was written and no defaults, and
    it is the same text for the same input. FILE is stack.yaml where none is named.

    Examples:
        telamon build overlays/production.yaml > production.yaml
        telamon build production.yaml --lab
        telamon build -o json
    """
    from telamon.cli.reading import as_data, note_doubts, read_file
    from telamon.stackfile.build import build

    found = read_file(session, file, lab=lab)
    note_doubts(session, found)
    session.answer(lambda: as_data(found.stack), lambda: build(found.stack).rstrip("\n"))
