"""Asking for an operation, following it, and telling how it ended."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from telamon.cli.terminal import printable
from telamon.errors import (
    Interrupted,
    NoController,
    PlatformError,
    RefusedError,
    TimeoutExpired,
)

if TYPE_CHECKING:
    from telamon.cli.keepers import Keeper
    from telamon.cli.places import Place
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
        place: which stack is meant, and where it is kept.
        wait: whether to follow the operation to its end.
        timeout: how long at most.
        in_window: whether it shall begin in a maintenance window; nobody then waits.
        plan: whether to show what it would do, and do nothing.
    """

    place: Place
    wait: bool
    timeout: Duration
    in_window: bool = False
    plan: bool = False


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
    from telamon.cli.keepers import keeper_of

    with keeper_of(session, where.place) as keeper:
        _check(keeper, asked)
        wish = {
            "verb": asked.verb,
            "component": asked.component,
            "member": asked.member,
            "params": {**asked.params, **({"in-window": "yes"} if where.in_window else {})},
        }
        if where.plan:
            _show(session, keeper.plan_operation(wish), asked)
            return
        made = keeper.operate(wish)
        if where.wait and not where.in_window:
            made = follow(
                session, keeper, name=made.metadata.name, timeout=where.timeout, again=where.place.words
            )
    tell(session, made, again=where.place.words)


def _show(session: Session, found: Mapping[str, Any], asked: Asked) -> None:
    """Show what an operation would do."""
    from telamon.cli.render import plan_text

    name = f"{asked.verb} {asked.member or asked.component}"
    out = session.terminal.out
    session.answer(lambda: found, lambda: plan_text(name, found["steps"], waits=found["waits"], stream=out))


def member_component(session: Session, place: Place, *, member: str) -> str:
    """The component of a member.

    Args:
        session: whose wiring knows who keeps the stack.
        place: of the stack.
        member: its name.

    Raises:
        UsageError: there is no such member; the nearest one is named.
    """
    from telamon.cli.keepers import keeper_of
    from telamon.cli.names import unknown

    with keeper_of(session, place) as keeper:
        members = {found.name: found.component for found in keeper.stack().status.members}
    if member not in members:
        raise unknown("member", member, known=list(members))
    return members[member]


def follow(session: Session, keeper: Keeper, *, name: str, timeout: Duration, again: str = "") -> Operation:
    """Wait until an operation has ended, and show what it does.

    Args:
        session: whose terminal shows it.
        keeper: who keeps the stack.
        name: of the operation.
        timeout: how long at most.
        again: what has to be typed to mean the same cluster, after another verb.

    Raises:
        TimeoutExpired: the time is over; the operation goes on.
        PlatformError: the controller has ended.
        Interrupted: somebody pressed Ctrl-C.
    """
    began = session.clock.now()
    shown = ""
    try:
        while True:
            operation = keeper.operation(name)
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
                    remedy=f"`telamon operations wait {name}{again}` waits on; "
                    f"`telamon operations cancel {name}{again}` ends it.",
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
            remedy=f"`telamon operations wait {name}{again}` waits again, "
            f"`telamon operations cancel {name}{again}` ends it.",
        ) from error


def tell(session: Session, operation: Operation, *, again: str = "") -> None:
    """Write how an operation stands.

    Args:
        session: where it is written.
        operation: that is told of.
        again: what has to be typed to mean the same cluster, after another verb.

    Raises:
        RefusedError: it failed.
    """
    refuse_failed(operation, again=again)
    status, name = operation.status, operation.metadata.name
    session.answer(
        lambda: operation.model_dump(mode="json", exclude_none=True),
        lambda: printable(f"{name}: {status.phase}{f' ({status.message})' if status.message else ''}"),
    )


def refuse_failed(operation: Operation, *, again: str) -> None:
    """Say nothing of an operation, unless it failed.

    Args:
        operation: that has ended.
        again: what has to be typed to mean the same cluster, after another verb.

    Raises:
        RefusedError: it failed.
    """
    status, name = operation.status, operation.metadata.name
    if status.phase == "Failed":
        raise RefusedError(
            f"{name} failed: {status.message}",
            guard=operation.spec.verb,
            remedy=f"`telamon logs` tells what was done; `telamon operations show {name}{again}` repeats this.",
        )


def _check(keeper: Keeper, asked: Asked) -> None:
    from telamon.cli.names import unknown

    status = keeper.stack().status
    components = [component.name for component in status.components]
    if asked.component not in components:
        raise unknown("component", asked.component, known=components)
    members = [member.name for member in status.members if member.component == asked.component]
    if asked.member and asked.member not in members:
        raise unknown("member", asked.member, known=members)
