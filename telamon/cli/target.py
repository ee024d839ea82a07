"""Which stack a verb is about, and where its state is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telamon.cli.options import DEFAULT_FILE
from telamon.errors import NotReadyError, PlatformError, UsageError
from telamon.naming import StackName, name_fault

if TYPE_CHECKING:
    from telamon.cli.session import Session

STORE: Final = "store.sqlite"
"""File by which the state folder of a stack is known."""


@dataclass(frozen=True)
class Target:
    """A stack on this machine.

    Attributes:
        name: of the stack.
        root: folder of its state.
        socket: where its controller answers.
        logs: folder of what its members write.
    """

    name: StackName
    root: Path
    socket: Path
    logs: Path

    @property
    def exists(self) -> bool:
        """Whether it was ever brought up here."""
        return (self.root / STORE).exists()


def find(session: Session, given: str | None, *, state: Path | None) -> Target:
    """Find the stack that is meant.

    Args:
        session: whose wiring knows where states are.
        given: name of a stack, or of its file; ``None``: the file in this folder, or else the only stack there is.
        state: folder of its state, if somebody says it.

    Raises:
        UsageError: no stack is called so, or several could be meant.
        NotReadyError: there is none at all.
        StackFileError: the file cannot be read.
    """
    if given is not None and not is_file(given):
        return _named(session, given, state)
    kept = _kept(session, state) if given is None and state is not None else None
    if kept is not None:
        return kept
    if given is not None or DEFAULT_FILE.exists():
        return of_file(session, Path(given) if given is not None else DEFAULT_FILE, state=state)
    if state is not None:
        return target_of(session, StackName(state.resolve().name), state=state)
    return _only(session)


def of_file(session: Session, file: Path, *, state: Path | None) -> Target:
    """Find the stack that a file describes. Raises what :func:`telamon.cli.reading.read_file` raises."""
    from telamon.cli.reading import read_file

    return target_of(session, read_file(session, file).stack.metadata.name, state=state)


def target_of(session: Session, name: StackName, *, state: Path | None) -> Target:
    """The stack of that name, wherever its state is."""
    return _at(session, name, session.wiring().state_root(name, state))


def known(session: Session) -> tuple[Target, ...]:
    """The stacks that were brought up on this machine by this user, by name."""
    beside = session.wiring().state_root(StackName("any"), None).parent
    folders = sorted(beside.iterdir()) if beside.is_dir() else []
    targets = (_at(session, StackName(folder.name), folder) for folder in folders)
    return tuple(target for target in targets if target.exists)


def _at(session: Session, name: StackName, root: Path) -> Target:
    wiring = session.wiring()
    return Target(name, root, wiring.socket_path(root), wiring.log_path(root).parent)


def is_file(given: str) -> bool:
    """Whether what was typed names a file, not a stack."""
    return "/" in given or given.endswith((".yaml", ".yml"))


def _kept(session: Session, state: Path) -> Target | None:
    """The stack that a state folder keeps, whatever the folder is called; ``None`` where it keeps none.

    The folder of a damaged store keeps a stack all the same: it goes by the folder's name.
    """
    found = target_of(session, StackName(state.resolve().name), state=state)
    if not found.exists:
        return None
    try:
        name = session.wiring().kept_state(found.root).stack_name()
    except PlatformError:
        return found
    return found if name is None else replace(found, name=name)


def _named(session: Session, given: str, state: Path | None) -> Target:
    if name_fault(given) is not None:
        raise UsageError(
            f'"{given}" is no name of a stack', remedy="Give a name or a file that ends in .yaml."
        )
    target = target_of(session, StackName(given), state=state)
    kept = _kept(session, state) if state is not None else None
    if kept is not None and kept.name != given:
        raise UsageError(
            f'{kept.root} keeps the stack {kept.name}, not "{given}"',
            remedy=f"Name {kept.name}, or no stack.",
        )
    if state is None and not target.exists:
        from telamon.cli.names import unknown

        raise unknown("stack", given, known=[stack.name for stack in known(session)])
    return target


def _only(session: Session) -> Target:
    stacks = known(session)
    if not stacks:
        raise NotReadyError(
            "there is no stack.yaml here, and no stack on this machine", remedy="Run `telamon up FILE` first."
        )
    if len(stacks) > 1:
        names = ", ".join(stack.name for stack in stacks)
        raise UsageError(
            f"which stack? There are several on this machine: {names}", remedy="Name the one that is meant."
        )
    return stacks[0]
