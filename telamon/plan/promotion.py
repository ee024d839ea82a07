"""From one environment to the next: whether the digests of a stage may be taken on, and what else tells two apart.

A stage is judged by what its controller told of it: the spec in force, and since when everything has been as that spec
says (:mod:`telamon.operator.soaking` counts it). What is moved is what ran: a digest in a lock that its stage does not
run moves nowhere.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from telamon.desired.kubernetes.images import own_digests, parse, pulled
from telamon.model.stack import Stack
from telamon.model.status import GreenStatus
from telamon.stackfile.rehearsal import rehearse
from telamon.units import Duration

ORDER: Final = ("dev", "staging", "production")
"""Environments, from the one that may break to the one that must not."""
SOAKS: Final[Mapping[str, Duration]] = {
    "dev": Duration.parse("1h"),
    "staging": Duration.parse("1d"),
    "production": Duration.parse("1d"),
}
"""How long each soaks where its file leaves it open."""
STALE: Final = timedelta(minutes=10)
"""After so long a report says how things stood, and not how they stand."""


@dataclass(frozen=True)
class Stage:
    """One environment.

    Attributes:
        name: as it was typed.
        stack: as its file says.
        images: that it runs, as people write them.
        lock: digest of each image, by the name under which the stage pulls it.
    """

    name: str
    stack: Stack
    images: tuple[str, ...]
    lock: Mapping[str, str]

    @property
    def environment(self) -> str:
        """How careful it is."""
        return self.stack.spec.environment

    @property
    def soak(self) -> timedelta:
        """How long it has to be green before something moves on from it."""
        return timedelta(seconds=(self.stack.spec.soak or SOAKS[self.environment]).seconds)

    def named(self, image: str) -> str:
        """The name under which it pulls an image."""
        return str(pulled(image, self.stack.spec.images))

    def digest(self, image: str) -> str:
        """The digest of an image, "" where none is known; what the stage's file names itself wins."""
        found = pulled(image, self.stack.spec.images)
        own = own_digests(self.stack.spec.images).get(str(found), "")
        return found.digest or own or self.lock.get(str(found), "")

    def pins(self, image: str) -> bool:
        """Whether its file names the digest itself, so that the lock has no say."""
        found = pulled(image, self.stack.spec.images)
        return bool(found.digest) or str(found) in own_digests(self.stack.spec.images)


@dataclass(frozen=True)
class Ran:
    """What is known of a stage that runs.

    Attributes:
        stack: in force, with its status.
        drift: what lies under it otherwise than it was applied, told one by one.
    """

    stack: Stack
    drift: tuple[str, ...] = ()

    @property
    def green(self) -> GreenStatus | None:
        """Since when it has been as it should be."""
        return self.stack.status.green if self.stack.status is not None else None

    @property
    def in_lab(self) -> bool:
        """Whether stand-ins ran, and no image."""
        return self.stack.spec.platform.kind == "lab"


@dataclass(frozen=True)
class Crossing:
    """A stage, and the next one.

    Attributes:
        before: whose digests move.
        ran: what is known of it as it runs.
        after: whose lock gets them.
        now: time of the judgement.
    """

    before: Stage
    ran: Ran
    after: Stage
    now: datetime


@dataclass(frozen=True)
class Objection:
    """Why nothing may move.

    Attributes:
        guard: that says so.
        told: why.
        remedy: what would help.
    """

    guard: str
    told: str
    remedy: str


@dataclass(frozen=True)
class Move:
    """One image of the stage that follows.

    Attributes:
        image: by the name under which that stage pulls it.
        before: its digest in the lock, or "".
        after: its digest once moved.
    """

    image: str
    before: str
    after: str

    @property
    def changes(self) -> bool:
        """Whether anything moves."""
        return self.before != self.after


Guard = Callable[[Crossing], Iterator[Objection]]


def _objection(guard: Guard, told: str, remedy: str) -> Objection:
    return Objection(guard.__name__.replace("_", "-"), told, remedy)


