"""(Stack, LabFacts) -> LabDesired: the whole lab as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType
from typing import Final, Literal

from telamon.desired.calls import UserDesired
from telamon.desired.component import LoginTurn, Requirement, Saving
from telamon.desired.keeping import component_desired, requirements
from telamon.desired.lab.data import (
    BackupDesired,
    CloneDesired,
    DatabaseDesired,
    FrontDoor,
    LabComponent,
    LabDesired,
    ProcessDesired,
)
from telamon.desired.lab.database import database_component, replication_links
from telamon.desired.lab.database import endpoint as database_endpoint
from telamon.desired.lab.edge import admin_socket, edge_component, rotations
from telamon.desired.lab.facts import LabFacts
from telamon.desired.lab.needs import balancers, databases, lab_host
from telamon.desired.lab.nodes import Surroundings, links, member_desired, processes
from telamon.desired.lab.relays import relays_component
from telamon.desired.lab.secrets import database_secrets, references, vault_secret, wanted
from telamon.desired.outline import Outline, outlines
from telamon.desired.product_secrets import product_secrets
from telamon.desired.windows import windows_of
from telamon.model.care import FolderDestination
from telamon.model.stack import Stack
from telamon.naming import RELAYS, ProductName, component_name, database_name, login_roles
from telamon.products.base import Endpoint, FrontAddress, Product

NO_LOGINS: Final[Mapping[str, str]] = MappingProxyType({})


def compile_lab(
    stack: Stack, facts: LabFacts, *, registry: Mapping[str, Product], logins: Mapping[str, str] = NO_LOGINS
) -> LabDesired:
    """Say everything that this machine should run for a stack.

    Args:
        stack: the stack file.
        facts: of the machine; found for the needs of this very stack.
        registry: products by name, those of the file's own profiles included.
        logins: roles that nodes log in to their database as, by component; by default the owner of the database.

    Raises:
        InternalError: the facts or the registry do not belong to this stack.
    """
    parts = outlines(stack, registry)
    name = stack.metadata.name
    fronts = {part.product_name: _front(part, name, facts) for part in parts if part.companion is None}
    among_servers = tuple(replication_links(facts, databases(stack)))
    table = {link.name: link for link in (*links(parts, facts), *among_servers)}
    secrets = {
        part.product_name: product_secrets(name, part, login=_login(part, logins))
        for part in parts
        if part.companion is None
    }
    products = []
    for part in parts:
        own = secrets[part.product_name]
        around = Surroundings(
            facts, parts, table, fronts[part.product_name], own, is_clone=stack.spec.clone is not None
        )
        products.append(_component(part, around))
    edge = edge_component(parts, facts, fronts=fronts, count=balancers(stack))
    relays = (relays_component(parts, facts, links=table.values()),) if facts.relays else ()
    needing = tuple(part.component for part in parts if part.workload.needs_database)
    backup = _backup(stack, facts)
    database = database_component(
        name,
        facts,
        required_by=needing,
        links=among_servers,
        keeps_log=backup is not None and backup.continuous,
    )
    referenced = {value for part in products for process in part.processes for value in references(process)}
    made = [*database_secrets(name), vault_secret(name)]
    for part in parts:
        if part.companion is None:
            made += wanted(part, secrets[part.product_name], referenced=referenced)
    windows, saving = windows_of(stack.spec.maintenance), _saving(stack, possible=backup is not None)
    return LabDesired(
        stack=name,
        parts=tuple(
            replace(
                part,
                desired=replace(part.desired, windows=windows, saving=saving if part.product else None),
            )
            for part in (database, edge, *relays, *_seeded(products, stack))
        ),
        links=tuple(table.values()),
        fronts=MappingProxyType(fronts),
        secrets=tuple(made),
        balancers=MappingProxyType(
            {process.member: admin_socket(facts, process.member) for process in edge.processes}
        ),
        backup=backup,
        clone=_clone(stack),
    )


def _clone(stack: Stack) -> CloneDesired | None:
    spec = stack.spec.clone
    return (
        None
        if spec is None
        else CloneDesired(spec.of, spec.source, {str(name): backup for name, backup in spec.backups.items()})
    )


def _seeded(products: Sequence[LabComponent], stack: Stack) -> Iterator[LabComponent]:
    """The components of the products; what begins with a backup knows which, and what its pages show."""
    clone = stack.spec.clone
    for part in products:
        product, seed = part.product, ""
        if product is not None and clone is not None:
            seed = clone.backups.get(ProductName(part.desired.product), "")
        if product is None or clone is None or not seed:
            yield part
            continue
        told = f"This is a copy of {clone.of}, as in {seed}: mail, webhooks and application links are off."
        desired = replace(part.desired, seed=seed, quietens=product.quietens)
        yield replace(part, desired=desired, banner=clone.banner or told)


def _backup(stack: Stack, facts: LabFacts) -> BackupDesired | None:
    """Backups lie beside the state folder, so that purging a stack leaves them."""
    spec, name = stack.spec.backup, stack.metadata.name
    if spec.destination is None:
        folder = f"{facts.root}.backups"
    elif isinstance(spec.destination, FolderDestination):
        folder = f"{spec.destination.path.rstrip('/')}/{name}"
    else:
        return None
    return BackupDesired(
        folder,
        vault_secret(name).value,
        spec.keep.seconds,
        continuous=spec.continuous,
        # All data are copied for it, however small what has changed is.
        every=max(spec.every.seconds, 86400.0),
    )


def _saving(stack: Stack, *, possible: bool) -> Saving:
    """What a rolling upgrade has to have behind it; where nobody says so, a lab is the place where to lose data."""
    spec = stack.spec.backup
    asked = spec.destination is not None if spec.before_upgrade is None else spec.before_upgrade == "take"
    return Saving(asked, possible, spec.recent.seconds)


def _front(part: Outline, stack: str, facts: LabFacts) -> FrontDoor:
    scheme: Literal["http", "https"] = "https" if facts.tls is not None else "http"
    address = facts.front_address(part.product_name)
    port, context = facts.front_port, part.spec.context_path
    by_name = FrontAddress(scheme, lab_host(part.product_name, stack), port, context)
    by_address = FrontAddress(scheme, address, port, context)
    tcp = {
        route.name: Endpoint(address, facts.tcp_ports[f"{part.product_name}/{route.name}"])
        for route in part.workload.tcp_routes
    }
    # Links that a product writes must lead here, so it is told the address that this machine can reach.
    return FrontDoor(by_name if facts.resolves else by_address, by_name, by_address, tcp)


def _component(part: Outline, around: Surroundings) -> LabComponent:
    running = processes(part, around)
    product, is_product = part.product, part.companion is None
    relays = (Requirement(RELAYS),) if around.facts.relays else ()
    desired = replace(
        component_desired(
            part,
            [member_desired(process) for process in running],
            requires=(*requirements(part, around.parts), *relays),
        ),
        login=around.secrets.login if _logs_in(running, around) else "",
        login_turn=_login_turn(part, running, around) if is_product else None,
    )
    base = around.front.base
    return LabComponent(
        desired,
        running,
        workload=part.workload,
        product=product if is_product else None,
        rotations=rotations(part, around.facts),
        database=_database(part, around) if desired.database else None,
        set_up=around.secrets.set_up(title=product.title, base_url=base.url) if is_product else None,
        user=_user(part, around),
    )


def _user(part: Outline, around: Surroundings) -> UserDesired | None:
    user = part.workload.user
    return None if user is None else UserDesired(user.name, around.secrets.by_purpose()[user.purpose])


def _login(part: Outline, logins: Mapping[str, str]) -> str:
    return logins.get(component_name(part.product_name), database_name(part.product_name))


def _logs_in(running: Sequence[ProcessDesired], around: Surroundings) -> bool:
    """Whether the nodes log in with what Telamon tells them: the stack file may tell them something else."""
    return bool(running) and all(around.secrets.database in references(process) for process in running)


def _login_turn(part: Outline, running: Sequence[ProcessDesired], around: Surroundings) -> LoginTurn | None:
    if not part.product.needs_database or not _logs_in(running, around):
        return None
    first, second = login_roles(database_name(part.product_name))
    return LoginTurn(
        second if around.secrets.login == first else first,
        tuple(other.component for other in around.companions(part) if other.workload.needs_database),
    )


def _database(part: Outline, around: Surroundings) -> DatabaseDesired:
    return DatabaseDesired(
        database_name(part.product_name),
        around.secrets.login,
        around.secrets.database,
        part.product.database_collation,
        database_endpoint(around.facts),
    )
