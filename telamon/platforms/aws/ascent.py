"""From nothing to a ground that stands, layer by layer, for whoever watches; ended anywhere, the next run goes on.

What comes next is decided in :mod:`telamon.infra.ascent`; here it is looked at and done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from telamon.desired.terraform.data import LayerName
from telamon.errors import PlatformError, RefusedError, TemporaryError
from telamon.infra.ascent import Act, Apply, Await, Finish, Pending, Plan, Refuse, Stands, View, next_act
from telamon.infra.inputs import Standing
from telamon.infra.verdict import Finding, Verdict
from telamon.infra.words import Summary, counts
from telamon.platforms.approval.desk import Desk, Looked
from telamon.platforms.terraform.applying import Tell

TRIES: Final = 4
"""How often something that changes nothing is tried, when AWS asks for patience."""
Result = TypeVar("Result")


class Place(StrEnum):
    """How far a layer has come."""

    STANDS = "stands"
    APPLYING = "is being applied"
    APPROVED = "may be applied"
    WAITS = "waits for approvals"
    REFUSED = "is refused"
    NO_PLAN = "has no plan that is good"
    RESTS = "waits for earlier layers"


@dataclass(frozen=True)
class Found:
    """Where a layer stands.

    Attributes:
        layer: its name.
        place: how far it has come.
        plan_id: of its plan, or "".
        detail: what it lacks or waits for, or "".
        outputs: what it tells, once it stands.
    """

    layer: str
    place: Place
    plan_id: str = ""
    detail: str = ""
    outputs: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Watcher:
    """Whoever watches.

    Attributes:
        tell: is told of everything that is done.
        show: is shown a plan that was just made: its id, and what it does.
        agree: is asked before something is applied; raises where the answer is no.
    """

    tell: Tell
    show: Callable[[str, Summary], None]
    agree: Callable[[str], None]


@dataclass(frozen=True)
class _Seen:
    """A layer as it was looked at.

    Attributes:
        view: what is decided on.
        outputs: what it tells.
        looked: its plan, where that was judged.
    """

    view: View
    outputs: Mapping[str, Any] = field(default_factory=dict)
    looked: Looked | None = None


@dataclass(frozen=True)
class Ascent:
    """The layers of one stack.

    Attributes:
        desk: plans and approvals.
        ground: folder with a folder for every layer.
        layers: their names, in the order in which they are applied.
    """

    desk: Desk
    ground: Path
    layers: Sequence[str]

    def look(self) -> Iterator[Found]:
        """Where every layer stands; changes nothing."""
        standing: set[str] = set()
        for layer in self.layers:
            missing = self._missing(layer, standing)
            found = missing or self._found(layer)
            if found.place is Place.STANDS:
                standing.add(layer)
            yield found

    def foresee(self, *, tell: Tell) -> Iterator[tuple[Found, Looked | None]]:
        """Where every layer stands, and what a plan of it would do now. Nothing is kept, and nobody has to agree.

        A layer that rests on others which do not stand is looked at with values that stand in for theirs; before there
        is a place for the states, and while an apply goes on, there is nothing to look at.

        Args:
            tell: is told which layer is looked at.

        Raises:
            TelamonError: one cannot be looked at.
        """
        standing: set[str] = set()
        for layer in self.layers:
            found = self._missing(layer, standing) or self._found(layer)
            if found.place is Place.STANDS:
                standing.add(layer)
            first = LayerName.STATE not in self.layers or layer == LayerName.STATE
            if found.place in {Place.STANDS, Place.APPLYING} or not (first or LayerName.STATE in standing):
                yield found, None
                continue
            tell(f"{layer}: looking at what would change")
            yield found, self._patiently(partial(self.desk.look, self.ground / layer), tell)

    def climb(self, key: Path | None, *, watcher: Watcher) -> Iterator[Found]:
        """Bring every layer as far as it can be brought without people.

        Args:
            key: of whoever plans; without one nothing is planned, and what is approved is applied.
            watcher: is told, shown and asked.

        Raises:
            TelamonError: something failed; the next run goes on from there.
        """
        standing: set[str] = set()
        for layer in self.layers:
            found = self._missing(layer, standing) or self._bring(layer, key, watcher=watcher)
            if found.place is Place.STANDS:
                standing.add(layer)
            yield found

    def _bring(self, layer: str, key: Path | None, *, watcher: Watcher) -> Found:
        fresh = applied = False
        folder = self.ground / layer
        while True:
            seen = self._patiently(partial(self._look_at, layer, fresh=fresh), watcher.tell)
            act = next_act(seen.view)
            match act:
                case Plan():
                    if applied:
                        raise PlatformError(
                            f"{layer} was applied, and does not stand as its files say",
                            remedy=f"Look at it: telamon infra plan {folder} --check.",
                        )
                    if key is None:
                        return _told(layer, act, seen)
                    watcher.tell(f"{layer}: planning; {act.because}")
                    plan_id, looked = self._patiently(partial(self.desk.plan, folder, key), watcher.tell)
                    watcher.show(plan_id, looked.summary)
                    fresh = True
                case Finish():
                    watcher.tell(f"{layer}: seeing plan {act.plan_id} to its end, which somebody else began")
                    self.desk.finish(folder, act.plan_id, tell=_prefixed(layer, watcher.tell))
                    applied = True
                case Apply():
                    does = "" if seen.looked is None else counts(seen.looked.summary.changes)
                    watcher.agree(f"Apply plan {act.plan_id} of {layer}: {does}?")
                    self.desk.apply(folder, act.plan_id, tell=_prefixed(layer, watcher.tell))
                    applied = True
                case Refuse():
                    act.verdict.enforce()
                case _:
                    return _told(layer, act, seen)

    def _found(self, layer: str) -> Found:
        seen = self._look_at(layer, fresh=True)
        return _told(layer, next_act(seen.view), seen)

    def _missing(self, layer: str, standing: set[str]) -> Found | None:
        declared = self.desk.joining.declared(self.ground / layer)
        needed = set(declared.sources.values()) if declared is not None else set()
        if LayerName.STATE in self.layers and layer != LayerName.STATE:
            # Not for what it tells: the others keep their states in its bucket.
            needed.add(LayerName.STATE)
        lacking = [name for name in self.layers if name in needed - standing]
        return Found(layer, Place.RESTS, detail=", ".join(lacking)) if lacking else None

    def _look_at(self, layer: str, *, fresh: bool) -> _Seen:
        folder = self.ground / layer
        pending = self._pending(folder)
        if pending is not None and pending.cut_off:
            return _Seen(View(layer, Standing.STALE, pending, fresh))
        stands, outputs = self.desk.joining.look(folder)
        if stands is Standing.CURRENT or pending is None or pending.used:
            return _Seen(View(layer, stands, pending, fresh), outputs)
        try:
            looked = self.desk.examine(folder, pending.plan_id)
        except RefusedError as error:
            void = Verdict((Finding(error.guard, error.message),), (), ())
            return _Seen(View(layer, stands, replace(pending, verdict=void), fresh), outputs)
        return _Seen(View(layer, stands, replace(pending, verdict=looked.verdict), fresh), outputs, looked)

    def _pending(self, folder: Path) -> Pending | None:
        ledger = self.desk.log.read()
        plan_id = ledger.last_plan_of(folder.resolve().name)
        return None if plan_id is None else Pending(plan_id, ledger.steps_of(plan_id), None)

    def _patiently(self, call: Callable[[], Result], tell: Tell) -> Result:
        """Do what changes nothing on AWS, and try again when AWS asks for patience."""
        for _ in range(TRIES - 1):
            try:
                return call()
            except TemporaryError as error:
                tell(f"{error.message}; trying again in {error.delay:g} s")
                self.desk.clock.sleep(error.delay)
        return call()


def _told(layer: str, act: Act, seen: _Seen) -> Found:
    match act:
        case Stands():
            return Found(layer, Place.STANDS, outputs=seen.outputs)
        case Finish():
            return Found(layer, Place.APPLYING, act.plan_id)
        case Apply():
            return Found(layer, Place.APPROVED, act.plan_id)
        case Await():
            return Found(layer, Place.WAITS, act.plan_id, act.lacks)
        case Refuse():
            return Found(layer, Place.REFUSED, act.plan_id, "; ".join(map(str, act.verdict.refusals)))
        case Plan():
            return Found(layer, Place.NO_PLAN, detail=act.because)


def _prefixed(layer: str, tell: Tell) -> Tell:
    return lambda sentence: tell(f"{layer}: {sentence}")
