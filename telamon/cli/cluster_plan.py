"""What ``telamon plan`` says of a stack for a Kubernetes cluster."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telamon.cli.build import locked_stack
from telamon.cli.clusters import connected
from telamon.cli.documents.checked import Plan, PlanStep, PlanWait
from telamon.cli.documents.foreseen import ClosedEgress, ClusterPlan, ObjectForeseen, RestartForeseen
from telamon.cli.manifests import site_of
from telamon.cli.reading import as_data
from telamon.cli.rooms import room_lines, room_of
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.wanted import wanted_secrets
from telamon.errors import RefusedError
from telamon.model.cluster import EGRESS_PORTS
from telamon.plan.preview import Preview
from telamon.stackfile.egress import CLOSED, closed_presets

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.desired.kubernetes.site import Site
    from telamon.model.stack import Stack

LISTED: Final = 12
"""Objects that are made and told one by one; more are counted by component."""
FIELDS: Final = 8
"""Fields of an object that are told in a terminal; JSON has all."""


@dataclass(frozen=True)
class Cluster:
    """Which cluster is asked.

    Attributes:
        kubeconfig: file; ``None``: as ``kubectl`` finds it.
        context: of it; ``None`` for the one in use.
    """

    kubeconfig: Path | None
    context: str | None


def foresee(session: Session, found: FileRead, *, file: Path, cluster: Cluster | None) -> None:
    """Say what a stack would do in a cluster; without one, what its file tells of a first installation.

    Args:
        session: whose terminal shows it.
        found: the stack, on kubernetes.
        file: its file, beside which the lock is.
        cluster: to be looked at; ``None`` for none.

    Raises:
        DeniedError: something in the cluster may not be looked at.
        TelamonError: the cluster cannot be asked.
    """
    stack = found.stack
    try:
        site = site_of(found, file=file, facts=())
    except RefusedError as error:
        if cluster is not None:
            raise
        preview, told = Preview((), ()), ClusterPlan(seen=False, refused=(_words(error),))
    else:
        if cluster is None:
            preview, told = _from_file(session, site)
        else:
            preview, told = _in_cluster(session, found, file=file, cluster=cluster)
    document = Plan(
        stack=stack.metadata.name,
        steps=tuple(PlanStep(**vars(step)) for step in preview.steps),
        waits=tuple(PlanWait(**vars(wait)) for wait in preview.waits),
        warnings=found.warnings,
        not_rehearsed=found.not_rehearsed,
        room=room_of(stack),
        closed=closed_egress(stack),
        cluster=told,
    )

    def text() -> str:
        from telamon.cli.render import plan_text

        steps, waits = [vars(each) for each in document.steps], [vars(each) for each in document.waits]
        table = plan_text(document.stack, steps, waits=waits, stream=session.terminal.out)
        return "\n".join((table, "", *lines(document, told)))

    session.answer(lambda: document, text)


def closed_egress(stack: Stack) -> tuple[ClosedEgress, ...]:
    """What the policies of a stack on a cluster leave closed.

    Args:
        stack: any; of one in the lab nothing is closed.
    """
    return tuple(
        ClosedEgress(preset, EGRESS_PORTS.get(preset, ()), CLOSED[preset])
        for preset in closed_presets(stack.spec)
    )


def _from_file(session: Session, site: Site) -> tuple[Preview, ClusterPlan]:
    from telamon.wiring.foreseeing import foresee_from_nothing

    made = bundles(site)
    preview = foresee_from_nothing(site, made, now=session.clock.now())
    secrets = tuple(f"{each.namespace}/{each.name}" for each in wanted_secrets(site, made))
    return preview, ClusterPlan(seen=False, secrets=secrets)


def _in_cluster(
    session: Session, found: FileRead, *, file: Path, cluster: Cluster
) -> tuple[Preview, ClusterPlan]:
    from telamon.wiring.foreseeing import ClusterForeseen, foresee_from_nothing, foresee_on_cluster

    stack = locked_stack(session, found.stack, file=file)
    # As the operator renders it, to which no lock is known but by the digests in the Stack.
    site = site_of(replace(found, stack=stack), file=file, facts=())
    made = bundles(site)
    with connected(cluster.kubeconfig, cluster.context) as api:
        from telamon.platforms.kubernetes.changing import ClusterChanging

        changing = ClusterChanging(api, made)
        refused = changing.refused(as_data(stack))
        there = foresee_on_cluster(api, stack, clock=session.clock)
        objects = changing.look()
        needs, secrets = changing.unknown_kinds(), changing.lacking(wanted_secrets(site, made))
    known = there or ClusterForeseen(foresee_from_nothing(site, made, now=session.clock.now()))
    return known.preview, ClusterPlan(
        seen=True,
        standing=there is not None,
        objects=tuple(
            ObjectForeseen(each.component, each.address, each.becomes.value, each.told)
            for each in (*objects, *known.removed)
        ),
        restarts=tuple(RestartForeseen(each.component, each.members) for each in known.preview.restarts),
        refused=tuple(dict.fromkeys(_words(each) for each in (refused, known.refused) if each is not None)),
        needs=needs,
        secrets=secrets,
        going_on=tuple(each.metadata.name for each in known.going_on),
    )


def lines(document: Plan, told: ClusterPlan) -> Iterator[str]:
    """What a terminal shows below the steps.

    Args:
        document: the plan.
        told: what it says of the cluster.
    """
    if not told.seen:
        yield "no cluster was looked at, so these are the steps of a first installation; --context NAME names one"
    elif not told.standing:
        yield "the stack is not in this cluster yet; these are the steps of its first installation"
    yield from _objects(told.objects)
    for each in told.restarts:
        yield f"restarted, in this order: {', '.join(each.members)} ({each.component})"
    if told.standing and not told.restarts:
        yield "restarted: no pod"
    yield from (f"goes on, and is waited for: {name}" for name in told.going_on)
    yield from (f"refused: {sentence}" for sentence in told.refused)
    if told.needs:
        yield f"the cluster does not know: {', '.join(told.needs)}"
    if told.secrets:
        yield f"somebody has to bring the secrets: {', '.join(told.secrets)}"
    yield from room_lines(document.room)
    if not document.room:
        yield "room: nobody knows, for spec.placement.machines names no machines"
    for closed in document.closed:
        ports = f" ({', '.join(map(str, closed.ports))})" if closed.ports else ""
        yield f"closed: {closed.preset}{ports}: {closed.without}"


def _objects(objects: Sequence[ObjectForeseen]) -> Iterator[str]:
    created = [each for each in objects if each.becomes == "created"]
    if len(created) > LISTED:
        yield f"created: {len(created)} objects ({_by_component(created)})"
    for each in objects:
        if each.becomes != "created" or len(created) <= LISTED:
            yield f"{each.becomes}: {each.address}"
            yield from (f"    {sentence}" for sentence in each.told[:FIELDS])
            if len(each.told) > FIELDS:
                yield f"    and {len(each.told) - FIELDS} more fields"


def _by_component(objects: Iterable[ObjectForeseen]) -> str:
    counts = Counter(each.component or "of none" for each in objects)
    return ", ".join(f"{name}: {count}" for name, count in counts.items())


def _words(error: RefusedError) -> str:
    return f"{error.message} ({error.guard}). {error.remedy}"
