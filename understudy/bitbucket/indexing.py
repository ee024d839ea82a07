"""Keeps the companion in step with the default branches, by itself.

The position of each repository, which commit of which branch is in which index, is a row; it is written after the
companion has acknowledged the documents, so it is never ahead of them. An index with another id than the row says was
emptied or replaced: then everything is sent again. One node at a time does the work, under a lock in the database.

Source: Bitbucket indexes default branches only, files up to a limit, and rebuilds by itself (KB "code search").
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from understudy.bitbucket.companion import CODE_INDEX, REPOSITORY_INDEX, Companion
from understudy.bitbucket.errors import CompanionUnavailable, GitFailed
from understudy.bitbucket.projects import Projects, Repository
from understudy.bitbucket.reading import Reader
from understudy.kit.database import Database, Row

_LOG = logging.getLogger("understudy.indexing")

LARGEST_FILE_BYTES = 512 * 1024
"""``plugin.search.indexing.max.file.size`` is of this order."""

_BULK_BYTES = 4 * 1024 * 1024
_BINARY_PROBE_BYTES = 8000
_LANGUAGES = {
    "c": "c",
    "cpp": "cpp",
    "go": "go",
    "h": "c",
    "java": "java",
    "js": "javascript",
    "kt": "kotlin",
    "md": "markdown",
    "py": "python",
    "rb": "ruby",
    "rs": "rust",
    "sh": "shell",
    "sql": "sql",
    "ts": "typescript",
    "xml": "xml",
    "yaml": "yaml",
    "yml": "yaml",
}


@dataclass(frozen=True)
class Progress:
    """How far the companion is."""

    repositories: int
    behind: int
    trouble: str | None


class Indexer:
    """Sends what the companion lacks.

    Args:
        database: the positions.
        projects: finds repositories.
        companion: the search server.
    """

    def __init__(self, database: Database, projects: Projects, companion: Companion) -> None:
        self._database = database
        self._projects = projects
        self._companion = companion
        self._trouble: str | None = None

    def advance(self) -> int:
        """Bring the companion in step; gives the number of repositories that were sent.

        Errors of the companion are remembered for :meth:`progress` and end the round.
        """
        if not self._companion.configured:
            return 0
        sent = 0
        try:
            with self._database.transaction() as connection:
                taken = connection.execute(
                    "select pg_try_advisory_xact_lock(hashtext('search indexing')) as taken"
                ).fetchone()
                if taken is None or not taken["taken"]:
                    return 0
                index = self._companion.identity()
                self._drop_removed(index)
                for row in self._behind(index):
                    self._send(row, index)
                    sent += 1
            self._trouble = None
        except CompanionUnavailable as error:
            self._note(str(error))
        return sent

    def reset(self) -> None:
        """Forget every position, so that everything is sent again."""
        self._database.execute("delete from search_position")

    def progress(self) -> Progress:
        """How far the companion is, by our rows alone."""
        row = self._database.fetch_one(
            """select count(*) as repositories, count(*) filter (where f.hash is not null and
                 (s.indexed_hash is distinct from f.hash or s.indexed_ref is distinct from r.default_branch)) as behind
               from repository r
               left join repository_ref f on f.repository_id = r.id and f.ref_name = r.default_branch
               left join search_position s on s.repository_id = r.id"""
        )
        if row is None:
            return Progress(0, 0, self._trouble)
        return Progress(row["repositories"], row["behind"], self._trouble)

    def _behind(self, index: str) -> list[Row]:
        return self._database.fetch_all(
            """select r.id, r.default_branch, f.hash, s.indexed_hash, s.index_id, s.indexed_ref
               from repository r
               join repository_ref f on f.repository_id = r.id and f.ref_name = r.default_branch
               left join search_position s on s.repository_id = r.id
               where s.indexed_hash is distinct from f.hash or s.index_id is distinct from %s
                  or s.indexed_ref is distinct from r.default_branch order by r.id""",
            (index,),
        )

    def _drop_removed(self, index: str) -> None:
        rows = self._database.fetch_all(
            """select repository_id from search_position s
               where not exists (select 1 from repository r where r.id = s.repository_id)"""
        )
        for row in rows:
            query = {"term": {"repositoryId": row["repository_id"]}}
            self._companion.remove_by_query(CODE_INDEX, query)
            self._companion.remove_by_query(REPOSITORY_INDEX, query)
            self._database.execute(
                "delete from search_position where repository_id = %s", (row["repository_id"],)
            )

    def _send(self, row: Row, index: str) -> None:
        repository = self._projects.repository_by_id(row["id"])
        if repository is None:
            return
        reader = self._projects.reader(repository)
        fresh = row["index_id"] != index
        older = None if fresh else row["indexed_hash"]
        if older is None:
            self._companion.remove_by_query(CODE_INDEX, {"term": {"repositoryId": repository.id}})
        try:
            for batch in _batches(self._changed(repository, reader, older, newer=row["hash"])):
                self._companion.bulk(CODE_INDEX, batch)
        except GitFailed as error:
            _LOG.warning("repository %d cannot be read for search: %s", repository.id, error)
            return
        self._companion.bulk(REPOSITORY_INDEX, _about(repository))
        self._companion.refresh()
        self._database.execute(
            """insert into search_position (repository_id, indexed_ref, indexed_hash, index_id)
               values (%s, %s, %s, %s) on conflict (repository_id) do update set indexed_ref = excluded.indexed_ref,
               indexed_hash = excluded.indexed_hash, index_id = excluded.index_id, updated = now()""",
            (repository.id, row["default_branch"], row["hash"], index),
        )

    def _changed(
        self, repository: Repository, reader: Reader, older: str | None, *, newer: str
    ) -> Iterator[list[dict[str, Any]]]:
        """Bulk lines of every file that differs from what the companion has."""
        changed = None if older is None else {change.path for change in reader.changes(older, newer)}
        present = set()
        for entry in reader.files(newer):
            present.add(entry.name)
            if changed is not None and entry.name not in changed:
                continue
            if entry.kind != "blob" or (entry.size or 0) > LARGEST_FILE_BYTES:
                yield _removal(repository, entry.name)
                continue
            content = reader.blob(entry.id)
            if b"\0" in content[:_BINARY_PROBE_BYTES]:
                yield _removal(repository, entry.name)
                continue
            yield _document(repository, entry.name, content)
        for path in sorted((changed or set()) - present):
            yield _removal(repository, path)

    def _note(self, trouble: str) -> None:
        if trouble != self._trouble:
            _LOG.warning("%s", trouble)
        self._trouble = trouble


def _identity(repository: Repository, path: str) -> str:
    return f"{repository.id}:{path}"


def _removal(repository: Repository, path: str) -> list[dict[str, Any]]:
    return [{"delete": {"_id": _identity(repository, path)}}]


def _document(repository: Repository, path: str, content: bytes) -> list[dict[str, Any]]:
    extension = PurePosixPath(path).suffix.removeprefix(".").lower()
    source = {
        "repositoryId": repository.id,
        "projectKey": repository.project.key,
        "repositorySlug": repository.slug,
        "path": path,
        "extension": extension,
        "language": _LANGUAGES.get(extension, ""),
        "content": content.decode(errors="replace"),
    }
    return [{"index": {"_id": _identity(repository, path)}}, source]


def _about(repository: Repository) -> list[dict[str, Any]]:
    source = {
        "repositoryId": repository.id,
        "projectKey": repository.project.key,
        "name": f"{repository.name} {repository.slug}",
        "description": repository.description,
    }
    return [{"index": {"_id": str(repository.id)}}, source]


def _batches(lines: Iterator[list[dict[str, Any]]]) -> Iterator[list[dict[str, Any]]]:
    batch: list[dict[str, Any]] = []
    size = 0
    for group in lines:
        batch += group
        size += sum(len(line.get("content", "")) + 200 for line in group)
        if size >= _BULK_BYTES:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch
