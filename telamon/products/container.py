"""What an image expects of whoever runs it in a cluster: the part of its contract that only containers have."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from telamon.units import Bytes, Cpu

NOBODYS_USER: Final = 10001
"""Numeric user and group of an application whose image says nothing about either."""


@dataclass(frozen=True)
class Needs:
    """What one node gets where the stack file does not say.

    Attributes:
        cpu: asked for.
        memory: asked for, and the limit.
        heap_share: part of the memory that is the largest heap; 0 for a program without one.
        disk: smallest volume of the node's own home; ``None`` where an empty folder will do.
        shared_disk: smallest volume of the home that all nodes share, where the volume has a size.
    """

    cpu: Cpu
    memory: Bytes
    heap_share: float = 0.0
    disk: Bytes | None = None
    shared_disk: Bytes = field(default_factory=lambda: Bytes.parse("50Gi"))


@dataclass(frozen=True)
class Container:
    """How an image is run without being root.

    Attributes:
        repository: of the image, as Docker Hub names it; editions with an image of their own are in ``editions``.
        user: numeric user and group that it runs as; its homes belong to them.
        home: where the node's own home is mounted.
        shared_home: where the home that all nodes share is mounted; "" where there is none.
        needs: what a node gets where the stack file does not say.
        editions: edition to repository.
        empty: folders that it writes to and that need not be kept; the rest of its root is read-only.
        kept: folders that it writes to and that are kept in the node's own home, by the name of the folder there.
        filled: folders that it writes to and that must hold at the start what they hold in the image.
        stop: command that stops it in order, before the signal.
        asks_cluster: whether its nodes find one another by asking the cluster's API.
        java: whether it is a Java program that brings ``keytool``.
        python: whether its image has ``python3``.
        works_in: folder that its program is started in; "" for the image's own.
        certificate: folder within which a certificate of its own is mounted; "" where it has none.
    """

    repository: str
    user: int
    home: str
    needs: Needs
    shared_home: str = ""
    editions: Mapping[str, str] = field(default_factory=dict)
    empty: tuple[str, ...] = ()
    kept: Mapping[str, str] = field(default_factory=dict)
    filled: tuple[str, ...] = ()
    stop: tuple[str, ...] = ()
    asks_cluster: bool = False
    java: bool = False
    python: bool = False
    works_in: str = ""
    certificate: str = ""
