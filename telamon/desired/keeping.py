"""A component as the planner reads it, made of its outline: the same on every platform."""

from __future__ import annotations

from collections.abc import Sequence

from telamon.desired.component import ComponentDesired, MemberDesired, Policy, Requirement
from telamon.desired.outline import Outline
from telamon.naming import DATABASE, component_name
from telamon.products.base import IndexKeeper
from telamon.state.classify import Patience
from telamon.state.world import ComponentKind


def component_desired(
    part: Outline, members: Sequence[MemberDesired], *, requires: Sequence[Requirement], objects: str = ""
) -> ComponentDesired:
    """Say what a component should be.

    Args:
        part: whose, what and how many.
        members: in starting order.
        requires: what must stand before a member starts; see :func:`requirements`.
        objects: fingerprint of its files or manifests.
    """
    product, companion = part.product, part.companion
    is_product = companion is None
    return ComponentDesired(
        name=part.component,
        kind=ComponentKind.PRODUCT if is_product else ComponentKind.COMPANION,
        product=part.product_name,
        members=tuple(members),
        objects=objects,
        requires=tuple(requires),
        required_by=_required_by(part),
        rotates=part.rotates,
        database=is_product and product.needs_database,
        set_up=is_product and product.has_setup,
        account=is_product and product.has_account,
        sets_itself_up=is_product and product.sets_itself_up,
        prepares_join=is_product and product.prepares_join,
        clustered=part.workload.clustered,
        indexed=part.workload.index is IndexKeeper.NODE,
        keeps_copies=part.workload.keeps_copies,
        most_members=product.max_nodes if companion is None else companion.max_nodes,
        forgets=is_product and product.forgets_nodes,
        cluster_secret=is_product and product.cluster_secret,
        cdn=is_product and product.static_prefix is not None,
        paused=part.spec.paused,
        index=part.workload.index_ways,
        rebuild=part.workload.index_rebuild,
        tries_tasks_again=is_product and product.tries_tasks_again,
        patience=_patience(part),
        policy=_policy(part),
    )


def requirements(part: Outline, parts: Sequence[Outline]) -> tuple[Requirement, ...]:
    """What must stand before a member of a component starts.

    Args:
        part: the component.
        parts: every component of the stack.
    """
    needs = [Requirement(DATABASE)] if part.workload.needs_database else []
    if part.companion is not None:
        own = component_name(part.product_name)
        return (*needs, Requirement(own, "set-up")) if part.companion.starts == "after" else tuple(needs)
    first = [
        Requirement(other.component)
        for other in parts
        if other.product_name == part.product_name
        and other.companion is not None
        and other.companion.starts == "before"
    ]
    return (*needs, *first)


def _required_by(part: Outline) -> tuple[str, ...]:
    starts_first = part.companion is not None and part.companion.starts == "before"
    return (component_name(part.product_name),) if starts_first else ()


def _patience(part: Outline) -> Patience:
    given = part.spec.start_timeout if part.companion is None else None
    start = part.workload.start_timeout if given is None else given.seconds
    return Patience(start=start, lag=part.workload.index_lag)


def _policy(part: Outline) -> Policy:
    given = part.spec.stop_grace if part.companion is None else None
    return Policy(stop_grace=part.workload.stop_grace if given is None else given.seconds)
