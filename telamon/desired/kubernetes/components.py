"""A site as the engine keeps it: for each component what the planner reads, and the objects that the operator applies.

What needs more rights than the operator has (namespaces, roles, quotas, classes) is applied by whoever installs the
stack, from the same manifests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.calls import SetupDesired, UserDesired
from telamon.desired.component import ComponentDesired, MemberDesired, Saving
from telamon.desired.keeping import component_desired, requirements
from telamon.desired.kubernetes.backups import SavingDesired, saving_of
from telamon.desired.kubernetes.data import Bundle, Object, digest
from telamon.desired.kubernetes.evidence import EvidenceDesired, evidence_of
from telamon.desired.kubernetes.logins import LoginDesired, login_of, logins_of, why_no_turn
from telamon.desired.kubernetes.renewed import renewed_secret
from telamon.desired.kubernetes.site import Part, Site
from telamon.desired.kubernetes.storage import local_size
from telamon.desired.kubernetes.wanted import token_secret, user_of
from telamon.errors import InternalError
from telamon.naming import ANNOTATION_REVISION, DATABASE, LABEL_COMPONENT, LABEL_PRODUCT
from telamon.products.base import Product, Workload
from telamon.products.indexing import IndexStrategy, IndexWays

OPERATED: Final = frozenset(
    {
        "BackendTrafficPolicy",
        "ConfigMap",
        "HTTPRoute",
        "HTTPRouteFilter",
        "Ingress",
        "PersistentVolumeClaim",
        "PodDisruptionBudget",
        "Service",
        "StatefulSet",
        "TCPRoute",
    }
)
"""Kinds that the operator's role lets it write in the namespace of a product."""

_NO_PAGE: Final[Mapping[str, str]] = MappingProxyType(
    {
        "nginx": "the ingress controller for nginx has no route that answers by itself",
        "alb": "the balancer of AWS does not say when it has taken a route",
    }
)
"""Why a front door shows no maintenance page, by driver.

Sources: kubernetes/ingress-nginx, "Annotations" (an answer of one's own takes a snippet, which administrators do not
allow by default); AWS Load Balancer Controller 2.13, "Ingress annotations" (``actions``, without a header and without a
status of the rule).
"""


@dataclass(frozen=True)
class KubernetesComponent:
    """One component on a cluster.

    Attributes:
        desired: what the planner reads.
        part: the component in its namespace.
        objects: that the operator applies, in order.
        preparing: what makes its database; empty where it has none, or somebody else makes it.
        evidence: where what is gathered about its members lies, and what must not be in it.
        set_up: what set-up pages are filled in with, on a product's own nodes.
        upgraded: the stateful set as it makes pods of the release that is asked for and not in force yet.
        saving: where its backups go; ``None`` where the file names no claim for them, or there is nothing to save.
        logins: how its nodes are given another log-in to their database; ``None`` where Telamon does not keep theirs.
        user: as whom its nodes are asked, where they know their user from their environment.
        renews: name of the secret in which Telamon keeps what it has renewed.
        banner: what every page of a copy of another stack shows; on a cluster nothing is such a copy.
        region: of AWS that the stack lies in; "" elsewhere.
    """

    desired: ComponentDesired
    part: Part
    objects: tuple[Object, ...]
    preparing: tuple[Object, ...]
    evidence: EvidenceDesired
    set_up: SetupDesired | None = None
    upgraded: Object | None = None
    saving: SavingDesired | None = None
    logins: LoginDesired | None = None
    user: UserDesired | None = None
    renews: str = ""
    banner: str = ""
    region: str = ""

    @property
    def workload(self) -> Workload:
        """How its nodes are asked."""
        return self.part.workload

    @property
    def product(self) -> Product | None:
        """The product itself, on a product's own nodes."""
        return self.part.outline.product if self.part.is_product else None

    @property
    def stateful_set(self) -> Mapping[str, Any]:
        """The object that makes its pods."""
        return next(item for item in self.objects if item["kind"] == "StatefulSet")


