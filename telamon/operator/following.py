"""A host whose store others write: people and their tools, by way of the API server of a cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from telamon.errors import RefusedError
from telamon.operator.host import Host
from telamon.operator.lane import KeptLane
from telamon.operator.spec import stack_of
from telamon.plan.step import Finished
from telamon.plan.view import AGREEING
from telamon.run.executor import Executor


@dataclass
class FollowingHost(Host):
    """Keeps a stack that is written elsewhere.

    Args:
        around: what each pass over a component is made in, by its name.
    """

    around: Callable[[str], AbstractContextManager[object]] = nullcontext

    def follow(self) -> None:
        """Go on with what the store holds by now, because somebody else has written it there.

        Raises:
            RefusedError: a product cannot be brought to the version that is asked for; what was kept is kept.
            TelamonError: the stack cannot be built here; what was kept is kept.
        """
        with self._lock:
            stored = self.stored()
            if stored is None or not stored.spec.get("running", True):
                if not self._going_down:
                    self.down()
                return
            if self._going_down:
                return
            stack = stack_of(stored)
            downtime: Mapping[str, str] = stored.spec.get("downtime") or {}
            if self._lanes:
                self._check_upgrades(stack, downtime)
            self._desire(self._install(stack), stored.generation)
            fresh = [name for name, lane in self._lanes.items() if _agrees(lane.executor, downtime.get(name))]
            self._upgrades.match(self._lanes, stored, asked=lambda: self._asked(stack), downtime=fresh)

    def wake(self, component: str | None = None) -> None:
        """Have a component looked at now, or all of them, because something of it was seen to change."""
        with self._lock:
            for name, lane in self._lanes.items():
                if component in (None, name):
                    lane.wake.set()

    def take_in(self, refused: Mapping[str, str]) -> bool:
        """Judge the operations that somebody else has written into the store; those that may begin then begin.

        Args:
            refused: verbs that the platform does not perform, and why.

        Returns:
            Whether every component was looked at already, so that what it is asked for could be judged.
        """
        with self._lock:
            stored = self.stored()
            if stored is None or self._going_down:
                return True
            for component, lane in self._lanes.items():
                for asked in self.operations.retries(component):
                    self.operations.settle(asked.metadata.name, self._tried_again(component))
                if lane.outcome is not None and lane.operation is None:
                    view = self._view(lane.outcome)
                    self.operations.take_in(view, generation=stored.generation, refused=refused)
                active = self.operations.active(component)
                if active != lane.operation:
                    lane.operation = active
                    lane.wake.set()
            return all(lane.outcome is not None for lane in self._lanes.values())

    def break_off(self, name: str, why: str) -> None:
        """Go on with an operation no more, which was ended in the store though its planner had not come to an end.

        Args:
            name: of the operation.
            why: for people.
        """
        with self._lock:
            for component, lane in self._lanes.items():
                operation = lane.operation
                if operation is not None and operation.name == name:
                    lane.executor.conclude(operation, Finished("Cancelled", why))
                    lane.operation = self.operations.active(component)

    def _tried_again(self, component: str) -> Finished:
        """Try again what has failed of a component, and say what came of asking for it."""
        try:
            self.retry(component)
        except RefusedError as error:
            return Finished("Failed", f"{error}; {error.remedy}" if error.remedy else str(error))
        return Finished("Succeeded", f"what failed of {component} counts no more")

    def _pass(self, name: str, lane: KeptLane) -> float:
        with self.around(name):
            return super()._pass(name, lane)


def _agrees(executor: Executor, words: str | None) -> bool:
    """Whether an interruption is agreed to by what is written now.

    What is written stays where it is, so the same words agree to one upgrade, and not to another try of what failed.
    Other words do, and so do the same ones that were taken away in between.

    Args:
        executor: of the component.
        words: by which somebody agrees; ``None`` where nobody does.
    """
    known = executor.memory.agreeing
    if words is None:
        if known is not None:
            executor.forget(f"{AGREEING}{known}", "it is written no more")
        return False
    if words == known:
        return executor.memory.held is None
    executor.remember(f"{AGREEING}{words}", "somebody has written so")
    return True
