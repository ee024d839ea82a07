"""Whether pods have room, as ``validate`` and ``plan`` tell it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from telamon.cli.documents.checked import RoomChecked
from telamon.desired.kubernetes.fitting import room
from telamon.products.registry import products_of

if TYPE_CHECKING:
    from telamon.desired.fit import Fit
    from telamon.model.cluster import MachineGroup
    from telamon.model.stack import Stack


def room_of(stack: Stack, groups: Sequence[MachineGroup] | None = None) -> tuple[RoomChecked, ...]:
    """Whether every pod has a machine with room, with all of them and with one lost.

    Args:
        stack: any.
        groups: of machines; ``None``: those that the file names.

    Returns:
        Nothing on the lab, and where nobody says which machines there are.
    """
    machines = stack.spec.placement.machines if groups is None else groups
    if stack.spec.platform.kind == "lab" or not machines:
        return ()
    products = products_of({str(name): each for name, each in stack.spec.products.items()})
    known = room(stack, products, groups=machines)
    return (_checked("", known.whole), *(_checked(group, each) for group, each in known.lost.items()))


def room_lines(found: Sequence[RoomChecked]) -> list[str]:
    """The same as a terminal shows it."""
    lines = []
    for each in found:
        where = f"with a machine of {each.lost} lost" if each.lost else "with all machines"
        lines.append(f"room {where}: {each.verdict}{f': {each.why}' if each.why else ''}")
    return lines


def _checked(lost: str, answer: Fit) -> RoomChecked:
    places = tuple(f"{pod} on {machine}" for pod, machine in sorted(answer.places.items()))
    return RoomChecked(lost, answer.verdict.value, answer.why, places)
