"""What would be refused, told before it is written: the words are those of the command line and of the operator.

Nothing is kept here and nothing is written. A host is made for one question, from what the cluster holds by then, so
every pod of the operator gives the same answer, whether it leads or not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Final

from telamon.desired.component import ComponentDesired
from telamon.errors import NotReadyError, RefusedError
from telamon.model.operation import Operation
from telamon.model.stack import Stack
from telamon.operator.host import Host
from telamon.operator.operations import speaks_against
from telamon.operator.spec import stack_of
from telamon.operator.upgrading import check
from telamon.plan.view import View
from telamon.run.recall import recall
from telamon.stackfile.nearest import nearest
from telamon.state.phase import Phase
from telamon.state.world import ComponentState, MemberState

LOOKS_FOR: Final = 3.0
"""Seconds in which nodes have told of their cluster and their index; whoever waits for the answer waits no longer than
that."""
LOOKS_AGAIN: Final = 0.1


@dataclass
class JudgingHost(Host):
    """Keeps nothing; says what would be refused."""

    def judge_stack(self, stack: Stack, *, downtime: Collection[str]) -> None:
        """Say nothing where a stack can be kept.

        Args:
            stack: as it is to be from now on.
            downtime: components for which a planned interruption is agreed to.

        Raises:
            RefusedError: a product cannot be brought to the version that is asked for, or an image can move.
            TelamonError: the stack cannot be built here.
        """
        for desired in self._asked(stack):
            memory = recall(self.journal.read(desired.name))
            view = None if desired.upgrade is None else self._seen(desired.name)
            check(desired, view, memory=memory, agreed=desired.name in downtime)

    def judge_operation(self, operation: Operation, *, refused: Mapping[str, str]) -> None:
        """Say nothing where an operation can begin.

        Args:
            operation: that somebody asks for.
            refused: verbs that the platform does not perform, and why.

        Raises:
            NotReadyError: there is no such stack, or it has no such component.
            RefusedError: something speaks against it.
        """
        stored = self.stored()
        target = operation.spec.target
        if stored is None:
            raise NotReadyError(
                f"there is no Stack {target.stack}", remedy="`kubectl get stacks -A` lists them"
            )
        view = self._seen(target.component or "")
        if view is None:
            raise NotReadyError(unknown(target.component, [each.name for each in self._wanted()]))
        against = speaks_against(operation, view, generation=stored.generation, refused=refused)
        if against is not None:
            raise RefusedError(against, guard="operation-can-begin")

    def _seen(self, component: str) -> View | None:
        """A component that is kept already, as it is now."""
        desired = next((each for each in self._wanted() if each.name == component), None)
        if desired is None:
            return None
        memory = recall(self.journal.read(component))
        running = self.operations.active(component)
        return View(desired, self._observed(desired), memory, self.clock.now(), operation=running)

    def _observed(self, desired: ComponentDesired) -> ComponentState:
        """How a component is, once its nodes have been asked closely: a platform that was made just now has not yet."""
        ends = self.clock.now() + LOOKS_FOR
        while True:
            seen = self.platform.observe(desired)
            if self.clock.now() >= ends or not any(map(_untold, seen.members)):
                return seen
            self.clock.sleep(LOOKS_AGAIN)

    def _wanted(self) -> tuple[ComponentDesired, ...]:
        """What is in force; empty before a Stack was taken."""
        stored = self.stored()
        return () if stored is None else tuple(self._install(stack_of(stored)))


def _untold(member: MemberState) -> bool:
    """Whether a member that is up has not told yet of its cluster, or of its index."""
    asked = (member.clustered and member.joined is None) or (member.indexed and member.index is None)
    return member.phase is Phase.RUNNING and asked


def unknown(component: str | None, known: Collection[str]) -> str:
    """Why an operation is on no component of its stack, in words.

    Args:
        component: that it names, or ``None``.
        known: components that there are.
    """
    listed = ", ".join(sorted(known))
    if component is None:
        return f"an operation on a cluster names its component: {listed}"
    meant = nearest(component, known)
    return f"there is no component {component}" + (
        f"; did you mean {meant}?" if meant else f"; components are: {listed}"
    )
