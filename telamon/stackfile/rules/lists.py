"""Rules about lists whose items must not get in one another's way."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence

from telamon.model.storage import ExistingVolume, SharedVolume
from telamon.stackfile.findings import Finding, Subject
from telamon.stackfile.rules.products import PRODUCTS
from telamon.stackfile.tree import Path, dotted


def names_are_unique(subject: Subject) -> Iterator[Finding]:
    """Items of a list have names of their own, by which overlays find them."""
    for path, names in _named_lists(subject):
        yield from _repeated(path, names, field="name")


def mount_path_is_free(subject: Subject) -> Iterator[Finding]:
    """Two volumes are never seen in one place."""
    for name, product in subject.spec.products.items():
        paths = [volume.mount_path.rstrip("/") for volume in product.volumes]
        yield from _repeated((*PRODUCTS, name, "volumes"), paths, field="mountPath")


def ports_differ(subject: Subject) -> Iterator[Finding]:
    """A node listens once on a port."""
    for name, product in subject.spec.products.items():
        if product.profile is not None:
            base = (*PRODUCTS, name, "profile", "ports")
            taken: dict[int, str] = {}
            for key, port in product.profile.ports.items():
                other = taken.setdefault(port, key)
                if other != key:
                    message = f"port {port} is the port called {other} already"
                    yield Finding((*base, key), message, "Choose another port.", also=((*base, other),))
        for index, sidecar in enumerate(product.sidecars):
            yield from _repeated((*PRODUCTS, name, "sidecars", index, "ports"), sidecar.ports)


def volume_has_one_source(subject: Subject) -> Iterator[Finding]:
    """A volume comes from exactly one place."""
    sources = ("secret", "configMap", "claim")
    for name, product in subject.spec.products.items():
        for index, volume in enumerate(product.volumes):
            path = (*PRODUCTS, name, "volumes", index)
            given = [
                source
                for source, value in zip(
                    sources, (volume.secret, volume.config_map, volume.claim), strict=True
                )
                if value is not None
            ]
            if len(given) != 1:
                yield Finding(
                    path,
                    f"a volume has one source, and this one has {' and '.join(given) or 'none'}",
                    f"Write one of {', '.join(sources)}.",
                    throughout=(path,),
                )


def existing_volume_is_named_once(subject: Subject) -> Iterator[Finding]:
    """A volume that exists is found by its own name or by its claim's, and belongs to one product."""
    shared: list[tuple[Path, SharedVolume | None]] = [
        (("spec", "storage", "shared"), subject.spec.storage.shared)
    ]
    for name, product in subject.spec.products.items():
        shared.append(
            ((*PRODUCTS, name, "storage", "sharedHome", "volume"), product.storage.shared_home.volume)
        )
        local = (*PRODUCTS, name, "storage", "localHome", "volumes")
        yield from _repeated(local, product.storage.local_home.volumes)
    for path, volume in shared:
        if not isinstance(volume, ExistingVolume):
            continue
        if (volume.volume is None) == (volume.claim is None):
            given = "none" if volume.volume is None else "volume and claim"
            message = f"a volume that exists has one name here, and this one has {given}"
            yield Finding(path, message, "Write one of volume, claim.", throughout=(path,))
        elif volume.volume is not None and path == ("spec", "storage", "shared"):
            message = "one volume cannot be the shared home of every product"
            remedy = "Write it to storage.sharedHome.volume of the product whose home it is."
            yield Finding((*path, "volume"), message, remedy, throughout=(path,))


def homes_taken_over_have_nodes(subject: Subject) -> Iterator[Finding]:
    """Every home that is taken over has a node."""
    for name, product in subject.spec.products.items():
        path = (*PRODUCTS, name, "storage", "localHome", "volumes")
        homes = len(product.storage.local_home.volumes)
        if homes > product.nodes:
            yield Finding(
                path,
                f"there are {homes} homes for {product.nodes} nodes",
                "Raise nodes, or leave out the homes that nobody will use.",
                also=((*PRODUCTS, name, "nodes"),),
                throughout=(path,),
            )


def patch_has_its_value(subject: Subject) -> Iterator[Finding]:
    """Adding and replacing need a value; removing takes none."""
    for name, product in subject.spec.products.items():
        for index, patch in enumerate(product.patches):
            for number, operation in enumerate(patch.operations):
                path = (*PRODUCTS, name, "patches", index, "operations", number)
                given = "value" in operation.model_fields_set
                if given == (operation.op == "remove"):
                    wanted = "takes no value" if given else "needs a value"
                    remedy = "Remove the value." if given else "Write value: and the new value."
                    yield Finding(path, f"{operation.op} {wanted}", remedy, ((*path, "op"), (*path, "value")))


def _named_lists(subject: Subject) -> Iterator[tuple[Path, list[str]]]:
    for name, product in subject.spec.products.items():
        path = (*PRODUCTS, name)
        yield (*path, "volumes"), [volume.name for volume in product.volumes]
        yield (*path, "sidecars"), [sidecar.name for sidecar in product.sidecars]
        yield (*path, "patches"), [patch.name for patch in product.patches]
        if product.profile is not None:
            yield (*path, "profile", "tcp"), [forward.name for forward in product.profile.tcp]
    yield ("spec", "placement", "tolerations"), [item.name for item in subject.spec.placement.tolerations]
    yield ("spec", "placement", "machines"), [item.name for item in subject.spec.placement.machines]
    yield ("spec", "security", "allow"), [item.name for item in subject.spec.security.allow]


def _repeated(path: Path, values: Sequence[Hashable], *, field: str | None = None) -> Iterator[Finding]:
    first: dict[Hashable, int] = {}
    below = () if field is None else (field,)
    for index, value in enumerate(values):
        earlier = first.setdefault(value, index)
        if earlier != index:
            yield Finding(
                (*path, index, *below),
                f'"{value}" stands in this list already, at {dotted((*path, earlier))}',
                "Change or remove one of them.",
                also=((*path, earlier, *below),),
            )
