"""``telamon validate``."""

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
    """Say everything that is wrong with a stack file.

    Every problem is reported at once, each with file, line, path and remedy; the exit code is then 3. Doubtful things,
    such as a version that soon leaves its vendor's support, are warnings. FILE is stack.yaml where none is named; - is
    standard input. With --lab it also says what a rehearsal on this machine would not show.

    Examples:
        telamon validate
        telamon validate production.yaml --lab
        helm template . | telamon validate - -o json
    """
    from telamon.cli.reading import note_doubts, read_file

    found = read_file(session, file, lab=lab)
    note_doubts(session, found)
    name = found.stack.metadata.name

    def document() -> object:
        from telamon.cli.documents import Validation

        return Validation(
            file=found.source,
            stack=name,
            valid=True,
            warnings=found.warnings,
            not_rehearsed=found.not_rehearsed,
        )

    session.answer(document, lambda: f"{found.source}: the stack {name} is valid")
