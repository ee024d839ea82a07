"""Whoever keeps a stack: the controller on this machine, or the operator of a cluster. Verbs ask both in one way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from telamon.cli.client import Controller, Report, reported
from telamon.cli.clusters import connected
from telamon.cli.options import DEFAULT_FILE
from telamon.cli.places import Place, typed
from telamon.errors import NotReadyError, UsageError

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.model.operation import Operation
    from telamon.platforms.kubernetes.api import Api
    from telamon.platforms.kubernetes.asking import Asking


class Keeper(Protocol):
    """What can be asked of whoever keeps a stack."""

    def stack(self) -> Report:
        """The stack with its status. Raises NotReadyError where there is nothing to tell yet."""

    def operate(self, wish: Mapping[str, Any]) -> Operation:
        """Ask for an operation: ``verb``, ``component``, ``member``, ``params``."""

    def plan_operation(self, wish: Mapping[str, Any]) -> Mapping[str, Any]:
        """What an operation would do: ``steps`` and ``waits``. Raises UsageError where nobody can say."""

    def operations(self) -> tuple[Operation, ...]:
        """Every operation that is kept, the oldest first."""

    def operation(self, name: str) -> Operation:
        """One operation. Raises NotReadyError where there is none of that name."""

    def cancel(self, name: str) -> Operation:
        """Ask an operation to end early."""


@dataclass(frozen=True)
class ClusterKeeper:
    """The operator of a cluster, asked through the API server. A :class:`Keeper`.

    Attributes:
        asking: the Stack that is meant.
    """

    asking: Asking

    def stack(self) -> Report:
        """See :class:`Keeper`."""
        return reported(self.asking.stack())

    def operate(self, wish: Mapping[str, Any]) -> Operation:
        """See :class:`Keeper`; the operator refuses by its admission, or once it has taken the operation in."""
        report = self.stack()
        target = {"stack": report.name, "component": wish["component"]}
        member = {"member": wish["member"]} if wish["member"] else {}
        asked = {"verb": wish["verb"], "target": target | member, "generation": report.generation}
        return self.asking.ask(asked | ({"params": wish["params"]} if wish["params"] else {}))

    def plan_operation(self, wish: Mapping[str, Any]) -> Mapping[str, Any]:
        """See :class:`Keeper`; what the operator sees nobody else does."""
        raise UsageError(
            f"--plan shows what a stack of this machine would do: the operator of a cluster decides each step of "
            f"`{wish['verb']}` there",
            remedy="Ask without --plan: what a guard speaks against is refused before anything is touched.",
        )

    def operations(self) -> tuple[Operation, ...]:
        """See :class:`Keeper`."""
        return self.asking.operations()

    def operation(self, name: str) -> Operation:
        """See :class:`Keeper`."""
        return self.asking.operation(name)

    def cancel(self, name: str) -> Operation:
        """See :class:`Keeper`."""
        return self.asking.cancel(name)

    def evidence(self, component: str, member: str) -> tuple[str, bytes]:
        """What the operator has gathered of a member last; see :meth:`Asking.evidence`."""
        return self.asking.evidence(component, member)


@contextmanager
def keeper_of(session: Session, place: Place) -> Iterator[Keeper]:
    """Whoever keeps the stack that is meant, until the block ends.

    Raises:
        UsageError: a state folder and a cluster are named, no stack is called so, or several could be meant.
        NotReadyError: there is none at all.
        MachineError: the kubeconfig cannot be used, or the library for clusters is missing.
    """
    if not place.in_cluster:
        from telamon.cli.target import find

        yield Controller(find(session, place.stack, state=place.state).socket)
        return
    with cluster_keeper(session, place) as keeper:
        yield keeper


@contextmanager
def cluster_keeper(session: Session, place: Place) -> Iterator[ClusterKeeper]:
    """The operator of the cluster that was named, until the block ends.

    Raises:
        UsageError: a state folder and a cluster are named, no stack is called so, or several could be meant.
        NotReadyError: there is none at all.
        MachineError: the kubeconfig cannot be used, or the library for clusters is missing.
    """
    if place.state is not None and typed("state"):
        raise UsageError(
            "a stack in a cluster has no state folder", remedy="Give --state, or --context and --kubeconfig."
        )
    with connected(place.kubeconfig, place.context) as api:
        from telamon.platforms.kubernetes.asking import Asking

        asking = Asking(api, stack_name(session, api, given=place.stack))
        asking.survey(session.wiring().products(asking.asked_for()))
        yield ClusterKeeper(asking)


def stack_name(session: Session, api: Api, *, given: str | None) -> str:
    """The name of the Stack of a cluster that is meant.

    Args:
        session: whose wiring reads files.
        api: of the cluster.
        given: its name or file; ``None``: the file in this folder, or else the only one there is.

    Raises:
        UsageError: no Stack is called so, or several could be meant.
        NotReadyError: there is none at all.
    """
    from telamon.cli.names import unknown
    from telamon.cli.reading import read_file
    from telamon.cli.target import is_file
    from telamon.platforms.kubernetes.asking import stacks_there

    if given is not None and not is_file(given):
        there = stacks_there(api)
        if given not in there:
            raise unknown("stack", given, known=there)
        return given
    if given is not None or DEFAULT_FILE.exists():
        file = Path(given) if given is not None else DEFAULT_FILE
        return str(read_file(session, file).stack.metadata.name)
    there = stacks_there(api)
    if not there:
        raise NotReadyError("the cluster has no Stack", remedy="Run `telamon up FILE --context NAME` first.")
    if len(there) > 1:
        raise UsageError(
            f"which stack? There are several in this cluster: {', '.join(there)}",
            remedy="Name the one that is meant.",
        )
    return there[0]
