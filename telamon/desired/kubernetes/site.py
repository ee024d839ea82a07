"""What a stack file amounts to on a cluster, before any object is written: namespaces, parts, addresses, secrets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from telamon import naming
from telamon.desired.in_force import InForce
from telamon.desired.kubernetes.facts import Facts
from telamon.desired.kubernetes.images import DATABASE_CLIENT, Images, of_workload, server_image
from telamon.desired.kubernetes.renewed import secrets_in_use
from telamon.desired.outline import Outline, outlines
from telamon.desired.product_secrets import ProductSecrets
from telamon.errors import InternalError, RefusedError
from telamon.model.common import Resources
from telamon.model.database import CloudNativePgDatabase, DatabaseSpec, RdsDatabase
from telamon.model.edge import AcmTls, DisabledTls, TlsSpec
from telamon.model.platform import AwsPlatform, KubernetesPlatform
from telamon.model.products import CompanionSpec, ProductSpec
from telamon.model.stack import Stack, StackSpec
from telamon.naming import DATABASE, EDGE, CompanionName, database_name
from telamon.products.apps import AppRun, apps_memory, apps_run
from telamon.products.base import Endpoint, FrontAddress, Port, Product, TcpRoute, Workload
from telamon.products.companions import companions_run
from telamon.products.container import Container, Needs
from telamon.units import Bytes, Cpu

OPERATOR_NAMESPACE: Final = "telamon-system"
OPERATOR: Final = "telamon-operator"
"""Service account of the operator, as the ground on AWS names it too."""
SIDECAR_MEMORY: Final = Bytes.parse("128Mi")
SIDECAR_CPU: Final = Cpu.parse("50m")
"""What a container of somebody's own gets where the file does not say."""
_MEBIBYTE: Final = 1 << 20

Driver = Literal["gateway", "nginx", "alb"]


@dataclass(frozen=True)
class Part:
    """One component in its namespace.

    Attributes:
        outline: whose, what and how many.
        container: how its image is run.
        spec: the product's section, with everything filled in that the file leaves open.
        cpu: that each of its nodes asks for.
        memory: that each of them asks for, and may use, the processes of apps included.
        namespace: where it is.
        front: the address that users type.
        ssh: the address of git over SSH; ``None`` where the product has none.
        secrets: where the product's secrets are.
        image: by which its image is pulled.
    """

    outline: Outline
    container: Container
    spec: ProductSpec
    cpu: Cpu
    memory: Bytes
    namespace: str
    front: FrontAddress
    ssh: Endpoint | None
    secrets: ProductSecrets
    image: str

    @property
    def name(self) -> str:
        """Of the component, its workload and the service that carries traffic."""
        return self.outline.component

    @property
    def peers(self) -> str:
        """Name of the service that lists all its members, also those that are not ready."""
        return f"{self.name}-peers"

    @property
    def workload(self) -> Workload:
        """What runs."""
        return self.outline.workload

    @property
    def is_product(self) -> bool:
        """Whether these are a product's own nodes, and not a companion's."""
        return self.outline.companion is None

    @property
    def nodes(self) -> int:
        """How many run; what the lab leaves out runs here."""
        return self.outline.nodes + self.outline.left_out

    @property
    def members(self) -> tuple[str, ...]:
        """The names of its pods."""
        return tuple(naming.member_name(self.name, ordinal) for ordinal in range(self.nodes))

    @property
    def apps(self) -> tuple[AppRun, ...]:
        """Apps that have a process in each of its nodes."""
        return tuple(apps_run(self.outline.product, self.spec)) if self.is_product else ()

    @property
    def ports(self) -> tuple[Port, ...]:
        """Every port that a node listens on."""
        return (*self.workload.ports, *(Port(each.app.name, each.port) for each in self.apps))

    @property
    def tcp(self) -> tuple[TcpRoute, ...]:
        """Its listeners besides HTTP."""
        return self.workload.tcp_routes


