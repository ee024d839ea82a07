"""The lab behind :class:`telamon.ports.Faults`: records first, then the maker of each sort."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

from telamon.errors import ConflictError, MachineError, TelamonError, UsageError
from telamon.plan.fault import (
    LONGEST,
    BlackHoleLink,
    ClockJump,
    CorruptIndex,
    CrashLoop,
    CutLink,
    DelayLink,
    Disturbance,
    Fault,
    FullDisk,
    Hang,
    Kill,
    KillController,
    LostSharedHome,
    SlowDisk,
    Throttle,
    describe,
)
from telamon.platforms import procfs
from telamon.platforms.lab.faults.clocks import Clocks
from telamon.platforms.lab.faults.frozen import SlowDisks
from telamon.platforms.lab.faults.homes import FullDisks, LostHomes, TornIndex
from telamon.platforms.lab.faults.links import Links
from telamon.platforms.lab.faults.maker import Maker
from telamon.platforms.lab.faults.records import Owner, Record, Records, first_of
from telamon.platforms.lab.faults.signals import Signals
from telamon.platforms.lab.faults.tormentor import Torments
from telamon.ports import Clock

LOG = logging.getLogger("telamon.lab")


class LabFaults:
    """Faults of one lab.

    Args:
        root: its state root.
        clock: injected time.
    """

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._records = Records(root)
        signals, torments, links = Signals(root), Torments(root), Links(root, self._records)
        self._makers: dict[type[Fault], Maker] = {
            Kill: signals,
            Hang: signals,
            KillController: signals,
            Throttle: torments,
            CrashLoop: torments,
            CutLink: links,
            BlackHoleLink: links,
            DelayLink: links,
            CorruptIndex: TornIndex(root),
            FullDisk: FullDisks(root),
            SlowDisk: SlowDisks(root, torments.begin),
            LostSharedHome: LostHomes(root),
            ClockJump: Clocks(root),
        }

    def lacks(self, fault: Fault) -> str:
        """Why this fault cannot be made here; "" where it can."""
        return self._makers[type(fault)].lacks(fault)

    def disturb(self, fault: Fault, *, name: str, seconds: float) -> None:
        """Make a fault, recorded first."""
        if not 0 < seconds <= LONGEST:
            raise UsageError(f"a fault lasts at most {LONGEST:g} s, and this one would last {seconds:g} s")
        with self._records.alone():
            known = self._records.get(name)
            if known is not None and not known.over:
                if known.disturbance.fault == fault:
                    return
                raise ConflictError(
                    f"there is a fault called {name} already: {describe(known.disturbance.fault)}",
                    remedy="End it, or choose another name.",
                )
            maker = self._makers[type(fault)]
            if reason := maker.lacks(fault):
                raise MachineError(reason)
            now = self._clock.now()
            record = Record(
                Disturbance(name, fault, now, now + seconds),
                Owner.this(),
                procfs.boot(),
                maker.prepare(fault),
            )
            self._records.put(record)
            try:
                maker.begin(record)
            except TelamonError:
                self._end(record)
                raise

    def calm(self, name: str | None = None) -> None:
        """End one fault, or all."""
        if not self._records.any():
            return
        with self._records.alone():
            self._end_all(record for record in self._records.all() if name in {None, record.name})

    def active(self) -> tuple[Disturbance, ...]:
        """What is in force, by name."""
        return tuple(record.disturbance for record in self._records.all() if not record.over)

    def tidy(self) -> tuple[str, ...]:
        """End faults whose time is up, or whose maker is gone."""
        if not self._records.any():
            return ()
        with self._records.alone():
            over = [record for record in self._records.all() if self._is_over(record)]
            self._end_all(over)
        return tuple(record.name for record in over)

    def _is_over(self, record: Record) -> bool:
        gone = not record.is_of_this_boot or not record.owner.lives
        return record.over or gone or self._clock.now() >= record.disturbance.until

    def _end_all(self, records: Iterable[Record]) -> None:
        errors: list[TelamonError] = []
        for record in records:
            try:
                self._end(record)
            except TelamonError as error:
                LOG.error("the fault %s cannot be ended: %s", record.name, error)  # noqa: TRY400
                errors.append(error)
        first_of(errors)

    def _end(self, record: Record) -> None:
        # Whoever makes it again and again goes by the record, so that comes first. A full disk keeps nothing from it.
        with contextlib.suppress(MachineError):
            self._records.put(record.ended())
        self._makers[type(record.disturbance.fault)].end(record)
        self._records.remove(record.name)
