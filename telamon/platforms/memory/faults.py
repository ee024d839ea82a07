"""Faults of a simulated stack: what happens to members there happens on purpose here, and ends like everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from telamon.errors import ConflictError, MachineError, NotReadyError, UsageError
from telamon.naming import WRITER
from telamon.plan.fault import (
    LONGEST,
    BlackHoleLink,
    CorruptIndex,
    CrashLoop,
    CutLink,
    Disturbance,
    Fault,
    Hang,
    Kill,
    describe,
    touches,
)
from telamon.platforms.memory.parts import Fault as Trouble
from telamon.platforms.memory.platform import MemoryPlatform
from telamon.ports import Clock

TO_A_MEMBER = (Kill, Hang, CrashLoop, CorruptIndex)


@dataclass
class MemoryFaults:
    """Faults of one simulated platform; see :class:`telamon.ports.Faults`.

    Args:
        platform: that is hurt.
        clock: the same that it goes by.
    """

    platform: MemoryPlatform
    clock: Clock
    _made: dict[str, Disturbance] = field(default_factory=dict)

    def lacks(self, fault: Fault) -> str:
        """A simulated stack has members and a database, and no disks, clocks or links between nodes."""
        if isinstance(fault, TO_A_MEMBER):
            return ""
        if isinstance(fault, CutLink | BlackHoleLink) and touches(fault, source=fault.source, target=WRITER):
            return ""
        return f"a simulated stack has nothing to {describe(fault)}"

    def disturb(self, fault: Fault, *, name: str, seconds: float) -> None:
        """Make a fault, recorded first."""
        if not 0 < seconds <= LONGEST:
            raise UsageError(f"a fault lasts at most {LONGEST:g} s, and this one would last {seconds:g} s")
        known = self._made.get(name)
        if known is not None:
            if known.fault == fault:
                return
            raise ConflictError(f"there is a fault called {name} already: {describe(known.fault)}")
        if reason := self.lacks(fault):
            raise MachineError(reason)
        victims = tuple(self._victims(fault))
        if not victims:
            raise NotReadyError(f"nobody is there to {describe(fault)}")
        now = self.clock.now()
        self._made[name] = Disturbance(name, fault, now, now + seconds)
        for component, member in victims:
            if isinstance(fault, CrashLoop):
                self.platform.doom(member, doomed=True)
            self.platform.strike(component, member, fault=_trouble(fault))

    def calm(self, name: str | None = None) -> None:
        """End one fault, or all."""
        for found in [one for one in self._made.values() if name in {None, one.name}]:
            del self._made[found.name]
            if isinstance(found.fault, CrashLoop):
                self.platform.doom(found.fault.member, doomed=False)
            if isinstance(found.fault, Hang | CutLink | BlackHoleLink):
                for component, member in self._victims(found.fault):
                    self.platform.soothe(component, member, fault=_trouble(found.fault))

    def active(self) -> tuple[Disturbance, ...]:
        """What is in force, by name."""
        return tuple(self._made[name] for name in sorted(self._made))

    def tidy(self) -> tuple[str, ...]:
        """End faults whose time is up."""
        over = tuple(found.name for found in self.active() if self.clock.now() >= found.until)
        for name in over:
            self.calm(name)
        return over

    def _victims(self, fault: Fault) -> Iterator[tuple[str, str]]:
        """Members that live and are meant, each with its component."""
        for component, member in self.platform.alive():
            if isinstance(fault, CutLink | BlackHoleLink):
                meant = touches(fault, source=member, target=WRITER)
            else:
                meant = isinstance(fault, TO_A_MEMBER) and fault.member == member
            if meant:
                yield component, member


def _trouble(fault: Fault) -> Trouble:
    """What a fault comes to, in a member that is a few numbers."""
    match fault:
        case Hang():
            return Trouble.HANG
        case CorruptIndex():
            return Trouble.BREAK_INDEX
        case CutLink() | BlackHoleLink():
            return Trouble.LOSE_DATABASE
        case _:
            return Trouble.CRASH
