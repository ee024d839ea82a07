"""Where homes are kept: a volume for each node's own, and one that all nodes of a product share.

Nothing here changes the owner of a volume by being root. What the cluster can do itself (a file system that belongs to
a group, an access point with an owner) it is told; a directory of an NFS server must have the right owner beforehand.

Sources: Kubernetes, "Persistent Volumes", "StatefulSets" (retention of claims); kubernetes-sigs/aws-efs-csi-driver,
its README (parameters of the storage class, handles of volumes).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from telamon.desired.kubernetes.data import Meta, Object, made, without_nothing
from telamon.desired.kubernetes.site import Part, Site
from telamon.errors import UsageError
from telamon.model.storage import CsiVolume, EfsVolume, ExistingVolume, NfsVolume, SharedVolume
from telamon.naming import CompanionName
from telamon.units import Bytes

LOCAL_HOME: Final = "local-home"
SHARED_HOME: Final = "shared-home"
_SMALLEST: Final = Bytes.parse("1Gi")
_EFS: Final = "efs.csi.aws.com"
_NFS_OPTIONS: Final = ("nfsvers=4.1", "hard", "rsize=1048576", "wsize=1048576")
"""What FSx for OpenZFS is mounted with. Source: AWS, "Mounting file systems from Linux clients"."""


def claim_templates(part: Part, site: Site) -> list[dict[str, Any]]:
    """The claim that every node of a component gets of its own; none where an empty folder will do."""
    size = local_size(part)
    if size is None:
        return []
    spec = without_nothing(
        accessModes=["ReadWriteOnce"],
        storageClassName=_local_class(part, site),
        resources={"requests": {"storage": str(size)}},
    )
    metadata = {"name": LOCAL_HOME, "labels": site.part_labels(part)}
    return [{"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": metadata, "spec": spec}]


def local_size(part: Part) -> Bytes | None:
    """Size of each node's own home: what the file says, and never less than the product needs."""
    floor = part.container.needs.disk
    asked = part.spec.storage.local_home.size if part.is_product else _companion(part).storage.size
    if floor is None or asked is None:
        return asked or floor
    return max(asked, floor)


def shared_objects(part: Part, site: Site) -> tuple[tuple[Object, ...], tuple[Object, ...]]:
    """The home that a product's nodes share.

    Args:
        part: the product's own nodes.
        site: the stack.

    Returns:
        What belongs to the whole cluster, and what belongs to the product's namespace.

    Raises:
        UsageError: it is made by Terraform, and nobody has said where.
    """
    if not (part.is_product and part.container.shared_home):
        return (), ()
    chosen = _chosen(part, site)
    if isinstance(chosen, ExistingVolume):
        return (), _taken_over(part, site, chosen)
    if isinstance(chosen, CsiVolume):
        return (), (_claim(part, site, storage_class=chosen.storage_class),)
    if isinstance(chosen, EfsVolume) and chosen.file_system is not None:
        made_class = _efs_class(part, site, chosen.file_system)
        return (made_class,), (_claim(part, site, storage_class=made_class["metadata"]["name"]),)
    volume = _volume(part, site, chosen)
    return (volume,), (_claim(part, site, volume=volume["metadata"]["name"]),)


def shared_claim(part: Part, site: Site) -> str:
    """Name of the claim of the shared home: our own, or the one that the stack file takes over."""
    chosen = _chosen(part, site)
    named = chosen.claim if isinstance(chosen, ExistingVolume) else None
    return named or _own_claim(part)


def adopted_claims(part: Part, site: Site) -> tuple[Object, ...]:
    """Claims for nodes' own homes that exist already, under the very names that the StatefulSet looks for.

    Args:
        part: the product's own nodes.
        site: the stack.
    """
    home = part.spec.storage.local_home
    found: list[Object] = []
    for member, volume in zip(part.members, home.volumes, strict=False):
        spec = _bound_to(volume, size=home.size, storage_class=_local_class(part, site))
        meta = Meta(f"{LOCAL_HOME}-{member}", part.namespace, site.part_labels(part))
        found.append(
            made("v1", "PersistentVolumeClaim", meta=meta, spec={"accessModes": ["ReadWriteOnce"], **spec})
        )
    return tuple(found)


def _taken_over(part: Part, site: Site, chosen: ExistingVolume) -> tuple[Object, ...]:
    if chosen.volume is None:
        return ()
    size = part.spec.storage.shared_home.size
    spec = _bound_to(chosen.volume, size=size, storage_class=chosen.storage_class)
    meta = Meta(_own_claim(part), part.namespace, site.part_labels(part))
    body = {"accessModes": ["ReadWriteMany"], **spec}
    return (made("v1", "PersistentVolumeClaim", meta=meta, spec=body),)


