"""One pass: observe, decide, check, act, record; then look again.

An executor keeps one component. It is level-triggered and holds nothing that matters: kill it between any two lines,
make another from the same journal, and the end is the same. What it does hold is a courtesy: the last step, so that
a step whose effect is not visible yet is not asked for twice.

Traps:
    * The intent is in the journal *before* the verb. A failure that is being healed is recorded before the healing,
      or a controller that dies in between would restart a crashing member for ever without back-off.
    * A step that is still unseen blocks other steps of this component, except those that protect users (drain).
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from telamon.desired.component import ComponentDesired
from telamon.errors import TelamonError, TemporaryError
from telamon.plan import effects, invariants
from telamon.plan.database_step import Bootstrap, Establish, Fence, Follow, Promote, Synchronise
from telamon.plan.decide import attend, next_step
from telamon.plan.operation import Running
from telamon.plan.step import (
    Admit,
    ApplyObjects,
    Begin,
    BreakOff,
    Call,
    Decision,
    Done,
    Drain,
    Finished,
    Forget,
    Hold,
    LetGo,
    MakeDatabase,
    Record,
    RemoveMember,
    StartMember,
    Step,
    StopMember,
    Wait,
    describe,
    member_of,
)
from telamon.plan.view import Memory, Standing, View
from telamon.ports import Clock, Entry, Journal, Platform
from telamon.run.recall import learn, recall, restarts
from telamon.state.classify import UP
from telamon.state.world import ComponentState

STEP_VISIBLE_WITHIN = 15.0
"""Seconds after which a step whose effect was never seen may be asked for again (stops: plus their grace)."""

STEP_REST = (1.0, 2.0, 5.0, 15.0, 30.0)
"""Seconds to rest after the 1st, 2nd … failure of a step in a row; the last one repeats."""


@dataclass(frozen=True)
class Outcome:
    """What one pass came to.

    Attributes:
        view: the picture after the pass's decision (as observed before the act).
        decision: what was decided.
        error: what went wrong in acting, or "".
        remedy: what would help, or "".
        pause: seconds until the next pass is due; 0 means at once.
    """

    view: View
    decision: Decision
    error: str = ""
    remedy: str = ""
    pause: float = 0.0


@dataclass(frozen=True)
class _Pending:
    step: Step
    desired: ComponentDesired
    until: float


@dataclass(frozen=True)
class _Failing:
    step: Step
    desired: ComponentDesired
    error: TelamonError
    until: float


@dataclass
class Executor:
    """Keeps one component.

    Args:
        component: its name.
        platform: eyes and verbs.
        journal: the record; read once, then appended to.
        clock: injected time.
        poll: seconds between two looks when there is nothing to do.
    """

    component: str
    platform: Platform
    journal: Journal
    clock: Clock
    poll: float = 0.5
    memory: Memory = field(init=False)
    restarts: dict[str, int] = field(init=False)
    _pending: _Pending | None = field(init=False, default=None)
    _failed: int = field(init=False, default=0)
    _failing: _Failing | None = field(init=False, default=None)
    _acted: float = field(init=False)
    _writing: threading.Lock = field(init=False, default_factory=threading.Lock)

    def __post_init__(self) -> None:
        entries = self.journal.read(self.component)
        self._acted = self.clock.now()
        self.memory = recall(entries)
        self.restarts = restarts(entries)

    def tick(
        self,
        desired: ComponentDesired,
        neighbours: Mapping[str, Standing],
        *,
        operation: Running | None = None,
    ) -> Outcome:
        """Make one pass.

        Args:
            desired: what the component should be now.
            neighbours: how the other components stand.
            operation: in progress on this component; where the outcome says that it is finished, the host writes
                that down and then calls :meth:`conclude`.

        Returns:
            What was seen and decided. Errors of the platform are part of the outcome; defects propagate.
        """
        try:
            seen = self.platform.observe(desired)
        except TelamonError as error:
            return self._blind(desired, neighbours, error)
        if seen.at < self._acted:
            # A picture from before the last step would have it done again, or something that no longer fits.
            return self._late(desired, neighbours, seen=seen)
        view = View(desired, seen, self.memory, self.clock.now(), neighbours, operation)
        broken = invariants.violations(view)
        if broken:
            wait = Wait("InvariantBroken", "; ".join(found.message for found in broken), seconds=2.0)
            return Outcome(view, wait, error=wait.message, pause=wait.seconds)
        self._forgive(view)
        decision = next_step(view)
        if isinstance(decision, Finished):
            return Outcome(view, decision)
        if isinstance(decision, Wait | Done):
            return self._idle(view, decision)
        return self._step(attend(view), decision)

    def conclude(self, operation: Running, finished: Finished) -> None:
        """Forget what was remembered for an operation that has ended; what came of it stays in the journal."""
        self._write("ended", operation.key, detail=f"{finished.ending}: {finished.message}")

    def has_concluded(self, operation: Running) -> bool:
        """Whether the journal knows that an operation has ended."""
        entries = self.journal.read(self.component)
        return any(entry.kind == "ended" and entry.subject == operation.key for entry in entries)

    def retry(self) -> None:
        """Forget failures and refusals: somebody says that the cause is gone."""
        self._write("retry", "somebody asked for another try")
        self._failed = 0
        self._failing = None

    def remember(self, fact: str, because: str) -> None:
        """Record a fact that somebody has told."""
        self._write("fact", fact, detail=because)

    def forget(self, fact: str, because: str) -> None:
        """Take a fact back that somebody says is over."""
        self._write("forgotten", fact, detail=because)

    # ------------------------------------------------------------------------------------------------ inside a pass

    def _idle(self, view: View, decision: Wait | Done) -> Outcome:
        pause = min(self.poll, decision.seconds) if isinstance(decision, Wait) else self.poll
        return Outcome(view, decision, pause=max(pause, 0.05))

    def _step(self, view: View, step: Step) -> Outcome:
        pending = self._pending
        if pending is not None and _is_over(pending, view):
            self._pending = pending = None
        if pending is not None and not (_protects(step, view) and step != pending.step):
            wait = Wait("Acting", f"{describe(pending.step)}: not seen yet", seconds=0.2)
            return Outcome(view, wait, pause=min(0.1, self.poll))
        failing = self._failing
        # What failed for another wish says nothing about this one.
        rests = failing is not None and failing.desired == view.desired and view.now < failing.until
        if failing is not None and rests and not _protects(step, view):
            return self._resting(view, failing)
        broken = invariants.step_violations(step, before=view, after=effects.apply(step, view))
        if broken:
            message = "; ".join(found.message for found in broken)
            return Outcome(view, Wait("InvariantBroken", message, seconds=2.0), error=message, pause=2.0)
        return self._act(view, step)

    def _act(self, view: View, step: Step) -> Outcome:
        if isinstance(step, Record | Forget):
            kind = "fact" if isinstance(step, Record) else "forgotten"
            self._write(kind, step.fact, detail=step.because)
            return Outcome(view, step)
        member = member_of(step) or ""
        if isinstance(step, StartMember | StopMember | Fence) and step.failure:
            self._write("failure", describe(step), detail=step.because, member=member)
            self.restarts[member] = self.restarts.get(member, 0) + 1
        self._write("intent", describe(step), detail=step.because, member=member)
        grace = 0.0
        try:
            grace = self._perform(view.desired, step)
        except TelamonError as error:
            return self._failure(view, step, error)
        self._acted = self.clock.now()
        self._failed = 0
        self._failing = None
        self._write("outcome", describe(step), detail="asked", member=member)
        # Counted from the verb's return: one that hung has used up nothing of the time in which its effect may show.
        self._pending = _Pending(step, view.desired, self._acted + STEP_VISIBLE_WITHIN + grace)
        return Outcome(view, step)

    def _perform(self, desired: ComponentDesired, step: Step) -> float:
        """Ask the platform. Returns the grace (seconds) that the effect may take longer than others."""
        name = desired.name
        match step:
            case ApplyObjects():
                self.platform.apply(desired)
            case MakeDatabase():
                self.platform.make(desired)
            case StartMember():
                self.platform.start(desired, step.member)
            case StopMember():
                grace = 0.0 if step.kill else desired.policy.stop_grace
                self.platform.stop(name, step.member, grace=grace)
                return grace
            case Admit():
                self.platform.admit(name, step.member)
            case Admit() | Drain() | RemoveMember() | Call() | Begin() | BreakOff() | Hold() | LetGo():
                self._perform_rest(name, step)
            case Establish() | Bootstrap() | Fence() | Promote() | Follow() | Synchronise():
                self._perform_on_database(desired, step)
            case Record() | Forget():
                pass
        return 0.0

    def _perform_on_database(
        self, desired: ComponentDesired, step: Establish | Bootstrap | Fence | Promote | Follow | Synchronise
    ) -> None:
        match step:
            case Establish():
                self.platform.establish(desired, step.member)
            case Bootstrap():
                self.platform.bootstrap(desired, step.member)
            case Fence():
                self.platform.fence(desired, step.member)
            case Promote():
                self.platform.promote(desired, step.member)
            case Follow():
                self.platform.follow(desired, step.member, primary=step.primary)
            case Synchronise():
                self.platform.synchronise(desired, step.member, standby=step.standby, term=step.term)

    def _perform_rest(
        self, name: str, step: Admit | Drain | RemoveMember | Call | Begin | BreakOff | Hold | LetGo
    ) -> None:
        match step:
            case Begin():
                self.platform.begin(name, step.job, work=step.work)
            case BreakOff():
                self.platform.end(name, step.job)
            case Hold() | LetGo():
                self.platform.hold(name, held=isinstance(step, Hold))
            case Admit():
                self.platform.admit(name, step.member)
            case Drain():
                self.platform.drain(name, step.member)
            case RemoveMember():
                self.platform.remove(name, step.member)
            case Call():
                self.platform.call(step)

    def _failure(self, view: View, step: Step, error: TelamonError) -> Outcome:
        self._acted = self.clock.now()
        self._failed += 1
        rest = STEP_REST[min(self._failed, len(STEP_REST)) - 1]
        if isinstance(error, TemporaryError):
            rest = error.delay
        # A verb that hung before it failed is rested from as long as one that failed at once.
        self._failing = _Failing(step, view.desired, error, self._acted + rest)
        self._write("outcome", describe(step), detail=f"failed: {error}", member=member_of(step) or "")
        return self._resting(view, self._failing)

    def _resting(self, view: View, failing: _Failing) -> Outcome:
        error, left = failing.error, max(failing.until - self.clock.now(), 0.05)
        wait = Wait("StepFailed", f"{describe(failing.step)} failed: {error}", seconds=left)
        return Outcome(view, wait, error=str(error), remedy=error.remedy or "", pause=min(left, self.poll))

    def _blind(
        self, desired: ComponentDesired, neighbours: Mapping[str, Standing], error: TelamonError
    ) -> Outcome:
        """Nothing was seen: nothing is done."""
        seen = ComponentState(desired.name, desired.kind, self.clock.now())
        view = View(desired, seen, self.memory, self.clock.now(), neighbours)
        wait = Wait("Unobservable", f"{desired.name} cannot be observed: {error}", seconds=self.poll)
        return Outcome(view, wait, error=str(error), remedy=error.remedy or "", pause=self.poll)

    def _late(
        self, desired: ComponentDesired, neighbours: Mapping[str, Standing], *, seen: ComponentState
    ) -> Outcome:
        """A picture from before the last step: nothing is done."""
        view = View(desired, seen, self.memory, self.clock.now(), neighbours)
        return Outcome(
            view, Wait("Looking", "the picture is older than the last step", seconds=0.2), pause=0.1
        )

    def _forgive(self, view: View) -> None:
        """Forget failures of members that have lived long enough since."""
        for member in tuple(self.memory.failures):
            if self.memory.failures[member].count and not view.failures(member).count:
                self._write("healed", member, detail="it has lived long enough", member=member)

    def _write(self, kind: str, subject: str, *, detail: str = "", member: str = "") -> None:
        entry = Entry(0, self.clock.now(), self.component, kind, subject, detail, member)
        with self._writing:
            # A pass and whoever tells something may write at the same time, and neither may lose the other's line.
            self.memory = learn(self.memory, self.journal.append(entry))


def _protects(step: Step, view: View) -> bool:
    """Whether a step keeps users from a member that cannot serve them: nothing else may overtake a step under way.

    A database server that must not take writes is ended at once as well.
    """
    if isinstance(step, Fence):
        return True
    if not isinstance(step, Drain):
        return False
    member = view.seen.member(step.member)
    return member is not None and view.condition(member) not in UP


def _is_over(pending: _Pending, view: View) -> bool:
    """Whether a step need not be waited for: it is seen, it took too long, or something else is desired by now."""
    changed = pending.desired != view.desired
    return changed or effects.seen_in(pending.step, view) or view.now >= pending.until
