"""The host: one lane (thread) a component, one spec for all of them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from telamon.desired.component import ComponentDesired
from telamon.errors import (
    ConflictError,
    NotReadyError,
    TelamonError,
    brief,
)
from telamon.model.operation import Operation
from telamon.model.stack import Stack
from telamon.naming import component_name
from telamon.operator.lane import KeptLane
from telamon.operator.operations import Operations, Wish, no_window
from telamon.operator.report import Lane, Trouble
from telamon.operator.spec import Accepted, Compiler, stack_of, unwanted
from telamon.operator.upgrading import Upgrades, check, refused, too_late, with_course
from telamon.plan.operation import UPGRADING, Running
from telamon.plan.operations.automatic import wish
from telamon.plan.preview import Preview
from telamon.plan.step import Done, Finished
from telamon.plan.view import Standing, View
from telamon.ports import Clock, Journal, Platform, Store, Stored
from telamon.run.executor import Executor, Outcome
from telamon.run.foresee import foresee, foresee_operation
from telamon.run.recall import changes_desired, in_force, recall, with_stand_ins

LOG = logging.getLogger("telamon.operator")

DEFECT_RESTS = 5.0
"""Seconds a lane rests after a defect of ours."""
FIRST_LOOK_WITHIN = 10.0
"""Seconds for which whoever asks for an operation waits for the first look at its component."""


@dataclass
class Host:
    """Keeps a stack.

    Args:
        store: where the spec is.
        journal: where the record is.
        platform: eyes and verbs.
        clock: injected time.
        compiler: from stack to desired components.
        poll: seconds between two looks at a component of which something is awaited.
        rest: seconds between two looks at one with nothing to do, where somebody wakes it; ``None``: as long as that.
    """

    store: Store
    journal: Journal
    platform: Platform
    clock: Clock
    compiler: Compiler
    poll: float = 0.5
    rest: float | None = None
    operations: Operations = field(init=False)
    _upgrades: Upgrades = field(init=False)
    _lanes: dict[str, KeptLane] = field(init=False, default_factory=dict)
    _lock: threading.RLock = field(init=False, default_factory=threading.RLock)
    _ended: threading.Event = field(init=False, default_factory=threading.Event)
    _going_down: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self.operations = Operations(self.store, self.clock)
        self._upgrades = Upgrades(self.operations, self._view)

    # ---------------------------------------------------------------------------------------------------- the spec

    def resume(self) -> None:
        """Go on with the stored spec, if there is one.

        Where that cannot be done (a port is taken, a file is damaged) the host stays to be asked: ``put`` tells whoever
        asks what is wrong, and ``down`` ends what still runs.
        """
        stored = self.stored()
        if stored is None or not stored.spec.get("running", True):
            return
        try:
            stack = stack_of(stored)
            self._desire(self._install(stack), stored.generation)
            self._upgrades.match(self._lanes, stored, asked=lambda: self._asked(stack))
        except TelamonError as error:
            LOG.error("the stack cannot be kept: %s", error)  # noqa: TRY400 - meant for people

    def put(
        self,
        stack: Stack,
        source: str,
        *,
        downtime: Collection[str] = (),
        in_window: Collection[str] = (),
    ) -> Accepted:
        """Take a new spec. A product whose version changes is upgraded by an operation of its own.

        Args:
            stack: what is wanted, without status.
            source: where it came from, for people.
            downtime: components for which a planned interruption is agreed to.
            in_window: components whose upgrade begins in a maintenance window, and no earlier.

        Returns:
            What came of it.

        Raises:
            ConflictError: the stack is just being taken down, or the folder belongs to another.
            RefusedError: a product cannot be brought to the version that is asked for.
            TelamonError: the stack cannot be built here; a host that keeps nothing then ends.
        """
        with self._lock:
            try:
                return self._put(stack, source, downtime=downtime, in_window=in_window)
            except TelamonError:
                if not self._lanes:
                    self._ended.set()
                raise

    def _put(
        self, stack: Stack, source: str, *, downtime: Collection[str], in_window: Collection[str]
    ) -> Accepted:
        with self._lock:
            if self._going_down or self._ended.is_set():
                raise ConflictError("the stack is being taken down", remedy="wait for `telamon down` to end")
            stored = self.stored()
            if stored is not None and stored.name != stack.metadata.name:
                raise ConflictError(
                    f"this state folder belongs to the stack {stored.name}, not {stack.metadata.name}",
                    remedy="choose another folder with --state, or purge this one",
                )
            spec = {
                "stack": stack.model_dump(mode="json", exclude={"status"}),
                "source": source,
                "running": True,
            }
            if stored is not None and (stored.spec.get("stack") != spec["stack"] or downtime):
                self._check_upgrades(stack, downtime)
            if in_window and not stack.spec.maintenance.windows:
                raise no_window()
            components = self._install(stack)
            # Where it came from, and what was agreed to on the way, is no change of what is wanted.
            changed = stored is None or any(stored.spec.get(key) != spec[key] for key in ("stack", "running"))
            if stored is None or changed:
                base = stored or Stored("Stack", stack.metadata.name, 0, 0)
                stored = self.store.put(replace(base, spec=spec))
            self._desire(components, stored.generation)
            self._upgrades.match(
                self._lanes, stored, asked=lambda: self._asked(stack), downtime=downtime, in_window=in_window
            )
            return Accepted(stored.generation, changed, self.compiler.notes)

    def down(self) -> int:
        """Desire nothing. The host ends once every member is gone.

        Returns:
            The number of components that go.
        """
        with self._lock:
            stored = self.stored()
            if stored is not None and stored.spec.get("running", True):
                stored = self.store.put(replace(stored, spec={**stored.spec, "running": False}))
            self._going_down = True
            generation = stored.generation if stored else 0
            kept = [lane.desired for lane in self._lanes.values()]
            if not kept and stored is not None:
                # A controller that died on the way down has left members behind: know them, to end them.
                kept = self._left_behind(stored)
            gone = [replace(desired, members=()) for desired in kept]
            self._desire(gone, generation)
            if not gone:
                self._ended.set()
            return len(gone)

    def _install(self, stack: Stack) -> Sequence[ComponentDesired]:
        names = map(component_name, stack.spec.products)
        running = {str(name): found for name in names if (found := self.operations.active(name)) is not None}
        return self.compiler.install(
            with_stand_ins(self.journal, stack), in_force(self.journal, stack, operations=running)
        )

    def _asked(self, stack: Stack) -> Sequence[ComponentDesired]:
        """What a stack asks for, whatever is in progress."""
        return self.compiler.components(with_stand_ins(self.journal, stack), in_force(self.journal, stack))

    def _install_again(self) -> None:
        """Compile the spec in force anew, because what rests on the journal in it has changed."""
        stored = self.stored()
        if stored is not None and not self._going_down:
            self._desire(self._install(stack_of(stored)), stored.generation)

    def _check_upgrades(self, stack: Stack, downtime: Collection[str]) -> None:
        """Refuse, before anything is touched, a stack of which a product cannot come to its version."""
        for desired in self._asked(stack):
            lane = self._lanes.get(desired.name)
            view = self._view(lane.outcome) if lane is not None and lane.outcome is not None else None
            memory = recall(self.journal.read(desired.name)) if lane is None else lane.executor.memory
            check(desired, view, memory=memory, agreed=desired.name in downtime)

    def _left_behind(self, stored: Stored) -> list[ComponentDesired]:
        try:
            return list(self._install(stack_of(stored)))
        except TelamonError as error:
            LOG.warning("ending whatever runs, in no order, because the stack cannot be read: %s", error)
            return [unwanted(name) for name in self.platform.leftovers()]

    def retry(self, component: str | None) -> list[str]:
        """Forget failures and refusals of one component, or of all.

        Raises:
            NotReadyError: there is no such component.
            RefusedError: it is held at a release, and the upgrade cannot be tried again like this.
        """
        with self._lock:
            if component is not None:
                self._lane(component)
            chosen = [component] if component else list(self._lanes)
            stored = self.stored()
            for name in chosen:
                lane = self._lanes[name]
                lane.executor.retry()
                lane.wake.set()
                if stored is not None:
                    self._upgrades.retry(lane, stored, asked=component is not None)
            return chosen

    def operate(self, wish: Wish) -> Operation:
        """Take an operation; the lane of its component begins with it at once.

        Raises:
            NotReadyError: there is no such component, or it could not be looked at yet.
            RefusedError: a guard refuses it.
            ConflictError: another operation is in progress there, or the stack is just being taken down.
        """
        self._await_first_look(wish.component)
        with self._lock:
            lane, view = self._looked_at(wish.component)
            stored = self.stored()
            if self._going_down or stored is None:
                raise ConflictError("the stack is being taken down", remedy="`telamon up` brings it up again")
            wish = with_course(wish, lane.desired)
            made = self.operations.accept(wish, view, stack=stored.name, generation=stored.generation)
            lane.operation = self.operations.active(wish.component)
            lane.wake.set()
            return made

    def cancel(self, name: str) -> Operation:
        """Ask an operation to end early.

        Raises:
            NotReadyError: there is none of that name, or it has ended.
            RefusedError: it has come too far to turn back.
        """
        with self._lock:
            for component, lane in self._lanes.items():
                operation = lane.operation
                if operation is None or operation.name != name:
                    continue
                late = None if lane.outcome is None else too_late(self._view(lane.outcome), operation)
                if late is not None:
                    raise refused(late)
                cancelled = self.operations.cancel(name)
                lane.operation = self.operations.active(component)
                lane.wake.set()
                return cancelled
            self._upgrades.give_up(self._lanes, name)
            return self.operations.cancel(name)

    def _view(self, outcome: Outcome) -> View:
        """The picture a decision starts from now: as seen last, as desired now."""
        name = outcome.view.desired.name
        lane = self._lanes[name]
        return replace(
            outcome.view,
            desired=lane.desired,
            memory=lane.executor.memory,
            now=self.clock.now(),
            operation=lane.operation,
        )

    def _await_first_look(self, component: str) -> None:
        """A controller that was started a moment ago is asked before its first look has ended."""
        with self._lock:
            first = self._lane(component).looked
        first.wait(FIRST_LOOK_WITHIN)

    def _looked_at(self, component: str) -> tuple[KeptLane, View]:
        """A lane, and the picture that a decision about it starts from now."""
        lane = self._lane(component)
        if lane.outcome is None:
            raise NotReadyError(f"{component} was not looked at yet", remedy="try again in a moment")
        return lane, self._view(lane.outcome)

    def _lane(self, component: str) -> KeptLane:
        if component not in self._lanes:
            known = ", ".join(self._lanes) or "none"
            raise NotReadyError(f"there is no component {component}", remedy=f"components are: {known}")
        return self._lanes[component]

    def foresee(self, stack: Stack) -> Preview:
        """What applying a stack would do now; changes nothing.

        Raises:
            TelamonError: the stack cannot be built here, or the platform cannot be observed.
        """
        with self._lock:
            known = tuple(self._lanes)
        return foresee(
            self._asked(stack),
            platform=self.platform,
            journal=self.journal,
            clock=self.clock,
            known=known,
        )

    def foresee_operation(self, wish: Wish) -> Preview:
        """What an operation would do now; changes nothing.

        Raises:
            RefusedError: a guard would refuse it, or nobody can say; and as :meth:`operate`.
        """
        self._await_first_look(wish.component)
        with self._lock:
            lane, view = self._looked_at(wish.component)
            running = self.operations.judged(with_course(wish, lane.desired), view)
            looked = [one.outcome for one in self._lanes.values() if one.outcome is not None]
            views = {outcome.view.desired.name: self._view(outcome) for outcome in looked}
        return foresee_operation(views, wish.component, running=running)

    def report(self, status: Mapping[str, Any]) -> None:
        """Write the status beside the spec; a spec that was put meanwhile wins."""
        with self._lock:
            stored = self.stored()
            if stored is not None:
                self.store.put(replace(stored, status=status))

    def stack(self) -> tuple[Stack, int] | None:
        """The spec in force with its generation, if one was ever given."""
        stored = self.stored()
        return None if stored is None else (stack_of(stored), stored.generation)

    def stored(self) -> Stored | None:
        """The stack of this store; a store holds one."""
        return next(iter(self.store.list("Stack")), None)

    def _desire(self, components: Sequence[ComponentDesired], generation: int) -> None:
        with self._lock:
            left = [unwanted(name) for name in self.platform.leftovers() if name not in self._lanes]
            wanted = {component.name: component for component in (*left, *components)}
            for name, lane in self._lanes.items():
                lane.desired = wanted.pop(name, replace(lane.desired, members=()))
                lane.generation = generation
                lane.wake.set()
            for name, desired in wanted.items():
                executor = Executor(name, self.platform, self.journal, self.clock, self.poll)
                self._conclude_again(executor)
                lane = KeptLane(executor, desired, generation, operation=self.operations.active(name))
                lane.thread = threading.Thread(
                    target=self._run, args=(name, lane), name=f"lane-{name}", daemon=True
                )
                self._lanes[name] = lane
                lane.thread.start()

    def _conclude_again(self, executor: Executor) -> None:
        """Have the journal know of an end that the store knows of: a controller may have died between the two."""
        found = self.operations.ended(executor.component)
        if found is not None and not executor.has_concluded(found[0]):
            executor.conclude(*found)

    # --------------------------------------------------------------------------------------------------- the lanes

    def standings(self) -> Mapping[str, Standing]:
        """How every component stands, as of its last pass."""
        with self._lock:
            return {name: lane.standing for name, lane in self._lanes.items() if lane.standing is not None}

    def lanes(self) -> Mapping[str, Lane]:
        """What every lane last came to."""
        with self._lock:
            return {
                name: Lane(
                    lane.outcome,
                    lane.seen_generation,
                    dict(lane.executor.restarts),
                    lane.trouble,
                    current=lane.seen_desired == lane.desired,
                )
                for name, lane in self._lanes.items()
            }

    def wait_ended(self, seconds: float) -> bool:
        """Wait until the host has nothing left to keep; returns whether that is so."""
        return self._ended.wait(seconds)

    def end(self) -> None:
        """Stop keeping; members go on."""
        self._ended.set()
        with self._lock:
            lanes = list(self._lanes.values())
        for lane in lanes:
            lane.wake.set()
        for lane in lanes:
            if lane.thread is not None and lane.thread is not threading.current_thread():
                lane.thread.join(timeout=5.0)

    def _run(self, name: str, lane: KeptLane) -> None:
        while not self._ended.is_set():
            lane.wake.clear()
            pause = self._pass(name, lane)
            if self._retired(name, lane):
                return
            if pause > 0:
                lane.wake.wait(pause)

    def _pass(self, name: str, lane: KeptLane) -> float:
        # The generation first: where a new one comes in between, the old one is said to be looked at, not the new one.
        generation, desired = lane.generation, lane.desired
        try:
            operation = lane.operation if desired.members else None
            outcome = lane.executor.tick(desired, self.standings(), operation=operation)
            with self._lock:
                # First what was seen: whoever reads that an operation has ended asks next how the members stand.
                lane.outcome, lane.seen_generation, lane.seen_desired = outcome, generation, desired
                lane.standing = outcome.view.standing()
                if operation is not None:
                    self._advance(lane, operation, outcome=outcome)
                lane.trouble = None
                lane.looked.set()
                lane.operation = lane.operation or self._wished(outcome)
        except TelamonError as error:
            # Journal or store could not be written: acting without a record is worse than waiting.
            LOG.exception("%s: nothing was done", name)
            trouble = Trouble("NothingRecorded", f"nothing is done without a record: {error}", error.remedy)
        except Exception as error:
            LOG.exception("%s: a defect", name)
            told = f"a defect of Telamon: {type(error).__name__}: {brief(error)}"
            trouble = Trouble("Defect", told, "look at `telamon logs controller`, and report it")
        else:
            is_still = isinstance(outcome.decision, Done) and self.rest is not None
            return max(outcome.pause, self.rest or 0.0) if is_still else outcome.pause
        with self._lock:
            lane.trouble = trouble
        return DEFECT_RESTS

    def _wished(self, outcome: Outcome) -> Running | None:
        """The operation that waited for a window that is open now, or one that the component needs by itself."""
        if self._going_down or outcome.view.desired.name not in self._lanes:
            return None
        view = self._view(outcome)
        begun = self.operations.let_in(view)
        if begun is not None or wish(view) is None:
            # The store is asked for the stack only where there is something to write: most passes have nothing.
            return begun
        stored = self.stored()
        return None if stored is None else self.operations.wished(view, stored)

    def _advance(self, lane: KeptLane, operation: Running, *, outcome: Outcome) -> None:
        """Write how far an operation is; one that has ended is written down before it is forgotten."""
        with self._lock:
            if not isinstance(outcome.decision, Finished):
                self.operations.progress(operation, outcome)
                if changes_desired(outcome.decision):
                    self._install_again()
                return
            self.operations.end(operation, outcome.decision)
            lane.executor.conclude(operation, outcome.decision)
            lane.operation = self.operations.active(lane.desired.name)
            if operation.verb in UPGRADING:
                # What is in force now is another release than before.
                self._install_again()

    def _retired(self, name: str, lane: KeptLane) -> bool:
        """Whether the component is gone for good; the last one to go ends a host that goes down."""
        with self._lock:
            if not _is_gone(lane) or lane.desired.members or self._lanes.get(name) is not lane:
                return False
            if self._going_down:
                if all(_is_gone(other) for other in self._lanes.values()):
                    self._ended.set()
                return True
        try:
            self.platform.withdraw(name)
        except TelamonError as error:
            LOG.warning("%s: what is left of it could not be taken away yet: %s", name, error)
            return False
        with self._lock:
            if not lane.desired.members:
                del self._lanes[name]
            return not lane.desired.members


def _is_gone(lane: KeptLane) -> bool:
    outcome = lane.outcome
    return outcome is not None and not outcome.view.desired.members and isinstance(outcome.decision, Done)
