"""What applying something would do: gather the views, and let the planner unfold them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from telamon.desired.component import ComponentDesired
from telamon.plan.operation import Running
from telamon.plan.operations.registry import VERBS
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


def _upgrade_of(desired: ComponentDesired, memory: Memory, *, now: float) -> Running | None:
    """The upgrade that applying would begin, if another release is asked for and not held."""
    wanted = desired.upgrade
    if wanted is None or memory.held == wanted.to_release:
        return None
    verb, course = VERBS.get(wanted.jump.way), {"from": wanted.from_release, "to": wanted.to_release}
    return None if verb is None else Running(f"{verb}-{desired.name}", verb, params=course, since=now)
