"""Standing rules about what stays after an operation: a page that is shown, a registry that is kept clean."""

from __future__ import annotations

from collections.abc import Iterator

from telamon.naming import split_member
from telamon.plan.step import Call, Forget, Hold, LetGo, Step, Wait
from telamon.plan.view import AGREED, HELD, MAINTENANCE, View
from telamon.state.world import JobPhase, Life

FORGETTING_RESTS = 15.0
"""Seconds between two tries at taking a node out of the registry."""

JOINED = "joined:"
"""Begin of the fact that names a member which has joined its cluster once."""


def keep_maintenance(view: View) -> Iterator[Step | Wait]:
    """The page is shown for as long as somebody wants it, and no operation's page outlives the operation."""
    if view.operation is not None or not view.desired.members:
        return
    wanted = view.memory.knows(MAINTENANCE)
    if wanted and not view.seen.held:
        yield Hold(view.desired.name, "somebody asked for the maintenance page")
    elif view.seen.held and not wanted:
        yield LetGo(view.desired.name, "nobody needs the maintenance page any more")


def forget_held(view: View) -> Iterator[Step | Wait]:
    """A release that is held is forgotten as soon as the stack file asks for another one, and so is an agreement."""
    if view.operation is not None or not view.desired.members:
        return
    wanted = view.desired.upgrade
    asked = None if wanted is None else wanted.to_release
    for begin, release in ((HELD, view.memory.held), (AGREED, view.memory.agreed)):
        if release is not None and release != asked:
            yield Forget(view.desired.name, f"{begin}{release}", f"nobody asks for {release} any more")


def leave_registry(view: View) -> Iterator[Step | Wait]:
    """A node that has gone for good is taken out of the cluster's registry, by one that stays.

    Only nodes that bear a name of ours are touched, and only once the registry says itself that they do not live.
    """
    if not view.desired.forgets or not view.desired.members:
        return
    for node, alive in sorted(view.seen.registered.items()):
        if not _has_gone(node, view):
            continue
        helpers = view.fit()
        job = view.seen.jobs.get(f"forget-node/{node}")
        if alive or not helpers:
            why = f"the cluster still counts {node} as alive" if alive else f"nobody is fit to forget {node}"
            yield Wait("Forgetting", why, seconds=5.0)
        elif job is not None and job.phase is JobPhase.RUNNING:
            yield Wait("Forgetting", f"{node} is being taken out of the cluster's registry")
        elif job is not None and job.ended is not None and abs(view.now - job.ended) < FORGETTING_RESTS:
            yield Wait("Forgetting", job.detail or f"{node} is still in the cluster's registry", seconds=2.0)
        else:
            yield Call(view.desired.name, helpers[0].name, "forget-node", f"{node} has gone", argument=node)


def forget_departed(view: View) -> Iterator[Step | Wait]:
    """A member that has left joins like a new one when it comes back."""
    if not view.desired.members:
        return
    for fact in sorted(view.memory.facts):
        name = fact.removeprefix(JOINED)
        if name != fact and _has_gone(name, view):
            yield Forget(view.desired.name, fact, f"{name} has gone")


def _has_gone(name: str, view: View) -> bool:
    """Whether a name is one of this component's, nobody desires it, and it does not run."""
    component, _ = split_member(name) or ("", 0)
    found = view.seen.member(name)
    runs = found is not None and found.life in {Life.ALIVE, Life.ENDING}
    return component == view.desired.name and view.desired.member(name) is None and not runs
