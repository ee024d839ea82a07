"""The pods of a stack and the machines that its file names, as :mod:`telamon.desired.fit` takes them.

Source of what a machine holds back: Google Kubernetes Engine, "Plan GKE node sizes" (memory: a quarter of the first
4 GiB, a fifth of the next 4, a tenth of the next 8, 6 % of the next 112, 2 % above, and 100 MiB before pods are put
out; cores: 6 % of the first, 1 % of the second, half of one per cent of the next two, a quarter of one per cent above).
Other distributions hold back less.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from telamon.desired.fit import Fit, Machine, Pod, fit, without_one
from telamon.desired.kubernetes.site import Site, database_spec, surveyed
from telamon.desired.kubernetes.spaces import cpu_of_pod, memory_of_pod
from telamon.model.cluster import MachineGroup
from telamon.model.database import CloudNativePgDatabase
from telamon.model.stack import Stack
from telamon.naming import DATABASE, member_name
from telamon.products.base import Product
from telamon.units import Bytes, Cpu

_GIBIBYTE: Final = 1 << 30
_MEMORY: Final = ((4, 0.25), (4, 0.20), (8, 0.10), (112, 0.06))
_MEMORY_ABOVE: Final = 0.02
_EVICTION: Final = 100 << 20
_CPU: Final = ((1000, 0.06), (1000, 0.01), (2000, 0.005))
_CPU_ABOVE: Final = 0.0025
PROXY: Final = (Cpu.parse("100m"), Bytes.parse("256Mi"))
"""What the proxy of the front door asks for on every machine."""
SERVER: Final = (Cpu.parse("1"), Bytes.parse("4Gi"))
"""What a database server asks for where the file does not say."""


@dataclass(frozen=True)
class Room:
    """Whether a stack has room.

    Attributes:
        whole: with all machines.
        lost: by group, with one of its machines lost.
        pods: that need room.
    """

    whole: Fit
    lost: Mapping[str, Fit]
    pods: tuple[Pod, ...]


def room(stack: Stack, products: Mapping[str, Product], *, groups: Sequence[MachineGroup]) -> Room:
    """Whether every pod of a stack has a machine with room.

    Args:
        stack: with platform kubernetes or aws.
        products: those of the stack, by name.
        groups: the machines.
    """
    known = surveyed(stack, products)
    pods, machines = _pods(known), _machines(known, groups)
    return Room(fit(pods, machines), dict(without_one(pods, machines)), tuple(pods))


def _pods(site: Site) -> list[Pod]:
    apart = site.spec.placement.apart == "required"
    found = [
        Pod(member, part.name, cpu_of_pod(part), memory_of_pod(part), apart=apart)
        for part in site.parts
        for member in part.members
    ]
    database = database_spec(site.spec)
    needed = any(part.workload.needs_database and part.spec.database is None for part in site.products)
    if isinstance(database, CloudNativePgDatabase) and needed:
        cpu = (database.resources.cpu or SERVER[0]).millicores
        memory = (database.resources.memory or SERVER[1]).count
        names = (member_name(DATABASE, number) for number in range(database.instances))
        found += [Pod(name, DATABASE, cpu, memory, apart=True) for name in names]
    return found


def _machines(site: Site, groups: Sequence[MachineGroup]) -> list[Machine]:
    wanted = site.spec.placement.node_selector
    proxy = site.driver == "gateway"
    found = []
    for group in groups:
        if any(group.labels.get(key) != value for key, value in wanted.items()):
            continue
        cpu, memory = _allocatable(group)
        if proxy:
            cpu, memory = cpu - PROXY[0].millicores, memory - PROXY[1].count
        found += [
            Machine(f"{group.name}-{number}", group.name, max(0, cpu), max(0, memory))
            for number in range(group.count)
        ]
    return found


def _allocatable(group: MachineGroup) -> tuple[int, int]:
    """Thousandths of a core and bytes that pods may ask for on a machine."""
    cpu, memory = group.cpu.millicores, group.memory.count
    held = group.reserved
    if held is not None:
        return cpu - (held.cpu.millicores if held.cpu else 0), memory - (
            held.memory.count if held.memory else 0
        )
    return cpu - round(_held(cpu, _CPU, _CPU_ABOVE)), memory - round(_held_memory(memory))


def _held_memory(memory: int) -> float:
    return _held(memory / _GIBIBYTE, _MEMORY, _MEMORY_ABOVE) * _GIBIBYTE + _EVICTION


def _held(amount: float, steps: tuple[tuple[int, float], ...], above: float) -> float:
    held = 0.0
    for width, share in steps:
        held += min(amount, width) * share
        amount = max(0.0, amount - width)
    return held + amount * above
