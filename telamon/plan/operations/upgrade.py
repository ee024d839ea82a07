"""``upgrade``: the nodes of a product go to another release one after the other, while the others serve.

Steps, each taken from what is seen:

1. see that an index snapshot exists for nodes that will need one, and a backup to come back to; have the nodes deliver
   static files where a network does, and switch upgrade mode on;
2. desire the new release: the standing rules replace one node at a time, the least busy first;
3. ask each new node for what users ask for before users do; a node that does not start, or answers with errors, turns
   the whole upgrade back;
4. when every node is new, approve; when the final tasks are done, let the network deliver again, and record the
   release.

Turning back desires the old release again, and ends with upgrade mode off and the network back. After the approval
nothing turns back.

Sources: Atlassian, "Managing zero downtime upgrades"; "Zero downtime upgrade FAQs"; "Upgrade Confluence without
downtime"; Bitbucket, "Zero downtime upgrade REST".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from types import MappingProxyType

from telamon.desired.component import Upgrade as Wanted
from telamon.plan.operation import Running
from telamon.plan.operations.base import (
    Proposal,
    broken_off,
    called,
    database_first,
    reason_to_turn_back,
    turn_back,
    unwell,
)
from telamon.plan.operations.cdn import left_off, put_aside, put_back
from telamon.plan.operations.releasing import Releasing, of_one_release, tasks_failed, tried_again
from telamon.plan.operations.saving import cannot_be_saved, saved_first, saving_jobs
from telamon.plan.operations.smoke import proven, smoked, trouble_of
from telamon.plan.step import Call, Finished, Record, Refusal, Wait
from telamon.plan.view import RELEASE, View
from telamon.products.release import Act, Way
from telamon.state.classify import UP
from telamon.state.world import JobPhase, Life, MemberState, UpgradePhase

SNAPSHOT_WITHIN = 3600.0
"""Seconds in which the index snapshot must be there; nothing is touched before, so giving up costs nothing."""

SETTLES = 5.0
"""Seconds after which a cluster that was told something is seen as it is."""

TOLD = "told"
MODE = "mode"
APPROVED = "approved"
_SETTLING: Mapping[UpgradePhase | None, str] = MappingProxyType(
    {
        UpgradePhase.RUNNING_UPGRADE_TASKS: "its final tasks run",
        UpgradePhase.MIXED: "the product itself counts a node of the old release still",
    }
)
"""What an upgrade waits for whose nodes all run the new release."""


class Upgrade(Releasing):
    """A rolling upgrade to the release that the stack file asks for."""

    verb = "upgrade"
    words = "upgrade node by node"

    def refusals(self, view: View, operation: Running) -> Iterator[Refusal]:
        """The rules of the vendor, and what a careful administrator looks at first."""
        wanted = view.desired.upgrade
        if wanted is None:
            yield Refusal(
                "another-release-is-asked-for",
                f"{view.desired.name} runs what the stack file asks for",
                "change the version in the stack file",
            )
            return
        if wanted.jump.way is not Way.ROLLING:
            yield Refusal(
                "jump-is-allowed",
                f"{view.desired.name} {wanted.from_release} to {wanted.to_release}: {wanted.jump.reason}",
                "choose another release, or plan a downtime",
            )
        if len(view.desired.members) < 2:
            yield Refusal(
                "two-nodes-at-least",
                f"{view.desired.name} has one node, and its users would be without it",
                "add a second node, or plan a downtime",
            )
        if view.seen.upgrade in {UpgradePhase.UPGRADE_TASKS_FAILED, UpgradePhase.RUNNING_UPGRADE_TASKS}:
            yield from of_one_release(replace(view, desired=replace(view.desired, upgrade=None)))
        yield from cannot_be_saved(view)
        yield from unwell(view)

    def adapt(self, view: View, operation: Running) -> View:
        """Desire the new release once upgrade mode is on, and the old one again on the way back."""
        wanted = view.desired.upgrade
        if (
            wanted is None
            or not _knows(view, operation, MODE)
            or reason_to_turn_back(view, operation) is not None
        ):
            return view
        desired = replace(view.desired, members=wanted.members)
        unproven = frozenset(
            member.name
            for member in _at(view, wanted.to_release)
            if not proven(view, operation, member=member)
        )
        return replace(view, desired=desired, kept_out=view.kept_out | unproven)

    def too_late(self, view: View, operation: Running) -> Refusal | None:
        """The vendor knows no way back from an approved upgrade."""
        if not _knows(view, operation, APPROVED):
            return None
        return Refusal(
            "it-can-still-turn-back",
            f"the upgrade of {view.desired.name} to {operation.params.get('to')} is approved: nothing turns back from"
            " here",
            f"`telamon operations wait {operation.name}` waits for its end; only a restore leads back",
        )

    def steps(self, view: View, operation: Running) -> Iterator[Proposal]:
        """The next thing to do, from what is seen."""
        wanted = view.desired.upgrade
        if wanted is None:
            yield Finished("Failed", "it was not told which release to come to")
        elif reason_to_turn_back(view, operation) is not None:
            yield from self._turn_back(view, operation, wanted=wanted)
        elif not _knows(view, operation, MODE):
            yield from self._prepare(view, operation, wanted=wanted)
        else:
            yield from self._go_on(view, operation, wanted=wanted)

    # ------------------------------------------------------------------------------------------------------- forward

    def _prepare(self, view: View, operation: Running, *, wanted: Wanted) -> Iterator[Proposal]:
        name, why = view.desired.name, f"{operation.name} to {wanted.to_release}"
        if operation.cancelled:
            # Upgrade mode may be on although nobody has seen it yet.
            yield turn_back(view, operation, reason="somebody asked for it")
            return
        sick = [found.name for found, _, condition in view.wanted() if condition not in UP]
        if sick:
            yield Wait("Upgrading", f"the upgrade begins when {sick[0]} is well")
            return
        behind = tuple(database_first(view))
        if behind:
            yield from behind
            return
        helper = view.fit()[0].name
        if view.desired.prepares_join:
            snapshot = Call(name, helper, "prepare-join", why, argument=operation.key)
            left = tuple(called(view, snapshot))
            if left:
                # A wait does not end the list of proposals, and nothing may begin before there is a snapshot.
                if view.now - operation.since > SNAPSHOT_WITHIN:
                    left = (turn_back(view, operation, reason=f"{helper} made no index snapshot in an hour"),)
                yield from left
                return
        left = tuple(saved_first(view, operation)) or tuple(put_aside(view, operation))
        if left:
            yield from left
            return
        if wanted.mode and not _knows(view, operation, TOLD):
            yield Record(name, operation.fact(TOLD), "upgrade mode is about to be switched on")
            return
        if wanted.mode and view.seen.upgrade in {None, UpgradePhase.STABLE}:
            yield from called(view, _start(view, operation, why))
            yield Wait("Upgrading", "upgrade mode is being switched on", seconds=0.5)
            return
        yield Record(name, operation.fact(MODE), f"upgrade mode is on for {wanted.to_release}")

    def _go_on(self, view: View, operation: Running, *, wanted: Wanted) -> Iterator[Proposal]:
        approved = _knows(view, operation, APPROVED)
        reason = trouble_of(view, operation, release=wanted.to_release)
        if operation.cancelled and not approved:
            reason = reason or "somebody asked for it"
        if reason and not approved:
            yield turn_back(view, operation, reason=reason)
            return
        unproven = [
            member
            for member in _at(view, wanted.to_release)
            if view.condition(member) in UP and not proven(view, operation, member=member)
        ]
        for member in unproven:
            yield from smoked(view, operation, member=member)
        if not unproven and all(
            member.release == wanted.to_release and condition in UP for _, member, condition in view.wanted()
        ):
            yield from self._finish(view, operation, wanted=wanted)

    def _finish(self, view: View, operation: Running, *, wanted: Wanted) -> Iterator[Proposal]:
        name, phase = view.desired.name, view.seen.upgrade
        if view.memory.release == wanted.to_release and phase is not UpgradePhase.UPGRADE_TASKS_FAILED:
            yield _succeeded(view, operation)
            return
        approved = _knows(view, operation, APPROVED)
        helper = view.fit()[0].name
        if not wanted.mode or (approved and phase is UpgradePhase.STABLE):
            left = tuple(put_back(view, operation))
            yield from left or (Record(name, f"{RELEASE}{wanted.to_release}", "every node runs it"),)
        elif phase is UpgradePhase.READY_TO_RUN_UPGRADE_TASKS and not approved:
            yield Record(
                name, operation.fact(APPROVED), "every node is upgraded; from here nothing turns back"
            )
        elif phase is UpgradePhase.READY_TO_RUN_UPGRADE_TASKS:
            yield from called(
                view,
                Call(
                    name,
                    helper,
                    f"upgrade-{Act.APPROVE.value}",
                    "every node is upgraded",
                    argument=operation.key,
                ),
            )
            yield Wait("Upgrading", "the upgrade is being approved", seconds=0.5)
        elif phase is UpgradePhase.UPGRADE_TASKS_FAILED:
            yield from self._retry(view, operation, wanted=wanted)
        elif phase is UpgradePhase.STABLE:
            # Somebody has approved at the product's own page.
            yield Record(name, operation.fact(APPROVED), "the cluster is stable on the new release")
        else:
            # As long as the product itself counts a node of the old release, the way back is open.
            yield Wait("Upgrading", _SETTLING.get(phase, "the cluster settles"), seconds=0.5)

    def _retry(self, view: View, operation: Running, *, wanted: Wanted) -> Iterator[Proposal]:
        left = tuple(tried_again(view, operation))
        if left:
            yield from left
            return
        # There is no way back from here, so the new release is the one in force.
        if view.memory.release != wanted.to_release:
            yield Record(view.desired.name, f"{RELEASE}{wanted.to_release}", "every node runs it")
        failed = tasks_failed(view)
        yield replace(failed, message=f"{failed.message}{left_off(view, operation)}")

    # ---------------------------------------------------------------------------------------------------------- back

    def _turn_back(self, view: View, operation: Running, *, wanted: Wanted) -> Iterator[Proposal]:
        name, reason = view.desired.name, reason_to_turn_back(view, operation) or ""
        working = tuple(broken_off(view, *saving_jobs(operation), because=reason))
        if working:
            yield from working
            return
        others = [
            found.name
            for found, member, condition in view.wanted()
            if member.release != wanted.from_release or condition not in UP
        ]
        if others:
            return
        if wanted.mode and _may_be_on(view, operation):
            # Telling it again makes it certain.
            yield from called(view, _start(view, operation, reason))
        if wanted.mode and _just_called(view, operation):
            yield Wait("TurningBack", "what the cluster was told last is still settling", seconds=1.0)
            return
        if wanted.mode and view.seen.upgrade is not UpgradePhase.STABLE:
            helper = view.fit()[0].name
            yield from called(
                view, Call(name, helper, f"upgrade-{Act.CANCEL.value}", reason, argument=operation.key)
            )
            yield Wait("TurningBack", "upgrade mode is being switched off", seconds=0.5)
            return
        left = tuple(put_back(view, operation))
        if left:
            yield from left
            return
        message = f"{name} is back on {wanted.from_release}: {reason}{left_off(view, operation)}"
        yield Finished("Cancelled" if operation.cancelled else "Failed", message)


def _succeeded(view: View, operation: Running) -> Finished:
    words = f"{view.desired.name} is of {view.memory.release}{left_off(view, operation)}"
    return Finished("Succeeded", words)


def _start(view: View, operation: Running, why: str) -> Call:
    call = f"upgrade-{Act.START.value}"
    return Call(view.desired.name, view.fit()[0].name, call, why, argument=operation.key)


def _may_be_on(view: View, operation: Running) -> bool:
    """Whether upgrade mode was asked for and nobody knows if that arrived: not seen on, and not switched off by us."""
    cancel = view.seen.jobs.get(f"upgrade-{Act.CANCEL.value}/{operation.key}")
    off = cancel is not None and cancel.phase is JobPhase.SUCCEEDED
    seen = view.seen.upgrade not in {None, UpgradePhase.STABLE}
    return _knows(view, operation, TOLD) and not off and not seen


def _just_called(view: View, operation: Running) -> bool:
    """Whether the cluster was told something so lately that what is seen of it may be of before."""
    return any(
        job.ended is None or abs(view.now - job.ended) < SETTLES
        for name, job in view.seen.jobs.items()
        if name.startswith("upgrade-") and f"/{operation.key}" in name
    )


def _knows(view: View, operation: Running, what: str) -> bool:
    return view.memory.knows(operation.fact(what))


def _at(view: View, release: str) -> tuple[MemberState, ...]:
    return tuple(
        member for member in view.seen.members if member.life is Life.ALIVE and member.release == release
    )
