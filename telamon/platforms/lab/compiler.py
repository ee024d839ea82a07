"""From a stack file to a lab on this very machine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from telamon.desired.component import ComponentDesired
from telamon.desired.in_force import InForce
from telamon.desired.lab.data import LabDesired
from telamon.desired.lab.facts import LabFacts
from telamon.desired.lab.needs import needs
from telamon.desired.lab.pending import compile_pending
from telamon.desired.outline import Outline, outlines
from telamon.model.stack import Stack
from telamon.platforms.lab import facts as machine_facts
from telamon.platforms.lab import installed
from telamon.platforms.lab.platform import LabPlatform
from telamon.products.registry import products_of


class LabCompiler:
    """Turns a stack into desired components, and lets the platform perform them.

    Args:
        root: state root of the lab.
        platform: that will perform.
    """

    def __init__(self, root: Path, platform: LabPlatform) -> None:
        self._root = root
        self._platform = platform
        self.notes: tuple[str, ...] = ()

    def components(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """Compile; nothing but the state folder is made.

        Args:
            stack: the stack file.
            in_force: beside what it says.

        Raises:
            MachineError: the stack cannot run on this machine.
        """
        return self._compile(stack, in_force)[1].components

    def install(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """Compile, keep what was settled, and let the platform perform the result from now on.

        Args:
            stack: the stack file.
            in_force: beside what it says.

        Raises:
            MachineError: the stack cannot run on this machine.
        """
        found, desired = self._compile(stack, in_force)
        machine_facts.save(found)
        installed.keep(self._root, stack, in_force=in_force)
        self._platform.install(found, desired)
        return desired.components

    def _compile(self, stack: Stack, in_force: InForce) -> tuple[LabFacts, LabDesired]:
        registry = products_of({str(name): spec for name, spec in stack.spec.products.items()})
        running = self._platform.running_components()
        discovery = machine_facts.discover(self._root, needs(stack, registry), running=running)
        self.notes = (*discovery.notes, *_left_out(outlines(stack, registry)))
        lab = compile_pending(stack, discovery.facts, registry=registry, in_force=in_force)
        return discovery.facts, lab


def _left_out(parts: Iterable[Outline]) -> Iterator[str]:
    """What people should know of nodes that cannot run here."""
    for part in parts:
        if part.left_out:
            yield (
                f"{part.component} runs {part.nodes} of {part.nodes + part.left_out} nodes: "
                f"what stands in for {part.workload.title} here cannot form a larger cluster"
            )
