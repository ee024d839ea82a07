"""What waits for a maintenance window, and what does not.

Waits: bringing changed settings, or another release of a companion, into force, and a new index for a member that only
stays behind. Does not: healing, whatever an operation brings into force, and a member that is out of rotation for its
replacement already: it serves nobody until that is done.
"""

from __future__ import annotations

from collections.abc import Iterator

from telamon.desired.windows import Gate, gate, when
from telamon.plan.operation import Running
from telamon.plan.step import Wait
from telamon.plan.view import View
from telamon.state.classify import UP

AWAITS = "AwaitsWindow"
"""Reason of a component that has nothing to do but what waits for a window."""
IN_WINDOW = "in-window"
"""Parameter of an operation that shall begin in a window, and no earlier."""
LOOKS_EVERY = 30.0
"""Seconds after which a component that waits is looked at again at the latest."""


def closed(view: View) -> Gate | None:
    """The gate, where it is shut for what can wait; ``None`` where nothing has to wait now."""
    if view.replaces() or not view.desired.windows:
        return None
    found = gate(view.desired.windows, view.now)
    return None if found is None or found.open else found


def asked_for_later(operation: Running) -> bool:
    """Whether somebody has asked that an operation begin in a window."""
    return operation.params.get(IN_WINDOW) == "yes"


def may_be_replaced(view: View, name: str) -> bool:
    """Whether an outdated member may be restarted now."""
    member = view.seen.member(name)
    begun = view.desired.rotates and member is not None and not member.admitted
    return begun or closed(view) is None


def await_window(view: View) -> Iterator[Wait]:
    """Say what waits, and until when."""
    shut = closed(view)
    if shut is None:
        return
    outdated = [
        member.name
        for wanted, member, condition in view.wanted()
        if member.revision not in {None, wanted.revision}
        and condition in UP
        and not view.is_set_aside(member.name)
    ]
    if outdated:
        left = min(max(shut.until - view.now, 0.1), LOOKS_EVERY)
        yield Wait(AWAITS, f"{', '.join(outdated)}: what changed is brought into force {opens(shut)}", left)


def opens(shut: Gate) -> str:
    """When a gate opens, for people."""
    return f"in the maintenance window that opens {when(shut.until, shut.timezone)}"
