"""Guards: may this step be taken now, and if not, why not?

Each guard is a function ``(step, view) -> Refusal | None``. The tuples below are ordered: the first reason is the one
that matters most. The same tuples answer "may I?" (executor), "why not?" (status, journal) and "what would stop me?"
(``telamon plan``). A guard says in its docstring what it needs from earlier ones; none here needs anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from telamon.plan.cloning import awaits_quiet, awaits_seed
from telamon.plan.database_checks import (
    data_keep_their_release,
    keeps_what_may_be_needed,
    one_writer_starts,
    primary_hands_over,
    promoted_as_recorded,
    waits_as_recorded,
)
from telamon.plan.database_step import Follow, Promote, Synchronise
from telamon.plan.operation import UPGRADING
from telamon.plan.step import Admit, Call, Drain, Refusal, RemoveMember, StartMember, Step, StopMember
from telamon.plan.view import View
from telamon.state.classify import UP, Condition
from telamon.state.world import ComponentKind, Life

Guard = Callable[[Step, View], Refusal | None]


def requirements_stand(_step: Step, view: View) -> Refusal | None:
    """A member starts only when what it needs is there: database, companions that come first, set-up."""
    for requirement in view.desired.requires:
        standing = view.neighbours.get(requirement.component)
        met = standing is not None and (standing.ready if requirement.until == "ready" else standing.set_up)
        if not met:
            return Refusal(
                "requirements-stand",
                f"{requirement.component} is not {requirement.until.replace('-', ' ')} yet",
                f"wait for {requirement.component}, or look at `telamon status`",
            )
    return None


def database_is_made(_step: Step, view: View) -> Refusal | None:
    """A member starts only when its own database and role exist."""
    if view.desired.database and not view.seen.database_ready:
        return Refusal("database-is-made", "its database does not exist yet", "it is made by the step before")
    return None


def copy_is_in_place(_step: Step, view: View) -> Refusal | None:
    """Nothing runs on a copy of another stack before that copy cannot act as the original any more."""
    if awaits_seed(view):
        return Refusal(
            "copy-is-in-place",
            f"{view.desired.seed} is not in place yet",
            "it is put there by a step before; `telamon status` shows how far that is",
        )
    return None


def copy_is_quiet(step: Step, view: View) -> Refusal | None:
    """No user reaches a copy of another stack before it sends nothing to anybody."""
    if isinstance(step, Admit) and awaits_quiet(view):
        return Refusal(
            "copy-is-quiet",
            f"{step.member} may still send what the original would send",
            "it is told not to by a step before",
        )
    return None


def one_starts_at_a_time(step: Step, view: View) -> Refusal | None:
    """Members of a rotating component start one by one.

    Two Jira nodes starting together fight for the index start lock; two Confluence nodes may form two clusters.
    Source: Atlassian Data Center Helm charts, userguide RESOURCE_SCALING; Jira KB "Failed getting index on start".
    """
    if not isinstance(step, StartMember) or not view.desired.rotates:
        return None
    for member in view.seen.members:
        busy = view.condition(member) in {Condition.STARTING, Condition.JOINING, Condition.CATCHING_UP}
        if member.name != step.member and member.life is Life.ALIVE and busy:
            return Refusal(
                "one-starts-at-a-time", f"{member.name} is still starting", f"wait for {member.name}"
            )
    return None


def first_node_is_set_up(step: Step, view: View) -> Refusal | None:
    """No second node before the first is set up: whoever joins half-made data breaks it."""
    if not isinstance(step, StartMember) or view.is_set_up():
        return None
    others = [
        member.name
        for member in view.seen.members
        if member.name != step.member and member.life is Life.ALIVE
    ]
    if others:
        return Refusal("first-node-is-set-up", f"{others[0]} is not set up yet", "finish its set-up first")
    return None


def not_set_up_twice(step: Step, view: View) -> Refusal | None:
    """A product that was set up is never walked through set-up again: that would make a new, empty instance."""
    if isinstance(step, Call) and step.call == "set-up" and view.memory.knows("set-up"):
        return Refusal(
            "not-set-up-twice",
            f"{step.member} shows its set-up pages though {view.desired.name} was set up before",
            "look at its database: it may be empty or the wrong one; restore it, then `telamon retry`",
        )
    return None


def enough_go_on_serving(step: Step, view: View) -> Refusal | None:
    """A voluntary drain or stop leaves the minimum serving. Sick members, and members nobody desires, do not count."""
    if not isinstance(step, Drain | StopMember) or not view.desired.members:
        return None
    if view.desired.kind is ComponentKind.DATABASE:
        # Of database servers one serves at a time: whether it may go is asked by primary_hands_over.
        return None
    member = view.seen.member(step.member)
    if member is None or view.condition(member) not in UP:
        return None
    left = [other for other in view.serving() if other.name != step.member]
    needed = view.must_serve
    if len(left) >= needed or len(view.desired.members) == 1:
        return None
    return Refusal(
        "enough-go-on-serving",
        f"only {len(left)} of the {needed} members that must serve would be left",
        "wait until another member serves, or add one",
    )


def copies_are_whole(step: Step, view: View) -> Refusal | None:
    """A member that holds copies of the data of others leaves only while every copy is there.

    A sick one may go, and so may the only one: nobody else has what it has. Source: OpenSearch, "Rolling upgrade": each
    node is taken away once the cluster is green, and the next one once it is green again.
    """
    copies = view.seen.copies
    if not isinstance(step, StopMember) or step.failure or copies is None or copies.whole:
        return None
    member = view.seen.member(step.member)
    if member is None or not view.desired.members or view.condition(member) not in UP:
        return None
    others = [each for each in view.seen.members if each.life is Life.ALIVE and each.name != step.member]
    if not others and len(view.desired.members) == 1:
        return None
    return Refusal(
        "copies-are-whole",
        f"not every copy of the data of {view.desired.name} is there: {copies.detail}",
        f"{step.member} is stopped once they are; where they never come, an index may ask for more than nodes can hold",
    )


def nobody_needs_it_any_more(step: Step, view: View) -> Refusal | None:
    """The last members of a component stay while something that stands on it still lives."""
    if not isinstance(step, StopMember) or view.desired.members or step.failure:
        return None
    for name in view.desired.required_by:
        standing = view.neighbours.get(name)
        if standing is not None and standing.living:
            return Refusal(
                "nobody-needs-it-any-more", f"{name} still runs on it", f"wait until {name} has stopped"
            )
    return None


def stopped_before_removal(step: Step, view: View) -> Refusal | None:
    """Only a member that does not run is forgotten."""
    if isinstance(step, RemoveMember):
        member = view.seen.member(step.member)
        if member is not None and member.life in {Life.ALIVE, Life.ENDING}:
            return Refusal("stopped-before-removal", f"{step.member} still runs", "stop it first")
    return None


def fit_to_serve(step: Step, view: View) -> Refusal | None:
    """Only a member that is RUNNING, counted in by its cluster and caught up is admitted."""
    if not isinstance(step, Admit):
        return None
    member = view.seen.member(step.member)
    condition = Condition.ABSENT if member is None else view.condition(member)
    if condition not in UP:
        return Refusal(
            "fit-to-serve", f"{step.member} is {condition.value}", "it is admitted once it is Ready"
        )
    return None


def release_stays(step: Step, view: View) -> Refusal | None:
    """A plain restart never changes a product's version; an upgrade does, by rules of its own."""
    upgrading = view.operation is not None and view.operation.verb in UPGRADING
    if upgrading or view.desired.kind is not ComponentKind.PRODUCT or not isinstance(step, StartMember):
        return None
    wanted = view.desired.member(step.member)
    if wanted is None or view.memory.release in {None, wanted.release}:
        return None
    return Refusal(
        "release-stays",
        f"{view.desired.name} is of {view.memory.release} and {step.member} would be {wanted.release}",
        "a version changes only by an upgrade; put the old version back to go on",
    )


GUARDS: Mapping[type[Step], tuple[Guard, ...]] = {
    StartMember: (
        one_writer_starts,
        data_keep_their_release,
        release_stays,
        requirements_stand,
        database_is_made,
        copy_is_in_place,
        first_node_is_set_up,
        one_starts_at_a_time,
    ),
    StopMember: (
        data_keep_their_release,
        primary_hands_over,
        enough_go_on_serving,
        copies_are_whole,
        nobody_needs_it_any_more,
    ),
    Drain: (enough_go_on_serving,),
    RemoveMember: (stopped_before_removal,),
    Admit: (fit_to_serve, copy_is_quiet),
    Call: (not_set_up_twice,),
    Promote: (promoted_as_recorded,),
    Follow: (keeps_what_may_be_needed,),
    Synchronise: (waits_as_recorded,),
}
"""Guards by step, in order. Steps that are not listed are always allowed."""


def refusals(step: Step, view: View) -> tuple[Refusal, ...]:
    """Every reason why the step may not be taken now, the most important first; empty means: go."""
    found = (guard(step, view) for guard in GUARDS.get(type(step), ()))
    return tuple(refusal for refusal in found if refusal is not None)