def stages_in_order(crossing: Crossing) -> Iterator[Objection]:
    """From careless to careful, never back."""
    before, after = crossing.before, crossing.after
    if ORDER.index(after.environment) < ORDER.index(before.environment):
        told = f"{after.name} is {after.environment}, and {before.name} is {before.environment} already"
        yield _objection(stages_in_order, told, "Name the stages from dev to production.")


def ran_the_images(crossing: Crossing) -> Iterator[Objection]:
    """Production gets no image that nobody has run."""
    if crossing.ran.in_lab and crossing.after.environment == "production":
        told = f"{crossing.before.name} runs on the lab: it ran the versions, and not one of the images"
        yield _objection(ran_the_images, told, "Let a stage on a cluster stand between them.")


def as_its_file_says(crossing: Crossing) -> Iterator[Objection]:
    """What ran is what the file says, and what lies under it is what was applied."""
    before, ran = crossing.before, crossing.ran
    # On a lab either the file was brought up as it is, or its rehearsal.
    meant = (before.stack, rehearse(before.stack)[0]) if ran.in_lab else (before.stack,)
    others = min((_otherwise(wanted, ran.stack) for wanted in meant), key=len)
    if others:
        told = f"what runs in {before.name} is not what its file says: {_some(others)}"
        remedy = "Apply the file, or correct it, and let it soak again."
        yield _objection(as_its_file_says, told, remedy)
    if ran.drift:
        told = f"what lies under {before.name} was changed by hand: {_some(ran.drift)}"
        yield _objection(as_its_file_says, told, "Put it right: `telamon drift` tells more.")


def runs_what_is_locked(crossing: Crossing) -> Iterator[Objection]:
    """On a cluster the digests in force are those of the lock."""
    before, ran = crossing.before, crossing.ran
    if ran.in_lab:
        return
    running = Stage(before.name, ran.stack, before.images, {})
    others = [image for image in before.images if running.digest(image) != before.digest(image)]
    if others:
        told = f"{before.name} does not run the digests of its lock: {_some(others)}"
        remedy = "Apply what `telamon build` prints, and let it soak."
        yield _objection(runs_what_is_locked, told, remedy)


def ran_green(crossing: Crossing) -> Iterator[Objection]:
    """It is as it should be, seen a moment ago, and has been so for long enough."""
    name, green = crossing.before.name, crossing.ran.green
    if green is None:
        yield _objection(
            ran_green, f"{name} is not green: {_why(crossing.ran)}", "`telamon status` tells more."
        )
        return
    if not -STALE <= crossing.now - green.seen <= STALE:
        told = f"{name} was seen last at {_instant(green.seen)}, and it is {_instant(crossing.now)}"
        yield _objection(ran_green, told, "See that its controller runs, and ask again.")
        return
    lacks = crossing.before.soak - (green.seen - green.since)
    if lacks > timedelta(0):
        told = f"{name} has been green for {_length(green.seen - green.since)} of {_length(crossing.before.soak)}"
        ready = _instant(green.seen + lacks)
        yield _objection(ran_green, told, f"Ask again at {ready}, if nothing breaks until then.")


def has_every_digest(crossing: Crossing) -> Iterator[Objection]:
    """Every image of the next stage has run in this one."""
    before, after = crossing.before, crossing.after
    known = {image: before.digest(image) for image in before.images}
    lacking = [image for image in after.images if not known.get(image)]
    if lacking:
        told = f"{after.name} runs what {before.name} has no digest of: {_some(lacking)}"
        remedy = f"Give both the same versions, and run `telamon lock` for {before.name}."
        yield _objection(has_every_digest, told, remedy)


