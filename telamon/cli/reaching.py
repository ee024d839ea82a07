"""What ``telamon reach`` says of any policies, and of one flow."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telamon.cli.foreign_files import documents_of
from telamon.cli.manifest_words import FlowAsked, FlowShown, Reachable
from telamon.cli.names import unknown
from telamon.errors import UsageError
from telamon.reach.explain import explain
from telamon.reach.intervals import LAST_PORT
from telamon.reach.inventory import Inventory, inventory
from telamon.reach.model import EGRESS, INGRESS, PROTOCOLS, Workload
from telamon.reach.proof import told_between, told_outside
from telamon.reach.solve import Reach, solve

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.reach.model import Policy

ENDINGS: Final = (".yaml", ".yml", ".json")


@dataclass(frozen=True)
class Question:
    """What is asked.

    Attributes:
        source: who opens a connection: a workload or an address; ``None`` for everybody.
        target: who accepts it; likewise.
        port: number, or number and protocol, e.g. ``53/UDP``; ``None`` for every port.
    """

    source: str | None
    target: str | None
    port: str | None


def manifests(place: Path) -> Inventory:
    """What manifests say, of a folder with all below it, or of one file.

    Args:
        place: of them.

    Raises:
        UsageError: there are none, or one cannot be understood.
        MachineError: one cannot be read.
    """
    files = sorted(path for path in place.rglob("*") if path.suffix in ENDINGS) if place.is_dir() else [place]
    if not files:
        raise UsageError(
            f"{place} holds no manifests", remedy=f"Name a folder with {', '.join(ENDINGS)} files."
        )
    return inventory([item for path in files for item in documents_of(path)])


def living(kubeconfig: Path | None, context: str | None) -> Inventory:
    """What lives in a cluster: its namespaces, pods and policies.

    Args:
        kubeconfig: file; ``None``: as ``kubectl`` finds it.
        context: of it; ``None`` for the one in use.

    Raises:
        DeniedError: it may not be listed.
        TelamonError: the cluster cannot be asked.
    """
    from telamon.cli.clusters import connected

    with connected(kubeconfig, context) as api:
        from telamon.platforms.kubernetes.api import Kind

        found: list[Any] = []
        for version, name in (("v1", "Namespace"), ("v1", "Pod"), ("networking.k8s.io/v1", "NetworkPolicy")):
            # Items of a list do not say what they are.
            listed = api.list(Kind(version, name), namespace="", labels={})
            found += [{**item, "apiVersion": version, "kind": name} for item in listed]
    return inventory(found)


def tell(session: Session, found: Inventory, *, question: Question) -> None:
    """Answer about any workloads and policies.

    Args:
        session: whose terminal shows it.
        found: what there is.
        question: what is asked.

    Raises:
        UsageError: nobody is called so, or the port is none.
    """
    if question.port is not None:
        tell_flow(session, found.workloads, policies=found.policies, question=question)
        return
    known = _with_addresses(found.workloads, question)
    reach = solve(known, found.policies)
    numbers = (_number(known, question.source), _number(known, question.target))
    answer = Reachable(tuple(_open(reach, *numbers)), found.left_out)
    session.answer(lambda: answer, lambda: _listing(answer))


def tell_flow(
    session: Session, workloads: Sequence[Workload], *, policies: Sequence[Policy], question: Question
) -> None:
    """Say whether one flow is open, and what decides.

    Args:
        session: whose terminal shows it.
        workloads: all that there are.
        policies: all that there are.
        question: what is asked.

    Raises:
        UsageError: the question is not whole, nobody is called so, or the port is none.
    """
    if question.source is None or question.target is None or question.port is None:
        raise UsageError("a port is of one flow", remedy="Name both ends of it with --from and --to.")
    port, protocol = _port(question.port)
    known = _with_addresses(workloads, question)
    source, target = (_number(known, name) for name in (question.source, question.target))
    if source is None or target is None or (known[source].outside and known[target].outside):
        raise UsageError("no policy speaks of a flow between two addresses", remedy="Name a workload.")
    verdict = explain(solve(known, policies), source, target=target, protocol=protocol, port=port)
    answer = FlowAsked(
        question.source, question.target, f"{protocol} {port}", verdict.allowed, verdict.because
    )
    session.answer(lambda: answer, lambda: _verdict(answer))


def _port(text: str) -> tuple[int, str]:
    number, _, protocol = text.partition("/")
    wanted = protocol.upper() or "TCP"
    if not number.isdecimal() or not 1 <= int(number) <= LAST_PORT or wanted not in PROTOCOLS:
        raise UsageError(
            f'"{text}" is no port', remedy=f"Write a number up to {LAST_PORT}, or one such as 53/UDP."
        )
    return int(number), wanted


def _with_addresses(workloads: Sequence[Workload], question: Question) -> tuple[Workload, ...]:
    """The workloads, with each address that is asked about and no pod has."""
    names = {each.name for each in workloads}
    asked = [name for name in dict.fromkeys((question.source, question.target)) if name and name not in names]
    return (*workloads, *(_outside(name, workloads) for name in asked))


def _outside(name: str, workloads: Sequence[Workload]) -> Workload:
    try:
        address = str(ipaddress.ip_address(name))
    except ValueError:
        raise unknown("workload", name, known=[each.name for each in workloads]) from None
    own = next((each for each in workloads if each.address == address), None)
    if own is not None:
        raise UsageError(f"{name} is the address of {own.name}", remedy=f"Name {own.name} itself.")
    return Workload(name, "", {}, {}, address=address, outside=True)


def _number(known: Sequence[Workload], name: str | None) -> int | None:
    return next((number for number, each in enumerate(known) if each.name == name), None)


def _open(reach: Reach, source: int | None, target: int | None) -> Iterator[FlowShown]:
    for (one, other), ports in reach.matrix().items():
        beyond = reach.workloads[one].outside and reach.workloads[other].outside
        if source in {None, one} and target in {None, other} and not beyond:
            for each in told_between(reach, one, target=other, ports=ports):
                yield FlowShown(each.source, each.target, each.ports, "", each.because)
    # With somebody named at the other end, nothing else is asked about.
    if target is None:
        yield from _beyond(reach, source, EGRESS)
    if source is None:
        yield from _beyond(reach, target, INGRESS)


def _beyond(reach: Reach, chosen: int | None, direction: str) -> Iterator[FlowShown]:
    """Flows between one workload, or all of them, and addresses outside."""
    for number, workload in enumerate(reach.workloads):
        if chosen in {None, number} and not workload.outside:
            for each in told_outside(workload.name, reach.outside(number, direction), direction=direction):
                yield FlowShown(each.source, each.target, each.ports, "", ())


def _verdict(answer: FlowAsked) -> str:
    words = "open" if answer.allowed else "closed"
    head = f"{answer.source} -> {answer.target}: {answer.port} is {words}"
    return "\n".join((head, *(f"  {reason}" for reason in answer.because)))


def _listing(answer: Reachable) -> str:
    lines = [f"{len(answer.open)} flows are open"]
    for each in answer.open:
        lines.append(f"  {each.source} -> {each.target}: {each.ports}")
        lines += [f"      {reason}" for reason in each.because]
    if answer.left_out:
        lines += ["", f"left out, for they use the network of their machine: {', '.join(answer.left_out)}"]
    return "\n".join(lines)
