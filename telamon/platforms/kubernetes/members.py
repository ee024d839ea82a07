"""A member as its pod, what its product says of itself, and a closer look at that tell of it."""

from __future__ import annotations

from collections.abc import Mapping

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.platforms.calls.looks import Known
from telamon.platforms.kubernetes.eyes import Said
from telamon.platforms.kubernetes.growing import grows, member_of
from telamon.platforms.kubernetes.looking import Look
from telamon.platforms.kubernetes.pods import (
    address,
    ended,
    held,
    life,
    ordinal,
    release,
    revision,
    serves,
    started,
)
from telamon.platforms.kubernetes.rendering import is_as_asked, is_of_earlier
from telamon.products.base import IndexKeeper
from telamon.state.phase import Phase
from telamon.state.world import Life, MemberState


def member_of_pod(
    part: KubernetesComponent,
    pod: Object,
    *,
    said: Mapping[str, Said],
    known: Mapping[str, Known],
    at: float,
    found: Look,
    hindered: str,
) -> MemberState:
    """The member that a pod is.

    Args:
        part: its component.
        pod: as it is.
        said: what each pod's product said last.
        known: what was found out by a closer look, by member.
        at: instant of the look, seconds since the epoch.
        found: the last look at the component.
        hindered: what events tell of why it does not start; "" where they tell nothing.
    """
    workload = part.part.workload
    name, state = str(pod["metadata"]["name"]), life(pod)
    base = MemberState(
        name,
        ordinal(pod),
        life=state,
        indexed=workload.index is IndexKeeper.NODE,
        clustered=workload.clustered,
        admitted=serves(pod) if part.part.outline.rotates else state is Life.ALIVE,
        exit=ended(pod),
        address=address(pod),
        held=hindered or held(pod, at) or _grows(part, pod, found),
    )
    if state is Life.ABSENT:
        return base.with_(admitted=False)
    wanted = part.desired.member(name)
    # A pod of a Telamon that did not say so yet is of the release in force, if it is of its template.
    of_force = wanted.release if wanted and wanted.revision == revision(pod) else None
    base = base.with_(release=release(pod) or of_force)
    if state is not Life.ALIVE:
        return base
    # One that waits for a machine has not begun to start; how long that takes says nothing about it.
    since = started(pod) or at
    look = said.get(name) or Said(Phase.UNREACHABLE, since)
    closely = known.get(name) or Known()
    as_asked = wanted is not None and is_as_asked(pod, part.stateful_set, live=found.made_by)
    return base.with_(
        revision=wanted.revision if wanted is not None and as_asked else revision(pod),
        rendered_earlier=as_asked and is_of_earlier(pod, part.stateful_set, live=found.made_by),
        started=since,
        phase=look.phase,
        phase_since=look.since,
        joined=closely.joined,
        joined_since=closely.joined_since,
        index=closely.index,
        database_lost_since=closely.database_lost_since,
    )


def _grows(part: KubernetesComponent, pod: Object, found: Look) -> str:
    """What the volume of a member waits for, where it grows."""
    name = pod["metadata"]["name"]
    return next((grows(claim) for claim in found.homes if member_of(claim, part) == name), "")
