"""``index-sync``: a node gets the search index of another one.

Steps of the strategy *copy*, each taken from what is seen:

1. gather the source's index beside the target's own while both go on;
2. drain and stop the target, unless it opens its index anew when that is exchanged under it;
3. where the product notes elsewhere than in the index how far each node has come: wait until the source has applied
   every operation that there was when the target had stopped;
4. copy once more, which now moves only what is new, and put the copy in place;
5. start it; it catches up with what was written since, and is admitted when it has.

A note that lies in the index is copied with it. One that lies elsewhere is the target's own: because of step 3 and
because the last pin is made after it, the source had applied all that the target can have noted.

Steps of the strategy *snapshot*: have the source share its index where the product must be asked for that; drain and
stop the target; take its index away; start it: the product recovers its index while it starts, and only then.

Sources: Jira KB "Index startup procedure in Jira 9.4 and later"; Jira REST API 2, group "index-snapshot"; Atlassian,
"Administer your Data Center search index".
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import replace

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal, broken_off, called
from telamon.plan.operations.releasing import of_one_release
from telamon.plan.step import Begin, Call, Drain, Ending, Finished, Record, Refusal, StopMember, Wait
from telamon.plan.view import MENDED, QUARANTINED, View
from telamon.plan.work import Work
from telamon.plan.works.index import ClearIndex, CopyIndex, TidyIndex
from telamon.products.indexing import IndexStrategy, IndexWays
from telamon.stackfile.nearest import nearest
from telamon.state.classify import UP, Condition
from telamon.state.world import INTERRUPTED, JobPhase, Life, MemberState

TRIES = 3
"""How often a work that failed is begun again."""

SETTLES, SETTLES_AGAIN = 10, 1.0
"""How often it is looked whether the source has applied what the target may have noted, and after how many seconds."""

SHARED_WITHIN = 3600.0
"""Seconds within which a source must have shared its index."""

SOURCE, STRATEGY, AUTOMATIC = "source", "strategy", "automatic"
"""Particulars of the verb."""

GATHERED, SWITCHED, FROM = "gathered", "switched", "from:"
GATHERING, SWITCH, CLEAR = "gather", "switch", "clear"
"""Works of the verb; the last two change the index in place."""


class IndexSync(Planner):
    """Gives one member the index of another one."""

    verb = "index-sync"
    words = "give a member the search index of another one"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """What would make the copy impossible, or leave users without enough members."""
        ways = view.desired.index
        if ways is None:
            yield _no_index(view)
            return
        yield from _unknown_names(view, operation, ways)
        yield from of_one_release(view)
        if view.desired.member(operation.member) is None:
            yield Refusal("target-is-named", "nobody is named who gets an index", "name it with --to")
            return
        source = _choose(view, operation)
        if source is None:
            yield Refusal(
                "a-source-is-well",
                "no other member serves with an index that is read and not known to be behind",
                f"wait until one does; else `telamon index rebuild {view.desired.name}` makes it anew",
            )
            return
        yield from _unfit(view, operation, source)
        yield from _others(view, operation, ways)

    def adapt(self, view: View, operation: Running) -> View:
        """The target stays out, and stopped, from when its new index has been gathered until that is in place."""
        ways, target = view.desired.index, view.seen.member(operation.member)
        if ways is None or _knows(view, operation, SWITCHED) or _swaps_live(ways, operation):
            return view
        if operation.cancelled and not any(_exchanging(view, operation)):
            return view
        sick = target is None or view.condition(target) not in UP
        if not sick and not _knows(view, operation, GATHERED):
            return view
        kept = replace(view, kept_out=view.kept_out | {operation.member})
        if target is not None and target.admitted and view.desired.rotates:
            return kept
        return replace(kept, memory=kept.memory.with_fact(f"{QUARANTINED}{operation.member}"))

    def is_foreseen(self, view: View, operation: Running) -> bool:
        """What is copied, and when it is whole, the nodes say on the way."""
        return False

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next thing to do, from what is seen."""
        ways, source = view.desired.index, _source(view, operation)
        if ways is None or view.desired.member(operation.member) is None:
            yield Finished("Failed", f"{operation.member} is not desired any more, or keeps no index")
        elif _knows(view, operation, SWITCHED):
            yield from self._see_it_serve(view, operation)
        elif operation.cancelled:
            yield from self._give_up(view, operation)
        elif source is None:
            yield from self._settle(view, operation)
        elif _strategy(ways, operation) is IndexStrategy.COPY:
            yield from self._copy(view, operation, source)
        else:
            yield from self._recover(view, operation, source)

    # ------------------------------------------------------------------------------------------------------ the steps

    def _settle(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Settle once on a source, so that a pass does not begin what another one goes on with elsewhere."""
        name, source = view.desired.name, _choose(view, operation)
        if operation.params.get(AUTOMATIC) and not view.memory.knows(f"{MENDED}{operation.member}"):
            yield Record(name, f"{MENDED}{operation.member}", f"{operation.name} mends its index")
        elif source is None:
            yield Finished("Failed", "no other member serves with an index that is not known to be behind")
        else:
            yield Record(name, operation.fact(f"{FROM}{source.name}"), f"it serves, and {_standing(source)}")

    def _copy(self, view: View, operation: Running, source: str) -> Iterator[Proposal]:
        name, target = view.desired.name, operation.member
        ways = view.desired.index
        if ways is not None and not _swaps_live(ways, operation):
            if not _knows(view, operation, GATHERED):
                gather = CopyIndex(source, target, switches=False)
                if (yield from _tried(view, operation, GATHERING, work=gather)):
                    words = f"the index of {source} lies beside that of {target}"
                    yield Record(name, operation.fact(GATHERED), words)
                return
            if not _stopped(view, target):
                yield from _stop(view, operation)
                return
            if ways.noted_apart and not (yield from _settled(view, operation, source)):
                return
        if (yield from _tried(view, operation, SWITCH, work=CopyIndex(source, target, switches=True))):
            yield Record(name, operation.fact(SWITCHED), f"{target} has the index of {source}")

    def _recover(self, view: View, operation: Running, source: str) -> Iterator[Proposal]:
        name, target = view.desired.name, operation.member
        ways = view.desired.index
        if not _knows(view, operation, GATHERED):
            if ways is not None and ways.shares:
                if view.now - operation.since > SHARED_WITHIN:
                    yield from _ended(view, operation, "Failed", message=f"{source} does not share its index")
                    return
                why = f"{target} is about to recover from it"
                yield from called(view, Call(name, source, "share-index", why, argument=operation.key))
                if not _is_shared(view, operation):
                    yield Wait("SharingIndex", f"{source} shares its index", seconds=0.5)
                    return
            yield Record(name, operation.fact(GATHERED), f"{target} finds an index when it starts")
            return
        if not _stopped(view, target):
            yield from _stop(view, operation)
            return
        if (yield from _tried(view, operation, CLEAR, work=ClearIndex(target))):
            yield Record(name, operation.fact(SWITCHED), f"{target} recovers its index when it starts")

    def _give_up(self, view: View, operation: Running) -> Iterator[Proposal]:
        """End early; what changes the index in place comes to its own end first, and may have come to a good one."""
        phases = _exchanging(view, operation)
        if JobPhase.RUNNING in phases:
            # It takes less time than to mend what it would leave.
            yield Wait("Ending", f"the index of {operation.member} is being exchanged", seconds=0.3)
        elif JobPhase.SUCCEEDED in phases:
            yield Record(
                view.desired.name, operation.fact(SWITCHED), f"{operation.member} has its new index already"
            )
        else:
            yield from _ended(view, operation, "Cancelled", message="the index in place is the old one")

    def _see_it_serve(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The standing rules start it and admit it; here it is only waited for."""
        member = view.seen.member(operation.member)
        condition = Condition.ABSENT if member is None else view.condition(member)
        serves = condition is Condition.SERVING or (condition in UP and not view.desired.rotates)
        if serves:
            words = f"{operation.member} serves with the index of {_source(view, operation)}"
            yield from _ended(view, operation, "Succeeded", message=_with_figures(view, operation, words))
        elif operation.cancelled:
            yield from _ended(view, operation, "Cancelled", message="the new index was in place already")
        elif condition is Condition.INDEX_BROKEN:
            yield from _ended(
                view, operation, "Failed", message=f"{operation.member} cannot read its new index"
            )
        elif view.now - _switched(view, operation) > view.desired.patience.start + view.desired.patience.join:
            yield from _ended(
                view, operation, "Failed", message=f"{operation.member} is {condition.value} since"
            )
        else:
            yield Wait("CatchingUp", f"{operation.member} is {condition.value} with its new index")


# -------------------------------------------------------------------------------------------------------- the guards


def _no_index(view: View) -> Refusal:
    name = view.desired.name
    return Refusal(
        "nodes-keep-the-index",
        f"the nodes of {name} keep no search index: there is nothing to copy",
        f"`telamon index rebuild {name}` has the product make it anew from its own data"
        if view.desired.rebuild is not None
        else "name a product whose nodes keep one",
    )


def _unknown_names(view: View, operation: Running, ways: IndexWays) -> Iterator[Refusal]:
    known = [member.name for member in view.desired.members]
    source = operation.params.get(SOURCE, "")
    if source and source not in known:
        meant = nearest(source, known)
        hint = f"did you mean {meant}?" if meant else f"its members are {', '.join(known)}"
        yield Refusal("source-is-known", f"{view.desired.name} has no member {source}", hint)
    if source and source == operation.member:
        yield Refusal("two-members", f"{source} has its own index already", "name another source")
    strategy = operation.params.get(STRATEGY, "")
    offered = [way.value for way in ways.strategies]
    if strategy and strategy not in offered:
        yield Refusal(
            "strategy-is-offered",
            f"{view.desired.name} does not offer the strategy {strategy}",
            f"it offers {', '.join(offered)}",
        )


def _unfit(view: View, operation: Running, source: MemberState) -> Iterator[Refusal]:
    if not _is_fit(view, source):
        yield Refusal(
            "a-source-is-well",
            f"{source.name} is {view.condition(source).value}, or its index cannot be read or is behind",
            "name another source, or wait until it is well",
        )
    target = view.seen.member(operation.member)
    wanted = view.desired.member(operation.member)
    release = (target.release if target is not None else None) or (wanted.release if wanted else None)
    if source.release != release:
        yield Refusal(
            "one-release",
            f"{source.name} runs {source.release} and {operation.member} {release}",
            "an index is read by the release that wrote it: bring both to one release first",
        )


def _others(view: View, operation: Running, ways: IndexWays) -> Iterator[Refusal]:
    serving = [member.name for member in view.serving()]
    if _swaps_live(ways, operation) or operation.member not in serving:
        return
    needed = view.must_serve
    if len(serving) - 1 < needed:
        yield Refusal(
            "enough-go-on-serving",
            f"{operation.member} must stop for a moment, and only {len(serving) - 1} members would serve",
            "wait until another member serves, or add one",
        )


# ----------------------------------------------------------------------------------------------------- what is known


def _knows(view: View, operation: Running, what: str) -> bool:
    return view.memory.knows(operation.fact(what))


def _strategy(ways: IndexWays, operation: Running) -> IndexStrategy:
    named = operation.params.get(STRATEGY, "")
    return next((way for way in ways.strategies if way.value == named), ways.strategies[0])


def _swaps_live(ways: IndexWays, operation: Running) -> bool:
    return ways.place.live and _strategy(ways, operation) is IndexStrategy.COPY


def _is_fit(view: View, member: MemberState) -> bool:
    """Whether a member's index is worth copying: it is read, and lacks no more than others write meanwhile.

    Where the product does not tell how far an index has come, one that is read has to do.
    """
    index = member.index
    caught_up = index is not None and index.readable and (index.behind or 0) <= view.desired.patience.lag
    return view.condition(member) in UP and caught_up


def _standing(member: MemberState) -> str:
    """What can be said of a source's index, and no more than that."""
    behind = member.index.behind if member.index else None
    if behind is None:
        return "its index is read; how far it is, the product does not tell"
    return "its index has caught up" if behind == 0 else f"its index lacks {behind} operations"


def _choose(view: View, operation: Running) -> MemberState | None:
    """The source that is named, or the fittest; ``None`` where there is none."""
    named = operation.params.get(SOURCE, "")
    if named:
        return view.seen.member(named)
    fit = [
        member for member in view.seen.members if member.name != operation.member and _is_fit(view, member)
    ]
    return min(
        fit,
        key=lambda member: ((member.index.behind or 0) if member.index else 0, member.ordinal),
        default=None,
    )


def _source(view: View, operation: Running) -> str | None:
    """The source that was settled on."""
    start = operation.fact(FROM)
    return next((fact.removeprefix(start) for fact in view.memory.facts if fact.startswith(start)), None)


def _stopped(view: View, name: str) -> bool:
    member = view.seen.member(name)
    return member is None or member.life in {Life.ABSENT, Life.EXITED}


def _is_shared(view: View, operation: Running) -> bool:
    job = view.seen.jobs.get(f"share-index/{operation.key}")
    return job is not None and job.phase is JobPhase.SUCCEEDED and job.result == "done"


def _switched(view: View, operation: Running) -> float:
    """The instant at which the last work on the target's index ended."""
    ours = [job for job in view.seen.jobs.values() if _is_ours(job.name, operation)]
    return max((job.ended for job in ours if job.ended is not None), default=view.now)


def _exchanging(view: View, operation: Running) -> frozenset[JobPhase]:
    """How the works stand that change the index in place: those that run, and those that came to a good end."""
    ways = tuple(operation.job(what) for what in (SWITCH, CLEAR))
    phases = (job.phase for job in view.seen.jobs.values() if job.name.startswith(ways))
    return frozenset(phase for phase in phases if phase is not JobPhase.FAILED)


def _with_figures(view: View, operation: Running, words: str) -> str:
    """The words, with what the last work said of itself."""
    found = [view.seen.jobs.get(_job(operation, SWITCH, attempt)) for attempt in range(1, TRIES + 1)]
    said = [job.result for job in found if job is not None and job.phase is JobPhase.SUCCEEDED]
    return f"{words}; {said[-1]}" if said else words


# -------------------------------------------------------------------------------------------------------- the pieces


def _stop(view: View, operation: Running) -> Iterator[Proposal]:
    name, member = view.desired.name, view.seen.member(operation.member)
    why = f"{operation.name}: its index is about to be exchanged"
    if member is None:
        return
    if view.desired.rotates and member.admitted:
        yield Drain(name, member.name, why)
    elif member.life is Life.ALIVE:
        yield StopMember(name, member.name, why, kill=view.condition(member) is Condition.HUNG)
    else:
        yield Wait("Stopping", f"{member.name} is stopping", seconds=0.5)


def _job(operation: Running, what: str, attempt: int) -> str:
    return operation.job(f"{what}-{attempt}")


def _tried(view: View, operation: Running, what: str, *, work: Work) -> Generator[Proposal, None, bool]:
    """A work that must come to a good end, begun again where it failed.

    Returns:
        Whether it is done. A wait does not keep later proposals from being taken, so whoever asks must look at this.
    """
    for attempt in range(1, TRIES + 1):
        job = view.seen.jobs.get(_job(operation, what, attempt))
        if job is None or (job.phase is JobPhase.FAILED and job.result == INTERRUPTED):
            yield Begin(view.desired.name, _job(operation, what, attempt), work, f"{operation.name}: {what}")
            return False
        if job.phase is JobPhase.SUCCEEDED:
            return True
        if job.phase is JobPhase.RUNNING:
            yield Wait("Working", job.progress or f"{what} is under way", seconds=0.3)
            return False
        if attempt == TRIES:
            yield from _ended(view, operation, "Failed", message=job.detail or f"{what} failed")
    return False


def _settled(view: View, operation: Running, source: str) -> Generator[Proposal, None, bool]:
    """Whether the source has applied all that there was when the target had stopped; if not, the old index stays."""
    why = f"{operation.member} has noted elsewhere how far it is"
    for attempt in range(1, SETTLES + 1):
        step = Call(view.desired.name, source, "index-settled", why, argument=f"{operation.key}-{attempt}")
        job = view.seen.jobs.get(step.job)
        if job is None:
            yield step
            return False
        if job.phase is JobPhase.RUNNING:
            yield Wait("Settling", f"{source} applies what others have written", seconds=0.3)
            return False
        if job.phase is JobPhase.SUCCEEDED and job.result == "done":
            return True
        if attempt < SETTLES and job.ended is not None and 0 <= view.now - job.ended < SETTLES_AGAIN:
            yield Wait(
                "Settling", f"{source} has not applied yet what others have written", seconds=SETTLES_AGAIN
            )
            return False
    words = (
        f"{source} does not catch up with what {operation.member} may have noted; its old index is in place"
    )
    yield from _ended(view, operation, "Failed", message=words)
    return False


def _ended(view: View, operation: Running, ending: Ending, *, message: str) -> Iterator[Proposal]:
    """Let go of what was pinned and gathered, and end; a work that still runs comes to its own end first."""
    running = [
        job.name for job in view.seen.jobs.values() if _is_ours(job.name, operation) and job.ended is None
    ]
    tidy = operation.job("tidy")
    others = [name for name in running if name != tidy]
    if others:
        gathering = [name for name in others if name.startswith(operation.job(GATHERING))]
        if ending == "Cancelled":
            yield from broken_off(view, *gathering, because=f"{operation.name} was cancelled")
        yield Wait("Ending", f"{others[0]} comes to its end", seconds=0.3)
        return
    job = view.seen.jobs.get(tidy)
    if job is None:
        work = TidyIndex(_source(view, operation) or "", operation.member)
        yield Begin(view.desired.name, tidy, work, f"{operation.name} ends")
    elif job.phase is JobPhase.RUNNING:
        yield Wait("Ending", "what was pinned is let go", seconds=0.3)
    else:
        yield Finished(ending, message)


def _is_ours(job: str, operation: Running) -> bool:
    return job.startswith(operation.job(""))
