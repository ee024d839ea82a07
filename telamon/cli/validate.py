"""``telamon validate``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, file_argument, lab_option

if TYPE_CHECKING:
    from telamon.cli.documents.checked import RoomChecked
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

    Where the file names machines (spec.placement.machines), it also says whether every pod has one with room, and
    whether that holds with one machine lost: "fits", "cannot fit" with the proof, or "no packing found", which proves
    nothing. What a machine holds back is taken off first. A lack of room is told, and is no problem of the file.

    Examples:
        telamon validate
        telamon validate production.yaml --lab
        helm template . | telamon validate - -o json
    """
    from telamon.cli.reading import note_doubts, read_file

    found = read_file(session, file, lab=lab)
    note_doubts(session, found)
    name = found.stack.metadata.name
    room: tuple[RoomChecked, ...] = ()
    if found.stack.spec.placement.machines:
        from telamon.cli.rooms import room_of

        room = room_of(found.stack)

    def document() -> object:
        from telamon.cli.documents.checked import Validation

        return Validation(
            file=found.source,
            stack=name,
            valid=True,
            warnings=found.warnings,
            not_rehearsed=found.not_rehearsed,
            room=room,
        )

    def text() -> str:
        lines = [f"{found.source}: the stack {name} is valid"]
        if room:
            from telamon.cli.rooms import room_lines

            lines += room_lines(room)
        return "\n".join(lines)

    session.answer(document, text)
