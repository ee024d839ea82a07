"""A node that keeps an index: it follows the operations, commits, and notes how far it has come.

Files: ``<home>/index/main`` and ``<home>/position``, the note, written after the commit that it speaks of.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import tantivy

from bench.errors import BenchError
from bench.indexes.content import Operation, operation
from telamon.indexfiles.place import IndexPlace

PLACE = IndexPlace("index", positions=("position",))
MARK = "@mark"
HEAP = 15_000_000


class Index:
    """An open index.

    Args:
        home: of the node.
    """

    def __init__(self, home: Path) -> None:
        folder = home / "index" / "main"
        folder.mkdir(parents=True, exist_ok=True)
        builder = tantivy.SchemaBuilder()
        builder.add_text_field("key", stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_text_field("value", stored=True)
        self._note = home / "position"
        self._index = tantivy.Index(builder.build(), path=str(folder), reuse=True)

    def mark(self) -> int:
        """Number of the last operation in the index; it is committed together with what it speaks of."""
        return int(self.documents().get(MARK, "0"))

    def documents(self) -> Mapping[str, str]:
        """Every document, read whole.

        Raises:
            BenchError: two have one key.
        """
        searcher = self._index.searcher()
        hits = searcher.search(tantivy.Query.all_query(), limit=max(searcher.num_docs, 1)).hits
        pairs = [_pair(searcher.doc(address)) for _, address in hits]
        if len(dict(pairs)) != len(pairs):
            raise BenchError("two documents have one key")
        return dict(pairs)

    def writer(self) -> tantivy.IndexWriter:
        """What changes the index; there is one at a time.

        The first operation of a writer has the number of the last commit, and a deletion with that number is forgotten
        where a merge begins before the next commit: what it deleted comes back. So the first one deletes nothing.
        Source: tantivy, ``indexer/stamper.rs`` and ``segment_updater.rs``.
        """
        writer = self._index.writer(heap_size=HEAP, num_threads=1)
        # What a writer that was killed has left beside its last commit would be in the way of this one's files.
        writer.garbage_collect_files()
        writer.delete_documents_by_term("key", "")
        return writer

    @staticmethod
    def put(writer: tantivy.IndexWriter, key: str, *, value: str | None) -> None:
        """Put a document in place of that with its key, or (``None``) take it away, with the next commit."""
        writer.delete_documents_by_term("key", key)
        if value is not None:
            document = tantivy.Document()
            document.add_text("key", key)
            document.add_text("value", value)
            writer.add_document(document)

    def follow(self, seed: int, *, batch: int, commits: int) -> None:
        """Apply operations, with a commit and a note after each batch.

        Args:
            seed: of the history.
            batch: operations a commit.
            commits: how many.
        """
        writer, mark = self.writer(), self.mark()
        for _ in range(commits):
            latest = {
                done.key: done
                for done in (operation(seed, number) for number in range(mark + 1, mark + batch + 1))
            }
            mark += batch
            for done in (*latest.values(), Operation(MARK, str(mark))):
                self.put(writer, done.key, value=done.value)
            writer.commit()
            self._index.reload()
            _write_note(self._note, mark)
        writer.wait_merging_threads()


@dataclass(frozen=True)
class Tantivy:
    """Keeps and judges indexes as this module does.

    Args:
        longest: seconds after which somebody is killed at the latest; a copy of this size takes about half of it.
    """

    longest: float = 0.25

    def follow(self, home: Path, *, seed: int, batch: int, commits: int) -> None:
        """Apply operations."""
        Index(home).follow(seed, batch=batch, commits=commits)

    def holds(self, home: Path) -> bool:
        """Whether there is a commit."""
        return (home / "index" / "main" / "meta.json").exists()

    def documents(self, home: Path) -> Mapping[str, str]:
        """Every document, read whole."""
        return Index(home).documents()


def noted(home: Path) -> int | None:
    """How far a node says that it has come; ``None`` where it says nothing."""
    note = home / "position"
    return int(note.read_text()) if note.exists() else None


def _pair(document: tantivy.Document) -> tuple[str, str]:
    return str(document.get_first("key")), str(document.get_first("value"))


def _write_note(note: Path, mark: int) -> None:
    fresh = note.with_name("position.fresh")
    with fresh.open("w") as file:
        file.write(str(mark))
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(note)
