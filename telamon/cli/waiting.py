"""Waiting for a stack, with progress shown, a limit, and a way out that tells what is still missing."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Final

from telamon.cli.progress import board, lines_of
from telamon.errors import (
    Interrupted,
    NoController,
    NotReadyError,
    PlatformError,
    RefusedError,
    SetupRequired,
    TelamonError,
    TimeoutExpired,
)

if TYPE_CHECKING:
    from telamon.cli.client import Controller, Report
    from telamon.cli.keepers import Keeper
    from telamon.cli.session import Session
    from telamon.cli.target import Target
    from telamon.units import Duration

LOOKS_EVERY: Final = 0.5
"""Seconds between two looks."""


def until_ready(session: Session, keeper: Keeper, *, generation: int, timeout: Duration) -> Report:
    """Wait until a stack is ready.

    Args:
        session: whose clock runs and whose terminal shows the progress.
        keeper: of the stack.
        generation: of the spec that must have been looked at, at least.
        timeout: how long at most.

    Raises:
        TimeoutExpired: the time is over; the message says what each component waits for.
        SetupRequired: the time is over, and a person has to go on somewhere.
        PlatformError: the controller has ended.
        Interrupted: somebody pressed Ctrl-C.
    """
    began = session.clock.now()
    try:
        with board(session) as shown:
            while True:
                report = keeper.stack()
                elapsed = session.clock.now() - began
                shown.show(lines_of(report.status), elapsed)
                if is_ready(report, generation):
                    return report
                _stop_if_held(report, generation)
                if elapsed >= timeout.seconds:
                    raise _too_late(report, timeout)
                session.clock.sleep(LOOKS_EVERY)
    except NoController as error:
        raise PlatformError(
            "the controller ended while it was waited for",
            remedy="`telamon logs controller` tells why; `telamon up` starts another.",
        ) from error
    except KeyboardInterrupt as error:
        raise Interrupted(
            "nobody waits any more; the controller goes on", remedy="`telamon status --wait` waits again."
        ) from error


def until_gone(session: Session, controller: Controller, *, target: Target, timeout: Duration) -> None:
    """Wait until a controller that takes its stack down has ended and let go of the state folder.

    Where it died before every member had ended, another one is started and goes on.

    Args:
        session: as for :func:`until_ready`.
        controller: that was asked to.
        target: the stack it keeps.
        timeout: how long at most.

    Raises:
        TimeoutExpired: the time is over.
        Interrupted: somebody pressed Ctrl-C.
    """
    began = session.clock.now()
    try:
        with board(session) as shown:
            while (elapsed := session.clock.now() - began) < timeout.seconds:
                if _has_ended(session, target):
                    if not session.wiring().kept_state(target.root).running():
                        return
                    session.wiring().start_controller(target.root)
                    # It may die as well; the next look finds out.
                    with suppress(NoController):
                        controller.down()
                # One that never got a stack has no status to show while it ends.
                with suppress(NotReadyError):
                    shown.show(lines_of(controller.stack().status), elapsed)
                session.clock.sleep(LOOKS_EVERY)
    except KeyboardInterrupt as error:
        raise Interrupted(
            "nobody waits any more; the controller goes on stopping the stack",
            remedy="`telamon down` waits again.",
        ) from error
    raise TimeoutExpired(
        f"the stack is not down after {timeout}",
        waited=timeout.seconds,
        remedy="`telamon status` shows what is left; wait longer with --timeout.",
    )


def _has_ended(session: Session, target: Target) -> bool:
    # The socket goes first; a successor can start only once the lease is free.
    with session.wiring().controller_lease(target.root) as free:
        return free


def is_ready(report: Report, generation: int) -> bool:
    """Whether a stack is what its spec of that generation, or a later one, says."""
    ready = report.status.condition("Ready")
    looked_at = report.status.observed_generation or 0
    return ready is not None and ready.status == "True" and looked_at >= generation


def _stop_if_held(report: Report, generation: int) -> None:
    """Give up where an upgrade has failed and is held, or a copy has no data: nothing goes on by itself."""
    for component in report.status.components:
        if component.reason == "SeedFailed":
            raise RefusedError(
                f"{component.name}: {component.message}",
                guard="copy-is-in-place",
                remedy="`telamon backup list` shows other backups; `telamon retry` tries this one again.",
            )
    held = report.status.condition("UpgradeFailed")
    if held is None or held.status != "True" or (report.status.observed_generation or 0) < generation:
        return
    remedy = next(
        (component.remedy for component in report.status.components if component.reason == held.reason), ""
    )
    raise RefusedError(held.message, guard="upgrade", remedy=remedy)


def _too_late(report: Report, timeout: Duration) -> TelamonError:
    missing = [line for line in lines_of(report.status) if not line.done]
    person = next((line for line in missing if line.url), None)
    if person is not None:
        return SetupRequired(
            f"{person.component} is not ready after {timeout}: {person.words}", url=person.url, form=""
        )
    words = "; ".join(f"{line.component}: {line.words}" for line in missing)
    words = words or "the controller has not looked at the change yet"
    known = next((component.remedy for component in report.status.components if component.remedy), "")
    return TimeoutExpired(
        f"{report.name} is not ready after {timeout}: {words}",
        waited=timeout.seconds,
        remedy=known or "`telamon status` shows more; `telamon status --wait --timeout 30m` waits longer.",
    )
