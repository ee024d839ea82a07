"""Naming what will go before it is removed."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from telamon.cli.target import Target

WHAT: Final[Mapping[str, str]] = MappingProxyType(
    {
        "data": "databases",
        "homes": "local homes of the nodes, with their indexes",
        "shared": "shared homes: attachments, repositories",
        "secrets": "secrets",
        "log": "logs",
        "store.sqlite": "the stack and its journal",
        "tls": "certificate authority and certificates",
    }
)
"""What people lose with an entry of the state folder; entries that are made anew are not named here."""


@dataclass(frozen=True)
class Doomed:
    """An entry of the state folder.

    Attributes:
        name: as it is called there.
        size: bytes, everything below it counted.
    """

    name: str
    size: int


def contents(target: Target) -> tuple[Doomed, ...]:
    """Everything in the state folder of a stack, by name; nothing where the stack was never brought up."""
    if not target.exists:
        return ()
    return tuple(Doomed(path.name, _size(path)) for path in sorted(target.root.iterdir()))


def announcement(target: Target, doomed: tuple[Doomed, ...]) -> str:
    """Name what will go."""
    lines = [f"{target.root} holds"]
    lines += [
        f"  {item.name:14}{item.size / 1024**2:9.1f} MiB  {WHAT.get(item.name, '')}".rstrip()
        for item in doomed
    ]
    return "\n".join(lines)


def _size(path: Path) -> int:
    if path.is_symlink() or not path.is_dir():
        return path.lstat().st_size
    files = (Path(folder, name) for folder, _, names in os.walk(path) for name in names)
    return sum(file.lstat().st_size for file in files)
