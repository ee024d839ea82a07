"""Carry a drill out: users, faults, healing, and an end to everything that was broken."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final, Protocol

from telamon.errors import ConflictError, NoController, NotReadyError, RefusedError, TelamonError
from telamon.plan.fault import Fault, KillController, describe
from telamon.ports import Faults
from telamon.proof.drill import deeds
from telamon.proof.drill.deeds import REFUSED, AskForRelease, Deed
from telamon.proof.drill.drills import AT_ONCE, Drill, Strike
from telamon.proof.drill.judging import Timeline, findings, seen_by, verdict
from telamon.proof.drill.outcome import Blow, Outcome, Verdict
from telamon.proof.drill.scene import Scene
from telamon.proof.generator import Generator
from telamon.proof.record import Record
from telamon.proof.stage import Staged

LOOKS_EVERY: Final = 0.25
STAYS_READY: Final = 3.0
"""Seconds for which everything must have been ready, so that an old report is not taken for a new one."""
WELL_WITHIN: Final = 180.0
"""Seconds in which a stack must be well before a drill begins."""
SPARE: Final = 60.0
"""Seconds for which users could go on beyond everything that is meant, should nobody end them."""


class Crowd(Protocol):
    """The users of a stack."""

    def come(
        self, product: str, *, name: str, rate: float, seconds: float, seed: int, folder: Path
    ) -> Staged:
        """Make the users of a product and the content that they need, and say what they do."""

    def leave(self, product: str, staged: Staged) -> None:
        """Let the users go who came. Raises TelamonError where the product does not let them."""


class Stage(Protocol):
    """The stack that a drill is run on."""

    @property
    def faults(self) -> Faults:
        """What hurts it, and makes it good again."""

    @property
    def crowd(self) -> Crowd:
        """Its users."""

    def scene(self) -> Scene:
        """Its parts, as they stand now. Raises NoController where nobody keeps it."""

    def trouble(self) -> str:
        """Why it is not ready; "" where everything is. Raises NoController where nobody keeps it."""

    def start_controller(self) -> None:
        """Start a controller, as a supervisor would; one that runs is left alone."""

    def do(self, deed: Deed) -> str:
        """Ask for something. Returns the name of the operation that does it; "" where none does.

        Raises:
            RefusedError: a guard does not let it begin.
            ConflictError: another operation is in progress there.
        """

    def ending(self, deed: Deed, operation: str) -> str:
        """How something has ended that was asked for; "" while it goes on, and where nobody keeps the stack."""

    def give_up(self, deed: Deed, operation: str) -> None:
        """Ask what was asked for to end early; what has ended is left alone."""

    def reached(self, deed: AskForRelease) -> frozenset[str]:
        """Members that run the release that was asked for."""

    def undo(self) -> None:
        """Ask again for what was asked for before :meth:`do`, also where another drill has done it."""

    def first_step(self, since: float) -> float:
        """Wall-clock instant of the engine's first step after another one; infinity where it took none."""

    def versions(self) -> Mapping[str, str]:
        """Everything that takes part, with its version."""

    def repeat(self, drill: str, *, product: str, seed: int, settings: Settings) -> str:
        """The command that does it again."""


@dataclass(frozen=True)
class Settings:
    """How a drill is run.

    Attributes:
        rate: requests per second, over all products under load.
        before: seconds of load before the first fault.
        at_least: seconds of load after the last fault, however soon all is well.
        after: seconds of load after all is well.
    """

    rate: float = 60.0
    before: float = 8.0
    at_least: float = 8.0
    after: float = 5.0


@dataclass(frozen=True)
class _Doing:
    """Something that was asked for and goes on, until when at most."""

    deed: Deed
    operation: str
    until: float


