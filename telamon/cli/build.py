"""``telamon build``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, file_argument, ground_option, lab_option, state_option

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.model.stack import Stack


@click.command(cls=Verb)
@file_argument
@lab_option
@click.option(
    "--with-facts",
    is_flag=True,
    help="On aws: also write what the layers tell, for an operator to which this file is brought by others.",
)
@state_option
@ground_option
@click.pass_obj
def command(
    session: Session, *, file: Path, lab: bool, with_facts: bool, state: Path | None, ground: Path | None
) -> None:
    """Print a file and all that it extends as one flat Stack.

    That is the form which Git keeps and which kubectl and Argo CD take. It holds what was written and no defaults, and
    it is the same text for the same input. On a cluster it also holds the digests of stack.lock.yaml beside the file,
    because there nobody sees that file; what has none there is named. With --with-facts it holds what lies below the
    cluster as well, as `telamon up` would write it there; a layer that does not stand as the file asks for it is
    refused. FILE is stack.yaml where none is named.

    Examples:
        telamon build overlays/production.yaml > production.yaml
        telamon build production.yaml --with-facts --ground deploy > gitops/production.yaml
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
    if with_facts:
        root = session.wiring().state_root(stack.metadata.name, state)
        stack = told_stack(session, stack, folder=session.wiring().ground_folder(root, ground))
    session.answer(lambda: as_data(stack), lambda: build(stack).rstrip("\n"))


def told_stack(session: Session, stack: Stack, *, folder: Path) -> Stack:
    """The stack with what its ground tells, where the operator of its cluster looks for it.

    Args:
        session: whose wiring knows Terraform.
        stack: as the file says.
        folder: of the layers.

    Raises:
        RefusedError: nothing that Telamon makes lies below it.
        NotReadyError: a layer does not stand as the file asks for it.
    """
    from telamon.desired.kubernetes.facts import as_text, facts_of
    from telamon.desired.kubernetes.written import FACTS
    from telamon.desired.terraform.data import LayerName
    from telamon.desired.terraform.facts import flat
    from telamon.desired.terraform.ground import ground
    from telamon.errors import NotReadyError, RefusedError
    from telamon.infra.telling import ground_told
    from telamon.products.registry import products_of

    if stack.spec.platform.kind != "aws":
        raise RefusedError(
            f"nothing that Telamon makes lies below the stack {stack.metadata.name}",
            guard="has-ground",
            remedy="Leave --with-facts away; a stack on aws has layers below it.",
        )
    for layer in LayerName:
        if not (folder / layer).is_dir():
            raise NotReadyError(
                f"{folder / layer} is not there",
                remedy="Name the folder of the layers with --ground, or run telamon up FILE.",
            )
    terraform = session.wiring().terraform()
    below = ground(stack, products_of({str(name): spec for name, spec in stack.spec.products.items()}))
    told = ground_told(below, {layer: terraform.outputs(folder / layer) for layer in LayerName})
    annotations = {**stack.metadata.annotations, FACTS: as_text(facts_of([flat(told)]))}
    metadata = stack.metadata.model_copy(update={"annotations": annotations})
    return stack.model_copy(update={"metadata": metadata})


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
