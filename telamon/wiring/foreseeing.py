"""What bringing a stack into a cluster would do there, as a person can tell it who may only look."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from telamon.desired.kubernetes.components import components
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.errors import RefusedError
from telamon.model.stack import Stack
from telamon.naming import STACK_KIND
from telamon.plan.preview import Preview, unfold
from telamon.plan.view import Memory, View
from telamon.run.foresee import foresee
from telamon.run.recall import in_force, with_stand_ins
from telamon.state.world import ComponentState

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telamon.desired.kubernetes.data import Bundle
    from telamon.desired.kubernetes.site import Site
    from telamon.model.operation import Operation
    from telamon.platforms.kubernetes.api import Api
    from telamon.platforms.kubernetes.changing import Foreseen
    from telamon.ports import Clock


@dataclass(frozen=True)
class ClusterForeseen:
    """What the operator of a cluster would do.

    Attributes:
        preview: its steps, and what would be left waiting.
        removed: objects of components that are asked for no more.
        going_on: operations that have not ended; an upgrade waits for them.
        refused: why what is there cannot become what is asked for; ``None`` where it can.
    """

    preview: Preview
    removed: tuple[Foreseen, ...] = ()
    going_on: tuple[Operation, ...] = ()
    refused: RefusedError | None = None


def foresee_from_nothing(site: Site, bundles: Sequence[Bundle], *, now: float) -> Preview:
    """The steps of a first installation, as far as a file tells them.

    Args:
        site: the stack.
        bundles: everything that is rendered of it.
        now: instant, seconds.
    """
    wanted = [part.desired for part in components(site, bundles)]
    views = {
        each.name: View(each, ComponentState(each.name, each.kind, now), Memory(), now) for each in wanted
    }
    return unfold(views)


def foresee_on_cluster(api: Api, stack: Stack, *, clock: Clock) -> ClusterForeseen | None:
    """What the operator of a cluster would do once a stack is applied; ``None`` where the cluster has no such Stack.

    Args:
        api: the API server, as a person.
        stack: that would be applied, with its digests.
        clock: injected time.

    Raises:
        DeniedError: the Stack, its record or its pods may not be read.
        PlatformError: what is kept there cannot be read by this version.
        RefusedError: the stack is for no cluster, or an image has no digest outside of dev.
    """
    from telamon.platforms.kubernetes.asking import Asking
    from telamon.platforms.kubernetes.changing import taken_away
    from telamon.platforms.kubernetes.compiler import KubernetesCompiler
    from telamon.platforms.kubernetes.journal import KubernetesJournal
    from telamon.platforms.kubernetes.records import KubernetesRecords
    from telamon.platforms.kubernetes.reported import ReportedPlatform
    from telamon.platforms.kubernetes.store import ENDED, KubernetesStore
    from telamon.products.registry import products_of
    from telamon.wiring.ground import static_network

    name = stack.metadata.name
    store = KubernetesStore(api, OPERATOR_NAMESPACE, name)
    stored = store.get(STACK_KIND, name)
    if stored is None:
        return None
    journal = KubernetesJournal(api, OPERATOR_NAMESPACE, name)
    platform = ReportedPlatform(
        api,
        name,
        clock,
        records=KubernetesRecords(api, OPERATOR_NAMESPACE, name),
        network=static_network,
        status=stored.status,
    )
    compiler, asking = KubernetesCompiler(platform, store), Asking(api, name)
    kept = asking.asked_for()
    before = compiler.install(with_stand_ins(journal, kept), in_force(journal, kept))
    parts_before = platform.parts
    wanted, beside = with_stand_ins(journal, stack), in_force(journal, stack)
    refused: RefusedError | None = None
    try:
        compiler.components(wanted, beside)
    except RefusedError as error:
        refused = error
    after = compiler.install(wanted, beside)
    names = {each.name for each in after}
    # Of what is asked for no more every member is ended.
    leaving = [replace(each, members=()) for each in before if each.name not in names]
    preview = foresee(
        [*after, *leaving],
        platform=platform,
        journal=journal,
        clock=clock,
        known=[*names, *(each.name for each in leaving)],
    )
    asking.survey(products_of({str(name): each for name, each in kept.spec.products.items()}))
    going_on = tuple(each for each in asking.operations() if each.status.phase not in ENDED)
    gone = [part for part in parts_before if part.desired.name not in names]
    return ClusterForeseen(preview, tuple(taken_away(gone)), going_on, refused)
