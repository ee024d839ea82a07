"""``telamon render``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telamon.cli.options import Verb, file_argument
from telamon.errors import UsageError

if TYPE_CHECKING:
    from telamon.cli.documents.rendered import Rendered
    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.desired.terraform.ground import Ground
    from telamon.platforms.folder import Written


class FolderVerb(Verb):
    """A verb whose ``--output`` is a folder; the form of its answer is left to ``-o`` alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for parameter in self.params:
            if parameter.name == "output":
                parameter.opts = ["-o"]


@click.command(cls=FolderVerb)
@file_argument
@click.option(
    "--terraform", is_flag=True, help="Everything below Kubernetes on AWS, for terraform 1.10 or newer."
)
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Folder to write to. Manifests are printed where none is named.",
)
@click.option(
    "--facts",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="What `terraform output -json` prints of a layer; once for each. Needed for manifests on AWS.",
)
@click.pass_obj
def command(
    session: Session, *, file: Path, terraform: bool, folder: Path | None, facts: tuple[Path, ...]
) -> None:
    """Write what a stack is made of as files for other tools.

    Manifests for Kubernetes: a folder for each namespace, in the order in which they are to be applied, and one for
    what has none. No cluster is asked. Images are named by the digests of stack.lock.yaml beside the file; see
    `telamon lock`. Values of secrets are in no file: the answer lists which secrets somebody has to bring.

    With --terraform: a folder for each of the layers state, network, cluster, data, edge and operations, and the
    rights of the role that applies them, for review. Also says what a month costs, as far as that does not depend on
    use.

    The same file gives the same bytes. Files of an earlier run that are no longer meant are removed; files of your own
    are left alone. Nothing is applied. FILE is stack.yaml where none is named.

    Examples:
        telamon render production.yaml --output manifests
        telamon render production.yaml | kubectl diff --server-side -f -
        telamon render production.yaml --terraform --output ground
        telamon render aws.yaml --facts data.json --facts edge.json --output manifests
    """
    if terraform and folder is None:
        raise UsageError(
            "it is not said where to write",
            remedy="Write `telamon render FILE --terraform --output DIR`.",
        )
    from telamon.cli.reading import note_doubts, read_file

    found = read_file(session, file)
    note_doubts(session, found)
    if folder is not None and terraform:
        _write_ground(session, found, folder=folder)
        return
    from telamon.cli.manifests import render_manifests

    render_manifests(session, found, file=file, folder=folder, facts=facts)


def _write_ground(session: Session, found: FileRead, *, folder: Path) -> None:
    from telamon.desired.terraform.ground import ground
    from telamon.desired.terraform.render import WRITTEN, files_on
    from telamon.platforms.folder import write
    from telamon.products.registry import products_of

    products = found.stack.spec.products
    known = ground(found.stack, products_of({str(name): spec for name, spec in products.items()}))
    written = write(folder, files_on(known), mark=WRITTEN, ending=".tf.json")
    session.answer(
        lambda: _document(known, folder, written), lambda: _text(_document(known, folder, written))
    )


def _document(known: Ground, folder: Path, written: Written) -> Rendered:
    from telamon.cli.documents.rendered import CostChoice, CostPart, Rendered
    from telamon.desired.cost import NOT_COUNTED, choices, estimate
    from telamon.desired.prices import AS_OF, REGION

    month = estimate(known)
    return Rendered(
        stack=known.stack,
        folder=str(folder),
        written=written.written,
        same=written.same,
        removed=written.removed,
        monthly=round(month.total, 2),
        prices=f"{REGION}, {AS_OF.isoformat()}",
        parts=tuple(
            CostPart(part.name, part.layer, round(part.monthly, 2), part.published) for part in month.parts
        ),
        choices=tuple(
            CostChoice(each.path, each.now, each.instead, round(each.monthly, 2), each.meaning)
            for each in choices(known)
        ),
        not_counted=NOT_COUNTED,
    )


def _text(answer: Rendered) -> str:
    files = f"{len(answer.written)} files written, {len(answer.same)} were so already"
    gone = f", {len(answer.removed)} removed" if answer.removed else ""
    lines = [f"{answer.folder}: {files}{gone}", "", f"USD a month, list prices of {answer.prices}:"]
    lines += [
        f"  {part.monthly:>10,.2f}{' ' if part.published else '?'}  {part.name}" for part in answer.parts
    ]
    lines += [f"  {answer.monthly:>10,.2f}   in all, and besides by use:"]
    lines += [f"               {what}" for what in answer.not_counted]
    if not all(part.published for part in answer.parts):
        lines.append("  ? has a price that was not read in print")
    lines += ["", "What a setting would save or cost:"]
    lines += [
        f"  {each.monthly:>+10,.2f}   {each.path}: {each.now} -> {each.instead} ({each.meaning})"
        for each in answer.choices
    ]
    return "\n".join(lines)
