"""``rotate-cluster-secret``: a new secret for the nodes of a cluster, in a planned interruption.

Nodes with different secrets form different clusters, each of which believes that it is the only one. So all of them
stop before the secret changes, and users see the maintenance page from the first second to the last.

Source: Hazelcast reference manual, "Configuring cluster name": members join those with the same credentials alone.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal, unwell, without_page, worked
from telamon.plan.step import Begin, Finished, Hold, LetGo, Record, Refusal, Wait
from telamon.plan.view import RENEWED, View
from telamon.plan.works.rotation import RenewClusterSecret
from telamon.state.classify import UP
from telamon.state.world import JobPhase, JobState

STOPPING = "stopping"
"""Fact: from here on users see the maintenance page."""
DOWNTIME = "downtime"
"""Parameter that says that somebody agreed to the interruption."""


class RotateClusterSecret(Planner):
    """Hold, stop all, change, start all, let go."""

    verb = "rotate-cluster-secret"
    words = "give the nodes of a cluster a new secret, in a planned interruption"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Never by accident, and only where there is such a secret."""
        name = view.desired.name
        if not view.desired.cluster_secret:
            yield Refusal(
                "nodes-share-a-secret",
                f"the nodes of {name} share no secret that Telamon keeps",
                "name a product whose nodes do",
            )
        elif operation.params.get(DOWNTIME) != "yes":
            yield Refusal(
                "downtime-is-agreed",
                f"every node of {name} must stop: nodes with different secrets form different clusters",
                "ask again with --downtime when users can do without it",
            )
        yield from without_page(view)
        yield from unwell(view)

    def adapt(self, view: View, operation: Running) -> View:
        """Nobody runs between the beginning of the interruption and the new secret."""
        if not _stopping(view, operation) or _renewed(view, operation) or _turns_back(view, operation):
            return view
        return replace(view, desired=replace(view.desired, members=()))

    def too_late(self, view: View, operation: Running) -> Refusal | None:
        """Once the secret is being changed the shortest way back to users leads forward."""
        if _work(view, operation) is None:
            return None
        return Refusal(
            "it-can-still-turn-back",
            f"the nodes of {view.desired.name} are given their new secret just now: nothing turns back from here",
            f"`telamon operations wait {operation.name}` waits for its end",
        )

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next thing to do, from what is seen."""
        name = view.desired.name
        if not _stopping(view, operation):
            if operation.cancelled:
                yield Finished("Cancelled", "nothing had been changed yet")
            else:
                yield Record(name, operation.fact(STOPPING), "the interruption begins")
        elif _turns_back(view, operation):
            yield from self._turn_back(view, operation)
        elif not _renewed(view, operation):
            yield from self._change(view, operation)
        elif not view.standing().ready:
            yield Wait("Starting", f"{name} starts with its new secret", seconds=0.5)
        elif view.seen.held:
            yield LetGo(name, operation.name)
        elif all(condition in UP for _, _, condition in view.wanted()):
            yield Finished("Succeeded", f"the nodes of {name} have a new secret")

    def _change(self, view: View, operation: Running) -> Iterator[Proposal]:
        if view.desired.rotates and not view.seen.held:
            yield Hold(view.desired.name, operation.name)
        elif not view.seen.members:
            # The standing rules end whoever is not desired; then nobody is left who knows the old one.
            work = RenewClusterSecret()
            begun = Begin(view.desired.name, operation.job(work.kind), work, operation.name)
            left = tuple(worked(view, begun))
            # Where somebody brought the first secret, this has the nodes desired with the one that was made just now.
            yield from left or (Record(view.desired.name, RENEWED, "Telamon keeps the secret from now on"),)

    def _turn_back(self, view: View, operation: Running) -> Iterator[Proposal]:
        name = view.desired.name
        if not view.standing().ready:
            yield Wait("Starting", f"{name} starts with the secret that it has", seconds=0.5)
        elif view.seen.held:
            yield LetGo(name, operation.name)
        else:
            yield Finished("Cancelled", f"the nodes of {name} keep the secret that they have")


def _stopping(view: View, operation: Running) -> bool:
    return view.memory.knows(operation.fact(STOPPING))


def _work(view: View, operation: Running) -> JobState | None:
    """The change of the secret, once it was begun."""
    return view.seen.jobs.get(operation.job(RenewClusterSecret.kind))


def _turns_back(view: View, operation: Running) -> bool:
    """Whether it was cancelled before the secret was touched."""
    return operation.cancelled and _work(view, operation) is None


def _renewed(view: View, operation: Running) -> bool:
    job = _work(view, operation)
    return job is not None and job.phase is JobPhase.SUCCEEDED and view.memory.knows(RENEWED)
