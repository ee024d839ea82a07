"""How large the machines are that the ground starts.

Source: AWS documentation of Amazon EC2, "Amazon EC2 instance type naming conventions" and "Instance types" (general
purpose: 4 GiB for each vCPU, for computing 2, for memory 8, from the fifth generation on; ``large`` has two vCPUs,
``xlarge`` four, ``2xlarge`` twice that).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

from telamon.desired.terraform.ground import Ground, machines_for
from telamon.model.cluster import MachineGroup
from telamon.units import Bytes, Cpu

_GIBIBYTES_A_CORE: Final[Mapping[str, int]] = MappingProxyType({"c": 2, "m": 4, "r": 8})
_TYPE: Final = re.compile(r"(?P<family>[cmr])(?:[5-9]|[1-9][0-9])[a-z-]*\.(?:large|(?P<times>[0-9]*)xlarge)")


def size_of_type(name: str) -> tuple[Cpu, Bytes] | None:
    """Cores and memory of an instance; ``None`` where its name does not tell.

    Args:
        name: of its type, e.g. m7i.2xlarge.
    """
    found = _TYPE.fullmatch(name)
    if found is None:
        return None
    times = found["times"]
    cores = 2 if times is None else 4 * int(times or 1)
    return Cpu(cores * 1000), Bytes((cores * _GIBIBYTES_A_CORE[found["family"]]) << 30)


def groups_for_products(ground: Ground) -> tuple[MachineGroup, ...]:
    """The machines that carry the products; those whose size nobody knows are left out.

    Args:
        ground: as it is asked for.
    """
    return tuple(_groups(ground))


def _groups(ground: Ground) -> Iterator[MachineGroup]:
    for each in machines_for(ground, "products"):
        size = size_of_type(each.type)
        if size is not None:
            yield MachineGroup(name=each.name, count=each.count, cpu=size[0], memory=size[1])


def types_of_unknown_size(ground: Ground) -> tuple[str, ...]:
    """Types of machines for the products of which nobody knows how large they are.

    Args:
        ground: as it is asked for.
    """
    found = {each.type for each in machines_for(ground, "products") if size_of_type(each.type) is None}
    return tuple(sorted(found))
