"""A platform that fails: verbs break off before or after they took effect, hang, or take effect after their error.

A verb that takes effect late does so only where nobody has changed since what it would change: on a cluster every write
names the version of the object that it was decided on, and a process is ended by its own number.
"""

from __future__ import annotations

import contextlib
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from telamon.desired.component import ComponentDesired
from telamon.errors import PlatformError, TelamonError, TemporaryError
from telamon.plan.step import Call
from telamon.plan.work import Work
from telamon.platforms.memory.platform import MemoryPlatform
from telamon.state.world import ComponentState


@dataclass(frozen=True)
class Odds:
    """How hostile the world is; each a probability of a single event.

    Attributes:
        refused: a verb fails and has no effect.
        lied: a verb fails though it took effect.
        late: an observation is an earlier one of the same component, up to four looks old.
        blind: an observation fails.
        dead: the controller dies right after a verb.
        tardy: a verb fails, and takes effect some seconds later.
        slow: a verb hangs for some seconds; its effect is there from the begin of that time or from its end.
    """

    refused: float = 0.0
    lied: float = 0.0
    late: float = 0.0
    blind: float = 0.0
    dead: float = 0.0
    tardy: float = 0.0
    slow: float = 0.0


TARDY = (0.1, 0.4, 1.5, 4.0, 10.0)
"""Seconds after its error in which a verb takes effect: before the engine asks again, and while it asks for more."""

SLOW = (1.0, 25.0)
"""Seconds for which a verb hangs: longer than the engine waits for the effect of one that came back."""


@dataclass(frozen=True)
class Tardy:
    """A verb whose error has come, and whose effect has not.

    Attributes:
        due: instant of the effect.
        verb: does it.
        subject: what it would change, as it is now.
        found: what that was when the verb was asked for.
    """

    due: float
    verb: Callable[[], None]
    subject: Callable[[], object]
    found: object


class ControllerDied(BaseException):
    """The controller is gone; nothing of it may catch this."""