@dataclass
class _Course:
    """What happened so far; instants on the monotonic clock."""

    settings: Settings
    strikes: list[Strike]
    struck: float = math.inf
    wall: float = math.inf
    ended: float = math.inf
    healed: float = math.inf
    blows: list[Blow] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    doings: list[_Doing] = field(default_factory=list)
    otherwise: int = 0
    reached: set[str] = field(default_factory=set)

    @property
    def done(self) -> Mapping[str, float]:
        """What came of that which was asked for."""
        asked = [strike.fault for strike in self.strikes if isinstance(strike.fault, Deed)]
        found: dict[str, float] = {"endings": float(self.otherwise)} if asked else {}
        if any(isinstance(deed, AskForRelease) for deed in asked):
            found["reached"] = float(len(self.reached))
        return found


def run(
    stage: Stage,
    drill: Drill,
    *,
    product: str,
    seed: int,
    settings: Settings,
    folder: Path,
    say: Callable[[str], None],
) -> Outcome:
    """Carry a drill out.

    Args:
        stage: the stack.
        drill: what is tried.
        product: that is hurt; "" where the drill is about the whole stack.
        seed: of everything that is chosen.
        settings: how.
        folder: for the records; made where it is missing.
        say: told what happens, for people.

    Returns:
        What came of it, also where the drill itself failed. Every fault is over.
    """
    began, clock = time.time(), time.monotonic()
    base = Outcome(
        drill.name,
        drill.title,
        drill.hypothesis,
        product,
        seed,
        began,
        0.0,
        Verdict.BROKEN,
        settings=_told(settings),
        repeat=stage.repeat(drill.name, product=product, seed=seed, settings=settings),
    )
    try:
        found = _run(stage, drill, base, settings=settings, folder=folder, say=say)
    except TelamonError as error:
        found = _with(base, verdict=Verdict.BROKEN, reason=str(error))
    return _with(found, seconds=time.monotonic() - clock)


def _run(
    stage: Stage, drill: Drill, base: Outcome, *, settings: Settings, folder: Path, say: Callable[[str], None]
) -> Outcome:
    if (trouble := _await_well(stage)) != "":
        return _with(base, verdict=Verdict.BROKEN, reason=f"the stack is not in its steady state: {trouble}")
    scene = stage.scene()
    dice = random.Random(f"{base.seed}/{drill.name}/{base.product}")  # noqa: S311 - it must be repeatable
    try:
        strikes = drill.plan(scene, base.product, dice)
    except NotReadyError as error:
        return _with(base, verdict=Verdict.SKIPPED, reason=str(error))
    faults = [strike.fault for strike in strikes if not isinstance(strike.fault, Deed)]
    missing = [reason for fault in faults if (reason := stage.faults.lacks(fault))]
    if missing:
        return _with(base, verdict=Verdict.SKIPPED, reason=missing[0])
    products = (base.product,) if base.product else scene.products
    course = _Course(settings, sorted(strikes, key=lambda strike: strike.at))
    say(f"users come: {settings.rate:g} requests/s on {', '.join(products)}")
    with _users(stage, base, products, drill=drill, course=course, folder=folder) as generators:
        _play(stage, course, drill=drill, epoch=max(one.epoch for one in generators.values()), say=say)
        for generator in generators.values():
            generator.ask_to_end()
        records = {name: generator.finish() for name, generator in generators.items()}
    say("reading everything back, and judging what was seen")
    return _judge(stage, base, drill=drill, scene=scene, course=course, records=records)


@contextmanager
def _users(
    stage: Stage, base: Outcome, products: Sequence[str], *, drill: Drill, course: _Course, folder: Path
) -> Iterator[Mapping[str, Generator]]:
    settings = course.settings
    lasts = max(strike.at + strike.seconds for strike in course.strikes)
    longest = settings.before + lasts + drill.heals_within + settings.at_least + settings.after + SPARE
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        made: dict[str, Generator] = {}
        crowd, staged = stage.crowd, dict[str, Staged]()
        for product in products:
            name = f"{drill.name}-{product}"
            share = settings.rate / len(products)
            keys = folder / product
            keys.mkdir(exist_ok=True)
            found = crowd.come(product, name=name, rate=share, seconds=longest, seed=base.seed, folder=keys)
            staged[product] = found
            stack.callback(_let_go, crowd, product, found=found, notes=course.notes)
        for product, found in staged.items():
            made[product] = stack.enter_context(Generator(found.plan, folder, secrets=found.secrets))
        yield made


