"""Operations that nobody needs to ask for."""

from __future__ import annotations

from dataclasses import replace

from telamon.plan.operation import Running
from telamon.plan.operations.index_sync import AUTOMATIC, IndexSync
from telamon.plan.operations.registry import refusals
from telamon.plan.view import MENDED, QUARANTINED, View
from telamon.plan.window import closed
from telamon.state.classify import Condition
from telamon.state.world import MemberState


def wish(view: View) -> Running | None:
    """The operation that a component needs by itself: another index for a member whose own is broken or stays behind.

    A broken one is mended at once; one that stays behind waits for a maintenance window, where there are any. It is
    wished for once until the member has been well again: what a copy does not cure, a restart shall.

    Args:
        view: of the component; nothing is wished for while an operation is in progress.
    """
    if view.operation is not None or view.desired.index is None or view.is_paused():
        return None
    for _, member, condition in view.wanted():
        if view.is_set_aside(member.name) or view.memory.knows(f"{MENDED}{member.name}"):
            continue
        stale = _stays_behind(member, condition, view) and closed(view) is None
        if condition is Condition.INDEX_BROKEN or stale:
            asked = Running(IndexSync.verb, IndexSync.verb, member.name, {AUTOMATIC: "yes"}, view.now)
            if not refusals(view, asked):
                return asked
    return None


def await_wish(view: View) -> View:
    """The view while something is wished for: its member is left as it is until the operation begins."""
    asked = wish(view)
    if asked is None:
        return view
    return replace(view, memory=view.memory.with_fact(f"{QUARANTINED}{asked.member}"))


def _stays_behind(member: MemberState, condition: Condition, view: View) -> bool:
    """Whether a member has had all the time that catching up may take."""
    return (
        condition is Condition.CATCHING_UP and view.now - member.phase_since > view.desired.patience.catch_up
    )
