"""What a product's backup must know: which files change, which never do, and which rows need which files.

A backup is a pair: the rows as they were at one instant, and files that are as old or newer. The shared home is
listed twice, before the instant and after it, and the rules here say what the two lists add up to. The argument is in
``docs/adr/0014-a-backup-is-a-pair.md``.

Patterns are paths below the shared home, as in ``data/attachments/**``: ``*`` stands for any part of a name, ``**``
for any number of folders.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

Matcher = Callable[[str], bool]


@dataclass(frozen=True)
class FileRows:
    """Rows that each need a file.

    Attributes:
        what: what such a row is, for people: "attachment".
        statement: SQL that returns the file's path below the shared home, and its size in bytes or NULL.
        table: the table that such a row is taken from, before its file is removed.
        store: kind of files in S3 that these belong to where the product keeps such there; "" where it never does.
    """

    what: str
    statement: str
    table: str
    store: str = ""


@dataclass(frozen=True)
class RepositoryRows:
    """Rows that each need a git repository, or a commit in one.

    Attributes:
        what: what such a row is, for people.
        statement: SQL that returns the name of the repository's folder, and the hash of a commit or NULL.
    """

    what: str
    statement: str


@dataclass(frozen=True)
class BackupRules:
    """How a product's shared home and database are kept as one.

    Attributes:
        skipped: files and folders that are made anew by themselves, and must not come back old.
        written_once: files that never change once they are there; the product writes them before the rows that name
            them, and removes them after those. One that was there before the instant belongs to the backup even if
            it is gone after it.
        units: folders that come and go as a whole; one that is gone after the instant is kept as it was before.
        last: folders that are listed after everything else, because the rest points into them.
        repositories: bare git repositories.
        rows: what the database demands of the shared home.
        local_indexes: folders of a node's own home with a search index, which follows the database and so is
            cleared when that goes back.
    """

    skipped: tuple[str, ...] = ()
    written_once: tuple[str, ...] = ("**",)
    units: tuple[str, ...] = ()
    last: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    rows: tuple[FileRows | RepositoryRows, ...] = ()
    local_indexes: tuple[str, ...] = ()


def without(rules: BackupRules, stores: Collection[str]) -> BackupRules:
    """The rules where some files lie in S3: no row demands those of the shared home.

    Args:
        rules: of the product.
        stores: kinds of files that lie in S3.
    """
    kept = tuple(
        each
        for each in rules.rows
        if not isinstance(each, FileRows) or not each.store or each.store not in stores
    )
    return replace(rules, rows=kept)


def matcher(patterns: Sequence[str]) -> Matcher:
    """A function that says whether a path below the shared home fits one of the patterns."""
    if not patterns:
        return lambda _path: False
    whole = re.compile("|".join(f"(?:{_expression(pattern)})" for pattern in patterns))
    return lambda path: whole.fullmatch(path) is not None


def _expression(pattern: str) -> str:
    parts = pattern.split("/")
    found = ""
    for position, part in enumerate(parts):
        last = position == len(parts) - 1
        if part == "**":
            found += ".+" if last else "(?:[^/]+/)*"
        else:
            found += "".join("[^/]*" if sign == "*" else re.escape(sign) for sign in part)
            found += "" if last else "/"
    return found
