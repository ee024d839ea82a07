"""The one decision of a pass: what protects users, then the operation in progress, then what is desired anyhow."""

from __future__ import annotations

from collections.abc import Iterator

from telamon.plan import converge, database
from telamon.plan.checks import refusals
from telamon.plan.converge import Rule
from telamon.plan.operations.automatic import await_wish
from telamon.plan.operations.base import Proposal
from telamon.plan.operations.pausing import PAUSING
from telamon.plan.operations.registry import PLANNERS
from telamon.plan.step import Decision, Done, Finished, Wait
from telamon.plan.view import View
from telamon.state.world import ComponentKind


def next_step(view: View) -> Decision:
    """Decide the one thing to do now.

    Args:
        view: what is desired, seen and remembered, how the neighbours stand, and the operation in progress.

    Returns:
        A step that every guard allows; or a wait with the most urgent reason; or :class:`Done`; or
        :class:`Finished` where the operation in progress has come to its end.
    """
    if view.is_paused() and (view.operation is None or view.operation.verb not in PAUSING):
        return Wait("Paused", "changes are paused", seconds=5.0)
    adapted = attend(view)
    waiting: Wait | None = None
    for proposal in _proposals(adapted):
        if isinstance(proposal, Finished):
            return proposal
        if isinstance(proposal, Wait):
            waiting = waiting or proposal
            continue
        refused = refusals(proposal, adapted)
        if not refused:
            return proposal
        waiting = waiting or Wait(_camel(refused[0].guard), f"{refused[0].message}; {refused[0].remedy}")
    if waiting is None and view.operation is not None:
        return Wait("Operating", f"{view.operation.name} is in progress")
    if waiting is None and adapted is not view:
        return Wait("IndexBroken", "a member is about to be given another index")
    return waiting or Done()


def attend(view: View) -> View:
    """The view as the operation in progress wants it seen: what is desired meanwhile, who is kept out."""
    operation = view.operation
    if operation is None:
        return await_wish(view)
    planner = PLANNERS.get(operation.verb)
    return view if planner is None else planner.adapt(view, operation)


def _proposals(view: View) -> Iterator[Proposal]:
    rules = database if view.desired.kind is ComponentKind.DATABASE else converge
    yield from _walk(rules.PROTECTING, view)
    operation = view.operation
    if operation is not None:
        planner = PLANNERS.get(operation.verb)
        if planner is None:
            yield Finished("Failed", f"this version knows no operation {operation.verb}")
            return
        yield from planner.proposals(view, operation)
    yield from _walk(rules.STANDING, view)


def _walk(rules: tuple[Rule, ...], view: View) -> Iterator[Proposal]:
    for rule in rules:
        yield from rule(view)


def _camel(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("-"))
