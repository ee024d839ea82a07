"""The volumes of a pod, and where its product sees them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from telamon.desired.kubernetes.environment import TRUST_FOLDER, trusts
from telamon.desired.kubernetes.site import Part, Site
from telamon.desired.kubernetes.storage import LOCAL_HOME, SHARED_HOME, local_size, shared_claim
from telamon.model.products import ExtraVolume
from telamon.naming import secret_name

TEMPORARY: Final = "/tmp"  # noqa: S108 - within the container.
TOKEN_FOLDER: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a folder.
FILES: Final = "files"


def files_map(part: Part) -> str:
    """Name of the ConfigMap with the files that the image would write as root."""
    return f"{part.name}-{FILES}"


def file_key(path: str) -> str:
    """Key of a file in that ConfigMap."""
    return PurePosixPath(path).name


def certificate_secret(part: Part, site: Site) -> str:
    """Name of the secret with the certificate of a component's own."""
    return secret_name(site.stack, part.name, purpose="tls")


def volumes(part: Part, site: Site, *, files: Mapping[str, str]) -> list[dict[str, Any]]:
    """The volumes of a component's pods, but for those that are claimed by template.

    Args:
        part: the component.
        site: the stack.
        files: that the image would write as root.
    """
    container = part.container
    found: list[dict[str, Any]] = []
    if container.home and local_size(part) is None:
        found.append({"name": LOCAL_HOME, "emptyDir": {}})
    if container.shared_home:
        found.append({"name": SHARED_HOME, "persistentVolumeClaim": {"claimName": shared_claim(part, site)}})
    found += [{"name": _empty_name(path), "emptyDir": {}} for path in (TEMPORARY, *container.empty)]
    found += [{"name": f"filled-{number}", "emptyDir": {}} for number, _ in enumerate(container.filled)]
    if files:
        found.append({"name": FILES, "configMap": {"name": files_map(part)}})
    found += _trust_volumes(part, site)
    if container.certificate:
        items = [{"key": key, "path": key} for key in ("ca.crt", "tls.crt", "tls.key")]
        secret = {"secretName": certificate_secret(part, site), "items": items, "defaultMode": 0o440}
        found.append({"name": "certificate", "secret": secret})
    if container.asks_cluster:
        found.append({"name": "token", "projected": {"sources": _token_sources(), "defaultMode": 0o440}})
    if part.is_product:
        found += [{"name": volume.name, **_extra_source(volume)} for volume in part.spec.volumes]
    return found


def mounts(part: Part, site: Site, *, files: Mapping[str, str]) -> list[dict[str, Any]]:
    """Where the product sees its volumes.

    Args:
        part: the component.
        site: the stack.
        files: that the image would write as root.
    """
    container = part.container
    found = [_mount(name, path) for name, path in _folders(part)]
    found += [_mount(LOCAL_HOME, path, subPath=folder) for path, folder in container.kept.items()]
    found += [_mount(FILES, path, subPath=file_key(path), readOnly=True) for path in files]
    if trusts(part, site):
        found.append(_mount("trust", TRUST_FOLDER, readOnly=True))
    if container.certificate:
        found.append(_mount("certificate", container.certificate, readOnly=True))
    if container.asks_cluster:
        found.append(_mount("token", TOKEN_FOLDER, readOnly=True))
    if part.is_product:
        found += [
            _mount(volume.name, volume.mount_path, readOnly=volume.read_only) for volume in part.spec.volumes
        ]
    return found


def _folders(part: Part) -> Iterator[tuple[str, str]]:
    container = part.container
    if container.home:
        yield LOCAL_HOME, container.home
    if container.shared_home:
        yield SHARED_HOME, container.shared_home
    for path in (TEMPORARY, *container.empty):
        yield _empty_name(path), path
    for number, path in enumerate(container.filled):
        yield f"filled-{number}", path


def _empty_name(path: str) -> str:
    return f"empty-{PurePosixPath(path).name}"


def _mount(volume: str, path: str, **more: Any) -> dict[str, Any]:
    return {"name": volume, "mountPath": path, **more}


def _trust_volumes(part: Part, site: Site) -> Iterator[dict[str, Any]]:
    if not trusts(part, site):
        return
    yield {"name": "trust", "emptyDir": {}}
    sources: list[dict[str, Any]] = []
    given = site.spec.security.authorities
    if given is not None:
        items = [{"key": given.key or "authorities", "path": "authorities.pem"}]
        sources.append({"secret": {"name": given.secret, "items": items}})
    for other in site.of_product(part):
        if other.container.certificate:
            items = [{"key": "ca.crt", "path": f"{other.name}.pem"}]
            sources.append({"secret": {"name": certificate_secret(other, site), "items": items}})
    yield {"name": "authorities", "projected": {"sources": sources, "defaultMode": 0o440}}


def _token_sources() -> list[dict[str, Any]]:
    """What the cluster mounts by itself elsewhere: a token, the authority of its API, the name of the namespace."""
    field = {"apiVersion": "v1", "fieldPath": "metadata.namespace"}
    return [
        {"serviceAccountToken": {"path": "token", "expirationSeconds": 3607}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
        {"downwardAPI": {"items": [{"path": "namespace", "fieldRef": field}]}},
    ]


def _extra_source(volume: ExtraVolume) -> dict[str, Any]:
    if volume.secret is not None:
        return {"secret": {"secretName": volume.secret, "defaultMode": 0o440}}
    if volume.config_map is not None:
        return {"configMap": {"name": volume.config_map}}
    return {"persistentVolumeClaim": {"claimName": volume.claim, "readOnly": volume.read_only}}