def _bound_to(volume: str, *, size: Bytes | None, storage_class: str | None) -> dict[str, Any]:
    """What binds a claim to one volume. A claim never asks for more than the volume has, or it stays unbound.

    Source: Kubernetes, "Persistent Volumes" ("Reserving a PersistentVolume": class and size have to agree).
    """
    return {
        "storageClassName": storage_class or "",
        "resources": {"requests": {"storage": str(size or _SMALLEST)}},
        "volumeName": volume,
    }


def _own_claim(part: Part) -> str:
    return f"{part.name}-{SHARED_HOME}"


def _companion(part: Part) -> Any:
    return part.spec.companions[CompanionName(part.workload.name)]


def _local_class(part: Part, site: Site) -> str | None:
    storage = part.spec.storage.local_home if part.is_product else _companion(part).storage
    own = storage.storage_class
    given: str | None = own or site.spec.storage.local.storage_class
    return given or ("gp3" if site.aws is not None else None)


def _chosen(part: Part, site: Site) -> SharedVolume:
    own = part.spec.storage.shared_home.volume
    return own or site.spec.storage.shared or EfsVolume(kind="efs")


def _size(part: Part) -> str:
    asked = part.spec.storage.shared_home.size
    floor = part.container.needs.shared_disk
    return str(floor if asked is None else asked)


def _claim(part: Part, site: Site, *, storage_class: str = "", volume: str = "") -> Object:
    spec: dict[str, Any] = {
        "accessModes": ["ReadWriteMany"],
        # An empty class is a class of its own: the claim is bound to the named volume and to no other.
        "storageClassName": storage_class,
        "resources": {"requests": {"storage": _size(part)}},
    }
    if volume:
        spec["volumeName"] = volume
    meta = Meta(_own_claim(part), part.namespace, site.part_labels(part))
    return made("v1", "PersistentVolumeClaim", meta=meta, spec=spec)


def _volume(part: Part, site: Site, chosen: SharedVolume) -> Object:
    name = f"{part.namespace}-{SHARED_HOME}"
    spec = {
        "capacity": {"storage": _size(part)},
        "accessModes": ["ReadWriteMany"],
        "persistentVolumeReclaimPolicy": "Retain",
        "storageClassName": "",
        "volumeMode": "Filesystem",
        "claimRef": {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "namespace": part.namespace,
            "name": _own_claim(part),
        },
        **dict(_source(part, site, chosen)),
    }
    return made("v1", "PersistentVolume", meta=Meta(name, "", site.part_labels(part)), spec=spec)


def _source(part: Part, site: Site, chosen: SharedVolume) -> Iterator[tuple[str, Any]]:
    product = part.outline.product_name
    if isinstance(chosen, NfsVolume):
        own = part.spec.storage.shared_home.volume is not None
        # What the whole stack names is shared by its products, and each gets a directory of its own in it.
        path = chosen.path if own else f"{chosen.path.rstrip('/')}/{product}"
        yield "mountOptions", list(chosen.mount_options)
        yield "nfs", {"server": chosen.server, "path": path}
        return
    known = site.facts.shared_homes.get(product)
    if known is None:
        raise UsageError(
            f"nobody has said where the shared home of {product} is that Terraform makes",
            remedy="Give what `terraform output -json` prints in the folder data, with --facts.",
        )
    if isinstance(chosen, EfsVolume):
        handle = f"{known['file_system']}::{known['access_point']}"
        attributes = {"encryptInTransit": "true"}
        yield "csi", {"driver": _EFS, "volumeHandle": handle, "volumeAttributes": attributes}
        return
    yield "mountOptions", list(_NFS_OPTIONS)
    yield "nfs", {"server": known["server"], "path": known["path"]}


def _efs_class(part: Part, site: Site, file_system: str) -> Object:
    user = str(part.container.user)
    return made(
        "storage.k8s.io/v1",
        "StorageClass",
        meta=Meta(f"{part.namespace}-{SHARED_HOME}", "", site.part_labels(part)),
        provisioner=_EFS,
        reclaimPolicy="Retain",
        volumeBindingMode="Immediate",
        parameters={
            "provisioningMode": "efs-ap",
            "fileSystemId": file_system,
            "directoryPerms": "700",
            "uid": user,
            "gid": user,
            "basePath": f"/{part.namespace}",
        },
    )