def _let_go(crowd: Crowd, product: str, *, found: Staged, notes: list[str]) -> None:
    """Let the users go; that they could not be is told, and changes no verdict."""
    try:
        crowd.leave(product, found)
    except TelamonError as error:
        notes.append(f"the users made for {product} are still there: {error}")


def _play(stage: Stage, course: _Course, *, drill: Drill, epoch: float, say: Callable[[str], None]) -> None:
    """Break, wait until all is well, and leave the users some more time; every fault is over afterwards."""
    settings = course.settings
    time.sleep(max(epoch + settings.before - time.monotonic(), 0.0))
    try:
        _strike_all(stage, course, say)
    finally:
        stage.faults.calm()
        _leave(stage, course)
    course.ended = time.monotonic()
    say("the fault is over; waiting until everything is ready")
    course.healed = _await_healed(stage, course, seconds=drill.heals_within)
    told = "never" if math.isinf(course.healed) else f"after {max(course.healed - course.ended, 0.0):.1f} s"
    say(f"ready again {told}")
    now = time.monotonic()
    time.sleep(max(course.ended + settings.at_least - now, settings.after))


def _strike_all(stage: Stage, course: _Course, say: Callable[[str], None]) -> None:
    """Make every fault at its moment, and end each when its time is up."""
    waiting = list(enumerate(course.strikes))
    lasting: list[tuple[float, str]] = []
    course.struck, course.wall = time.monotonic(), time.time()
    while waiting or lasting or course.doings:
        now = time.monotonic() - course.struck
        while waiting and waiting[0][1].at <= now:
            number, strike = waiting.pop(0)
            name = f"drill-{number}"
            if isinstance(strike.fault, Deed):
                _ask(stage, course, strike, deed=strike.fault, say=say)
                continue
            say(describe(strike.fault))
            at = _strike(stage, course, strike.fault, seconds=strike.seconds, name=name)
            lasting.append((at + strike.seconds, name))
            course.blows.append(Blow(at, strike.seconds, describe(strike.fault)))
        for end in [one for one in lasting if one[0] <= time.monotonic() - course.struck]:
            lasting.remove(end)
            stage.faults.calm(end[1])
        _follow(stage, course)
        due = [strike.at for _, strike in waiting[:1]] + [end for end, _ in lasting]
        longest = LOOKS_EVERY if course.doings else 0.0
        left = min(due) - (time.monotonic() - course.struck) if due else longest
        time.sleep(min(max(left, 0.0), LOOKS_EVERY))


def _ask(stage: Stage, course: _Course, strike: Strike, *, deed: Deed, say: Callable[[str], None]) -> None:
    """Ask for something, and see whether that is taken or refused as it must be."""
    at = time.monotonic() - course.struck
    say(deeds.describe(deed))
    course.blows.append(Blow(at, 0.0, deeds.describe(deed)))
    try:
        operation = stage.do(deed)
    except (RefusedError, ConflictError) as error:
        course.notes.append(f"{deeds.describe(deed)} was refused: {error}")
        course.otherwise += deed.ends != REFUSED
        return
    course.doings.append(_Doing(deed, operation, at + strike.seconds))


def _follow(stage: Stage, course: _Course) -> None:
    """See how far everything is that was asked for."""
    for doing in tuple(course.doings):
        if isinstance(doing.deed, AskForRelease):
            course.reached |= stage.reached(doing.deed)
        ending = stage.ending(doing.deed, doing.operation)
        if not ending and time.monotonic() - course.struck < doing.until:
            continue
        course.doings.remove(doing)
        course.notes.append(
            f"{doing.operation or deeds.describe(doing.deed)}: {ending or 'not at its end in time'}"
        )
        course.otherwise += ending != doing.deed.ends
        if not ending:
            stage.give_up(doing.deed, doing.operation)


