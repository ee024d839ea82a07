"""A stack that asks for another release than the one in force: what runs, and beside it what is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from telamon.desired.component import Upgrade
from telamon.desired.in_force import InForce, leading_to, with_releases
from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import Site
from telamon.desired.outline import UNVERSIONED
from telamon.model.stack import Stack
from telamon.naming import component_name


def pending(
    stack: Stack, in_force: InForce, *, surveyed: Callable[[Stack], Site]
) -> tuple[Site, tuple[KubernetesComponent, ...]]:
    """Say what should run: every product as the release in force, and beside it what the stack asks for.

    Args:
        stack: as it is written.
        in_force: a product without a release in it runs what the stack says.
        surveyed: works out what a stack amounts to.

    Returns:
        What is in force, and its components.
    """
    stack = leading_to(stack, in_force)
    known = surveyed(stack)
    wanted = components(known, bundles(known))
    releases = in_force.releases
    changed = {
        name: releases[component_name(name)]
        for name, spec in stack.spec.products.items()
        if releases.get(component_name(name)) not in {None, spec.version or UNVERSIONED}
    }
    if not changed:
        return known, wanted
    kept = surveyed(with_releases(stack, changed))
    return kept, tuple(_beside(part, wanted) for part in components(kept, bundles(kept)))


def _beside(part: KubernetesComponent, wanted: Sequence[KubernetesComponent]) -> KubernetesComponent:
    """What is in force, with what is asked for beside it where that is another release of a product."""
    asked = next((each for each in wanted if each.desired.name == part.desired.name), None)
    product = part.product
    if asked is None or product is None:
        return part
    old, new = part.desired.members, asked.desired.members
    if not old or not new or old[0].release == new[0].release:
        return part
    jump = product.jump_with(part.part.spec, from_release=old[0].release, to_release=new[0].release)
    upgrade = Upgrade(old[0].release, new[0].release, jump, product.has_upgrade_mode, new)
    return replace(part, desired=replace(part.desired, upgrade=upgrade), upgraded=dict(asked.stateful_set))
