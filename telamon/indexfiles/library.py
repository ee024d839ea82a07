"""The libraries whose indexes can be copied."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from telamon.errors import InternalError
from telamon.indexfiles import footers, lucene, tantivy
from telamon.indexfiles.commits import Commit, Folder
from telamon.indexfiles.footers import Footer


@dataclass(frozen=True)
class Library:
    """What must be known of a library that writes indexes.

    Attributes:
        name: its name.
        newest: finds the newest commit of a folder.
        footer: reads the footer of a file from its last bytes and its length.
    """

    name: str
    newest: Callable[[Folder], Commit | None]
    footer: Callable[[bytes, int], Footer | None]


LIBRARIES = (
    Library(lucene.NAME, lucene.newest, footers.lucene),
    Library(tantivy.NAME, tantivy.newest, footers.tantivy),
)


def known(name: str) -> Library:
    """The library of that name.

    Raises:
        InternalError: there is none.
    """
    for found in LIBRARIES:
        if found.name == name:
            return found
    raise InternalError(f"no library is called {name}")


def newest(folder: Folder) -> Commit | None:
    """The newest commit of a folder, whichever library wrote it; ``None`` where it holds none.

    Raises:
        Half: the folder changed meanwhile: look again.
        Damaged: the commit cannot be read.
    """
    for found in LIBRARIES:
        commit = found.newest(folder)
        if commit is not None:
            return commit
    return None
