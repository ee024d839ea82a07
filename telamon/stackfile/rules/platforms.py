"""Rules about what a platform has: a laptop runs no RDS, and a bare cluster makes no certificates."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from telamon.model.platform import AwsPlatform, purpose_of
from telamon.stackfile.findings import Finding, Subject
from telamon.stackfile.rules.products import PRODUCTS
from telamon.stackfile.tree import Path

_SKEW: Final = 3
_PLATFORM: Path = ("spec", "platform", "kind")
_GROUPS: Path = ("spec", "platform", "nodeGroups")


@dataclass(frozen=True)
class _Part:
    """A part of the stack that is not to be had everywhere.

    Attributes:
        what: what it is, as the subject of a sentence.
        lab: what the lab does instead.
        kubernetes: kinds that a cluster can have.
        aws: kinds that aws can have.
        in_lab: kinds that the lab can have.
    """

    what: str
    lab: str
    kubernetes: tuple[str, ...]
    aws: tuple[str, ...]
    in_lab: tuple[str, ...] = ()

    def kinds(self, platform: str) -> tuple[str, ...]:
        """The kinds that a platform can have."""
        return {"lab": self.in_lab, "kubernetes": self.kubernetes, "aws": self.aws}[platform]


_DATABASE: Final = _Part(
    "a database",
    "it runs a PostgreSQL of its own",
    ("external", "cloudnative-pg"),
    ("rds", "external", "cloudnative-pg"),
)
_SHARED: Final = _Part(
    "a shared home",
    "its shared homes are folders",
    ("nfs", "csi", "efs", "existing"),
    ("efs", "nfs", "openzfs", "csi", "existing"),
)
_DRIVER: Final = _Part(
    "an edge", "its front door is Envoy", ("gateway", "nginx"), ("gateway", "nginx", "alb")
)
_TLS: Final = _Part(
    "TLS",
    "it has an authority of its own",
    ("disabled", "cert-manager", "secret"),
    ("disabled", "acm", "cert-manager", "secret"),
    in_lab=("disabled", "lab"),
)
_CDN: Final = _Part("a CDN", "it has none", (), ("cloudfront",))
_BACKUP: Final = _Part(
    "a backup", "it keeps backups in a folder", ("claim", "s3"), ("s3", "claim"), in_lab=("folder",)
)


def part_fits_platform(subject: Subject) -> Iterator[Finding]:
    """Every part is one that the platform has."""
    platform = subject.spec.platform.kind
    for part, path, kind in _parts(subject):
        kinds = part.kinds(platform)
        if kind in kinds:
            continue
        if platform == "lab":
            message = f"the lab has no {kind}: {part.lab}"
            remedy = (
                "Name the platform that it is meant for; telamon rehearses the file in the lab with --lab."
            )
        else:
            message = f"{platform} has no {kind} as {part.what}"
            remedy = f"Write one of {', '.join(kinds)}." if kinds else "Remove it."
        yield Finding(path, message, remedy, also=(_PLATFORM,))


def machines_follow(subject: Subject) -> Iterator[Finding]:
    """Machines are never newer than the control plane, and at most three minor versions older.

    Source: Kubernetes documentation, "Version Skew Policy", kubelet.
    """
    platform = subject.spec.platform
    if not isinstance(platform, AwsPlatform):
        return
    above: Path = ("spec", "platform")
    told = {(*above, "machinesKubernetes"): platform.machines_kubernetes}
    told |= {(*_GROUPS, name, "kubernetes"): group.kubernetes for name, group in platform.node_groups.items()}
    ahead = _minor(platform.kubernetes)
    for path, version in told.items():
        if version is not None and not 0 <= ahead - (behind := _minor(version)) <= _SKEW:
            yield Finding(
                path,
                f"machines of 1.{behind} do not go with a control plane of 1.{ahead}",
                f"Write 1.{max(ahead - _SKEW, 20)} to 1.{ahead}.",
                also=((*above, "kubernetes"), _PLATFORM),
            )


def _minor(version: str) -> int:
    return int(version.partition(".")[2])


def node_group_is_what_it_is_called(subject: Subject) -> Iterator[Finding]:
    """Where a purpose has no group, one of its name is made: no other group may be called so."""
    platform = subject.spec.platform
    if not isinstance(platform, AwsPlatform):
        return
    for name, group in platform.node_groups.items():
        if name in {"system", "products"} and group.purpose not in {None, name}:
            yield Finding(
                (*_GROUPS, name, "purpose"),
                f"a group that is called {name} is for {group.purpose}",
                "Give it another name, or leave its purpose out.",
                also=(_PLATFORM,),
            )


def nodes_have_machines(subject: Subject) -> Iterator[Finding]:
    """Nodes that must be apart need a machine each, where the file says how many machines there are."""
    spec = subject.spec
    platform = spec.platform
    if not isinstance(platform, AwsPlatform) or spec.placement.apart != "required":
        return
    counts = {
        name: group.count
        for name, group in platform.node_groups.items()
        if purpose_of(name, group) == "products"
    }
    there = sum(count for count in counts.values() if count is not None)
    if not counts or None in counts.values():
        return
    for name, product in spec.products.items():
        if product.nodes > there:
            yield Finding(
                (*_GROUPS, next(iter(counts)), "count"),
                f"{product.nodes} nodes of {name} must be apart, and there are {there} machines for products",
                "Write more machines, fewer nodes, or spec.placement.apart: preferred.",
                also=((*PRODUCTS, name, "nodes"), ("spec", "placement", "apart"), _PLATFORM),
            )


def shared_home_is_named(subject: Subject) -> Iterator[Finding]:
    """On a cluster that exists already, only its owner knows where a shared home can be."""
    spec = subject.spec
    if spec.platform.kind != "kubernetes" or spec.storage.shared is not None:
        return
    path = ("spec", "storage", "shared")
    for name, product in spec.products.items():
        own = (*PRODUCTS, name, "storage", "sharedHome", "volume")
        needed = product.profile is None or product.profile.homes.shared
        if needed and product.storage.shared_home.volume is None:
            yield Finding(
                path,
                f"no place for the shared home of {name} is named",
                "Write storage: shared: with kind nfs, csi or efs.",
                also=(_PLATFORM, own, (*PRODUCTS, name, "profile")),
            )
            return


def what_is_taken_over_is_in_a_cluster(subject: Subject) -> Iterator[Finding]:
    """The lab makes what it needs itself; it takes over no database, no volume and no bucket."""
    if subject.spec.platform.kind != "lab":
        return
    for name, product in subject.spec.products.items():
        own: dict[Path, bool] = {
            ("database",): product.database is not None,
            ("storage", "localHome", "volumes"): bool(product.storage.local_home.volumes),
            ("storage", "s3"): product.storage.s3 is not None,
            **{
                ("companions", key, "external"): companion.external is not None
                for key, companion in product.companions.items()
            },
        }
        for below, given in own.items():
            if given:
                yield Finding(
                    (*PRODUCTS, name, *below),
                    "the lab takes over nothing that exists already",
                    "Name the platform that it is meant for; telamon rehearses the file in the lab with --lab.",
                    also=(_PLATFORM,),
                )


def tls_is_named(subject: Subject) -> Iterator[Finding]:
    """On a cluster that exists already, only its owner knows where certificates come from."""
    if subject.spec.platform.kind == "kubernetes" and subject.spec.edge.tls is None:
        path = ("spec", "edge", "tls")
        yield Finding(
            path,
            "nothing says where certificates come from",
            "Write tls: with kind cert-manager or secret, or kind disabled where something before it has them.",
            also=(_PLATFORM,),
        )


def destination_is_named(subject: Subject) -> Iterator[Finding]:
    """On a cluster that exists already, only its owner knows where backups can be kept; asking for them needs it."""
    backup = subject.spec.backup
    if subject.spec.platform.kind == "kubernetes" and backup.model_fields_set and backup.destination is None:
        yield Finding(
            ("spec", "backup"),
            "nothing says where backups go",
            "Write destination: with kind claim.",
            also=(_PLATFORM, ("spec", "backup", "destination")),
        )


def backup_is_kept_for_more_than_one(subject: Subject) -> Iterator[Finding]:
    """A backup is kept at least until the next one is there."""
    backup = subject.spec.backup
    if backup.keep < backup.every:
        yield Finding(
            ("spec", "backup", "keep"),
            f"a backup is made every {backup.every} and kept for {backup.keep} only",
            "Keep backups longer, or make them more often.",
            also=(("spec", "backup", "every"),),
        )


def proxy_asks_for_no_password(subject: Subject) -> Iterator[Finding]:
    """In a cluster a proxy lets the products through without a password.

    The products take one as a property of Java, on its command line, where everybody who may look at a pod reads it.
    Source: Jira KB "Configure an outbound proxy for use in Jira server" (``http.proxyUser``, ``http.proxyPassword``).
    """
    proxy = subject.spec.security.proxy
    if subject.spec.platform.kind == "lab" or proxy is None or proxy.credentials is None:
        return
    yield Finding(
        ("spec", "security", "proxy", "credentials"),
        "the proxy asks for a password, and a Java program takes one only on its command line",
        "Let the proxy know the cluster by its addresses, and remove spec.security.proxy.credentials.",
    )


def _parts(subject: Subject) -> Iterator[tuple[_Part, Path, str]]:
    spec = subject.spec
    if spec.database is not None:
        yield _DATABASE, ("spec", "database", "kind"), spec.database.kind
    if spec.storage.shared is not None:
        yield _SHARED, ("spec", "storage", "shared", "kind"), spec.storage.shared.kind
    for name, product in spec.products.items():
        volume = product.storage.shared_home.volume
        if volume is not None:
            yield _SHARED, (*PRODUCTS, name, "storage", "sharedHome", "volume", "kind"), volume.kind
    if spec.edge.driver is not None:
        yield _DRIVER, ("spec", "edge", "driver"), spec.edge.driver
    if spec.edge.tls is not None:
        yield _TLS, ("spec", "edge", "tls", "kind"), spec.edge.tls.kind
    if spec.edge.cdn is not None:
        yield _CDN, ("spec", "edge", "cdn", "kind"), spec.edge.cdn.kind
    if spec.backup.destination is not None:
        yield _BACKUP, ("spec", "backup", "destination", "kind"), spec.backup.destination.kind
