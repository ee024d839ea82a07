"""Gather the views of a stack that is not applied yet, so that the planner can unfold them."""

from __future__ import annotations

from telamon.model.stack import Stack
from telamon.operator.host import Host
from telamon.plan.preview import Preview, unfold
from telamon.plan.view import View
from telamon.run.recall import recall


def preview(host: Host, stack: Stack) -> Preview:
    """What applying the stack would do now.

    Args:
        host: whose platform is looked at; nothing is changed.
        stack: what would be wanted.

    Raises:
        TelamonError: the stack cannot be built here, or the platform cannot be observed.
    """
    views = {}
    for desired in host.compiler.components(stack):
        seen = host.platform.observe(desired)
        memory = recall(host.journal.read(desired.name))
        views[desired.name] = View(desired, seen, memory, host.clock.now())
    return unfold(views)