def components(site: Site, bundles: Sequence[Bundle]) -> tuple[KubernetesComponent, ...]:
    """Every component of a site.

    Args:
        site: the stack.
        bundles: everything that was rendered of it.

    Raises:
        InternalError: the bundles are of another site.
    """
    outlines = [part.outline for part in site.parts]
    region = "" if site.aws is None else site.aws.region
    found = []
    for part in site.parts:
        objects = tuple(_operated(part, bundles))
        preparing = tuple(_preparing(part, site, bundles)) if part.is_product else ()
        sets = [item for item in objects if item["kind"] == "StatefulSet"]
        if len(sets) != 1:
            raise InternalError(f"{part.name} has {len(sets)} stateful sets")
        revision = str(sets[0]["spec"]["template"]["metadata"]["annotations"][ANNOTATION_REVISION])
        members = [
            MemberDesired(name, ordinal, revision, part.outline.release)
            for ordinal, name in enumerate(part.members)
        ]
        desired = component_desired(
            part.outline,
            members,
            # The server is kept by whoever made it: RDS, an operator of its own, its owner.
            requires=[each for each in requirements(part.outline, outlines) if each.component != DATABASE],
            objects=digest(objects),
        )
        backups = saving_of(part, site)
        desired = replace(
            desired,
            index=_index(part, desired.index),
            no_page=_NO_PAGE.get(site.driver, "") if desired.rotates else "",
            login=login_of(part, sets[0]),
            saving=_saving(site, possible=backups is not None) if part.is_product else None,
        )
        if part.is_product:
            distributions = site.facts.distributions
            desired = replace(desired, distribution=distributions.get(part.outline.product_name, ""))
        logins = logins_of(part, site, login=desired.login)
        if part.is_product:
            turn = None if logins is None else logins.turn
            desired = replace(desired, login_turn=turn, no_turn=why_no_turn(site) if desired.login else "")
        made = KubernetesComponent(
            desired, part, objects, preparing, evidence_of(part, site), _set_up(part, site)
        )
        renews = renewed_secret(site.stack, part.outline.product_name)
        user = user_of(part, site)
        found.append(replace(made, saving=backups, logins=logins, user=user, renews=renews, region=region))
    return tuple(found)


def applied_by_others(bundles: Sequence[Bundle], parts: Sequence[KubernetesComponent]) -> tuple[Object, ...]:
    """What needs more rights than the operator has, in the order in which it is applied.

    Args:
        bundles: everything that was rendered.
        parts: the components of the same site.
    """
    operated = {id(item) for part in parts for item in (*part.objects, *part.preparing)}
    return tuple(item for bundle in bundles for item in bundle.objects if id(item) not in operated)


def _index(part: Part, ways: IndexWays | None) -> IndexWays | None:
    """How nodes are given another index: the vendor's way alone, for nobody copies files from volume to volume."""
    offered = ways is not None and IndexStrategy.SNAPSHOT in ways.strategies
    # An empty folder goes with its pod, and the claim that is worked on is one that the StatefulSet makes.
    if ways is None or not offered or local_size(part) is None:
        return None
    return replace(ways, strategies=(IndexStrategy.SNAPSHOT,))


def _saving(site: Site, *, possible: bool) -> Saving:
    """The backup before an upgrade."""
    spec = site.spec.backup
    asked = spec.destination is not None if spec.before_upgrade is None else spec.before_upgrade == "take"
    return Saving(asked, possible=possible, recent=spec.recent.seconds)


def _set_up(part: Part, site: Site) -> SetupDesired | None:
    if not part.is_product:
        return None
    product = part.outline.product
    made = part.secrets.set_up(title=product.title, base_url=part.front.url)
    return replace(made, account_token=token_secret(site, part.outline.product_name))


def _operated(part: Part, bundles: Sequence[Bundle]) -> Iterator[Object]:
    for bundle in bundles:
        if bundle.name != part.namespace:
            continue
        for item in bundle.objects:
            own = item["metadata"].get("labels", {}).get(LABEL_COMPONENT) == part.name
            if own and item["kind"] in OPERATED:
                yield item


def _preparing(part: Part, site: Site, bundles: Sequence[Bundle]) -> Iterator[Object]:
    """The job that makes a product's database, after what it reads."""
    for bundle in bundles:
        if bundle.name != site.database_namespace:
            continue
        for item in bundle.objects:
            labels = item["metadata"].get("labels", {})
            shared = item["kind"] == "ConfigMap" and labels.get(LABEL_COMPONENT) == DATABASE
            if shared or (item["kind"] == "Job" and labels.get(LABEL_PRODUCT) == part.outline.product_name):
                yield item
