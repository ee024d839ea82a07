"""Operations as objects of the store: accepted once, run to an end, kept for whoever asks later."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any, Final, get_args

from telamon.desired.component import ComponentDesired
from telamon.desired.windows import gate
from telamon.errors import ConflictError, NotReadyError, RefusedError
from telamon.model.operation import Operation, OperationSpec, OperationStatus, number_of, written
from telamon.plan.operation import Running
from telamon.plan.operations.automatic import wish
from telamon.plan.operations.registry import refusals
from telamon.plan.step import Done, Ending, Finished, Wait, describe
from telamon.plan.view import View
from telamon.plan.window import IN_WINDOW, asked_for_later, opens
from telamon.ports import Clock, Store, Stored
from telamon.run.executor import Outcome

KIND: Final = "Operation"
KEPT: Final = 200
"""Ended operations that are kept; older ones are forgotten, and what they did stays in the journal."""
RETRY: Final = "retry"
"""Verb of what is no operation of a planner: failures and refusals of a component no longer count. It waits for nobody,
and ends at once."""
UNENDED: Final = frozenset({"Pending", "Running"})
_ENDINGS: Final[Mapping[str, Ending]] = MappingProxyType({ending: ending for ending in get_args(Ending)})


@dataclass(frozen=True)
class Wish:
    """What somebody asks for.

    Attributes:
        verb: what to do.
        component: in whose lane.
        member: whom it is about, or "".
        params: particulars.
    """

    verb: str
    component: str
    member: str
    params: Mapping[str, str]


@dataclass
class Operations:
    """The operations of a store.

    Args:
        store: where they are kept.
        clock: injected time.
    """

    store: Store
    clock: Clock
    _later: dict[str, list[str]] = field(init=False, default_factory=dict)
    """Names of those that wait for a window, by component, the oldest first; what is not here is in the store."""

    def accept(self, wish: Wish, view: View, *, stack: str, generation: int) -> Operation:
        """Take an operation.

        Args:
            wish: what is asked for.
            view: of the component, now; it holds the operation that is in progress there already.
            stack: name of the stack.
            generation: of the spec in force.

        Raises:
            RefusedError: a guard refuses it.
            ConflictError: another operation is in progress there.
        """
        running = self.judged(wish, view)
        made = self.make(wish, stack=stack, generation=generation)
        return made if not asked_for_later(running) else self._put_off(made.metadata.name, view.desired)

    def judged(self, wish: Wish, view: View) -> Running:
        """What would be begun with, where nothing speaks against it. Takes nothing.

        Args:
            wish: what is asked for.
            view: of the component, now; it holds the operation that is in progress there already.

        Raises:
            RefusedError: a guard refuses it.
            ConflictError: another operation is in progress there.
        """
        running = Running(wish.verb, wish.verb, wish.member, wish.params, self.clock.now())
        for refusal in refusals(view, running):
            if refusal.guard == "one-operation-at-a-time":
                raise ConflictError(refusal.message, remedy=refusal.remedy)
            raise RefusedError(refusal.message, guard=refusal.guard, remedy=refusal.remedy)
        if asked_for_later(running) and not view.desired.windows:
            raise no_window()
        return running

    def take_in(self, view: View, *, generation: int, refused: Mapping[str, str]) -> None:
        """Judge what others have asked of a component by writing an operation into the store, the oldest first.

        The first that may begin does; those before it, which a guard refuses, have failed.

        Args:
            view: of the component, now; no operation is in progress there.
            generation: of the spec in force.
            refused: verbs that the platform does not perform, and why.
        """
        name = view.desired.name
        for operation in self.all():
            if operation.spec.target.component != name or not _is_new(operation) or _is_retry(operation):
                continue
            stored = self._stored(operation.metadata.name)
            against = speaks_against(operation, view, generation=generation, refused=refused)
            if against is None:
                self._write(stored, {"started": _instant(self.clock.now()), "message": ""})
                if asked_for_later(_running(operation)):
                    self._put_off(stored.name, view.desired)
                    continue
                return
            ended = _instant(self.clock.now())
            self._write(stored, {"phase": "Failed", "message": against, "started": ended, "finished": ended})

    def retries(self, component: str) -> tuple[Operation, ...]:
        """What somebody has written into the store so that a component is tried again, and nobody has settled yet."""
        return tuple(
            one
            for one in self.all()
            if one.spec.target.component == component and _is_new(one) and _is_retry(one)
        )

    def settle(self, name: str, finished: Finished) -> None:
        """End what needs no steps.

        Args:
            name: of the operation.
            finished: how it ended.
        """
        now = _instant(self.clock.now())
        phase: Ending = finished.ending
        ended = {"phase": phase, "message": finished.message, "started": now, "finished": now}
        self._write(self._stored(name), ended)

    def make(self, wish: Wish, *, stack: str, generation: int) -> Operation:
        """Write an operation down; no guard is asked.

        Where that takes two writes, whoever came before may have died after the first. What he has left goes on: it
        would be another operation of somebody's, and fail once this one has done its work.

        Args:
            wish: what is asked for.
            stack: name of the stack.
            generation: of the spec in force.
        """
        left = next((one for one in self.all() if _is_new(one) and _is_for(one, wish)), None)
        if left is not None:
            return self._write(self._stored(left.metadata.name), {"started": _instant(self.clock.now())})
        number = 1 + max((number_of(stored.name) for stored in self.store.list(KIND)), default=0)
        target = {"stack": stack, "component": wish.component, "member": wish.member or None}
        spec = OperationSpec.model_validate(
            {"verb": wish.verb, "target": target, "params": dict(wish.params), "generation": generation},
            strict=False,
        )
        status = OperationStatus(phase="Pending", started=_instant(self.clock.now()))
        name = f"{wish.verb}-{wish.component}-{number}"
        made = self.store.put(Stored(KIND, name, 0, 0, _plain(spec), _plain(status)))
        self._forget_old()
        return _operation(made)

    def wished(self, view: View, stored: Stored) -> Running | None:
        """Make the operation that a component needs by itself.

        Args:
            view: of the component, now.
            stored: the stack.

        Returns:
            It; ``None`` where the component needs none.
        """
        asked = wish(view)
        if asked is None:
            return None
        name = view.desired.name
        self.make(
            Wish(asked.verb, name, asked.member, asked.params),
            stack=stored.name,
            generation=stored.generation,
        )
        return self.active(name)

    def let_in(self, view: View) -> Running | None:
        """Let the operation begin that waits longest for a maintenance window, where one is open and no guard refuses.

        Args:
            view: of its component, now.

        Returns:
            It; ``None`` where none waits, or none may begin yet.
        """
        name = view.desired.name
        if name not in self._later:
            self._later[name] = [one.metadata.name for one in self.all() if _waits(one, name)]
        waiting = self._later[name]
        if not waiting or view.operation is not None or view.is_paused():
            return None
        stored = self._stored(waiting[0])
        refused = next(iter(refusals(view, _running(_operation(stored)))), None)
        found = gate(view.desired.windows, view.now)
        if found is not None and not found.open:
            self._write(stored, {"message": f"begins {opens(found)}"})
        elif refused is not None:
            self._write(stored, {"message": f"{refused.message}; {refused.remedy}"})
        else:
            # From here on it is in progress, also for a controller that comes after this one.
            began = {"phase": "Running", "message": "", "started": _instant(self.clock.now())}
            self._write(stored, began)
            waiting.pop(0)
            return self.active(name)
        return None

    def postpone(self, wish: Wish, desired: ComponentDesired, *, stack: str, generation: int) -> Operation:
        """Write an operation down that begins in the next maintenance window; no guard is asked before that.

        Args:
            wish: what is asked for.
            desired: its component.
            stack: name of the stack.
            generation: of the spec in force.
        """
        later = replace(wish, params={**wish.params, IN_WINDOW: "yes"})
        made = self.make(later, stack=stack, generation=generation)
        return self._put_off(made.metadata.name, desired)

    def postponed(self, component: str) -> tuple[Operation, ...]:
        """The operations on a component that wait for a maintenance window, the oldest first."""
        return tuple(one for one in self.all() if _waits(one, component))

    def _put_off(self, name: str, desired: ComponentDesired) -> Operation:
        found = gate(desired.windows, self.clock.now())
        words = (
            opens(found) if found is not None and not found.open else "in the maintenance window that is open"
        )
        put_off = self._write(self._stored(name), {"message": f"begins {words}"})
        self._later.pop(desired.name, None)
        return put_off

    def active(self, component: str) -> Running | None:
        """The operation in progress on a component."""
        for stored in self.store.list(KIND):
            operation = _operation(stored)
            unended = (
                operation.status.phase in UNENDED
                and not _waits(operation, component)
                and not _is_new(operation)
            )
            if operation.spec.target.component == component and unended:
                return _running(operation)
        return None

    def all(self) -> tuple[Operation, ...]:
        """Every operation that is kept, the oldest first."""
        return tuple(
            _operation(stored)
            for stored in sorted(self.store.list(KIND), key=lambda one: number_of(one.name))
        )

    def get(self, name: str) -> Operation:
        """One operation.

        Raises:
            NotReadyError: there is none of that name.
        """
        return _operation(self._stored(name))

    def cancel(self, name: str) -> Operation:
        """Ask an operation to end early; its planner says what that means.

        Raises:
            NotReadyError: there is none of that name, or it has ended already.
        """
        stored = self._stored(name)
        operation = _operation(stored)
        if operation.status.phase not in UNENDED:
            raise NotReadyError(
                f"{name} has ended already", remedy=f"`telamon operations show {name}` tells how"
            )
        component = operation.spec.target.component or ""
        if _waits(operation, component):
            self._later.pop(component, None)
            over = {
                "phase": "Cancelled",
                "message": "it had not begun",
                "finished": _instant(self.clock.now()),
            }
            return self._write(stored, {"cancelled": True, **over})
        return self._write(stored, {"cancelled": True})

    def progress(self, running: Running, outcome: Outcome) -> None:
        """Write how far an operation is, where that has changed."""
        decision = outcome.decision
        message = decision.message if isinstance(decision, Wait) else ""
        changes: dict[str, Any] = {"phase": "Running", "message": outcome.error or message}
        if not isinstance(decision, Wait | Done | Finished):
            changes["step"] = describe(decision)
        self._write(self._stored(running.name), changes)

    def end(self, running: Running, finished: Finished) -> None:
        """Write how an operation ended."""
        phase: Ending = finished.ending
        changes = {"phase": phase, "message": finished.message, "finished": _instant(self.clock.now())}
        self._write(self._stored(running.name), changes)

    def ended(self, component: str) -> tuple[Running, Finished] | None:
        """The operation that ended last on a component, of those that did anything, and how."""
        for operation in reversed(self.all()):
            status = operation.status
            ending = _ENDINGS.get(status.phase)
            if operation.spec.target.component == component and ending is not None and status.step:
                return _running(operation), Finished(ending, status.message)
        return None

    def _stored(self, name: str) -> Stored:
        stored = self.store.get(KIND, name)
        if stored is None:
            raise NotReadyError(f"there is no operation {name}", remedy="`telamon operations` lists them")
        return stored

    def _write(self, stored: Stored, changes: Mapping[str, Any]) -> Operation:
        before = _operation(stored)
        after = before.status.model_copy(update=dict(changes))
        if after == before.status:
            return before
        return _operation(self.store.put(replace(stored, status=_plain(after))))

    def _forget_old(self) -> None:
        ended = [one for one in self.all() if one.status.phase not in UNENDED]
        for operation in ended[: max(len(ended) - KEPT, 0)]:
            stored = self.store.get(KIND, operation.metadata.name)
            if stored is not None:
                self.store.delete(KIND, stored.name, version=stored.version)


def no_window() -> RefusedError:
    """What is asked for in a maintenance window cannot wait for one."""
    return RefusedError(
        "the stack file names no maintenance window",
        guard="window-is-named",
        remedy="write one under spec.maintenance.windows, or ask without --in-window",
    )


def _is_new(operation: Operation) -> bool:
    """Whether nobody has judged an operation yet, which somebody has written into the store."""
    return operation.status.phase == "Pending" and operation.status.started is None


def _is_for(operation: Operation, wish: Wish) -> bool:
    """Whether an operation asks for the very same."""
    spec = operation.spec
    asked = (spec.verb, spec.target.component, spec.target.member or "", dict(spec.params))
    return asked == (wish.verb, wish.component, wish.member, dict(wish.params))


def _is_retry(operation: Operation) -> bool:
    return operation.spec.verb == RETRY


def speaks_against(
    operation: Operation, view: View, *, generation: int, refused: Mapping[str, str]
) -> str | None:
    """Why an operation cannot begin, in words; ``None`` where nothing speaks against it.

    Args:
        operation: that somebody has written, or is about to write.
        view: of its component, now.
        generation: of the spec in force.
        refused: verbs that the platform does not perform, and why.
    """
    if _is_retry(operation):
        return None
    if operation.spec.verb in refused:
        return f"{operation.spec.verb} is refused: {refused[operation.spec.verb]}"
    asked = _running(operation)
    if operation.status.cancelled:
        return "it was deleted before it had begun"
    if operation.spec.generation != generation:
        seen = operation.spec.generation
        return f"it was asked for when the stack was at generation {seen}, and it is at {generation} by now"
    if asked_for_later(asked) and not view.desired.windows:
        return "the stack names no maintenance window; write one under spec.maintenance.windows"
    found = next(iter(refusals(view, asked)), None)
    return None if found is None else f"{found.message}; {found.remedy}"


def _waits(operation: Operation, component: str) -> bool:
    """Whether an operation on a component waits for a maintenance window and has not begun."""
    own = operation.spec.target.component == component
    return own and operation.status.phase == "Pending" and asked_for_later(_running(operation))


def _running(operation: Operation) -> Running:
    started = operation.status.started
    return Running(
        operation.metadata.name,
        operation.spec.verb,
        operation.spec.target.member or "",
        operation.spec.params,
        started.timestamp() if started else 0.0,
        operation.status.cancelled,
        operation.status.uid,
    )


def _operation(stored: Stored) -> Operation:
    return written(stored.name, spec=stored.spec, status=stored.status)


def _plain(section: OperationSpec | OperationStatus) -> dict[str, Any]:
    return section.model_dump(mode="json", exclude_none=True)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
