"""``telamon upgrade``."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from telamon.cli import completing
from telamon.cli.options import (
    DEFAULT_FILE,
    Verb,
    lab_option,
    state_option,
    wait_options,
    window_option,
    yes_option,
)
from telamon.errors import UsageError

if TYPE_CHECKING:
    from telamon.cli.client import Controller
    from telamon.cli.session import Session
    from telamon.model.operation import Operation
    from telamon.stackfile.edit import Edited
    from telamon.units import Duration

LONGEST_CHAIN: Final = 8
"""Most files of a chain of overlays that are looked through."""
KEPT_ELSEWHERE: Final = "Use --print, and change the file where it is kept."


@dataclass(frozen=True)
class _Change:
    """The line that changes, and its file."""

    file: Path
    edited: Edited

    def patch(self) -> str:
        """The change as people read it."""
        return (
            f"{self.file}:{self.edited.line}\n- {self.edited.before.strip()}\n+ {self.edited.after.strip()}"
        )


@click.command(cls=Verb)
@click.argument("product", shell_complete=completing.PRODUCTS)
@click.argument("version")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_FILE,
    help="The stack file. Default: stack.yaml here.",
)
@click.option(
    "--downtime", is_flag=True, help="Agree to an interruption where the vendor allows nothing better."
)
@click.option("--print", "only_print", is_flag=True, help="Print the change to the file, and do nothing.")
@lab_option
@state_option
@yes_option
@window_option
@wait_options("2h")
@click.pass_obj
def command(
    session: Session,
    *,
    product: str,
    version: str,
    file: Path,
    downtime: bool,
    only_print: bool,
    lab: bool,
    state: Path | None,
    yes: bool,
    in_window: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Bring a product to another version.

    Writes the version into the stack file (or the file that it extends), and sends it to the controller. Where the
    vendor allows it, nodes are replaced one by one while the others serve; a version that fails on its first node is
    taken back by itself and held; a backup is taken first where spec.backup says so. Where it is not allowed the
    upgrade is refused, unless --downtime agrees to an interruption: then a backup is made first, and users see a
    maintenance page until the new version serves.

    With --in-window nothing is touched before the next maintenance window opens; until then the upgrade is listed as an
    operation, which can be cancelled.

    Examples:
        telamon upgrade jira 11.3.5
        telamon upgrade confluence 10.2.7 --downtime
        telamon upgrade jira 11.3.5 --in-window
        telamon upgrade jira 11.3.5 --print
    """
    from telamon.cli import bringing
    from telamon.cli.client import Controller
    from telamon.cli.files import replace_text
    from telamon.cli.operating import tell
    from telamon.cli.reading import note_doubts, read_file
    from telamon.cli.target import target_of

    before = read_file(session, file, lab=lab)
    _check_product(product, tuple(map(str, before.stack.spec.products)))
    change = _change(file, product, version=version)
    if only_print:
        session.answer(lambda: {"file": str(change.file), "patch": change.patch()}, change.patch)
        return
    bringing.refuse_other_platforms(before)
    controller = Controller(target_of(session, before.stack.metadata.name, state=state).socket)
    controller.version()
    old = change.file.read_text(encoding="utf-8")
    replace_text(change.file, change.edited.text, remedy=KEPT_ELSEWHERE)
    try:
        found = read_file(session, file, lab=lab)
        note_doubts(session, found)
        wishes = bringing.Wishes(
            yes,
            wait,
            timeout,
            downtime=(product,) if downtime else (),
            in_window=(product,) if in_window else (),
        )
        sent = bringing.send(session, controller, found=found, wishes=wishes)
    except BaseException:
        # A version that was not taken does not stay in the file.
        replace_text(change.file, old, remedy=KEPT_ELSEWHERE)
        raise
    if session.output == "text":
        session.terminal.note(change.patch())
    later = _postponed(controller, product) if in_window else None
    if later is None:
        bringing.follow(session, controller, found=found, wishes=wishes, sent=sent)
    else:
        tell(session, later)


def _postponed(controller: Controller, product: str) -> Operation | None:
    """The upgrade that waits for a window; ``None`` where there is nothing to upgrade, or it has begun."""
    from telamon.naming import ProductName, component_name
    from telamon.plan.operation import UPGRADING

    component = component_name(ProductName(product))
    waiting = [
        one
        for one in controller.operations()
        if one.spec.target.component == component
        and one.spec.verb in UPGRADING
        and one.status.phase == "Pending"
    ]
    return waiting[-1] if waiting else None


def _check_product(product: str, known: tuple[str, ...]) -> None:
    if product not in known:
        from telamon.cli.names import unknown

        raise unknown("product", product, known=known)


def _change(file: Path, product: str, *, version: str) -> _Change:
    """The change, in the file that names the version: the one given, or one that it extends."""
    from telamon.stackfile.edit import set_text

    looked = file
    for _ in range(LONGEST_CHAIN):
        text = looked.read_text(encoding="utf-8")
        edited = set_text(text, ("spec", "products", product, "version"), value=version, file=str(looked))
        if edited is not None:
            return _Change(looked, edited)
        base = _extended(text, looked)
        if base is None:
            break
        looked = base
    raise UsageError(
        f"no file names the version of {product}",
        remedy=f"Write spec.products.{product}.version into {file}.",
    )


def _extended(text: str, file: Path) -> Path | None:
    from telamon.stackfile.compose import compose
    from telamon.stackfile.tree import Block

    node, _ = compose(text.encode(), file=str(file))
    value = node.value("extends") if isinstance(node, Block) else None
    return None if value is None else Path(os.path.normpath(file.parent / str(value)))
