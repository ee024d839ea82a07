"""What applying something would do: gather the views, and let the planner unfold them."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from telamon.desired.component import ComponentDesired
from telamon.errors import RefusedError
from telamon.plan.operation import Running
from telamon.plan.operations.registry import PLANNERS, VERBS
from telamon.plan.preview import Preview, unfold
from telamon.plan.view import Memory, View
from telamon.ports import Clock, Journal, Platform
from telamon.run.recall import recall
from telamon.state.world import ComponentState


def foresee(
    components: Sequence[ComponentDesired],
    *,
    platform: Platform,
    journal: Journal,
    clock: Clock,
    known: Collection[str],
) -> Preview:
    """Unfold the plan of components that are not applied yet. Changes nothing.

    Args:
        components: what would be wanted.
        platform: looked at.
        journal: read.
        clock: injected time.
        known: components that the platform performs already; nothing runs of any other.

    Raises:
        TelamonError: the platform cannot be observed.
    """
    views = {}
    for desired in components:
        if desired.name in known:
            seen = platform.observe(desired)
        else:
            seen = ComponentState(desired.name, desired.kind, clock.now())
        memory = recall(journal.read(desired.name))
        upgrade = _upgrade_of(desired, memory, now=clock.now())
        views[desired.name] = View(desired, seen, memory, clock.now(), operation=upgrade)
    return unfold(views)


def foresee_operation(views: Mapping[str, View], component: str, *, running: Running) -> Preview:
    """Unfold the plan of a stack in which an operation begins now. Changes nothing.

    Args:
        views: every component as it was seen last.
        component: in whose lane it begins.
        running: the operation, against which no guard speaks.

    Raises:
        RefusedError: what it does depends on what is known on the way alone.
    """
    view = views[component]
    if not PLANNERS[running.verb].is_foreseen(view, running):
        raise RefusedError(
            f"what {running.verb} of {component} does is decided on the way, so it cannot be shown before",
            guard="can-be-foreseen",
            remedy="ask without --plan: what a guard speaks against is refused before anything is touched",
        )
    return unfold({**views, component: replace(view, operation=running)})


def _upgrade_of(desired: ComponentDesired, memory: Memory, *, now: float) -> Running | None:
    """The upgrade that applying would begin, if another release is asked for and not held."""
    wanted = desired.upgrade
    if wanted is None or memory.held == wanted.to_release:
        return None
    verb, course = VERBS.get(wanted.jump.way), {"from": wanted.from_release, "to": wanted.to_release}
    return None if verb is None else Running(f"{verb}-{desired.name}", verb, params=course, since=now)
