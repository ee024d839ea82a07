"""The segments of one index: a tantivy index with one schema for every mapping.

Words go to one JSON field and exact terms to another, each under the dotted path of the document's field, so a
mapping that grows never makes the segments be rebuilt.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import tantivy

from understudy.kit.index import open_writer
from understudy.search.errors import InvalidRequest, StoreBroken
from understudy.search.mapping import Properties, split_terms

WRITER_IDLE_SECONDS = 30.0
"""How long an unused writer keeps its heap."""


class Hit(Protocol):
    """One found document."""

    @property
    def id(self) -> str:
        """The document's id."""

    @property
    def score(self) -> float:
        """Its relevance."""


def build_schema() -> tantivy.Schema:
    """The one schema: id, source, version, words and exact terms."""
    builder = tantivy.SchemaBuilder()
    builder.add_text_field("_id", stored=True, tokenizer_name="raw", index_option="basic")
    builder.add_bytes_field("_source", stored=True)
    builder.add_integer_field("_version", stored=True)
    builder.add_integer_field("_seq_no", stored=True)
    builder.add_json_field(
        "words", tokenizer_name="default", index_option="position", expand_dots_enabled=True
    )
    builder.add_json_field("exact", tokenizer_name="raw", index_option="basic", expand_dots_enabled=True)
    return builder.build()


def build_analyser() -> tantivy.TextAnalyzer:
    """The analyser that breaks queries into words as the ``default`` tokenizer breaks documents."""
    builder = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple())
    return builder.filter(tantivy.Filter.remove_long(40)).filter(tantivy.Filter.lowercase()).build()


class Segments:
    """Reads and writes the segments in one folder. Not safe for several threads: the index's lock guards it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.schema = build_schema()
        try:
            self._index = tantivy.Index(self.schema, path=str(folder))
            self._index.reload()
        except (ValueError, OSError) as problem:
            raise StoreBroken(f"segments cannot be opened: {str(problem)[:200]}") from problem
        self._searcher = self._index.searcher()
        self._writer: tantivy.IndexWriter | None = None
        self._used = 0.0

    def searcher(self) -> tantivy.Searcher:
        """A view of the last refresh; it stays the same while it is used."""
        return self._searcher

    def _open_writer(self) -> tantivy.IndexWriter:
        if self._writer is None:
            try:
                self._writer = open_writer(self._index, key="_id")
            except ValueError as problem:
                raise StoreBroken(f"segments cannot be written: {str(problem)[:200]}") from problem
        self._used = time.monotonic()
        return self._writer

    def put(self, operation: Mapping[str, Any], properties: Properties) -> None:
        """Write a document in place of any earlier one of its id."""
        words, exact = split_terms(properties, operation["source"])
        document = tantivy.Document()
        document.add_text("_id", operation["id"])
        document.add_bytes("_source", json.dumps(operation["source"], separators=(",", ":")).encode())
        document.add_integer("_version", operation["version"])
        document.add_integer("_seq_no", operation["seq_no"])
        document.add_json("words", words)
        document.add_json("exact", exact)
        writer = self._open_writer()
        writer.delete_documents_by_term("_id", operation["id"])
        writer.add_document(document)

    def remove(self, identity: str) -> None:
        """Write the removal of a document."""
        self._open_writer().delete_documents_by_term("_id", identity)

    def commit(self) -> None:
        """Make what was written durable and visible.

        Raises:
            StoreBroken: The disk refused.
        """
        try:
            self._open_writer().commit()
            self._index.reload()
        except (ValueError, OSError) as problem:
            raise StoreBroken(f"segments cannot be committed: {str(problem)[:200]}") from problem
        self._searcher = self._index.searcher()

    def find(self, identity: str) -> dict[str, Any] | None:
        """The committed document of an id."""
        query = tantivy.Query.term_query(self.schema, "_id", identity)
        result = self._searcher.search(query, 1, count=False)
        if not result.hits:
            return None
        return self.stored(result.hits[0][1])

    def stored(self, address: tantivy.DocAddress) -> dict[str, Any]:
        """Everything stored of one document: ``id``, ``version``, ``seq_no`` and ``source``."""
        return read_stored(self._searcher, address)

    def release_idle(self) -> None:
        """Give back the heap of a writer nobody used for a while."""
        if self._writer is not None and time.monotonic() - self._used > WRITER_IDLE_SECONDS:
            self._writer.wait_merging_threads()
            self._writer = None

    def close(self) -> None:
        """Let merges end and free the folder."""
        if self._writer is not None:
            self._writer.wait_merging_threads()
            self._writer = None


def read_stored(searcher: tantivy.Searcher, address: tantivy.DocAddress) -> dict[str, Any]:
    """Everything stored of one document, from the view it was found in.

    Raises:
        StoreBroken: The stored fields are not those of this schema.
    """
    document = searcher.doc(address)
    source = document.get_first("_source")
    if source is None:
        raise StoreBroken("a document lost its source")
    return {
        "id": document.get_first("_id"),
        "version": document.get_first("_version"),
        "seq_no": document.get_first("_seq_no"),
        "source": json.loads(bytes(source)),
    }


def check_term(value: Any) -> str | int | float | bool:
    """A single value of a query.

    Raises:
        InvalidRequest: It is a list or an object.
    """
    if isinstance(value, str | int | float | bool):
        return value
    raise InvalidRequest("a single value is expected", kind="parsing_exception")
