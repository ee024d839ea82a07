"""``index-rebuild``: a product makes its whole index anew from its own data; asked for, never taken by itself.

Steps, each taken from what is seen:

1. choose a node, and note which one;
2. where the node that makes the index serves nobody meanwhile, drain it;
3. have it begin, then look from time to time how far it is;
4. the standing rules let it serve again.

It takes about an hour for a million issues (Source: performance toolkit of the vendor, user guide), so nobody takes it
lightly: a node with a bad index is given that of another one in seconds (``index-sync``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal, called
from telamon.plan.operations.releasing import of_one_release
from telamon.plan.step import Call, Drain, Finished, Record, Refusal, Wait
from telamon.plan.view import View
from telamon.products.indexing import RebuildWay
from telamon.state.classify import UP
from telamon.state.phase import Phase
from telamon.state.world import JobPhase

REBUILD, AWAIT = "rebuild-index", "await-index"
"""Calls: begin, and look how far it is."""
LOOKS_EVERY = 10.0
"""Seconds between two looks: each is kept in the journal, and there may be an hour of them."""
WRONG = "wrong"
"""Result of a look that found that it has ended badly."""
ON = "on:"


class IndexRebuild(Planner):
    """Has a product make its index anew."""

    verb = "index-rebuild"
    words = "make the whole search index anew"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """The product must know how, be of one release, and have a node to spare where one serves nobody meanwhile."""
        name = view.desired.name
        if view.desired.rebuild is None:
            yield Refusal(
                "it-can-be-rebuilt",
                f"{name} has no search index that it could be asked to make anew",
                "name a product; what its companions keep is made anew through it",
            )
            return
        yield from of_one_release(view)
        serving = [member.name for member in view.serving()]
        if not serving or (operation.member and operation.member not in serving):
            yield Refusal(
                "a-node-serves",
                f"{operation.member} does not serve now"
                if operation.member
                else f"no node of {name} serves now",
                "wait until it does, or name another node",
            )
        elif view.desired.rebuild is RebuildWay.ASIDE and len(serving) - 1 < view.must_serve:
            yield Refusal(
                "enough-go-on-serving",
                f"the node that makes the index serves nobody meanwhile, and only {len(serving) - 1} would be left",
                "add a node first; else do it at the product's own administration pages when users can do without it",
            )

    def adapt(self, view: View, operation: Running) -> View:
        """The node stays out of rotation until it has ended; whatever it says of itself meanwhile, it is at work."""
        node = _node(view, operation)
        out = node and view.desired.rebuild is RebuildWay.ASIDE and not operation.cancelled
        if not out or _ended(view, operation):
            return view
        view = replace(view, kept_out=view.kept_out | {node})
        member = view.seen.member(node)
        if member is None or member.phase is not Phase.ERROR or not _is_at_it(view, operation):
            return view
        # Some releases report ERROR in place of MAINTENANCE while they make their index. Taken at its word the node
        # would be restarted, and the work of an hour be lost.
        return view.with_seen(view.seen.with_member(member.with_(phase=Phase.MAINTENANCE)))

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next thing to do, from what is seen."""
        name, node = view.desired.name, _node(view, operation)
        if operation.cancelled:
            yield _cancelled(view, operation)
        elif not node:
            yield from _choose(view, operation)
        elif _ended(view, operation):
            yield from _conclude(view, operation, node)
        else:
            member = view.seen.member(node)
            if member is not None and member.admitted and view.desired.rebuild is RebuildWay.ASIDE:
                yield Drain(name, node, f"{operation.name}: it serves nobody while it makes its index anew")
                return
            why = f"{operation.name}: {self.words}"
            begin = Call(name, node, REBUILD, why, argument=operation.key)
            left = tuple(called(view, begin, rest=LOOKS_EVERY))
            look = Call(name, node, AWAIT, why, argument=operation.key)
            yield from left or called(view, look, rest=LOOKS_EVERY)


def _choose(view: View, operation: Running) -> Iterator[Proposal]:
    serving = view.serving()
    if not serving:
        yield Wait("Choosing", f"no node of {view.desired.name} serves now")
        return
    # The last one: where members leave, it is the first to go.
    node = operation.member or serving[-1].name
    yield Record(view.desired.name, operation.fact(f"{ON}{node}"), f"{node} makes the index anew")


def _conclude(view: View, operation: Running, node: str) -> Iterator[Proposal]:
    job = view.seen.jobs[f"{AWAIT}/{operation.key}"]
    if job.result == WRONG:
        yield Finished("Failed", f"{node}: {job.detail}")
        return
    member = view.seen.member(node)
    if member is None or view.condition(member) not in UP or (view.desired.rotates and not member.admitted):
        yield Wait("Rebuilt", f"{node} has its new index, and does not serve yet")
        return
    told = f"; the product says: {job.detail}" if job.detail else ""
    yield Finished("Succeeded", f"the index of {view.desired.name} was made anew on {node}{told}")


def _cancelled(view: View, operation: Running) -> Finished:
    if f"{REBUILD}/{operation.key}" in view.seen.jobs:
        return Finished(
            "Cancelled", "what the product has begun it brings to its end, and nobody waits for it"
        )
    return Finished("Cancelled", "the index is as it was")


def _node(view: View, operation: Running) -> str:
    """The node that was settled on, or ""."""
    start = operation.fact(ON)
    return next((fact.removeprefix(start) for fact in view.memory.facts if fact.startswith(start)), "")


def _is_at_it(view: View, operation: Running) -> bool:
    """Whether the node was told to, and as far as it answers has not ended: a look in vain means that nobody knows."""
    begun = view.seen.jobs.get(f"{REBUILD}/{operation.key}")
    looked = view.seen.jobs.get(f"{AWAIT}/{operation.key}")
    told = begun is not None and begun.phase is not JobPhase.FAILED
    return told and (looked is None or looked.phase is not JobPhase.FAILED)


def _ended(view: View, operation: Running) -> bool:
    job = view.seen.jobs.get(f"{AWAIT}/{operation.key}")
    return job is not None and job.phase is JobPhase.SUCCEEDED and job.result != "waiting"
