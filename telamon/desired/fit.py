"""Whether pods have room on machines: a packing proves that they have, and a reason that they have not.

First-fit decreasing finds a packing nearly always where there is one. Where it finds none, reasons are looked for that
exclude every packing; where there is none of those either, every packing is tried, as far as a bound allows. So there
are three answers, and the third one says that nobody knows.

Source: M. R. Garey, D. S. Johnson, "Computers and Intractability", 1979, section 6.1 (first-fit decreasing).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

MOST_TRIED: Final = 50_000
"""Places that the exhaustive search tries before it gives up: a fraction of a second."""


class Verdict(StrEnum):
    """Whether there is room."""

    FITS = "fits"
    CANNOT = "cannot fit"
    """It is proven that there is no room."""
    UNKNOWN = "no packing found"
    """None was found, and it is not proven that there is none."""


@dataclass(frozen=True)
class Pod:
    """A pod to find room for.

    Attributes:
        name: of it.
        component: pods of one component may have to be apart.
        cpu: asked for, in thousandths of a core.
        memory: asked for, in bytes.
        apart: whether no machine may have two pods of its component.
    """

    name: str
    component: str
    cpu: int
    memory: int
    apart: bool


@dataclass(frozen=True)
class Machine:
    """A machine with room.

    Attributes:
        name: of it.
        group: machines of one group are alike.
        cpu: that pods may ask for, in thousandths of a core.
        memory: that pods may ask for, in bytes.
    """

    name: str
    group: str
    cpu: int
    memory: int


@dataclass(frozen=True)
class Fit:
    """The answer.

    Attributes:
        verdict: in one word.
        why: the reason that excludes every packing; "" where there is none.
        places: pod to machine, where there is room.
    """

    verdict: Verdict
    why: str
    places: Mapping[str, str]


def fit(pods: Sequence[Pod], machines: Sequence[Machine]) -> Fit:
    """Look for a packing.

    Args:
        pods: to be placed, all of them.
        machines: to place them on.
    """
    for order in _ORDERS:
        places = _first_fit(sorted(pods, key=order, reverse=True), machines)
        if places is not None:
            return Fit(Verdict.FITS, "", places)
    for reason in _reasons(pods, machines):
        return Fit(Verdict.CANNOT, reason, {})
    search = _Search(sorted(pods, key=_ORDERS[0], reverse=True), machines)
    places = search.run()
    if places is not None:
        return Fit(Verdict.FITS, "", places)
    if search.complete:
        return Fit(Verdict.CANNOT, "every packing was tried", {})
    return Fit(Verdict.UNKNOWN, "", {})


def without_one(pods: Sequence[Pod], machines: Sequence[Machine]) -> Iterator[tuple[str, Fit]]:
    """Whether there is room with a machine lost, once for each group; pods that stay may have to move.

    Args:
        pods: to be placed, all of them.
        machines: of which one is lost.
    """
    for group in dict.fromkeys(machine.group for machine in machines):
        lost = next(machine for machine in machines if machine.group == group)
        yield group, fit(pods, [machine for machine in machines if machine is not lost])


def _by_memory(pod: Pod) -> tuple[int, int]:
    return pod.memory, pod.cpu


def _by_cpu(pod: Pod) -> tuple[int, int]:
    return pod.cpu, pod.memory


_ORDERS: Final[tuple[Callable[[Pod], tuple[int, int]], ...]] = (_by_memory, _by_cpu)


def _room(pod: Pod, machine: Machine) -> bool:
    return pod.cpu <= machine.cpu and pod.memory <= machine.memory


def _taken(pod: Pod, machine: Machine) -> Machine:
    return replace(machine, cpu=machine.cpu - pod.cpu, memory=machine.memory - pod.memory)


def _first_fit(pods: Sequence[Pod], machines: Sequence[Machine]) -> dict[str, str] | None:
    left = list(machines)
    there: list[set[str]] = [set() for _ in machines]
    places: dict[str, str] = {}
    for pod in pods:
        for index, machine in enumerate(left):
            if _room(pod, machine) and not (pod.apart and pod.component in there[index]):
                left[index] = _taken(pod, machine)
                there[index].add(pod.component)
                places[pod.name] = machine.name
                break
        else:
            return None
    return places


def _reasons(pods: Sequence[Pod], machines: Sequence[Machine]) -> Iterator[str]:
    """Each is a proof by itself."""
    if not machines:
        yield "there is no machine for them"
        return
    for pod in pods:
        if not any(_room(pod, machine) for machine in machines):
            yield f"{pod.name} asks for {_amount(pod.cpu, pod.memory)}, and no machine has that much"
            return
    for component, count in Counter(pod.component for pod in pods if pod.apart).items():
        one = next(pod for pod in pods if pod.component == component)
        fitting = sum(_room(one, machine) for machine in machines)
        if count > fitting:
            yield f"{count} nodes of {component} have to be apart, and {fitting} machines have room for one"
            return
    yield from _too_much(pods, machines)
    yield from _one_a_machine(pods, machines)


def _too_much(pods: Sequence[Pod], machines: Sequence[Machine]) -> Iterator[str]:
    memory = sum(pod.memory for pod in pods), sum(machine.memory for machine in machines)
    cpu = sum(pod.cpu for pod in pods), sum(machine.cpu for machine in machines)
    if memory[0] > memory[1]:
        yield f"all of them ask for {_mebibytes(memory[0])} of memory, and all machines have {_mebibytes(memory[1])}"
    if cpu[0] > cpu[1]:
        yield f"all of them ask for {_cores(cpu[0])} cores, and all machines have {_cores(cpu[1])}"


def _one_a_machine(pods: Sequence[Pod], machines: Sequence[Machine]) -> Iterator[str]:
    """Of pods larger than half of the largest machine, no machine takes two."""
    half = max(machine.memory for machine in machines) / 2, max(machine.cpu for machine in machines) / 2
    for what, large in (
        ("memory", [pod for pod in pods if pod.memory > half[0]]),
        ("cores", [pod for pod in pods if pod.cpu > half[1]]),
    ):
        fitting = sum(any(_room(pod, machine) for pod in large) for machine in machines)
        if len(large) > fitting:
            yield (
                f"{len(large)} of them ask for more than half of a machine's {what}, so each needs one of its own, and "
                f"{fitting} have room"
            )


class _Search:
    """Tries every packing, machines that are alike only once, until a bound is reached."""

    def __init__(self, pods: Sequence[Pod], machines: Sequence[Machine]) -> None:
        self.complete = True
        self._pods = pods
        self._left = list(machines)
        self._there: list[Counter[str]] = [Counter() for _ in machines]
        self._places: dict[str, str] = {}
        self._tried = 0

    def run(self) -> dict[str, str] | None:
        """A packing, or nothing; :attr:`complete` then says whether that is a proof."""
        return dict(self._places) if self._place(0) else None

    def _place(self, number: int) -> bool:
        if number == len(self._pods):
            return True
        pod = self._pods[number]
        alike: set[tuple[int, int, frozenset[str]]] = set()
        for index, machine in enumerate(self._left):
            like = machine.cpu, machine.memory, frozenset(self._there[index])
            if like in alike or not _room(pod, machine) or (pod.apart and self._there[index][pod.component]):
                continue
            alike.add(like)
            self._tried += 1
            if self._tried > MOST_TRIED:
                self.complete = False
                return False
            self._left[index] = _taken(pod, machine)
            self._there[index][pod.component] += 1
            self._places[pod.name] = machine.name
            if self._place(number + 1):
                return True
            del self._places[pod.name]
            self._there[index] -= Counter([pod.component])
            self._left[index] = machine
            if not self.complete:
                return False
        return False


def _amount(cpu: int, memory: int) -> str:
    return f"{_cores(cpu)} cores and {_mebibytes(memory)}"


def _cores(thousandths: int) -> str:
    return f"{thousandths / 1000:g}"


def _mebibytes(count: int) -> str:
    return f"{count / (1 << 20):,.0f} MiB"
