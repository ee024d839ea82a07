"""From a Stack on a cluster to what is kept there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Final

from telamon.desired.component import ComponentDesired, Upgrade
from telamon.desired.in_force import InForce
from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.facts import Facts
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import Site, site
from telamon.model.stack import Stack
from telamon.naming import component_name
from telamon.platforms.kubernetes.platform import KubernetesPlatform
from telamon.platforms.kubernetes.store import KubernetesStore
from telamon.products.base import Product
from telamon.products.registry import products_of
from telamon.products.release import Jump, Way

HELD: Final = "nobody on a cluster brings a product to another version yet"


class KubernetesCompiler:
    """Turns a stack into desired components, and lets the platform and the store know of them.

    What Terraform tells of AWS is not asked here: on a cluster that exists already there is nothing to tell.

    Args:
        platform: that will perform.
        store: that keeps the operations, in the namespaces of the components.
    """

    def __init__(self, platform: KubernetesPlatform, store: KubernetesStore) -> None:
        self._platform = platform
        self._store = store
        self._urls: Mapping[str, str] = {}
        self._known: tuple[str, ...] = ()
        self.notes: tuple[str, ...] = ()

    @property
    def urls(self) -> Mapping[str, str]:
        """Where users go, by product."""
        return self._urls

    @property
    def known(self) -> tuple[str, ...]:
        """Every component that was ever performed, so that it can be taken away."""
        return self._known

    def components(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """Compile, changing nothing.

        Args:
            stack: as it is written.
            in_force: beside what it says.

        Raises:
            RefusedError: it is for no cluster, or an image has no digest outside of dev.
        """
        return [part.desired for part in self._compile(stack, in_force)[1]]

    def install(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """Compile, and let platform and store perform the result from now on; raises as :meth:`components` does.

        Args:
            stack: as it is written.
            in_force: beside what it says.
        """
        known, parts = self._compile(stack, in_force)
        self._platform.install(parts)
        self._store.known({part.desired.name: part.part.namespace for part in parts})
        self._known = tuple(dict.fromkeys((*self._known, *(part.desired.name for part in parts))))
        self._urls = {part.outline.product_name: part.front.url for part in known.products}
        return [part.desired for part in parts]

    def _compile(self, stack: Stack, in_force: InForce) -> tuple[Site, tuple[KubernetesComponent, ...]]:
        products = products_of({str(name): spec for name, spec in stack.spec.products.items()})
        known = site(stack, products, facts=Facts(), digests={})
        wanted = components(known, bundles(known))
        held = _with_releases(stack, in_force)
        if held == stack:
            return known, wanted
        kept = site(held, products, facts=Facts(), digests={})
        return kept, tuple(_pending(components(kept, bundles(kept)), wanted, products=products))


def _with_releases(stack: Stack, in_force: InForce) -> Stack:
    """The stack with every product at the release that its data is of."""
    found = {
        name: spec.model_copy(update={"version": in_force.releases.get(component_name(name), spec.version)})
        for name, spec in stack.spec.products.items()
    }
    return stack.model_copy(update={"spec": stack.spec.model_copy(update={"products": found})})


def _pending(
    kept: Sequence[KubernetesComponent],
    wanted: Sequence[KubernetesComponent],
    *,
    products: Mapping[str, Product],
) -> Iterator[KubernetesComponent]:
    """What is in force, with what is asked for beside it where that is another release."""
    asked = {part.desired.name: part.desired for part in wanted}
    for part in kept:
        old, new = part.desired.members, asked[part.desired.name].members
        if not part.part.is_product or not old or not new or old[0].release == new[0].release:
            yield part
            continue
        mode = products[part.part.outline.product_name].has_upgrade_mode
        upgrade = Upgrade(old[0].release, new[0].release, Jump(Way.REFUSED, HELD), mode, new)
        yield replace(part, desired=replace(part.desired, upgrade=upgrade))