def _leave(stage: Stage, course: _Course) -> None:
    """Let nothing go on that was asked for, and ask for nothing that was not asked for before."""
    for doing in course.doings:
        stage.give_up(doing.deed, doing.operation)
    stage.undo()


def _strike(stage: Stage, course: _Course, fault: Fault, *, seconds: float, name: str) -> float:
    """Make one fault. Returns when, in seconds after the first one."""
    at = time.monotonic() - course.struck
    try:
        stage.faults.disturb(fault, name=name, seconds=max(seconds, AT_ONCE) + SPARE)
    except NotReadyError as error:
        # Who was to be hurt second may be down because of the first.
        if not course.blows:
            raise
        course.notes.append(f"not done: {describe(fault)}: {error}")
    if isinstance(fault, KillController):
        stage.faults.calm(name)
        stage.start_controller()
    return at


def _await_healed(stage: Stage, course: _Course, *, seconds: float) -> float:
    """Wait until everything is ready and stays so. Returns since when; infinity where that does not come in time."""
    since = math.inf
    end = course.ended + seconds + STAYS_READY
    while time.monotonic() < end:
        before = time.monotonic()
        if _trouble(stage):
            since = math.inf
        else:
            since = min(since, before)
            if time.monotonic() - since >= STAYS_READY:
                return since
        time.sleep(LOOKS_EVERY)
    return math.inf


def _await_well(stage: Stage) -> str:
    """Wait until a stack is in its steady state. Returns why it is not, or ""."""
    stage.faults.tidy()
    with suppress(NoController):
        stage.undo()
    end = time.monotonic() + WELL_WITHIN
    while (trouble := _trouble(stage)) and time.monotonic() < end:
        time.sleep(LOOKS_EVERY)
    return trouble


def _trouble(stage: Stage) -> str:
    try:
        return stage.trouble()
    except NoController:
        with suppress(TelamonError):
            stage.start_controller()
        return "nobody keeps it"


def _judge(
    stage: Stage, base: Outcome, *, drill: Drill, scene: Scene, course: _Course, records: Mapping[str, Record]
) -> Outcome:
    detected = stage.first_step(course.wall) - course.wall + course.struck
    timeline = Timeline(course.struck, course.ended, course.healed, detected)
    seen = tuple(
        seen_by(product, record, timeline=timeline, goes_back=drill.goes_back)
        for product, record in records.items()
    )
    hurt = {member.address for name in _victims(course.strikes) if (member := scene.member(name)) is not None}
    found = findings(drill, records, timeline=timeline, seen=seen, hurt=hurt, done=course.done)
    judged, reason = verdict(found, list(records.values()))
    by_key = {finding.key: finding for finding in found}
    marks = {"fault over": course.ended - course.struck, "ready": course.healed - course.struck}
    for key in ("detected", "routed_around", "writes_back"):
        marks[key.replace("_", " ")] = by_key[key].value if key in by_key else math.inf
    return _with(
        base,
        verdict=judged,
        reason=reason,
        blows=tuple(course.blows),
        findings=found,
        marks=marks,
        seen=seen,
        notes=tuple(course.notes),
        versions=stage.versions(),
    )


def _victims(strikes: Sequence[Strike]) -> set[str]:
    return {name for strike in strikes if (name := _member(strike.fault))}


def _member(fault: Fault | Deed) -> str:
    return str(getattr(fault, "member", ""))


def _told(settings: Settings) -> Mapping[str, Any]:
    return {
        "requests per second": settings.rate,
        "seconds before": settings.before,
        "seconds after": settings.after,
    }


def _with(outcome: Outcome, **changes: Any) -> Outcome:
    return replace(outcome, **changes)
