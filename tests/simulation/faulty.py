"""A platform that fails: verbs break off before or after they took effect, and observations come late."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from telamon.desired.component import ComponentDesired
from telamon.errors import PlatformError, TemporaryError
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
    """

    refused: float = 0.0
    lied: float = 0.0
    late: float = 0.0
    blind: float = 0.0
    dead: float = 0.0


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

    def observe(self, desired: ComponentDesired) -> ComponentState:
        """Look, sometimes late, sometimes in vain."""
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
        self._do(lambda: self.inner.apply(desired))

    def withdraw(self, component: str) -> None:
        """Withdraw, perhaps."""
        self._do(lambda: self.inner.withdraw(component))

    def start(self, desired: ComponentDesired, member: str) -> None:
        """Start, perhaps."""
        self._do(lambda: self.inner.start(desired, member))

    def stop(self, component: str, member: str, *, grace: float) -> None:
        """Stop, perhaps."""
        self._do(lambda: self.inner.stop(component, member, grace=grace))

    def remove(self, component: str, member: str) -> None:
        """Remove, perhaps."""
        self._do(lambda: self.inner.remove(component, member))

    def call(self, call: Call) -> None:
        """Call, perhaps."""
        self._do(lambda: self.inner.call(call))

    def begin(self, component: str, job: str, *, work: Work) -> None:
        """Begin, perhaps."""
        self._do(lambda: self.inner.begin(component, job, work=work))

    def end(self, component: str, job: str) -> None:
        """End a work, perhaps."""
        self._do(lambda: self.inner.end(component, job))

    def admit(self, component: str, member: str) -> None:
        """Admit, perhaps."""
        self._do(lambda: self.inner.admit(component, member))

    def drain(self, component: str, member: str) -> None:
        """Drain, perhaps."""
        self._do(lambda: self.inner.drain(component, member))

    def hold(self, component: str, *, held: bool) -> None:
        """Hold, perhaps."""
        self._do(lambda: self.inner.hold(component, held=held))

    def make(self, desired: ComponentDesired) -> None:
        """Make a database, perhaps."""
        self._do(lambda: self.inner.make(desired))

    def establish(self, desired: ComponentDesired, member: str) -> None:
        """Make a database server, perhaps."""
        self._do(lambda: self.inner.establish(desired, member))

    def bootstrap(self, desired: ComponentDesired, member: str) -> None:
        """Make Telamon's own roles, perhaps."""
        self._do(lambda: self.inner.bootstrap(desired, member))

    def fence(self, desired: ComponentDesired, member: str) -> None:
        """End a database server, perhaps."""
        self._do(lambda: self.inner.fence(desired, member))

    def promote(self, desired: ComponentDesired, member: str) -> None:
        """Promote, perhaps."""
        self._do(lambda: self.inner.promote(desired, member))

    def follow(self, desired: ComponentDesired, member: str, *, primary: str) -> None:
        """Follow, perhaps."""
        self._do(lambda: self.inner.follow(desired, member, primary=primary))

    def synchronise(self, desired: ComponentDesired, member: str, *, standby: str, term: int) -> None:
        """Let commits wait, perhaps."""
        self._do(lambda: self.inner.synchronise(desired, member, standby=standby, term=term))

    def forget_looks(self) -> None:
        """A new controller asks anew: what the old one was told late is not told to it."""
        self._seen.clear()

    def _do(self, verb: Callable[[], None]) -> None:
        self.verbs += 1
        if self._happens(self.odds.refused):
            raise self._error()
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

    def _error(self) -> PlatformError | TemporaryError:
        if self.dice.random() < 0.5:
            return TemporaryError("the platform is busy", delay=0.5)
        return PlatformError("the platform failed")

    def _happens(self, odds: float) -> bool:
        return odds > 0 and self.dice.random() < odds
