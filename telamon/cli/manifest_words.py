"""What ``telamon render`` and ``telamon lock`` answer for a cluster."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SecretNeeded:
    """A secret that somebody has to bring.

    Attributes:
        namespace: where it has to be.
        name: of the secret.
        keys: that are read of it; none where it is taken as a whole.
        type: that it has to be of; "" where any will do.
    """

    namespace: str
    name: str
    keys: tuple[str, ...]
    type: str


@dataclass(frozen=True)
class Manifests:
    """Answer of ``render`` with a folder; without one it prints a List of all objects.

    Attributes:
        stack: name of the stack.
        folder: that was written to.
        written: files that are new or differ now.
        same: files that were so already.
        removed: files of an earlier run that are no longer meant.
        objects: how many there are.
        needs: versions of custom resources that the cluster has to know.
        secrets: that somebody has to bring.
    """

    stack: str
    folder: str
    written: tuple[str, ...]
    same: tuple[str, ...]
    removed: tuple[str, ...]
    objects: int
    needs: tuple[str, ...]
    secrets: tuple[SecretNeeded, ...]


@dataclass(frozen=True)
class LockedImage:
    """An image with its digest.

    Attributes:
        name: by which it is pulled, with its tag.
        digest: of it.
        changed: whether it is new or was another one before.
    """

    name: str
    digest: str
    changed: bool


@dataclass(frozen=True)
class Locked:
    """Answer of ``lock``.

    Attributes:
        file: that was written.
        images: of the stack.
        removed: images that were in the lock and are no longer needed.
    """

    file: str
    images: tuple[LockedImage, ...]
    removed: tuple[str, ...]


@dataclass(frozen=True)
class FlowShown:
    """One flow.

    Attributes:
        source: who may open a connection.
        target: who accepts it.
        ports: protocol and ports.
        why: what it is for.
        because: the rules that decide.
    """

    source: str
    target: str
    ports: str
    why: str
    because: tuple[str, ...]


@dataclass(frozen=True)
class Reached:
    """Answer of ``reach``.

    Attributes:
        stack: name of the stack.
        holds: whether exactly what is listed is open.
        open: flows that are listed and open, and all that goes to or comes from addresses.
        unlisted: flows that are open and not listed.
        closed: flows that are listed and not open.
    """

    stack: str
    holds: bool
    open: tuple[FlowShown, ...]
    unlisted: tuple[FlowShown, ...]
    closed: tuple[FlowShown, ...]


@dataclass(frozen=True)
class Reachable:
    """Answer of ``reach`` about policies that are of no stack file.

    Attributes:
        open: flows that are open.
        left_out: workloads of the network of their machine, of which policies say nothing that holds everywhere.
    """

    open: tuple[FlowShown, ...]
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class FlowAsked:
    """Answer of ``reach --port``.

    Attributes:
        source: who opens the connection.
        target: who accepts it.
        port: protocol and port.
        allowed: whether the policies let it through.
        because: what decides, on the side of each.
    """

    source: str
    target: str
    port: str
    allowed: bool
    because: tuple[str, ...]


@dataclass(frozen=True)
class ApiUse:
    """An object that is written in a version of which nothing is served any more.

    Attributes:
        kind: of the object.
        name: with its namespace where it has one.
        api: group and version in which it is written.
        writer: who writes it so, or "" where the object itself says it.
        instead: group and version that are served.
    """

    kind: str
    name: str
    api: str
    writer: str
    instead: str


@dataclass(frozen=True)
class ApiRequested:
    """A deprecated API that somebody has asked an API server for since it was started.

    Attributes:
        resource: that was asked for.
        api: its group and version.
        removed: version of Kubernetes that serves it no more, or "" where none is announced.
        gone: whether the version for which was looked serves it no more.
    """

    resource: str
    api: str
    removed: str
    gone: bool


@dataclass(frozen=True)
class ApisUsed:
    """Answer of ``apis``.

    Attributes:
        version: of Kubernetes for which was looked.
        objects: how many were looked at.
        uses: of APIs that it does not serve.
        requested: deprecated APIs that somebody has asked the API server for.
        denied: what may not be looked at in the cluster: which verb on what.
    """

    version: str
    objects: int
    uses: tuple[ApiUse, ...]
    requested: tuple[ApiRequested, ...] = ()
    denied: tuple[str, ...] = ()


@dataclass(frozen=True)
class InstalledResource:
    """A definition of a custom resource.

    Attributes:
        kind: of the object.
        name: of the object.
        change: ``made``, ``changed``, ``same`` or ``removed``.
    """

    kind: str
    name: str
    change: str


@dataclass(frozen=True)
class Installed:
    """Answer of ``install`` and ``uninstall``.

    Attributes:
        folder: to which files were written, or "" where a cluster was asked.
        resources: that were installed, or removed.
    """

    folder: str
    resources: tuple[InstalledResource, ...]
