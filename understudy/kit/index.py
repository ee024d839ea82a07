"""A search index on the local disk, made of real segments.

One writer with one thread and a small heap. A document has one key (a term), text fields that are
analysed, keyword fields that are not, and integers to sort by. The position up to which the index has
been fed is a document of the index itself: it is committed together with what it speaks of, so it is
never newer than the index, and a copy of the folder carries it along.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tantivy

from understudy.kit.errors import IndexBroken, IndexMissing
from understudy.kit.homes import empty_folder, make_folder

_WRITER_HEAP_BYTES = 15_000_000
"""The least tantivy works well with; a writer has one thread, because a node is one of many on its machine."""
_POSITION_KEY = "@position"
_POSITION = "position"
_SEGMENTS_FOLDER = "segments"
_COPY_ATTEMPTS = 5
KEY = "key"
ANALYZER = "default"


@dataclass(frozen=True)
class IndexFields:
    """Names of the fields of a document, by kind; the key field is always there."""

    text: tuple[str, ...] = ()
    keywords: tuple[str, ...] = ()
    integers: tuple[str, ...] = ()

    def build(self) -> tantivy.Schema:
        """The schema in the terms of the index library."""
        builder = tantivy.SchemaBuilder()
        builder.add_text_field(KEY, stored=True, tokenizer_name="raw", index_option="basic")
        builder.add_text_field(_POSITION, stored=True, tokenizer_name="raw", index_option="basic")
        for name in self.text:
            builder.add_text_field(name, tokenizer_name=ANALYZER)
        for name in self.keywords:
            builder.add_text_field(name, fast=True, tokenizer_name="raw", index_option="basic")
        for name in self.integers:
            builder.add_integer_field(name, indexed=True, fast=True)
        return builder.build()


@dataclass(frozen=True)
class Document:
    """What is indexed under one key."""

    key: str
    fields: Mapping[str, str | int | Sequence[str] | Sequence[int]]


@dataclass(frozen=True)
class Hits:
    """The keys of one page of results, in order, and how many results there are altogether."""

    total: int
    keys: tuple[str, ...]


class SearchIndex:
    """One open index; searches may run on every thread, changes are serialised.

    Use :meth:`open` or :meth:`create`, not the constructor.
    """

    def __init__(self, folder: Path, fields: IndexFields, index: tantivy.Index) -> None:
        self.folder = folder
        self.schema = index.schema
        self._fields = fields
        self._index = index
        self._writer: tantivy.IndexWriter | None = self._begun()
        self._lock = threading.Lock()

    @classmethod
    def create(cls, folder: Path, fields: IndexFields) -> SearchIndex:
        """Make an empty index; whatever is in the folder goes."""
        empty_folder(folder)
        segments = make_folder(folder / _SEGMENTS_FOLDER)
        return cls(folder, fields, tantivy.Index(fields.build(), path=str(segments), reuse=False))

    @classmethod
    def open(cls, folder: Path, fields: IndexFields) -> SearchIndex:
        """Open what is in the folder, and read a part of every segment to see that it can be read.

        Raises:
            IndexMissing: nothing is there.
            IndexBroken: something is there and cannot be read, or was made for other fields.
        """
        segments = folder / _SEGMENTS_FOLDER
        if not segments.is_dir() or not any(segments.iterdir()):
            raise IndexMissing(f"there is no index in {folder}")
        with _translated(f"the index in {folder} cannot be read"):
            opened = cls(folder, fields, tantivy.Index(fields.build(), path=str(segments), reuse=True))
        opened.verify()
        return opened

    @staticmethod
    def discard(folder: Path) -> None:
        """Remove an index that is not open; none there is fine."""
        shutil.rmtree(folder, ignore_errors=True)

    def verify(self) -> None:
        """Read the term dictionary, the postings and the stored fields.

        Raises:
            IndexBroken: something cannot be read, or documents and position do not belong together.
        """
        with _translated(f"the index in {self.folder} cannot be read"):
            searcher = self._index.searcher()
            for _, address in searcher.search(tantivy.Query.all_query(), limit=50).hits:
                searcher.doc(address)

    @property
    def count(self) -> int:
        """Number of documents."""
        return self.search(tantivy.Query.all_query(), limit=0).total

    def position(self) -> Mapping[str, Any]:
        """What :meth:`apply` was last given; empty before the first time.

        Raises:
            IndexBroken: it cannot be read.
        """
        searcher = self._index.searcher()
        with _translated("the position of the index cannot be read"):
            hits = searcher.search(self._position_query(), limit=1).hits
            text = searcher.doc(hits[0][1]).get_first(_POSITION) if hits else "{}"
            position = json.loads(text or "")
        if not isinstance(position, dict):
            raise IndexBroken("the position of the index cannot be read")
        return position

    def apply(
        self,
        documents: Iterable[Document],
        *,
        deleted: Iterable[str] = (),
        position: Mapping[str, Any] | None = None,
    ) -> None:
        """Put documents in place of those with the same keys, delete others, commit, note the position.

        Searches that begin after this returned see the change.

        Raises:
            IndexBroken: the index cannot be written.
        """
        with self._lock, _translated("the index cannot be written"):
            # A writer that has failed once takes what it is given later, commits, and drops it.
            writer, self._writer = self._writer or self._begun(), None
            for key in deleted:
                writer.delete_documents_by_term(KEY, key)
            for document in documents:
                writer.delete_documents_by_term(KEY, document.key)
                writer.add_document(self._convert(document))
            if position is not None:
                writer.delete_documents_by_term(KEY, _POSITION_KEY)
                note = tantivy.Document()
                note.add_text(KEY, _POSITION_KEY)
                note.add_text(_POSITION, json.dumps(position))
                writer.add_document(note)
            writer.commit()
            self._writer = writer
            self._index.reload()

    def search(
        self,
        query: tantivy.Query,
        *,
        limit: int,
        offset: int = 0,
        order_by: str | None = None,
        descending: bool = True,
    ) -> Hits:
        """Find documents.

        Args:
            query: made with :attr:`schema`.
            limit: most keys to give; 0 counts only.
            offset: results to skip.
            order_by: a keyword or integer field; by relevance where None.
            descending: direction of the order.

        Raises:
            IndexBroken: the index cannot be read.
        """
        searcher = self._index.searcher()
        content = tantivy.Query.boolean_query(
            [(tantivy.Occur.Must, query), (tantivy.Occur.MustNot, self._position_query())]
        )
        order = tantivy.Order.Desc if descending else tantivy.Order.Asc
        with _translated("the index cannot be searched"):
            found = searcher.search(
                content, limit=max(1, limit), count=True, order_by_field=order_by, offset=offset, order=order
            )
            keys = tuple(str(searcher.doc(address).get_first(KEY)) for _, address in found.hits[:limit])
        return Hits(int(getattr(found, "count", None) or 0), keys)

    def greatest(self, field: str) -> int | None:
        """The greatest value of an integer field, or None without documents.

        Raises:
            IndexBroken: the index cannot be read.
        """
        try:
            found = self._index.searcher().search(
                tantivy.Query.exists_query(field), limit=1, count=False, order_by_field=field
            )
        except (ValueError, OSError) as error:
            raise IndexBroken(f"the index cannot be searched: {str(error)[:200]}") from error
        return int(found.hits[0][0]) if found.hits else None

    def copy_to(self, target: Path) -> None:
        """Put a consistent state of the index and its position into an empty folder.

        Files of segments never change once they are written, so a link does where the two folders
        are on one disk. A merge that ends meanwhile may take files away: the copy is then begun anew.

        Raises:
            IndexBroken: no consistent state could be caught.
        """
        source = self.folder / _SEGMENTS_FOLDER
        with self._lock:
            for _ in range(_COPY_ATTEMPTS):
                empty_folder(target)
                with suppress(FileNotFoundError):
                    _copy_segments(source, make_folder(target / _SEGMENTS_FOLDER))
                    return
        raise IndexBroken(f"the index in {self.folder} cannot be copied")

    def close(self) -> None:
        """Finish merges and let go of the writer."""
        with self._lock:
            if self._writer is not None:
                self._writer.wait_merging_threads()

    def _begun(self) -> tantivy.IndexWriter:
        return open_writer(self._index, key=KEY)

    def _position_query(self) -> tantivy.Query:
        return tantivy.Query.term_query(self.schema, KEY, _POSITION_KEY)

    def _convert(self, document: Document) -> tantivy.Document:
        converted = tantivy.Document()
        converted.add_text(KEY, document.key)
        for name, value in document.fields.items():
            values: Sequence[str] | Sequence[int]
            values = (value,) if isinstance(value, str) else (value,) if isinstance(value, int) else value
            for one in values:
                if isinstance(one, int):
                    converted.add_integer(name, one)
                else:
                    converted.add_text(name, one)
        return converted


def open_writer(index: tantivy.Index, *, key: str) -> tantivy.IndexWriter:
    """Begin to change an index; there is one writer at a time.

    A new writer stamps its first operation with the number of the last commit. Where that is a deletion, and segments
    of that commit are merged before the next one, it is forgotten for some of them, and what it deleted comes back. So
    the first one deletes what nobody has. Source: tantivy, ``indexer/stamper.rs`` and ``segment_updater.rs``
    (``end_merge`` goes on from the first segment's place in the queue of deletions); met with release 0.27 of the
    Python package.

    Files that a killed writer has left beside its last commit go first. Those of deletions are named after the number
    of the commit that they were meant for, and the next commit of that number would fail for finding one there.

    Args:
        index: of tantivy.
        key: a text field that no document has empty.

    Raises:
        ValueError: somebody else has a writer, or the folder cannot be written.
    """
    writer = index.writer(heap_size=_WRITER_HEAP_BYTES, num_threads=1)
    writer.garbage_collect_files()
    writer.delete_documents_by_term(key, "")
    return writer


@contextmanager
def _translated(message: str) -> Iterator[None]:
    """Turn what the index library raises into :class:`IndexBroken`.

    Damaged segments make it panic, and a panic arrives as an exception outside ``Exception`` whose class
    cannot be imported, only named.
    """
    try:
        yield
    except (ValueError, OSError) as error:
        raise IndexBroken(f"{message}: {str(error)[:200]}") from error
    except BaseException as error:
        if type(error).__name__ != "PanicException":
            raise
        raise IndexBroken(f"{message}: {str(error)[:200]}") from error


def _copy_segments(source: Path, target: Path) -> None:
    """Copy what one state of the index consists of.

    Raises:
        FileNotFoundError: that state is gone.
    """
    meta = (source / "meta.json").read_bytes()
    wanted = {str(segment["segment_id"]).replace("-", "") for segment in json.loads(meta)["segments"]}
    names = [path.name for path in source.iterdir() if path.name.split(".", 1)[0] in wanted]
    if {name.split(".", 1)[0] for name in names} != wanted:
        raise FileNotFoundError(source)
    for name in names:
        try:
            (target / name).hardlink_to(source / name)
        except FileNotFoundError:
            raise
        except OSError:
            shutil.copyfile(source / name, target / name)
    (target / ".managed.json").write_text(json.dumps([*names, "meta.json"]))
    (target / "meta.json").write_bytes(meta)
