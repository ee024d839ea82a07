"""Bringing a stack to what its file says: what ``up`` and ``apply`` have in common."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telamon import __version__
from telamon.cli import waiting
from telamon.cli.documents.changed import Changed
from telamon.cli.reading import as_data
from telamon.errors import (
    ConflictError,
    Interrupted,
    MachineError,
    NotReadyError,
    RefusedError,
    SetupRequired,
    TelamonError,
)

if TYPE_CHECKING:
    from telamon.cli.client import Accepted, Controller, Report
    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.cli.target import Target
    from telamon.units import Duration


@dataclass(frozen=True)
class Wishes:
    """How a person wants it done.

    Attributes:
        yes: whether questions are answered beforehand.
        wait: whether to wait until everything is ready.
        timeout: how long at most.
        downtime: products for which an interruption is agreed to.
        in_window: products whose upgrade begins in a maintenance window.
    """

    yes: bool
    wait: bool
    timeout: Duration
    downtime: tuple[str, ...] = ()
    in_window: tuple[str, ...] = ()


@dataclass(frozen=True)
class Sent:
    """A stack that a controller has taken.

    Attributes:
        accepted: its answer.
        last: sequence of the journal's last line before.
        began: instant at which it was sent.
    """

    accepted: Accepted
    last: int
    began: float


ENDS_WITHIN: Final = 5.0
"""Seconds for a controller that was given nothing to end and let go of its folder."""
LOOKS_EVERY: Final = 0.05
"""Seconds between two looks whether it has."""


@contextmanager
def leaving_nothing_behind(session: Session, target: Target) -> Iterator[None]:
    """Remove what a first start leaves in the state folder where it is refused: nothing is kept there.

    Args:
        session: whose wiring knows the folder.
        target: the stack that is brought up inside the block.
    """
    if target.exists:
        yield
        return
    root = target.root
    try:
        found = frozenset(path.name for path in root.iterdir()) if root.exists() else None
    except OSError:
        # A folder that cannot be read is refused in better words by whoever needs it.
        yield
        return
    try:
        yield
    except (Interrupted, NotReadyError, SetupRequired):
        # Nobody waits any longer; the stack itself was taken.
        raise
    except TelamonError:
        with suppress(TelamonError):
            kept = session.wiring().kept_state(root)
            if kept.stack_name() is None:
                _await_end(session, target)
                kept.discard(found)
        raise


def _await_end(session: Session, target: Target) -> None:
    """Give a controller that was refused its first stack the time to end."""
    if not target.exists:
        return
    ends = session.clock.now() + ENDS_WITHIN
    while session.clock.now() < ends:
        with session.wiring().controller_lease(target.root) as free:
            if free:
                return
        session.clock.sleep(LOOKS_EVERY)


def refuse_other_platforms(found: FileRead, *, else_do: str = "") -> None:
    """Refuse a stack that this machine cannot carry as it is.

    Args:
        found: the stack.
        else_do: what can be done besides, as a sentence; "" for nothing.

    Raises:
        RefusedError: it names another platform than this machine.
    """
    kind = found.stack.spec.platform.kind
    if kind != "lab":
        brings = (
            "Give --lab to rehearse it on this machine; `telamon up --context NAME` brings one to a cluster."
        )
        raise RefusedError(
            f"{found.source} is for the platform {kind}, and what runs here is the lab",
            guard="PlatformIsLab",
            remedy=f"{brings} {else_do}".rstrip(),
        )


def ensure_controller(session: Session, controller: Controller, *, target: Target) -> None:
    """See that a controller runs, on a machine that can carry what it keeps.

    Raises:
        MachineError: the machine lacks something; everything that it lacks is named.
    """
    if controller.runs():
        note_other_version(session, controller)
        return
    wiring = session.wiring()
    checks = wiring.machine_checks(target.root)
    # What components need to begin is judged by the controller, which knows those that run already.
    missing = [check for check in checks if not check.healthy and not check.to_begin]
    if missing:
        raise MachineError(
            "; ".join(check.reason for check in missing),
            remedy=" ".join(check.remedy for check in missing if check.remedy) or None,
        )
    if session.output == "text":
        session.terminal.note(f"starting a controller for {target.name}, its state in {target.root}")
    wiring.start_controller(target.root)


def note_other_version(session: Session, controller: Controller) -> None:
    """Say where the controller is of another version than this program."""
    version = controller.version()["version"]
    if version != __version__ and session.output == "text":
        session.terminal.note(
            f"the controller is of version {version}, and this is {__version__}: "
            "`telamon down`, then `telamon up` renews it"
        )


def bring(session: Session, controller: Controller, *, found: FileRead, wishes: Wishes) -> None:
    """Give the controller the stack, wait, and answer with what came of it.

    Args:
        session: whose terminal shows it.
        controller: that runs.
        found: the stack.
        wishes: how a person wants it done.

    Raises:
        ConflictError: the controller keeps another stack, or is just taking this one down.
        TimeoutExpired: it is not ready in time.
    """
    sent = send(session, controller, found=found, wishes=wishes)
    follow(session, controller, found=found, wishes=wishes, sent=sent)


def send(session: Session, controller: Controller, *, found: FileRead, wishes: Wishes) -> Sent:
    """Give the controller the stack.

    Raises:
        ConflictError: the controller keeps another stack, or is just taking this one down.
        RefusedError: a guard refuses it.
    """
    _agree_to_losses(session, _current(controller), found, yes=wishes.yes)
    last = max((entry["sequence"] for entry in controller.journal(last=1)), default=0)
    began = session.clock.now()
    source = str(Path(found.source).absolute())
    accepted = controller.put(
        as_data(found.stack), source=source, downtime=wishes.downtime, in_window=wishes.in_window
    )
    if session.output == "text":
        for note in accepted.notes:
            session.terminal.note(note)
    return Sent(accepted, last, began)


def follow(session: Session, controller: Controller, *, found: FileRead, wishes: Wishes, sent: Sent) -> None:
    """Wait for what was sent unless nobody wants to, and answer with what came of it.

    Raises:
        RefusedError: an upgrade failed and is held.
        TimeoutExpired: it is not ready in time.
    """
    accepted, name = sent.accepted, found.stack.metadata.name
    generation = accepted.generation
    if wishes.wait:
        report = waiting.until_ready(session, controller, generation=generation, timeout=wishes.timeout)
    else:
        report = controller.stack()
    steps = [entry for entry in controller.journal(since=sent.last) if entry["kind"] == "intent"]
    answer = Changed(
        stack=name,
        generation=generation,
        changed=accepted.changed,
        changes=len(steps),
        ready=waiting.is_ready(report, generation),
        seconds=round(session.clock.now() - sent.began, 1),
        urls=report.status.urls,
        notes=accepted.notes,
        warnings=found.warnings,
        not_rehearsed=found.not_rehearsed,
    )
    session.answer(lambda: answer, lambda: changed_text(answer))


def changed_text(answer: Changed) -> str:
    """What people read after ``up`` and ``apply``."""
    if not answer.ready:
        return f"{answer.stack} is being changed; `telamon status --wait` waits for it"
    changes = "1 change" if answer.changes == 1 else f"{answer.changes} changes"
    took = f" in {answer.seconds:g} s" if answer.changes else ""
    widest = max(map(len, answer.urls), default=0)
    urls = (f"  {name:{widest}}  {url}" for name, url in answer.urls.items())
    return "\n".join((f"{answer.stack} is ready: {changes}{took}", *urls))


def _current(controller: Controller) -> Report | None:
    try:
        return controller.stack()
    except NotReadyError:
        return None


def _agree_to_losses(session: Session, current: Report | None, found: FileRead, *, yes: bool) -> None:
    """Ask before a product that people use goes away with a line of the file."""
    if current is None:
        return
    name = found.stack.metadata.name
    if current.name != name:
        raise ConflictError(
            f"this state folder belongs to the stack {current.name}, and the file describes {name}",
            remedy="Give the file its old name, or another folder with --state.",
        )
    going = sorted(current.products - set(found.stack.spec.products))
    if going and current.status.components:
        what = ", ".join(going)
        session.confirm(
            f"{what} will be stopped (the data stays), as the file no longer names it. Go on?", yes=yes
        )
