"""From a Stack on a cluster to what is kept there."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial

from telamon.desired.component import ComponentDesired
from telamon.desired.in_force import InForce
from telamon.desired.kubernetes.components import KubernetesComponent, applied_by_others, components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.facts import Facts, from_text
from telamon.desired.kubernetes.pending import pending
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import Site, site, surveyed
from telamon.desired.kubernetes.written import REPORT
from telamon.model.stack import Stack
from telamon.naming import STACK_KIND
from telamon.platforms.kubernetes.platform import KubernetesPlatform
from telamon.platforms.kubernetes.store import KubernetesStore
from telamon.products.registry import products_of


class KubernetesCompiler:
    """Turns a stack into desired components, and lets the platform and the store know of them.

    What Terraform tells of AWS stands in an annotation of the Stack, for Terraform runs elsewhere.

    Args:
        platform: that will perform.
        store: that keeps the operations, in the namespaces of the components.
    """

    def __init__(self, platform: KubernetesPlatform, store: KubernetesStore) -> None:
        self._platform = platform
        self._store = store
        self._told: str | None = None
        self._urls: Mapping[str, str] = {}
        self._known: tuple[str, ...] = ()
        self._asked: Callable[[], Site] | None = None
        self.notes: tuple[str, ...] = ()

    @property
    def urls(self) -> Mapping[str, str]:
        """Where users go, by product."""
        return self._urls

    @property
    def known(self) -> tuple[str, ...]:
        """Every component that was ever performed, so that it can be taken away."""
        return self._known

    def applied_by_others(self) -> tuple[Object, ...]:
        """What the stack that was installed last needs beside what the operator applies; empty before the first."""
        if self._asked is None:
            return ()
        asked = self._asked()
        rendered = bundles(asked)
        return applied_by_others(rendered, components(asked, rendered))

    def tell(self, facts: str) -> None:
        """Say what lies below the cluster, of a Stack that is not there yet.

        Args:
            facts: as its annotation has them.
        """
        self._told = facts

    def components(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """Compile, changing nothing.

        Args:
            stack: as it is written.
            in_force: beside what it says.

        Raises:
            RefusedError: it is for no cluster, an image has no digest outside of dev, or a volume would have to shrink.
        """
        surveyed_as = self._surveyor(stack, in_force)
        parts = pending(stack, in_force, surveyed=surveyed_as)[1]
        self._platform.judge(parts)
        return [part.desired for part in parts]

    def install(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """Compile, and let platform and store perform the result from now on; raises as :meth:`components` does.

        A volume that would have to shrink keeps nobody from looking after everything else.

        Args:
            stack: as it is written.
            in_force: beside what it says.
        """
        surveyed_as = self._surveyor(stack, in_force)
        known, made = pending(stack, in_force, surveyed=surveyed_as)
        parts = tuple(self._left_to_drift(stack, made))
        self._asked = partial(surveyed_as, stack)
        self._platform.install(parts)
        self._store.known({part.desired.name: part.part.namespace for part in parts})
        self._known = tuple(dict.fromkeys((*self._known, *(part.desired.name for part in parts))))
        self._urls = {part.outline.product_name: part.front.url for part in known.products}
        return [part.desired for part in parts]

    def _left_to_drift(
        self, stack: Stack, parts: Sequence[KubernetesComponent]
    ) -> Iterator[KubernetesComponent]:
        """The components, each with whether what somebody changes of it by hand is left as it is."""
        stored = self._store.get(STACK_KIND, stack.metadata.name)
        named = () if stored is None else stored.spec["drift"]
        for part in parts:
            leaves = REPORT in named or part.desired.name in named
            yield replace(part, desired=replace(part.desired, leaves_drift=leaves)) if leaves else part

    def _surveyor(self, stack: Stack, in_force: InForce) -> Callable[[Stack], Site]:
        """What works out what a stack amounts to beside what is in force."""
        products = products_of({str(name): spec for name, spec in stack.spec.products.items()})
        pinned: Mapping[str, str] = {}
        if in_force.releases:
            # A file that names another version pins the image of that one, and need not pin that of the old any more.
            namespaces = {part.namespace for part in surveyed(stack, products).products}
            images = {image for name in sorted(namespaces) for image in self._platform.images(name)}
            pinned = {name: digest for name, _, digest in (each.partition("@") for each in images) if digest}

        facts = self._facts(stack)

        def known(asked: Stack) -> Site:
            return site(asked, products, facts=facts, digests=pinned, in_force=in_force)

        return known

    def _facts(self, stack: Stack) -> Facts:
        """What lies below the cluster; nothing is asked for a stack under which nothing of ours lies."""
        if stack.spec.platform.kind != "aws":
            return Facts()
        told = self._told
        if told is None:
            stored = self._store.get(STACK_KIND, stack.metadata.name)
            told = "" if stored is None else str(stored.spec["facts"])
        return from_text(told)
