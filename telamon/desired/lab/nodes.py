"""The nodes of products and companions as processes, and every connection between them as a link."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from telamon.desired.calls import WorkloadProbe
from telamon.desired.component import MemberDesired
from telamon.desired.lab.data import FolderDesired, FrontDoor, Link, ProcessDesired, link_name
from telamon.desired.lab.database import endpoint as database_endpoint
from telamon.desired.lab.facts import LabFacts
from telamon.desired.lab.fingerprint import process_revision
from telamon.desired.lab.needs import ANYBODY, HTTP, INDEX, INDEX_PORT, POSTGRES
from telamon.desired.lab.relays import movable_clock
from telamon.desired.outline import Outline
from telamon.desired.product_secrets import ProductSecrets
from telamon.errors import InternalError
from telamon.naming import EDGE, WRITER, database_name, member_name
from telamon.products.base import DatabaseLink, Endpoint, EnvironmentValue, NodeContext, Peer


@dataclass(frozen=True)
class Surroundings:
    """What the nodes of a component are built from.

    Attributes:
        facts: of the machine.
        parts: every component of the products.
        links: by name.
        front: of the component's product.
        secrets: of the component's product.
        is_clone: whether the stack is a copy of another, which must not act as that one.
    """

    facts: LabFacts
    parts: Sequence[Outline]
    links: Mapping[str, Link]
    front: FrontDoor
    secrets: ProductSecrets
    is_clone: bool = False

    def endpoint(self, source: str, target: str, *, port: str) -> Endpoint:
        """Where one member reaches a port of another."""
        return self.links[link_name(source, target, port=port)].endpoint

    def companions(self, part: Outline) -> tuple[Outline, ...]:
        """The companions that a component's nodes speak to."""
        if part.companion is not None:
            return ()
        return tuple(
            other
            for other in self.parts
            if other.product_name == part.product_name and other.companion is not None
        )


def members(part: Outline) -> tuple[str, ...]:
    """The names of a component's members."""
    return tuple(member_name(part.component, ordinal) for ordinal in range(part.nodes))


def links(parts: Sequence[Outline], facts: LabFacts) -> Iterator[Link]:
    """Every connection between two parts.

    Args:
        parts: every component of the products.
        facts: of the machine.
    """
    for part in parts:
        for member in members(part):
            yield from _to_members(member, part, facts, skip=member)
            if part.workload.needs_database:
                yield _link(member, WRITER, database_endpoint(facts), port=POSTGRES, facts=facts)
            if part.companion is None:
                own = [other for other in parts if other.product_name == part.product_name]
                for other in own:
                    if other.companion is not None:
                        yield from _to_members(member, other, facts)
        if part.workload.index_ways is not None:
            yield from _index_links(part, facts)
        if part.rotates:
            yield from _to_members(EDGE, part, facts, public=True)


def _to_members(
    source: str, part: Outline, facts: LabFacts, *, skip: str = "", public: bool = False
) -> Iterator[Link]:
    for ordinal, target in enumerate(members(part)):
        for port in part.workload.ports:
            if target == skip or (public and not port.public):
                continue
            number = facts.port(part.component, port.name, number=port.number)
            beyond = Endpoint(facts.address(part.component, ordinal), number)
            yield _link(source, target, beyond, port=port.name, facts=facts)


def _link(source: str, target: str, /, beyond: Endpoint, *, port: str, facts: LabFacts) -> Link:
    """The link to where a member listens, over the relay between the two if there is one."""
    relay = facts.relay(source, target)
    endpoint = beyond if relay is None else Endpoint(relay, beyond.port)
    return Link(source, target, port, endpoint, beyond)


def _index_links(part: Outline, facts: LabFacts) -> Iterator[Link]:
    """From every member to where the files of another one's index are handed out."""
    number = facts.port(part.component, INDEX, number=INDEX_PORT)
    names = members(part)
    for ordinal, source in enumerate(names):
        beyond = Endpoint(facts.address(part.component, ordinal), number)
        for target in names:
            if target != source:
                yield _link(target, source, beyond, port=INDEX, facts=facts)


def processes(part: Outline, around: Surroundings) -> tuple[ProcessDesired, ...]:
    """Every node of a component as a process."""
    return tuple(_process(_context(part, ordinal, around), part, around) for ordinal in range(part.nodes))


