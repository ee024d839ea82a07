"""Operations as objects of the store: accepted once, run to an end, kept for whoever asks later."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from telamon.errors import ConflictError, NotReadyError, RefusedError
from telamon.model.operation import Operation, OperationSpec, OperationStatus
from telamon.plan.operation import Running
from telamon.plan.operations.automatic import wish
from telamon.plan.operations.registry import PLANNERS, refusals
from telamon.plan.step import Done, Ending, Finished, Wait, describe
from telamon.plan.view import View
from telamon.ports import Clock, Store, Stored
from telamon.run.executor import Outcome

KIND: Final = "Operation"
KEPT: Final = 200
"""Ended operations that are kept; older ones are forgotten, and what they did stays in the journal."""
UNENDED: Final = frozenset({"Pending", "Running"})


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
        running = Running(wish.verb, wish.verb, wish.member, wish.params, self.clock.now())
        for refusal in refusals(view, running):
            if refusal.guard == "one-operation-at-a-time":
                raise ConflictError(refusal.message, remedy=refusal.remedy)
            raise RefusedError(refusal.message, guard=refusal.guard, remedy=refusal.remedy)
        return self.make(wish, stack=stack, generation=generation)

    def make(self, wish: Wish, *, stack: str, generation: int) -> Operation:
        """Write an operation down; no guard is asked.

        Args:
            wish: what is asked for.
            stack: name of the stack.
            generation: of the spec in force.
        """
        number = 1 + max((_number(stored.name) for stored in self.store.list(KIND)), default=0)
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

    def was_made(self, component: str, verbs: Collection[str], *, generation: int) -> bool:
        """Whether one of some verbs was asked of a component for a generation of the spec already."""
        return any(
            operation.spec.verb in verbs
            and operation.spec.target.component == component
            and operation.spec.generation >= generation
            for operation in self.all()
        )

    def active(self, component: str) -> Running | None:
        """The operation in progress on a component."""
        for stored in self.store.list(KIND):
            operation = _operation(stored)
            if operation.spec.target.component == component and operation.status.phase in UNENDED:
                return _running(operation)
        return None

    def all(self) -> tuple[Operation, ...]:
        """Every operation that is kept, the oldest first."""
        return tuple(
            _operation(stored) for stored in sorted(self.store.list(KIND), key=lambda one: _number(one.name))
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


def known_verbs() -> tuple[str, ...]:
    """Every verb that can be asked for."""
    return tuple(PLANNERS)


def _running(operation: Operation) -> Running:
    started = operation.status.started
    return Running(
        operation.metadata.name,
        operation.spec.verb,
        operation.spec.target.member or "",
        operation.spec.params,
        started.timestamp() if started else 0.0,
        operation.status.cancelled,
    )


def _operation(stored: Stored) -> Operation:
    return Operation.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": KIND,
            "metadata": {"name": stored.name},
            "spec": dict(stored.spec),
            "status": dict(stored.status),
        },
        strict=False,
    )


def _plain(section: OperationSpec | OperationStatus) -> dict[str, Any]:
    return section.model_dump(mode="json", exclude_none=True)


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _number(name: str) -> int:
    last = name.rpartition("-")[2]
    return int(last) if last.isdigit() else 0
