"""Bringing up a copy of a stack: what is looked at first, and what is left of one that could not be made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telamon.cli import bringing
from telamon.cli.target import Target, target_of
from telamon.errors import ConflictError, MachineError, RefusedError, UsageError, brief
from telamon.naming import StackName, name_fault

if TYPE_CHECKING:
    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.state.backups import BackupEntry

SEED_GUARD: Final = "copy-is-in-place"
"""Guard by which a copy is refused whose data could not be put in place."""
LICENCE: Final = (
    "the licences are those of the original: ask the vendor for ones for development, which come with them, and put"
    " them in place with `telamon secret` and the product's own page"
)


@dataclass(frozen=True)
class Wanted:
    """What a person wants to be made.

    Attributes:
        name: of the copy.
        file: its stack file.
        into: folder of its state, where one was named.
    """

    name: str
    file: Path
    into: Path | None


@dataclass(frozen=True)
class Copy:
    """A copy that may be brought up.

    Attributes:
        found: its stack file.
        target: where its state goes.
        size: bytes of the backups that it begins with.
        written: its stack file, where that was not there before.
    """

    found: FileRead
    target: Target
    size: int
    written: Path | None


def prepare(session: Session, source: Target, *, backups: Sequence[str], wanted: Wanted) -> Copy:
    """Look at everything before anything is made but the stack file of the copy.

    Args:
        session: whose wiring knows the backups.
        source: the stack that is copied.
        backups: names of backups, one for each product.
        wanted: what is to be made.

    Raises:
        UsageError: there is no such backup, two are of one product, or the name cannot be one.
        ConflictError: the name, the folder or the file is taken by something else.
        RefusedError: the file is not that of such a copy.
        StackFileError: the file has problems.
    """
    if name_fault(wanted.name) is not None or wanted.name == source.name:
        why = "is that of the stack itself" if wanted.name == source.name else "is no name of a stack"
        raise UsageError(
            f'"{wanted.name}" {why}', remedy="Give the copy a short name of its own, as acme-test."
        )
    desk = session.wiring().backups(source.root)
    entries = tuple(desk.get(name) for name in backups)
    products = [entry.product for entry in entries]
    twice = next((name for name in products if products.count(name) > 1), None)
    if twice is not None:
        raise UsageError(f"two of the backups are of {twice}", remedy="Name one backup for each product.")
    target = target_of(session, StackName(wanted.name), state=_folder(source, wanted))
    _refuse_taken(session, target, entries)
    written = None if wanted.file.exists() else wanted.file
    found = _file(session, entries, source=source, wanted=wanted)
    return Copy(found, target, sum(entry.size for entry in entries), written)


def bring_up(session: Session, copy: Copy, *, wishes: bringing.Wishes) -> None:
    """Bring a copy up; what could not be filled with its data is taken away again.

    Raises:
        RefusedError: its data could not be put in place.
        MachineError: the machine has no room for it, or lacks something.
        TimeoutExpired: it is not ready in time; it goes on.
    """
    from telamon.cli.client import Controller
    from telamon.cli.down import stop

    target, controller = copy.target, Controller(copy.target.socket)
    existed = target.exists
    try:
        with bringing.leaving_nothing_behind(session, target):
            session.wiring().hand_over(target.root, copy.found.stack, size=copy.size)
            bringing.ensure_controller(session, controller, target=target)
            sent = bringing.send(session, controller, found=copy.found, wishes=wishes)
        if session.output == "text":
            session.terminal.note(LICENCE)
        noted = replace(sent, accepted=replace(sent.accepted, notes=(*sent.accepted.notes, LICENCE)))
        bringing.follow(session, controller, found=copy.found, wishes=wishes, sent=noted)
    except RefusedError as error:
        if error.guard == SEED_GUARD and not existed:
            stop(session, target, timeout=wishes.timeout)
            session.wiring().purge(target.root)
            if copy.written is not None:
                copy.written.unlink(missing_ok=True)
            raise RefusedError(
                str(error),
                guard=error.guard,
                remedy="Nothing of the copy is left. `telamon backup list` shows other backups.",
            ) from error
        raise


def _folder(source: Target, wanted: Wanted) -> Path:
    folder = wanted.into or source.root.parent / wanted.name
    folder = folder.expanduser().absolute()
    if folder == source.root:
        raise UsageError(
            f"{folder} is the folder of {source.name}", remedy="Give the copy one of its own: --into."
        )
    return folder


def _file(session: Session, entries: Sequence[BackupEntry], *, source: Target, wanted: Wanted) -> FileRead:
    """The stack file of the copy, written where there is none."""
    from telamon.cli.reading import note_doubts, read_file
    from telamon.stackfile.clones import clone_file, section

    root = str(source.root)
    if not wanted.file.exists():
        text = clone_file(entries, name=StackName(wanted.name), source=root)
        try:
            with wanted.file.open("x", encoding="utf-8") as opened:
                opened.write(text)
        except OSError as error:
            raise MachineError(
                f"{wanted.file} cannot be written: {brief(error)}", remedy="Name another one with --file."
            ) from error
        if session.output == "text":
            session.terminal.note(f"wrote {wanted.file}, the stack file of the copy")
    found = read_file(session, wanted.file)
    wished = section(entries, source=root)
    clone = found.stack.spec.clone
    same = clone is not None and (clone.of, clone.source, dict(clone.backups)) == (
        wished.of,
        wished.source,
        dict(wished.backups),
    )
    if found.stack.metadata.name != wanted.name or not same:
        listed = ", ".join(f"{product}: {name}" for product, name in wished.backups.items())
        raise RefusedError(
            f"{wanted.file} does not describe {wanted.name} as a copy of {wished.of} with these backups",
            guard="FileIsOfTheCopy",
            remedy=f"Name another file with --file, or write metadata.name {wanted.name} and spec.clone"
            f" {{of: {wished.of}, source: {wished.source}, backups: {{{listed}}}}} into it.",
        )
    note_doubts(session, found)
    bringing.refuse_other_platforms(found)
    return found


def _refuse_taken(session: Session, target: Target, entries: Sequence[BackupEntry]) -> None:
    """A folder that keeps a stack already keeps this very copy."""
    if not target.exists:
        return
    kept: Mapping[str, Any] = session.wiring().section_of(target.root) or {}
    wanted = {entry.product: entry.name for entry in entries}
    named = session.wiring().kept_state(target.root).stack_name()
    if named != target.name or (kept.get("of"), kept.get("backups")) != (entries[0].stack, wanted):
        raise ConflictError(
            f"{target.root} keeps a stack already, and it is not this copy",
            remedy="Give the copy another name with --as, or another folder with --into.",
        )
