"""A stack file that asks for another release than the one in force: both, side by side, as plain data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from telamon.desired.component import Upgrade
from telamon.desired.in_force import InForce, leading_to, with_releases
from telamon.desired.lab.compile import compile_lab
from telamon.desired.lab.data import LabComponent, LabDesired
from telamon.desired.lab.facts import LabFacts
from telamon.desired.outline import UNVERSIONED
from telamon.model.products import ProductSpec
from telamon.model.stack import Stack
from telamon.naming import ComponentName, component_name
from telamon.products.base import Product


def compile_pending(
    stack: Stack, facts: LabFacts, *, registry: Mapping[str, Product], in_force: InForce
) -> LabDesired:
    """Say what should run: every product as the release in force, and beside it what the stack file asks for.

    Args:
        stack: the stack file.
        facts: of the machine.
        registry: products by name.
        in_force: a product without a release in it runs what the file says; one that is being upgraded comes to the
            release that its upgrade leads to, also where the file names another one by now.

    Raises:
        InternalError: the facts or the registry do not belong to this stack.
    """
    stack = leading_to(stack, in_force)
    wanted = compile_lab(stack, facts, registry=registry, logins=in_force.logins)
    releases = in_force.releases
    changed = {
        name: releases[component_name(name)]
        for name, spec in stack.spec.products.items()
        if releases.get(component_name(name)) not in {None, spec.version or UNVERSIONED}
    }
    if not changed:
        return wanted
    lab = compile_lab(with_releases(stack, changed), facts, registry=registry, logins=in_force.logins)
    specs = {component_name(name): stack.spec.products[name] for name in changed}
    parts = []
    for part in lab.parts:
        spec, asked = specs.get(ComponentName(part.desired.name)), wanted.part(part.desired.name)
        if part.product is None or spec is None or asked is None:
            parts.append(part)
        else:
            parts.append(_pending(part, asked, spec=spec, product=part.product))
    return replace(lab, parts=tuple(parts))


def _pending(part: LabComponent, asked: LabComponent, *, spec: ProductSpec, product: Product) -> LabComponent:
    old, new = part.desired.members, asked.desired.members
    if not old or not new:
        return part
    jump = product.jump_with(spec, from_release=old[0].release, to_release=new[0].release)
    upgrade = Upgrade(old[0].release, new[0].release, jump, product.has_upgrade_mode, new)
    return replace(part, desired=replace(part.desired, upgrade=upgrade), upgraded=asked.processes)
