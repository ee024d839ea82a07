"""Images without an engine: layers and archives in the format that containerd imports.

The same content gives the same bytes: entries are sorted, root owns what does not say otherwise, and all of them are as
old as the epoch.

Sources: OCI Image Format Specification 1.1 (image layout, manifest, configuration, layer file-system changeset);
containerd, annotation ``io.containerd.image.name`` of an index.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Final

ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}
"""What Go, and with it an image, calls the machine's architecture."""
_MANIFEST: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG: Final = "application/vnd.oci.image.config.v1+json"
_LAYER: Final = "application/vnd.oci.image.layer.v1.tar"
_INDEX: Final = "application/vnd.oci.image.index.v1+json"


@dataclass(frozen=True)
class Entry:
    """One file of a layer, or a folder, or a link.

    Attributes:
        path: in the image, without the first slash.
        content: bytes, or the file that has them; ``None`` for a folder.
        mode: permissions.
        link: where a symbolic link leads; "" for what is none.
        owner: numeric user and group.
    """

    path: str
    content: bytes | Path | None = None
    mode: int = 0o644
    link: str = ""
    owner: int = 0


@dataclass(frozen=True)
class Layer:
    """A layer as a file.

    Attributes:
        file: an uncompressed tar.
        digest: of it, with its algorithm.
    """

    file: Path
    digest: str

    @classmethod
    def of(cls, file: Path) -> Layer:
        """A layer that was written before."""
        with file.open("rb") as content:
            return cls(file, f"sha256:{hashlib.file_digest(content, 'sha256').hexdigest()}")


@dataclass(frozen=True)
class Image:
    """An image.

    Attributes:
        names: under which it is known, with registry and tag.
        layers: the lowest first.
        entrypoint: command.
        environment: of the command.
        user: who runs it, as ``uid:gid``.
    """

    names: Sequence[str]
    layers: Sequence[Layer]
    entrypoint: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    user: str = "0:0"


def write_layer(file: Path, entries: Iterable[Entry]) -> Layer:
    """Write a layer; it appears whole or not at all.

    Args:
        file: to be written.
        entries: in any order; folders on the way to a file need not be named.
    """
    known = {each.path: each for each in entries}
    for path in list(known):
        for above in _above(path):
            known.setdefault(above, Entry(above, mode=0o755))
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        with tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as tar:
            for path in sorted(known):
                _add(tar, known[path])
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)
    return Layer.of(file)


def write_archive(file: Path, images: Sequence[Image], *, machine: str) -> None:
    """Write images into one archive; what several of them share is in it once.

    Args:
        file: to be written; it appears whole or not at all.
        images: all of them.
        machine: its architecture, as the kernel calls it.
    """
    partial = file.with_name(f"{file.name}.{os.getpid()}")
    try:
        with tarfile.open(partial, "w", format=tarfile.GNU_FORMAT) as tar:
            written: set[str] = set()
            manifests = [
                {**described, "annotations": {"io.containerd.image.name": name}}
                for image in images
                for described in [_add_image(tar, image, written, machine=machine)]
                for name in _names(image, described["digest"])
            ]
            index = {"schemaVersion": 2, "mediaType": _INDEX, "manifests": manifests}
            _add(tar, Entry("index.json", _json(index)))
            _add(tar, Entry("oci-layout", _json({"imageLayoutVersion": "1.0.0"})))
        partial.replace(file)
    finally:
        partial.unlink(missing_ok=True)


def digest(image: Image, *, machine: str) -> str:
    """By which an image is known in a registry: that of its manifest.

    Args:
        image: which.
        machine: its architecture, as the kernel calls it.
    """
    manifest, _ = _documents(image, machine)
    return _digest(manifest)


def _names(image: Image, of_manifest: str) -> list[str]:
    """Those with a tag, and those by which a pod asks for this very image, as if it had been pulled by its digest."""
    return [*image.names, *dict.fromkeys(f"{name.rpartition(':')[0]}@{of_manifest}" for name in image.names)]


def _documents(image: Image, machine: str) -> tuple[bytes, bytes]:
    """Manifest and configuration."""
    config = _json(
        {
            "architecture": ARCHITECTURES.get(machine, machine),
            "os": "linux",
            "config": {
                "User": image.user,
                "Env": [f"{name}={value}" for name, value in sorted(image.environment.items())],
                "Entrypoint": list(image.entrypoint),
                "WorkingDir": "/",
            },
            "rootfs": {"type": "layers", "diff_ids": [layer.digest for layer in image.layers]},
        }
    )
    layers = [
        {"mediaType": _LAYER, "digest": layer.digest, "size": layer.file.stat().st_size}
        for layer in image.layers
    ]
    manifest = {
        "schemaVersion": 2,
        "mediaType": _MANIFEST,
        "config": {"mediaType": _CONFIG, "digest": _digest(config), "size": len(config)},
        "layers": layers,
    }
    return _json(manifest), config


def _add_image(tar: tarfile.TarFile, image: Image, written: set[str], *, machine: str) -> dict[str, Any]:
    """Add the blobs of an image that are not in the archive yet. Returns the description of its manifest."""
    manifest, config = _documents(image, machine)
    blobs: list[tuple[str, bytes | Path]] = [(each.digest, each.file) for each in image.layers]
    blobs += [(_digest(config), config), (_digest(manifest), manifest)]
    for name, content in blobs:
        if name not in written:
            written.add(name)
            _add(tar, Entry(f"blobs/{name.replace(':', '/')}", content))
    return {"mediaType": _MANIFEST, "digest": _digest(manifest), "size": len(manifest)}


def _above(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:count]) for count in range(1, len(parts))]


def _add(tar: tarfile.TarFile, entry: Entry) -> None:
    info = tarfile.TarInfo(entry.path)
    info.mode = entry.mode
    info.uid = info.gid = entry.owner
    if entry.link:
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        tar.addfile(info)
    elif entry.content is None:
        info.type = tarfile.DIRTYPE
        tar.addfile(info)
    elif isinstance(entry.content, bytes):
        _add_bytes(tar, info, io.BytesIO(entry.content), size=len(entry.content))
    else:
        with entry.content.open("rb") as file:
            _add_bytes(tar, info, file, size=entry.content.stat().st_size)


def _add_bytes(tar: tarfile.TarFile, info: tarfile.TarInfo, content: BinaryIO, *, size: int) -> None:
    info.size = size
    tar.addfile(info, content)


def _json(document: Mapping[str, Any]) -> bytes:
    return json.dumps(document, sort_keys=True, separators=(",", ":")).encode()


def _digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"