def member_desired(process: ProcessDesired) -> MemberDesired:
    """A node as the planner reads it."""
    told = {**process.environment, **process.hints}
    lasting = {name: value for name, value in told.items() if value is not None}
    revision = process_revision(process.argv, lasting, cwd=process.cwd)
    return MemberDesired(process.member, process.ordinal, revision, process.release)


def _context(part: Outline, ordinal: int, around: Surroundings) -> NodeContext:
    facts, member = around.facts, member_name(part.component, ordinal)
    ports = {
        port.name: facts.port(part.component, port.name, number=port.number) for port in part.workload.ports
    }
    shared = facts.path("shared", part.product_name) if part.workload.shares_home else ""
    tcp = tuple(around.front.tcp.values())
    return NodeContext(
        member=member,
        ordinal=ordinal,
        release=part.release,
        bind=facts.address(part.component, ordinal),
        ports=ports,
        local_home=facts.path("homes", member),
        shared_home=shared,
        database=_database(part, member, around),
        peers=_peers(member, part, around),
        companions={other.workload.name: _peers(member, other, around) for other in around.companions(part)},
        front=around.front.base,
        ssh=tcp[0] if tcp else None,
        secrets=around.secrets.by_purpose(),
        spec=part.spec,
        advertised=facts.relay(ANYBODY, member) or "",
        jvm=part.product.clone.jvm if around.is_clone and part.product.clone is not None else (),
    )


def _database(part: Outline, member: str, around: Surroundings) -> DatabaseLink | None:
    if not part.workload.needs_database:
        return None
    name = database_name(part.product_name)
    endpoint = around.endpoint(member, WRITER, port=POSTGRES)
    return DatabaseLink(endpoint, name=name, user=around.secrets.login, password=around.secrets.database)


def _peers(member: str, part: Outline, around: Surroundings) -> tuple[Peer, ...]:
    return tuple(
        Peer(
            other,
            {port.name: around.endpoint(member, other, port=port.name) for port in part.workload.ports},
        )
        for other in members(part)
        if other != member
    )


def _process(node: NodeContext, part: Outline, around: Surroundings) -> ProcessDesired:
    facts = around.facts
    environment: dict[str, EnvironmentValue] = {**part.workload.environment(node), **part.spec.env}
    argv = part.workload.command(node)
    if argv is None:
        argv = _stand_in(part, facts)
        environment = {**_stand_in_environment(node, facts), **environment}
    folders = [FolderDesired(f"homes/{node.member}", size=facts.home_size)]
    if facts.faketime:
        environment |= movable_clock(facts, node.member)
    if node.shared_home:
        folders.append(FolderDesired(f"shared/{part.product_name}"))
    endpoint = Endpoint(node.bind, node.ports[HTTP])
    return ProcessDesired(
        member=node.member,
        component=part.component,
        ordinal=node.ordinal,
        release=node.release,
        argv=argv,
        environment=environment,
        cwd=node.local_home,
        address=str(endpoint),
        probe=WorkloadProbe(endpoint, replace(around.front.base, context_path=part.context_path)),
        folders=tuple(folders),
        hints=_hints(node, part),
    )


def _hints(node: NodeContext, part: Outline) -> Mapping[str, EnvironmentValue | None]:
    """The variables that tell a node of its peers, where it needs them to join and for nothing else."""
    if not part.workload.finds_peers:
        return {}
    told, alone = (part.workload.environment(one) for one in (node, replace(node, peers=())))
    return {name: alone.get(name) for name in told if told[name] != alone.get(name)}


def _stand_in(part: Outline, facts: LabFacts) -> tuple[str, ...]:
    module = part.workload.stand_in
    if module is None:
        raise InternalError(f"{part.component} has neither a command nor a stand-in")
    # -P keeps the working folder, which the application writes to, out of the search for modules.
    return (facts.python, "-P", "-m", module)


def _stand_in_environment(node: NodeContext, facts: LabFacts) -> Mapping[str, str]:
    """What stands for the address of the pod and for the tag of the image."""
    return {
        "PYTHONPATH": facts.python_path,
        "UNDERSTUDY_BIND": node.bind,
        "UNDERSTUDY_VERSION": node.release,
    }