@dataclass(frozen=True)
class Site:
    """A stack on a cluster.

    Attributes:
        stack: its name.
        spec: the file.
        prefix: what the names of its namespaces begin with.
        parts: components, a product before its companions.
        facts: what was made below the cluster.
        images: finds the names of images.
    """

    stack: str
    spec: StackSpec
    prefix: str
    parts: tuple[Part, ...]
    facts: Facts
    images: Images

    @property
    def driver(self) -> Driver:
        """What carries the traffic."""
        return self.spec.edge.driver or "gateway"

    @property
    def aws(self) -> AwsPlatform | None:
        """The section on AWS; ``None`` on any other cluster."""
        platform = self.spec.platform
        return platform if isinstance(platform, AwsPlatform) else None

    @property
    def has_calico(self) -> bool:
        """Whether Calico enforces network policies, which knows such for the whole cluster."""
        platform = self.spec.platform
        if not isinstance(platform, AwsPlatform | KubernetesPlatform):
            return False
        return platform.network_policies == "calico"

    @property
    def tls(self) -> TlsSpec:
        """Where certificates come from."""
        return self.spec.edge.tls or (
            AcmTls(kind="acm") if self.aws is not None else DisabledTls(kind="disabled")
        )

    @property
    def edge_namespace(self) -> str:
        """Namespace of the front door."""
        return f"{self.prefix}-{EDGE}"

    @property
    def database_namespace(self) -> str:
        """Namespace of the database, or of what prepares it."""
        return f"{self.prefix}-{DATABASE}"

    @property
    def products(self) -> tuple[Part, ...]:
        """The products' own nodes."""
        return tuple(part for part in self.parts if part.is_product)

    def of_product(self, part: Part) -> tuple[Part, ...]:
        """Every component of the same product, the product's own nodes first."""
        return tuple(each for each in self.parts if each.outline.product_name == part.outline.product_name)

    def labels(self, component: str, *, product: str | None = None) -> dict[str, str]:
        """The labels of an object."""
        return dict(naming.labels(self.stack, component, product=product))

    def part_labels(self, part: Part) -> dict[str, str]:
        """The labels of an object of a component."""
        return self.labels(part.name, product=part.outline.product_name)


def site(
    stack: Stack,
    products: Mapping[str, Product],
    *,
    facts: Facts,
    digests: Mapping[str, str],
    in_force: InForce | None = None,
) -> Site:
    """Work out what a stack file amounts to on a cluster.

    Args:
        stack: with platform kubernetes or aws.
        products: those of the stack, by name.
        facts: what was made below the cluster.
        digests: of images, by name with tag.
        in_force: what the journal knows; nothing of a stack that nobody has kept yet.

    Raises:
        RefusedError: the platform is another one, an image has no digest outside of dev, or a proxy wants a password.
    """
    spec = stack.spec
    if not isinstance(spec.platform, KubernetesPlatform | AwsPlatform):
        raise RefusedError(
            f"the stack {stack.metadata.name} runs on {spec.platform.kind}, which takes no manifests",
            guard="platform-kubernetes",
            remedy="Manifests are written for spec.platform.kind: kubernetes or aws.",
        )
    _refuse_proxy_password(spec)
    if spec.environment != "dev":
        Images(spec.images, digests).refuse_unlocked(wanted_images(stack, products))
    return surveyed(stack, products, facts=facts, digests=digests, in_force=in_force)


def surveyed(
    stack: Stack,
    products: Mapping[str, Product],
    *,
    facts: Facts | None = None,
    digests: Mapping[str, str] | None = None,
    in_force: InForce | None = None,
) -> Site:
    """What a stack file amounts to on a cluster, whether or not it may be rendered already.

    Args:
        stack: for any platform but the lab.
        products: those of the stack, by name.
        facts: what was made below the cluster; nothing where it is not known yet.
        digests: of images, by name with tag; none where nobody has asked for them.
        in_force: what the journal knows.
    """
    spec = stack.spec
    images = Images(spec.images, digests or {})
    prefix = str(stack.metadata.name)
    if isinstance(spec.platform, KubernetesPlatform) and spec.platform.namespace_prefix is not None:
        prefix = spec.platform.namespace_prefix
    found = outlines(stack, products)
    secrets = {
        each.product_name: secrets_in_use(stack.metadata.name, each, in_force=in_force or InForce())
        for each in found
        if each.companion is None
    }
    parts = tuple(
        _part(each, spec, prefix=prefix, secrets=secrets[each.product_name], images=images) for each in found
    )
    return Site(stack.metadata.name, spec, prefix, parts, facts or Facts(), images)