@dataclass
class FaultyPlatform:
    """Passes everything on to a simulated platform, or fails.

    Args:
        inner: the platform that tells the truth.
        dice: the only source of chance.
        odds: how often it fails; may be changed.
        dies_after: number of the verb after which the controller dies, or 0 for never.
    """

    inner: MemoryPlatform
    dice: random.Random
    odds: Odds = field(default_factory=Odds)
    dies_after: int = 0
    verbs: int = 0
    _seen: dict[str, deque[ComponentState]] = field(default_factory=dict)
    _tardy: list[Tardy] = field(default_factory=list)

    def observe(self, desired: ComponentDesired) -> ComponentState:
        """Look, sometimes late, sometimes in vain."""
        self.arrive()
        if self._happens(self.odds.blind):
            raise TemporaryError("the platform did not answer", delay=0.5)
        fresh = self.inner.observe(desired)
        earlier = self._seen.setdefault(desired.name, deque(maxlen=4))
        earlier.append(fresh)
        return self.dice.choice(list(earlier)) if self._happens(self.odds.late) else fresh

    def leftovers(self) -> tuple[str, ...]:
        """What the platform says."""
        return self.inner.leftovers()

    def apply(self, desired: ComponentDesired) -> None:
        """Apply, perhaps."""
        self._do(lambda: self.inner.apply(desired), self._objects(desired.name))

    def withdraw(self, component: str) -> None:
        """Withdraw, perhaps."""
        self._do(lambda: self.inner.withdraw(component), self._objects(component))

    def start(self, desired: ComponentDesired, member: str) -> None:
        """Start, perhaps."""
        self._do(lambda: self.inner.start(desired, member), self._member(desired.name, member))

    def stop(self, component: str, member: str, *, grace: float) -> None:
        """Stop, perhaps."""
        self._do(lambda: self.inner.stop(component, member, grace=grace), self._member(component, member))

    def remove(self, component: str, member: str) -> None:
        """Remove, perhaps."""
        self._do(lambda: self.inner.remove(component, member), self._member(component, member))

    def call(self, call: Call) -> None:
        """Call, perhaps."""
        self._do(lambda: self.inner.call(call), self._job(call.component, call.job))

    def begin(self, component: str, job: str, *, work: Work) -> None:
        """Begin, perhaps."""
        self._do(lambda: self.inner.begin(component, job, work=work), self._job(component, job))

    def end(self, component: str, job: str) -> None:
        """End a work, perhaps."""
        self._do(lambda: self.inner.end(component, job), self._job(component, job))

    def admit(self, component: str, member: str) -> None:
        """Admit, perhaps."""
        self._do(lambda: self.inner.admit(component, member), self._member(component, member))

    def drain(self, component: str, member: str) -> None:
        """Drain, perhaps."""
        self._do(lambda: self.inner.drain(component, member), self._member(component, member))

    def hold(self, component: str, *, held: bool) -> None:
        """Hold, perhaps."""
        self._do(lambda: self.inner.hold(component, held=held), self._objects(component))

    def make(self, desired: ComponentDesired) -> None:
        """Make a database, perhaps."""
        self._do(lambda: self.inner.make(desired), self._objects(desired.name))

    def establish(self, desired: ComponentDesired, member: str) -> None:
        """Make a database server, perhaps."""
        self._do(lambda: self.inner.establish(desired, member), self._member(desired.name, member))

    def bootstrap(self, desired: ComponentDesired, member: str) -> None:
        """Make Telamon's own roles, perhaps."""
        self._do(lambda: self.inner.bootstrap(desired, member), self._member(desired.name, member))

    def fence(self, desired: ComponentDesired, member: str) -> None:
        """End a database server, perhaps."""
        self._do(lambda: self.inner.fence(desired, member), self._member(desired.name, member))

    def promote(self, desired: ComponentDesired, member: str) -> None:
        """Promote, perhaps."""
        self._do(lambda: self.inner.promote(desired, member), self._member(desired.name, member))

    def follow(self, desired: ComponentDesired, member: str, *, primary: str) -> None:
        """Follow, perhaps."""
        self._do(
            lambda: self.inner.follow(desired, member, primary=primary), self._member(desired.name, member)
        )

    def synchronise(self, desired: ComponentDesired, member: str, *, standby: str, term: int) -> None:
        """Let commits wait, perhaps."""
        self._do(
            lambda: self.inner.synchronise(desired, member, standby=standby, term=term),
            self._member(desired.name, member),
        )

    def forget_looks(self) -> None:
        """A new controller asks anew: what the old one was told late is not told to it."""
        self._seen.clear()

    def arrive(self) -> None:
        """Let verbs take effect whose time has come, whoever had asked for them."""
        now = self.inner.clock.now()
        due = sorted((one for one in self._tardy if one.due <= now), key=lambda one: one.due)
        self._tardy = [one for one in self._tardy if one.due > now]
        for one in due:
            if one.subject() == one.found:
                # Whoever had asked has gone on, and does not hear of what becomes of it.
                with contextlib.suppress(TelamonError):
                    one.verb()
                self._outdate()

    def _do(self, verb: Callable[[], None], subject: Callable[[], object]) -> None:
        self.verbs += 1
        self.arrive()
        if self._happens(self.odds.refused):
            raise self._error()
        if self._happens(self.odds.tardy):
            due = self.inner.clock.now() + self.dice.choice(TARDY)
            self._tardy.append(Tardy(due, verb, subject, subject()))
            raise self._error()
        hangs = self.dice.uniform(*SLOW) if self._happens(self.odds.slow) else 0.0
        at_once = not hangs or self.dice.random() < 0.5
        if at_once:
            verb()
        if hangs:
            self.inner.clock.sleep(hangs)
            self.arrive()
        if not at_once:
            verb()
        self._outdate()
        if self.verbs == self.dies_after or self._happens(self.odds.dead):
            raise ControllerDied
        if self._happens(self.odds.lied):
            raise self._error()

    def _outdate(self) -> None:
        """Forget looks of this very instant: real verbs take time, so that a look from before one is known for old."""
        for earlier in self._seen.values():
            while earlier and earlier[-1].at >= self.inner.clock.now():
                earlier.pop()

    def _member(self, component: str, member: str) -> Callable[[], object]:
        """A member, as verbs change it."""

        def looked() -> object:
            found = self.inner._components.get(component)
            one = None if found is None else found.members.get(member)
            part = None if found is None or found.servers is None else found.servers.part(member)
            role = None if part is None else (part.role, part.writer)
            return (role, None if one is None else (one.life, one.started, one.admitted))

        return looked

    def _job(self, component: str, job: str) -> Callable[[], object]:
        """A job, as it was begun last, and whether it still runs."""

        def looked() -> object:
            found = self.inner._components.get(component)
            begun = None if found is None else found.jobs.get(job)
            return None if begun is None else (begun, self.inner.clock.now() < begun[1])

        return looked

    def _objects(self, component: str) -> Callable[[], object]:
        """What a component keeps beside its members."""

        def looked() -> object:
            found = self.inner._components.get(component)
            return None if found is None else (found.objects, found.held, found.database)

        return looked

    def _error(self) -> PlatformError | TemporaryError:
        if self.dice.random() < 0.5:
            return TemporaryError("the platform is busy", delay=0.5)
        return PlatformError("the platform failed")

    def _happens(self, odds: float) -> bool:
        return odds > 0 and self.dice.random() < odds
