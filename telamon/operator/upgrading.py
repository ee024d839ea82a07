"""Whether a product can come to the version that a stack file asks for, asked before anything is touched."""

from __future__ import annotations

from dataclasses import replace

from telamon.desired.component import ComponentDesired
from telamon.errors import RefusedError
from telamon.plan.operation import Running
from telamon.plan.operations.registry import VERBS, refusals
from telamon.plan.view import View
from telamon.products.release import Way


def check(desired: ComponentDesired, view: View | None, *, agreed: bool) -> None:
    """Refuse a change of version that cannot be made.

    Args:
        desired: the component as the new stack file wants it.
        view: of the component now, with the operation in progress; ``None`` where it does not run yet.
        agreed: whether an interruption was agreed to.

    Raises:
        RefusedError: it cannot be made, and why.
    """
    wanted = desired.upgrade
    if wanted is None:
        return
    words = f"{desired.name} {wanted.from_release} to {wanted.to_release}"
    if wanted.jump.way is Way.DOWNTIME and not agreed:
        raise RefusedError(
            f"{words} needs a planned downtime: {wanted.jump.reason}",
            guard="downtime-is-asked-for",
            remedy=f"`telamon upgrade {desired.name} {wanted.to_release} --downtime` makes a backup and does it",
        )
    verb = VERBS.get(wanted.jump.way)
    if verb is None:
        raise RefusedError(
            f"{words}: {wanted.jump.reason}",
            guard="jump-is-allowed",
            remedy="choose another version, or put the old one back",
        )
    if view is None or (view.operation is not None and view.operation.params.get("to") == wanted.to_release):
        return
    running = Running(verb, verb, params={"to": wanted.to_release})
    for refusal in refusals(replace(view, desired=desired), running):
        raise RefusedError(refusal.message, guard=refusal.guard, remedy=refusal.remedy)