def wanted_images(stack: Stack, products: Mapping[str, Product]) -> tuple[str, ...]:
    """Every image that a stack runs, as people would write it, each once and in alphabetical order.

    Args:
        stack: any.
        products: those of the stack, by name.
    """
    found: set[str] = set()
    for each in outlines(stack, products):
        container = _container(each)
        found.add(of_workload(container, each.spec, release=each.release))
        if each.companion is None:
            found |= {sidecar.image for sidecar in each.spec.sidecars}
    chosen = database_spec(stack.spec)
    found.add(server_image(chosen) if isinstance(chosen, CloudNativePgDatabase) else DATABASE_CLIENT)
    return tuple(sorted(found))


def database_spec(spec: StackSpec) -> DatabaseSpec:
    """Where PostgreSQL comes from, also where the file leaves it open."""
    if spec.database is not None:
        return spec.database
    if isinstance(spec.platform, AwsPlatform):
        return RdsDatabase(kind="rds")
    return CloudNativePgDatabase(kind="cloudnative-pg")


def host_of(name: str, spec: StackSpec) -> str:
    """The host under which users reach a product."""
    given = spec.products[naming.ProductName(name)].base_url
    return (urlsplit(given).hostname if given else None) or naming.host_name(name, spec.domain)


def _refuse_proxy_password(spec: StackSpec) -> None:
    proxy = spec.security.proxy
    if proxy is not None and proxy.credentials is not None:
        raise RefusedError(
            "the proxy asks for a password, and a Java program takes one only on its command line",
            guard="proxy-without-password",
            remedy="Let the proxy know the cluster by its addresses, and remove spec.security.proxy.credentials.",
        )


def _container(outline: Outline) -> Container:
    container = outline.workload.container
    if container is None:
        raise InternalError(f"nobody knows how {outline.component} is run in a cluster")
    return container


def _part(outline: Outline, spec: StackSpec, *, prefix: str, secrets: ProductSecrets, images: Images) -> Part:
    container = _container(outline)
    filled = _filled(outline)
    front = _front(outline.product_name, spec)
    resources = filled.resources
    if outline.companion is not None:
        resources = filled.companions[CompanionName(outline.companion.name)].resources
    memory = resources.memory or container.needs.memory
    if outline.companion is None:
        memory = Bytes(memory.count + apps_memory(outline.product, filled))
    return Part(
        outline=outline,
        container=container,
        spec=filled,
        cpu=resources.cpu or container.needs.cpu,
        memory=memory,
        namespace=f"{prefix}-{outline.product_name}",
        front=front,
        ssh=_ssh(outline.product, spec),
        secrets=secrets,
        image=images.name(of_workload(container, outline.spec, release=outline.release)),
    )


def _front(name: str, spec: StackSpec) -> FrontAddress:
    section = spec.products[naming.ProductName(name)]
    plain = spec.edge.tls is None or spec.edge.tls.kind == "disabled"
    scheme: Literal["http", "https"] = (
        "http" if plain and not isinstance(spec.platform, AwsPlatform) else "https"
    )
    given = urlsplit(section.base_url) if section.base_url else None
    if given is not None:
        scheme = "https" if given.scheme == "https" else "http"
    port = spec.edge.port or (443 if scheme == "https" else 80)
    if given is not None:
        port = given.port or (443 if scheme == "https" else 80)
    return FrontAddress(scheme, host_of(name, spec), port, section.context_path)


def _ssh(product: Product, spec: StackSpec) -> Endpoint | None:
    for route in product.tcp_routes:
        return Endpoint(f"git.{spec.domain}", spec.edge.ssh.port or route.front_port)
    return None


def _filled(outline: Outline) -> ProductSpec:
    """The product's section with the resources of itself and of its companion filled in."""
    product, spec = outline.product, outline.spec
    changes: dict[str, object] = {}
    if product.container is not None:
        changes["resources"] = _resources(spec.resources, product.container.needs)
    companions = dict(spec.companions)
    for name, companion, given in companions_run(product, spec):
        if companion.container is not None:
            asked = given or CompanionSpec()
            resources = _resources(asked.resources, companion.container.needs)
            companions[CompanionName(name)] = asked.model_copy(update={"resources": resources})
    return spec.model_copy(update={**changes, "companions": companions})


def _resources(given: Resources, needs: Needs) -> Resources:
    memory = given.memory or needs.memory
    heap = given.heap
    if heap is None and needs.heap_share:
        heap = Bytes(int(memory.count * needs.heap_share) // _MEBIBYTE * _MEBIBYTE)
    return Resources(cpu=given.cpu or needs.cpu, memory=memory, heap=heap)


def database_of(part: Part) -> str:
    """Name of a product's database and of the role that owns it."""
    return database_name(part.outline.product_name)
