"""All indices of a node, and the thread that refreshes them."""

from __future__ import annotations

import logging
import re
import threading
import uuid
from pathlib import Path
from typing import Any

from understudy.search.errors import IndexExists, IndexMissing, InvalidRequest, StoreBroken
from understudy.search.index import Index, remove_folder, write_metadata
from understudy.search.mapping import Properties

REFRESH_SECONDS = 1.0
"""``index.refresh_interval`` of OpenSearch."""

NAME = re.compile(r"[a-z0-9.][a-z0-9._-]{0,254}")
HELD_SETTINGS = frozenset({"number_of_shards", "number_of_replicas"})

log = logging.getLogger(__name__)


class Store:
    """The indices of one node by name."""

    def __init__(self, data: Path) -> None:
        self._folder = data / "nodes" / "0" / "indices"
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._indices: dict[str, Index] = {}
        self._refresher = threading.Thread(target=self._refresh_forever, name="refresh", daemon=True)

    def open(self) -> None:
        """Open every index found on disk and start refreshing.

        Raises:
            StoreBroken: An index cannot be opened.
        """
        self._folder.mkdir(parents=True, exist_ok=True)
        for folder in sorted(self._folder.iterdir()):
            if not (folder / "index.json").exists():
                log.warning("folder %s is not an index: left alone", folder.name)
                continue
            index = Index(folder)
            self._indices[index.name] = index
        self._refresher.start()

    def close(self) -> None:
        """Refresh and close everything."""
        self._stopping.set()
        self._refresher.join()
        for index in self._indices.values():
            index.close()

    def _refresh_forever(self) -> None:
        while not self._stopping.wait(REFRESH_SECONDS):
            for index in self.all():
                try:
                    index.refresh()
                except StoreBroken as problem:
                    log.warning("index %s: refresh failed: %s", index.name, problem.reason)

    def all(self) -> list[Index]:
        """Every index, by name."""
        with self._lock:
            return [self._indices[name] for name in sorted(self._indices)]

    def get(self, name: str) -> Index:
        """The index of a name.

        Raises:
            IndexMissing: There is none.
        """
        with self._lock:
            index = self._indices.get(name)
        if index is None:
            raise IndexMissing(name)
        return index

    def ensure(self, name: str) -> Index:
        """The index of a name, made on first use, as an indexing request does."""
        with self._lock:
            index = self._indices.get(name)
        if index is not None:
            return index
        try:
            return self.create(name, {}, properties={})
        except IndexExists:
            return self.get(name)

    def create(self, name: str, settings: dict[str, Any], *, properties: Properties) -> Index:
        """Make an index.

        Args:
            name: Lower-case name.
            settings: ``number_of_shards`` and ``number_of_replicas``; data is in one shard whatever is asked.
            properties: The flattened mapping.

        Raises:
            IndexExists: The name is taken.
            InvalidRequest: The name or a setting is not held.
        """
        if not NAME.fullmatch(name):
            raise InvalidRequest(f"Invalid index name [{name}]", kind="invalid_index_name_exception")
        unknown = sorted(set(settings) - HELD_SETTINGS)
        if unknown:
            raise InvalidRequest(f"unknown setting [index.{unknown[0]}]")
        with self._lock:
            if name in self._indices:
                raise IndexExists(name)
            identity = uuid.uuid4().hex
            folder = self._folder / identity
            folder.mkdir()
            metadata = {
                "name": name,
                "uuid": identity,
                "settings": {"number_of_shards": 1, "number_of_replicas": 1, **settings},
                "properties": properties,
                "next_seq_no": 0,
            }
            write_metadata(folder, metadata)
            index = Index(folder)
            self._indices[name] = index
        return index

    def delete(self, name: str) -> None:
        """Remove an index and its data.

        Raises:
            IndexMissing: There is none.
        """
        with self._lock:
            index = self._indices.pop(name, None)
            if index is None:
                raise IndexMissing(name)
            index.close()
            remove_folder(self._folder / index.identity)

    def health(self) -> str:
        """``red`` with a broken index, ``yellow`` with a replica nobody can hold, else ``green``."""
        indices = self.all()
        if any(index.broken for index in indices):
            return "red"
        if any(int(index.settings["number_of_replicas"]) > 0 for index in indices):
            return "yellow"
        return "green"
