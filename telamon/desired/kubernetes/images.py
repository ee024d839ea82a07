"""Which images a stack runs, where they are pulled from, and by which digest.

A tag moves; a digest does not. So everything but a stack of environment ``dev`` names each image by the digest that
``telamon lock`` has found for its tag.

Sources: distribution/reference, "Grammar" (what is a registry and what a path); Docker Hub answers as ``docker.io``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from telamon.errors import RefusedError
from telamon.model.cluster import ImagesSpec
from telamon.model.database import CloudNativePgDatabase
from telamon.model.products import ProductSpec
from telamon.products.container import Container

HUB: Final = "docker.io"
DATABASE_CLIENT: Final = "postgres:17"
"""Image that has ``psql``, for making databases and roles."""


def server_image(database: CloudNativePgDatabase) -> str:
    """The image of a database server. Source: CloudNativePG documentation, "Container Image Requirements"."""
    return f"ghcr.io/cloudnative-pg/postgresql:{database.version}"


@dataclass(frozen=True)
class Reference:
    """An image by its parts.

    Attributes:
        registry: host, and port where it has one.
        path: of the repository.
        tag: "" where only the digest is named.
        digest: ``sha256:`` and 64 digits; "" where only the tag is named.
    """

    registry: str
    path: str
    tag: str = ""
    digest: str = ""

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.path}{tag}{digest}"


def parse(text: str) -> Reference:
    """Take an image's name apart.

    Args:
        text: as people write it; what stands before the first slash is a registry where it has a dot or a port.
    """
    name, _, digest = text.partition("@")
    first, slash, rest = name.partition("/")
    is_registry = bool(slash) and ("." in first or ":" in first or first == "localhost")
    registry, path = (first, rest) if is_registry else (HUB, name)
    path, _, tag = path.partition(":")
    if registry == HUB and "/" not in path:
        path = f"library/{path}"
    if not tag and not digest:
        tag = "latest"
    return Reference(registry, path, tag, digest)


def pulled(text: str, images: ImagesSpec) -> Reference:
    """Where an image is pulled from.

    Args:
        text: as people write it.
        images: the section of the stack file; a mirror stands in for every other registry than its own.
    """
    found = parse(text)
    if images.mirror is None:
        return found
    registry, _, path = images.mirror.partition("/")
    if found.registry == registry:
        return found
    return Reference(registry, f"{path}/{found.path}" if path else found.path, found.tag, found.digest)


def of_workload(container: Container, spec: ProductSpec, *, release: str) -> str:
    """The image of a workload as people would write it.

    Args:
        container: how it is run.
        spec: the product's section of the stack file.
        release: version to run, which is the tag.
    """
    if spec.profile is not None:
        return container.repository
    repository = container.editions.get(spec.edition or "", container.repository)
    return f"{repository}:{release}"


def own_digests(images: ImagesSpec) -> dict[str, str]:
    """The digests that the stack file names itself, by the image's full name, also where people wrote a short one.

    Args:
        images: the section of the stack file.
    """
    return {str(parse(name)): digest for name, digest in images.digests.items()}


def locked(images: ImagesSpec, wanted: Iterable[str], *, digests: Mapping[str, str]) -> ImagesSpec:
    """The section with the digests of a lock in it: what one flat file needs.

    Args:
        images: the section of the stack file; a digest that it names already stays.
        wanted: images that the stack runs, as people would write them; of no other one a digest is taken.
        digests: by name with tag, as the lock has them.
    """
    names = {str(pulled(text, images)) for text in wanted}
    known = {name: digest for name, digest in digests.items() if name in names} | own_digests(images)
    return images.model_copy(update={"digests": dict(sorted(known.items()))}) if known else images


@dataclass(frozen=True)
class Images:
    """Finds the name by which a node pulls an image.

    Attributes:
        section: of the stack file; its own digests win.
        digests: by name with tag, as the lock has them.
    """

    section: ImagesSpec
    digests: Mapping[str, str]

    def name(self, text: str) -> str:
        """The name with its digest, where one is known.

        Args:
            text: as people write it.
        """
        found = pulled(text, self.section)
        name = str(found)
        digest = found.digest or own_digests(self.section).get(name) or self.digests.get(name, "")
        return str(Reference(found.registry, found.path, found.tag, digest))

    def refuse_unlocked(self, texts: Iterable[str]) -> None:
        """Refuse images that are named by a tag alone.

        Raises:
            RefusedError: there are some; all are named.
        """
        open_ones = sorted({self.name(text) for text in texts if "@" not in self.name(text)})
        if open_ones:
            raise RefusedError(
                f"{', '.join(open_ones)}: no digest is known, and a tag may mean another image tomorrow",
                guard="images-locked",
                remedy="Run `telamon lock` for this file, and keep stack.lock.yaml beside it.",
            )
