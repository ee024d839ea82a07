"""Holds what is rendered for a stack against the list of its flows: nothing more is open, and nothing less.

The list is :func:`telamon.desired.kubernetes.flows.flows`. Beside the stack's own workloads, and those of others that
the list names, there is a stranger in every namespace and one elsewhere, to whom nothing may be open.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from telamon.desired.kubernetes.data import Bundle
from telamon.desired.kubernetes.flows import NAMESPACE_NAME, Block, Flow, Pods
from telamon.errors import InternalError
from telamon.reach.explain import explain
from telamon.reach.intervals import Intervals, addresses_text, network, ports_text
from telamon.reach.model import EGRESS, INGRESS, PROTOCOLS, Policy, Workload, policy_of
from telamon.reach.solve import NOTHING, Outside, Ports, Reach, both, either, laid_over, solve, without


@dataclass(frozen=True)
class OpenFlow:
    """One flow that is open.

    Attributes:
        source: who may open a connection.
        target: who accepts it.
        ports: protocol and ports, as people write them.
        why: what it is for, as the list says; "" where the list does not have it.
        because: the rules that open it; none for what goes to or comes from addresses.
    """

    source: str
    target: str
    ports: str
    why: str
    because: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proof:
    """What was found.

    Attributes:
        open: every flow that is open to or from a workload of the stack.
        unlisted: of them, those that the list does not have.
        closed: flows of the list that the policies do not allow.
    """

    open: tuple[OpenFlow, ...]
    unlisted: tuple[OpenFlow, ...]
    closed: tuple[OpenFlow, ...]

    @property
    def holds(self) -> bool:
        """Whether exactly what is listed is open."""
        return not self.unlisted and not self.closed


def workloads_of(bundles: Sequence[Bundle], flows: Sequence[Flow]) -> tuple[tuple[Workload, ...], int]:
    """The workloads that a proof is about.

    Args:
        bundles: everything that was rendered.
        flows: the list.

    Returns:
        All of them, and how many of them, from the first, are in namespaces of the stack.
    """
    # What is given to people in the namespace of the operator makes that none of the stack's.
    objects = [item for bundle in bundles for item in bundle.objects]
    inside = [str(item["metadata"]["name"]) for item in objects if item["kind"] == "Namespace"]
    own = [_workload(item) for item in objects if _has_pods(item["kind"])]
    strangers = [Workload(f"a stranger in {name}", name, {NAMESPACE_NAME: name}, {}) for name in inside]
    named = [peer for flow in flows for peer in (flow.source, flow.target) if isinstance(peer, Pods)]
    others = [peer for peer in dict.fromkeys(named) if not any(_is(peer, each) for each in own)]
    foreign = [_other(peer) for peer in others]
    kept = [each for each in foreign if each.namespace in inside]
    rest = [each for each in foreign if each.namespace not in inside]
    elsewhere = Workload("a stranger elsewhere", "elsewhere", {NAMESPACE_NAME: "elsewhere"}, {})
    first = [*own, *kept, *strangers]
    return (*first, *rest, elsewhere), len(first)


def policies_of(bundles: Sequence[Bundle]) -> tuple[Policy, ...]:
    """The policies that were rendered.

    Args:
        bundles: everything that was rendered.
    """
    objects = (item for bundle in bundles for item in bundle.objects)
    return tuple(policy_of(item) for item in objects if item["kind"] == "NetworkPolicy")


def prove(bundles: Sequence[Bundle], flows: Sequence[Flow]) -> Proof:
    """Hold what was rendered against the list.

    Args:
        bundles: everything that was rendered.
        flows: the list.
    """
    workloads, inside = workloads_of(bundles, flows)
    reach = solve(workloads, policies_of(bundles))
    found: list[OpenFlow] = []
    unlisted: list[OpenFlow] = []
    closed: list[OpenFlow] = []
    for (source, target), ports in reach.matrix().items():
        if source >= inside and target >= inside:
            continue
        listed = _listed(workloads[source], workloads[target], flows)
        names = (workloads[source].name, workloads[target].name)
        why = ", ".join(
            dict.fromkeys(flow.why for flow in _between(workloads[source], workloads[target], flows))
        )
        found += _told(
            names, both(ports, listed), why=why, because=_because(reach, source, target, ports=ports)
        )
        unlisted += _told(names, without(ports, listed), because=_because(reach, source, target, ports=ports))
        closed += _told(names, without(listed, ports), why=why)
    for number in range(inside):
        for direction in (EGRESS, INGRESS):
            allowed = reach.outside(number, direction)
            wanted = tuple(_listed_outside(workloads[number], flows, direction))
            name = workloads[number].name
            found += told_outside(name, allowed, direction=direction)
            unlisted += told_outside(name, tuple(_beyond(allowed, wanted)), direction=direction)
            closed += told_outside(name, tuple(_beyond(wanted, allowed)), direction=direction)
    return Proof(tuple(found), tuple(unlisted), tuple(closed))


# ------------------------------------------------------------------------------------------------------------ workloads


def _has_pods(kind: str) -> bool:
    return kind in {"StatefulSet", "Job"}


def _workload(item: object) -> Workload:
    if not isinstance(item, dict):
        raise InternalError("an object is no mapping")
    metadata, template = item["metadata"], item["spec"]["template"]
    ports = {
        port["name"]: (port["protocol"], port["containerPort"])
        for container in template["spec"]["containers"]
        for port in container.get("ports", ())
    }
    namespace = metadata["namespace"]
    return Workload(
        f"{namespace}/{metadata['name']}",
        namespace,
        {NAMESPACE_NAME: namespace},
        template["metadata"]["labels"],
        ports,
    )


def _other(peer: Pods) -> Workload:
    names = dict(peer.namespace)
    namespace = names.get(NAMESPACE_NAME, "elsewhere")
    title = next(iter(dict(peer.labels).values()), "every pod")
    return Workload(f"{namespace}/{title}", namespace, names, dict(peer.labels))


def _is(peer: Pods, workload: Workload) -> bool:
    inside = all(workload.namespace_labels.get(key) == value for key, value in peer.namespace)
    return inside and all(workload.labels.get(key) == value for key, value in peer.labels)


# ---------------------------------------------------------------------------------------------------------- comparing


def _between(source: Workload, target: Workload, flows: Sequence[Flow]) -> Iterator[Flow]:
    for flow in flows:
        one, other = flow.source, flow.target
        if isinstance(one, Pods) and isinstance(other, Pods) and _is(one, source) and _is(other, target):
            yield flow


def _listed(source: Workload, target: Workload, flows: Sequence[Flow]) -> Ports:
    found = NOTHING
    for flow in _between(source, target, flows):
        found = either(found, _ports(flow))
    return found


def _ports(flow: Flow) -> Ports:
    numbers = Intervals.of((port, port) for port in flow.ports)
    return tuple(numbers if protocol == flow.protocol else Intervals() for protocol in PROTOCOLS)


def _listed_outside(workload: Workload, flows: Sequence[Flow], direction: str) -> list[Outside]:
    found: list[Outside] = []
    for flow in flows:
        own, other = (flow.source, flow.target) if direction == EGRESS else (flow.target, flow.source)
        if isinstance(own, Pods) and isinstance(other, Block) and _is(own, workload):
            addresses = network(other.network, other.but)
            found = list(laid_over(found, Outside(addresses, _ports(flow))))
    return found


def _beyond(parts: Sequence[Outside], limit: Sequence[Outside]) -> Iterator[Outside]:
    """What of some parts is not within others."""
    for part in parts:
        rest = part.addresses
        for other in limit:
            common = part.addresses & other.addresses
            if common:
                rest = rest - common
                more = without(part.ports, other.ports)
                if more != NOTHING:
                    yield Outside(common, more)
        if rest:
            yield Outside(rest, part.ports)


# -------------------------------------------------------------------------------------------------------------- telling


def _told(
    names: tuple[str, str], ports: Ports, *, why: str = "", because: tuple[str, ...] = ()
) -> Iterator[OpenFlow]:
    if ports != NOTHING:
        yield OpenFlow(*names, _ports_text(ports), why, because)


def _because(reach: Reach, source: int, target: int, *, ports: Ports) -> tuple[str, ...]:
    for protocol, numbers in zip(PROTOCOLS, ports, strict=True):
        if numbers:
            port = numbers.spans[0][0]
            return explain(reach, source, target=target, protocol=protocol, port=port).because
    return ()


def told_between(reach: Reach, source: int, *, target: int, ports: Ports) -> Iterator[OpenFlow]:
    """A flow between two workloads as people read it; nothing where none is open.

    Args:
        reach: what was worked out.
        source: number of the workload that opens connections.
        target: number of the one that accepts them.
        ports: that are open.
    """
    names = (reach.workloads[source].name, reach.workloads[target].name)
    yield from _told(names, ports, because=_because(reach, source, target, ports=ports))


def told_outside(name: str, parts: Sequence[Outside], *, direction: str) -> Iterator[OpenFlow]:
    """Flows with addresses outside of the cluster, as people read them.

    Args:
        name: of the workload.
        parts: what is open.
        direction: ``Egress`` for what it opens, ``Ingress`` for what it accepts.
    """
    for part in parts:
        where = addresses_text(part.addresses)
        source, target = (name, where) if direction == EGRESS else (where, name)
        yield OpenFlow(source, target, _ports_text(part.ports), "")


def _ports_text(ports: Ports) -> str:
    return "; ".join(
        f"{protocol} {ports_text(numbers)}"
        for protocol, numbers in zip(PROTOCOLS, ports, strict=True)
        if numbers
    )
