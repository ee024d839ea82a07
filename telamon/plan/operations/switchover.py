"""``switchover``: let the standby take writes, in order, and make a standby of the old primary."""

from __future__ import annotations

from collections.abc import Iterator

from telamon.plan.operation import Running
from telamon.plan.operations.base import Planner, Proposal
from telamon.plan.step import Finished, Record, Refusal, StopMember, Wait
from telamon.plan.view import View
from telamon.plan.writer import Writer, heir, recorded
from telamon.state.classify import UP
from telamon.state.world import ComponentKind, Life

TO = "to:"
"""Begin of the fact that says who is to take over."""
LAG_AT_MOST = 16 << 20
"""Bytes that the standby may lack when it is asked: what the primary sends while it stops."""


class Switchover(Planner):
    """The primary is stopped in order, which sends everything to the standby; then the standing rules hand over.

    What those rules do when a primary is lost is all there is to do: there is one way to change the writer.
    """

    verb = "switchover"
    words = "let the standby take writes"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """Only a standby that has everything takes over, and only from a primary that is another one."""
        if view.desired.kind is not ComponentKind.DATABASE:
            yield Refusal(
                "is-a-database",
                f"{view.desired.name} is no database",
                "switch the database over: `telamon database switchover`",
            )
            return
        record = recorded(view.memory)
        if record is None or not record.synced:
            yield _none_in_sync(view)
        elif operation.member == record.primary:
            yield Refusal(
                "is-not-primary-already",
                f"{record.primary} takes writes already",
                f"name {record.synced}, or nobody",
            )
        else:
            yield from _unfit(view, record, operation)

    def proposals(self, view: View, operation: Running) -> Iterator[Proposal]:
        """Stop the primary; wait until the chosen one serves and every server is well."""
        record, chosen = recorded(view.memory), _chosen(view, operation)
        if record is None:
            yield Finished("Failed", "nothing says who takes writes")
        elif chosen is None:
            yield from _choose(view, operation, record)
        elif record.primary == chosen:
            yield from _arrive(view, record)
        elif operation.cancelled:
            yield Finished("Cancelled", f"{record.primary} goes on taking writes")
        else:
            yield from _leave(view, record, chosen=chosen)


def _choose(view: View, operation: Running, record: Writer) -> Iterator[Proposal]:
    """Settle once who takes over: the standby changes its name when it has."""
    wanted = operation.member or record.synced
    if wanted:
        yield Record(view.desired.name, operation.fact(f"{TO}{wanted}"), "it is to take over")
    else:
        yield Finished("Failed", "no standby has every acknowledged write any more")


def _leave(view: View, record: Writer, *, chosen: str) -> Iterator[Proposal]:
    primary = view.seen.member(record.primary)
    if primary is None or primary.started is None:
        # It has stopped: the standing rules record its successor, or start it again where there is none.
        return
    if primary.life is Life.ENDING:
        yield Wait("SwitchingOver", f"{record.primary} is stopping", seconds=0.2)
    elif record.synced != chosen or heir(view, record) is None:
        yield Finished("Failed", f"{chosen} does not have every acknowledged write any more")
    else:
        yield StopMember(view.desired.name, record.primary, f"{chosen} takes over")


def _arrive(view: View, record: Writer) -> Iterator[Proposal]:
    waiting = [member.name for _, member, condition in view.wanted() if condition not in UP]
    if waiting or not record.synced:
        who = waiting[0] if waiting else "the standby"
        yield Wait("SwitchingOver", f"{who} is not well yet", seconds=0.5)
    else:
        yield Finished("Succeeded", f"{record.primary} takes writes, and {record.synced} is in sync")


def _chosen(view: View, operation: Running) -> str | None:
    start = operation.fact(TO)
    return next((fact.removeprefix(start) for fact in view.memory.facts if fact.startswith(start)), None)


def _unfit(view: View, record: Writer, operation: Running) -> Iterator[Refusal]:
    found = heir(view, record)
    if found is None or operation.member not in {"", found.name}:
        yield _none_in_sync(view)
        return
    lag = found.replication.lag if found.replication is not None else None
    if lag is None or lag > LAG_AT_MOST:
        yield Refusal(
            "standby-keeps-up",
            f"{found.name} is {'out of touch' if lag is None else f'{lag:,} bytes behind'}",
            "wait until it has caught up",
        )


def _none_in_sync(view: View) -> Refusal:
    alone = len(view.desired.members) < 2
    remedy = (
        "ask for two with platform.databases" if alone else "wait until `telamon status` shows one in sync"
    )
    return Refusal("standby-has-everything", "no standby has every acknowledged write", remedy)
