"""(Stack, products) -> the manifests of all namespaces, as objects and as the text of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from telamon.desired.kubernetes.access import account, operator, people, people_beside_stacks, service_account
from telamon.desired.kubernetes.certificates import certificates
from telamon.desired.kubernetes.data import Bundle, Object, Sheet
from telamon.desired.kubernetes.database import database, database_sheets
from telamon.desired.kubernetes.evidence import evidence_secret, kept_secrets
from telamon.desired.kubernetes.flows import Flow, flows
from telamon.desired.kubernetes.gateway import gateway_objects, routes
from telamon.desired.kubernetes.ingress import ingress_objects
from telamon.desired.kubernetes.logins import keeps_logins
from telamon.desired.kubernetes.patches import patched
from telamon.desired.kubernetes.placement import priority_class
from telamon.desired.kubernetes.policies import allowing, calico_deny_all, deny_all
from telamon.desired.kubernetes.renewed import renewed_secret
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE, Part, Site
from telamon.desired.kubernetes.spaces import bounds, database_bounds, namespace
from telamon.desired.kubernetes.storage import adopted_claims, shared_objects
from telamon.desired.kubernetes.wanted import operator_secrets
from telamon.desired.kubernetes.workloads import workload
from telamon.naming import DATABASE
from telamon.stackfile.build import to_yaml

BUILT_IN: Final = frozenset(
    {"networking.k8s.io", "rbac.authorization.k8s.io", "scheduling.k8s.io", "storage.k8s.io"}
)
"""Groups with a dot that every cluster knows."""
CLUSTER: Final = "00-cluster"
"""Folder of what has no namespace; it comes first, because everything else needs the namespaces."""


def bundles(site: Site) -> tuple[Bundle, ...]:
    """Everything that a stack needs of a cluster, a bundle a namespace.

    Args:
        site: the stack.

    Raises:
        UsageError: something was made by Terraform, and nobody has said where.
        RefusedError: a patch points to nothing.
    """
    allowed = flows(site)
    found = [_product(part, site, allowed=allowed) for part in site.products]
    front = _front(site)
    if front is not None:
        found.append(front)
    prepared = _database(site, allowed)
    if prepared is not None:
        found.append(prepared)
    seen = people_beside_stacks(site)
    beside = (Bundle(OPERATOR_NAMESPACE, _sheets(access=seen)),) if seen else ()
    return (_cluster(site, [bundle.name for bundle in found]), *found, *beside)


def mark(stack: str) -> str:
    """First line of every file, by which a later run for the same stack knows its own."""
    return f"# Written by telamon for the stack {stack}; changes are overwritten."


def files(found: Sequence[Bundle], *, stack: str) -> Mapping[str, str]:
    """Every file below the output folder, by its path, with its text.

    Args:
        found: what :func:`bundles` made.
        stack: name of the stack.
    """
    return {
        f"{bundle.name}/{sheet.name}.yaml": f"{mark(stack)}\n{text_of(sheet.objects)}"
        for bundle in found
        for sheet in bundle.sheets
    }


def text_of(objects: Sequence[Object]) -> str:
    """Objects as YAML, a document each."""
    return "".join(f"---\n{to_yaml(item)}" for item in objects)


def needs(found: Sequence[Bundle]) -> tuple[str, ...]:
    """The versions of custom resources that a cluster has to know, in alphabetical order.

    Args:
        found: what :func:`bundles` made.
    """
    versions = {str(item["apiVersion"]) for bundle in found for item in bundle.objects}
    return tuple(
        sorted(
            version
            for version in versions
            if "." in (group := version.partition("/")[0]) and group not in BUILT_IN
        )
    )


def _sheets(**sheets: Sequence[Object]) -> tuple[Sheet, ...]:
    """Sheets in the order in which they are to be applied; those without an object are left out."""
    named = ((name, tuple(objects)) for name, objects in sheets.items())
    kept = [(name.replace("_", "-"), objects) for name, objects in named if objects]
    return tuple(Sheet(f"{number}0-{name}", objects) for number, (name, objects) in enumerate(kept, start=1))


def _cluster(site: Site, names: Sequence[str]) -> Bundle:
    products = {part.namespace: part.outline.product_name for part in site.products}
    spaces = [namespace(name, site, product=products.get(name)) for name in names]
    volumes = [item for part in site.products for item in shared_objects(part, site)[0]]
    calico = [calico_deny_all(site)] if site.has_calico else []
    gateways = gateway_objects(site)[0] if site.driver == "gateway" else ()
    return Bundle(
        CLUSTER,
        _sheets(
            namespaces=spaces,
            priority=priority_class(site),
            volumes=volumes,
            gateway=gateways,
            calico=calico,
        ),
    )


def _product(part: Part, site: Site, *, allowed: Sequence[Flow]) -> Bundle:
    own, known = site.of_product(part), database(site)
    product = part.outline.product_name
    secrets = {name for name, _ in operator_secrets(site, product)}
    access = [item for each in own for item in account(each, site)]
    kept = {*kept_secrets(part, site), evidence_secret(site.stack, product)}
    access += operator(part.namespace, site, secrets=secrets, kept=kept)
    access += people(part.namespace, site, product=product)
    network = [deny_all(part.namespace, site), *allowing(part.namespace, site, flows=allowed)]
    made_by_class = {each.name.replace("-", "_"): workload(each, site, database=known) for each in own}
    front = [
        item
        for each in own
        if each.outline.rotates
        for item in (routes(each, site) if site.driver == "gateway" else ingress_objects(each, site))
    ]
    sheets = _sheets(
        bounds=bounds(part.namespace, site, parts=own),
        access=access,
        network=network,
        storage=[*shared_objects(part, site)[1], *adopted_claims(part, site)],
        certificates=[item for each in own for item in certificates(each, site)],
        **made_by_class,
        front=front,
    )
    return patched(Bundle(part.namespace, sheets), part.spec.patches)


def _front(site: Site) -> Bundle | None:
    """The namespace of the front door; an ingress has none, because its controller is somebody else's."""
    if site.driver != "gateway":
        return None
    name = site.edge_namespace
    access = [*operator(name, site, secrets=()), *people(name, site, product=None)]
    sheets = _sheets(access=access, network=[deny_all(name, site)], front=gateway_objects(site)[1])
    return Bundle(name, sheets)


def _database(site: Site, allowed: Sequence[Flow]) -> Bundle | None:
    prepared = database_sheets(site)
    if not prepared:
        return None
    name = site.database_namespace
    labels = site.labels(DATABASE)
    kept = {
        renewed_secret(site.stack, part.outline.product_name)
        for part in site.products
        if keeps_logins(part, site)
    }
    access = [service_account(DATABASE, name, labels=labels), *operator(name, site, secrets=(), kept=kept)]
    access += people(name, site, product=None)
    network = [deny_all(name, site), *allowing(name, site, flows=allowed)]
    own = {sheet.name.replace("-", "_"): sheet.objects for sheet in prepared}
    limits = database_bounds(name, site)
    return Bundle(name, _sheets(bounds=limits, access=access, network=network, **own))