def nothing_is_pinned(crossing: Crossing) -> Iterator[Objection]:
    """A digest that the next stage's own file names would win over what moves."""
    before, after = crossing.before, crossing.after
    known = set(before.images)
    others = [
        image
        for image in after.images
        if image in known and after.pins(image) and after.digest(image) != before.digest(image)
    ]
    if others:
        told = f"the file of {after.name} names another digest itself: {_some(others)}"
        yield _objection(nothing_is_pinned, told, "Take it out of spec.images.digests.")


def no_downgrade(crossing: Crossing) -> Iterator[Objection]:
    """The next stage does not have a newer version already."""
    after = crossing.after
    for image in after.images:
        wanted = parse(after.named(image))
        for name in after.lock:
            had = parse(name)
            same = (had.registry, had.path) == (wanted.registry, wanted.path)
            if same and _version(had.tag) > _version(wanted.tag) > ():
                told = f"{after.name} has {had.path} {had.tag} already, and {wanted.tag} is older"
                remedy = f"Going back is an upgrade of its own: write {had.tag}, or restore a backup."
                yield _objection(no_downgrade, told, remedy)


GUARDS: Final[tuple[Guard, ...]] = (
    stages_in_order,
    ran_the_images,
    has_every_digest,
    nothing_is_pinned,
    no_downgrade,
    as_its_file_says,
    runs_what_is_locked,
    ran_green,
)
"""All are asked, so that everything that speaks against a promotion is told at once."""


def objections(crossing: Crossing) -> tuple[Objection, ...]:
    """Everything that speaks against taking digests on.

    Args:
        crossing: from which stage to which.
    """
    return tuple(objection for guard in GUARDS for objection in guard(crossing))


def moves(before: Stage, after: Stage) -> tuple[Move, ...]:
    """What the lock of the next stage would have: its own images with the digests of the stage before.

    Args:
        before: whose digests move.
        after: whose lock gets them.
    """
    known = set(before.images)
    return tuple(
        Move(after.named(image), after.lock.get(after.named(image), ""), before.digest(image))
        for image in after.images
        if image in known and before.digest(image) and not after.pins(image)
    )


def differences(one: Stack, other: Stack) -> tuple[tuple[str, str, str], ...]:
    """What two stacks say otherwise, defaults included.

    Args:
        one: any.
        other: any.

    Returns:
        Path and both values, by path; "" stands for what is not said.
    """
    ours, theirs = (
        dict(_flat("spec", stack.spec.model_dump(mode="json", exclude_none=True))) for stack in (one, other)
    )
    paths = sorted(ours.keys() | theirs.keys())
    rows = ((path, ours.get(path, ""), theirs.get(path, "")) for path in paths)
    return tuple(row for row in rows if row[1] != row[2])


_DIGESTS: Final = "spec.images.digests"
_MOST: Final = 5
"""Names in a sentence; more are counted."""


def _otherwise(wanted: Stack, found: Stack) -> list[str]:
    """Paths at which what runs differs from what was meant; digests have a guard of their own."""
    return [path for path, _, _ in differences(wanted, found) if not path.startswith(_DIGESTS)]


def _flat(path: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _flat(f"{path}.{key}", item)
    else:
        yield path, value if isinstance(value, str) else json.dumps(value)


def _some(names: Sequence[str]) -> str:
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")


def _why(ran: Ran) -> str:
    conditions = ran.stack.status.conditions if ran.stack.status is not None else ()
    for found in conditions:
        if (found.type, found.status) in {
            ("Ready", "False"),
            ("Degraded", "True"),
            ("UpgradeFailed", "True"),
        }:
            return f"{found.type} is {found.status}, {found.message or found.reason}"
    return "its controller tells of no time in which it was"


def _version(tag: str) -> tuple[int, ...]:
    found = re.match(r"\d+(\.\d+)*", tag)
    return tuple(map(int, found[0].split("."))) if found else ()


def _instant(when: datetime) -> str:
    return when.strftime("%Y-%m-%d %H:%M:%SZ")


def _length(time: timedelta) -> str:
    return str(Duration.parse(f"{max(0, int(time.total_seconds()))}s"))
