"""Asking for an operation, following it, and telling how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telamon.cli.terminal import printable
from telamon.errors import (
    Interrupted,
    NoController,
    PlatformError,
    RefusedError,
    TimeoutExpired,
)

if TYPE_CHECKING:
    from telamon.cli.client import Controller
    from telamon.cli.session import Session
    from telamon.model.operation import Operation
    from telamon.units import Duration

LOOKS_EVERY: Final = 0.3
"""Seconds between two looks."""
UNENDED: Final = frozenset({"Pending", "Running"})


@dataclass(frozen=True)
class Asked:
    """What is asked of a stack's controller.

    Attributes:
        verb: of the operation.
        component: in whose lane.
        member: whom it is about, or "".
        params: particulars.
    """

    verb: str
    component: str
    member: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Where:
    """Which stack, and how long to wait.

    Attributes:
        stack: name or file, or ``None`` for the only one.
        state: state folder, where one was named.
        wait: whether to follow the operation to its end.
        timeout: how long at most.
        in_window: whether it shall begin in a maintenance window; nobody then waits.
    """

    stack: str | None
    state: Path | None
    wait: bool
    timeout: Duration
    in_window: bool = False


def operate(session: Session, asked: Asked, *, where: Where) -> None:
    """Ask for an operation; follow it to its end unless nobody wants to wait, and tell how it ended.

    Args:
        session: whose terminal shows the progress.
        asked: what is asked for; an unknown component or member is refused with the nearest name.
        where: which stack.

    Raises:
        RefusedError: a guard refuses it, or it failed.
        ConflictError: another operation is in progress on that component.
        TimeoutExpired: it is not at its end yet; it goes on.
    """
    from telamon.cli.client import Controller
    from telamon.cli.target import find

    controller = Controller(find(session, where.stack, state=where.state).socket)
    _check(controller, asked)
    made = controller.operate(
        {
            "verb": asked.verb,
            "component": asked.component,
            "member": asked.member,
            "params": {**asked.params, **({"in-window": "yes"} if where.in_window else {})},
        }
    )
    if where.wait and not where.in_window:
        made = follow(session, controller, name=made.metadata.name, timeout=where.timeout)
    tell(session, made)


def member_component(controller: Controller, member: str) -> str:
    """The component of a member.

    Raises:
        UsageError: there is no such member; the nearest one is named.
    """
    from telamon.cli.names import unknown

    members = {found.name: found.component for found in controller.stack().status.members}
    if member not in members:
        raise unknown("member", member, known=list(members))
    return members[member]


def follow(session: Session, controller: Controller, *, name: str, timeout: Duration) -> Operation:
    """Wait until an operation has ended, and show what it does.

    Raises:
        TimeoutExpired: the time is over; the operation goes on.
        PlatformError: the controller has ended.
        Interrupted: somebody pressed Ctrl-C.
    """
    began = session.clock.now()
    shown = ""
    try:
        while True:
            operation = controller.operation(name)
            if operation.status.phase not in UNENDED:
                return operation
            words = printable(operation.status.message or operation.status.step)
            elapsed = session.clock.now() - began
            if words and words != shown:
                session.terminal.note(f"{elapsed:6.1f} s  {name}: {words}")
                shown = words
            if elapsed >= timeout.seconds:
                raise TimeoutExpired(
                    f"{name} is not at its end after {timeout}: {words or 'it has not begun'}",
                    waited=timeout.seconds,
                    remedy=f"`telamon operations wait {name}` waits on; `telamon operations cancel {name}` ends it.",
                )
            session.clock.sleep(LOOKS_EVERY)
    except NoController as error:
        raise PlatformError(
            "the controller ended while the operation was waited for",
            remedy="`telamon up` starts another, which goes on with it.",
        ) from error
    except KeyboardInterrupt as error:
        raise Interrupted(
            f"nobody waits any more; {name} goes on",
            remedy=f"`telamon operations wait {name}` waits again, `telamon operations cancel {name}` ends it.",
        ) from error


def tell(session: Session, operation: Operation) -> None:
    """Write how an operation stands.

    Raises:
        RefusedError: it failed.
    """
    status, name = operation.status, operation.metadata.name
    if status.phase == "Failed":
        raise RefusedError(
            f"{name} failed: {status.message}",
            guard=operation.spec.verb,
            remedy=f"`telamon logs` tells what was done; `telamon operations show {name}` repeats this.",
        )
    session.answer(
        lambda: operation.model_dump(mode="json", exclude_none=True),
        lambda: printable(f"{name}: {status.phase}{f' ({status.message})' if status.message else ''}"),
    )


def _check(controller: Controller, asked: Asked) -> None:
    from telamon.cli.names import unknown

    status = controller.stack().status
    components = [component.name for component in status.components]
    if asked.component not in components:
        raise unknown("component", asked.component, known=components)
    members = [member.name for member in status.members if member.component == asked.component]
    if asked.member and asked.member not in members:
        raise unknown("member", asked.member, known=members)
