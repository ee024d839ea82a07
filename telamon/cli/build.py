"""``telamon build``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, file_argument, lab_option

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.model.stack import Stack


@click.command(cls=Verb)
@file_argument
@lab_option
@click.pass_obj
def command(session: Session, *, file: Path, lab: bool) -> None:
    """Print a file and all that it extends as one flat Stack.

    That is the form which Git keeps and which kubectl and Argo CD take. It holds what was written and no defaults, and
    it is the same text for the same input. On a cluster it also holds the digests of stack.lock.yaml beside the file,
    because there nobody sees that file; what has none there is named. FILE is stack.yaml where none is named.

    Examples:
        telamon build overlays/production.yaml > production.yaml
        telamon build production.yaml --lab
        telamon build -o json
    """
    from telamon.cli.reading import as_data, note_doubts, read_file
    from telamon.stackfile.build import build

    found = read_file(session, file, lab=lab)
    note_doubts(session, found)
    stack = (
        found.stack
        if found.stack.spec.platform.kind == "lab"
        else locked_stack(session, found.stack, file=file)
    )
    session.answer(lambda: as_data(stack), lambda: build(stack).rstrip("\n"))


def locked_stack(session: Session, stack: Stack, *, file: Path) -> Stack:
    """The stack with the digests of its lock; a person is told which images have none.

    Args:
        session: whose terminal shows it.
        stack: as the file says.
        file: beside which the lock is.
    """
    from telamon.cli.locking import read_lock_beside
    from telamon.desired.kubernetes.images import Images, locked
    from telamon.desired.kubernetes.site import wanted_images
    from telamon.products.registry import products_of

    spec = stack.spec
    wanted = wanted_images(stack, products_of({str(name): each for name, each in spec.products.items()}))
    images = locked(spec.images, wanted, digests=read_lock_beside(file))
    if session.output == "text":
        named = Images(images, {})
        for name in sorted({named.name(text) for text in wanted}):
            if "@" not in name:
                session.terminal.note(f"no digest of {name} is known; `telamon lock` finds it")
    if images is spec.images:
        return stack
    return stack.model_copy(update={"spec": spec.model_copy(update={"images": images})})
