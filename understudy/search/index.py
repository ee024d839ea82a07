"""One index: mapping, translog and segments behind one lock.

A write goes to the translog, is forced to disk, and is applied to the segments' writer. A refresh commits the
segments and rolls the translog; until then a read by id is answered from memory, so it is always current.
After a crash the translog is replayed: operations carry their outcome, so replaying one twice changes nothing.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tantivy

from understudy.search import mapping
from understudy.search.errors import InvalidRequest, StoreBroken, VersionConflict
from understudy.search.segments import Segments
from understudy.search.translog import Translog, sync_folder

PRIMARY_TERM = 1
"""A node that is alone is never anybody's replacement, so its primary term never changes."""


@dataclass(frozen=True)
class Write:
    """One requested change of a document.

    Attributes:
        identity: The document's id.
        source: The new document; ``None`` removes it.
        create: Refuse if the document exists.
        expected: ``if_seq_no``: refuse unless the document's present sequence number is this one.
    """

    identity: str
    source: Mapping[str, Any] | None
    create: bool = False
    expected: int | None = None


@dataclass(frozen=True)
class Written:
    """The outcome of a write: ``result`` is created, updated, deleted or not_found."""

    identity: str
    result: str
    version: int
    seq_no: int


class Index:
    """An open index in its folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.RLock()
        metadata = read_metadata(folder)
        self.name: str = metadata["name"]
        self.settings: dict[str, Any] = metadata["settings"]
        self.identity: str = metadata["uuid"]
        self._properties: mapping.Properties = metadata["properties"]
        self._next_seq_no: int = metadata["next_seq_no"]
        self._segments = Segments(folder / "segments")
        self._translog = Translog(folder / "translog")
        self._pending: dict[str, dict[str, Any]] = {}
        self._failure: StoreBroken | None = None
        self._recover()

    def _recover(self) -> None:
        replayed = False
        for operation in self._translog.replay():
            self._apply(operation)
            self._next_seq_no = max(self._next_seq_no, operation["seq_no"] + 1)
            replayed = True
        if replayed:
            self.refresh()

    @property
    def schema(self) -> tantivy.Schema:
        """The segments' schema, for building queries."""
        return self._segments.schema

    @property
    def properties(self) -> mapping.Properties:
        """The mapping: dotted path to declaration."""
        return self._properties

    @property
    def broken(self) -> bool:
        """Whether the node's disk refused a write of this index: it takes none until it is opened anew."""
        return self._failure is not None

    def view(self) -> tantivy.Searcher:
        """What the last refresh made visible."""
        with self._lock:
            return self._segments.searcher()

    def get(self, identity: str) -> dict[str, Any] | None:
        """The present document of an id, whether or not a refresh made it visible."""
        with self._lock:
            operation = self._pending.get(identity)
            if operation is not None:
                return None if operation["source"] is None else operation
            return self._segments.find(identity)

    def extend_mapping(self, added: mapping.Properties) -> None:
        """Declare more fields."""
        with self._lock:
            self._store_mapping(mapping.merge(self._properties, added))

    def _store_mapping(self, properties: mapping.Properties) -> None:
        if properties is self._properties:
            return
        self._properties = properties
        self._store_metadata()

    def _store_metadata(self) -> None:
        metadata = {
            "name": self.name,
            "uuid": self.identity,
            "settings": self.settings,
            "properties": self._properties,
            "next_seq_no": self._next_seq_no,
        }
        write_metadata(self._folder, metadata)

    def write(self, changes: Sequence[Write]) -> list[Written | VersionConflict | InvalidRequest]:
        """Carry out changes in order; each succeeds or is refused by itself.

        Returns:
            The outcome of each change. What is returned as written is on disk.

        Raises:
            StoreBroken: The disk refused; nothing of this call counts as acknowledged.
        """
        outcomes: list[Written | VersionConflict | InvalidRequest] = []
        with self._lock:
            if self._failure is not None:
                raise self._failure
            try:
                for change in changes:
                    try:
                        outcomes.append(self._write_one(change))
                    except (VersionConflict, InvalidRequest) as refusal:
                        outcomes.append(refusal)
                self._translog.sync()
            except (StoreBroken, OSError) as problem:
                self._failure = (
                    problem if isinstance(problem, StoreBroken) else StoreBroken(f"disk: {problem.strerror}")
                )
                raise self._failure from problem
        return outcomes

    def _write_one(self, change: Write) -> Written:
        current = self._pending.get(change.identity) or self._segments.find(change.identity)
        present = current is not None and current["source"] is not None
        if change.create and present:
            raise VersionConflict(f"[{change.identity}]: version conflict, document already exists")
        if change.expected is not None and (current is None or current["seq_no"] != change.expected):
            raise VersionConflict(
                f"[{change.identity}]: version conflict, required seqNo [{change.expected}]"
            )
        if change.source is not None:
            learnt = mapping.learn(self._properties, change.source)
            mapping.split_terms(learnt, change.source)
            self._store_mapping(learnt)
        version = 1 if current is None else current["version"] + 1
        operation: dict[str, Any] = {
            "id": change.identity,
            "version": version,
            "seq_no": self._next_seq_no,
            "source": change.source,
        }
        self._next_seq_no += 1
        self._translog.append(operation)
        self._apply(operation)
        if change.source is None:
            result = "deleted" if present else "not_found"
        else:
            result = "updated" if present else "created"
        return Written(change.identity, result, version=version, seq_no=operation["seq_no"])

    def _apply(self, operation: dict[str, Any]) -> None:
        if operation["source"] is None:
            self._segments.remove(operation["id"])
        else:
            self._segments.put(operation, self._properties)
        self._pending[operation["id"]] = operation

    def refresh(self) -> None:
        """Make every write visible to searches."""
        with self._lock:
            if not self._pending:
                self._segments.release_idle()
                return
            self._store_metadata()
            self._segments.commit()
            self._translog.roll()
            self._pending.clear()

    def close(self) -> None:
        """Refresh and free the files."""
        with self._lock:
            if self._failure is None:
                self.refresh()
            self._failure = StoreBroken(f"index [{self.name}] is closed")
            self._segments.close()
            self._translog.close()


def read_metadata(folder: Path) -> dict[str, Any]:
    """Read an index's metadata.

    Raises:
        StoreBroken: The file is missing or torn.
    """
    try:
        metadata = json.loads((folder / "index.json").read_text())
    except (OSError, ValueError) as problem:
        raise StoreBroken(f"metadata of {folder.name} cannot be read") from problem
    if not isinstance(metadata, dict):
        raise StoreBroken(f"metadata of {folder.name} is not an object")
    return metadata


def write_metadata(folder: Path, metadata: Mapping[str, Any]) -> None:
    """Replace an index's metadata durably and all at once."""
    partial = folder / "index.json.partial"
    with partial.open("w") as file:
        json.dump(metadata, file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / "index.json")
    sync_folder(folder)


def remove_folder(folder: Path) -> None:
    """Remove an index's folder so that a crash half-way leaves nothing that looks like an index."""
    (folder / "index.json").unlink()
    sync_folder(folder)
    shutil.rmtree(folder)
