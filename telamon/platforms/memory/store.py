"""Store and journal in memory; the reference that the durable ones are held against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from telamon.errors import ConflictError
from telamon.ports import Entry, Stored


@dataclass
class MemoryStore:
    """Objects by kind and name. Versions count all writes of the store."""

    _objects: dict[tuple[str, str], Stored] = field(default_factory=dict)
    _version: int = 0

    def get(self, kind: str, name: str) -> Stored | None:
        """The object, or ``None``."""
        return self._objects.get((kind, name))

    def list(self, kind: str) -> tuple[Stored, ...]:
        """Every object of a kind, by name."""
        return tuple(stored for (of, _), stored in sorted(self._objects.items()) if of == kind)

    def watch(self, kind: str, *, since: int) -> Iterator[Stored]:
        """Objects of a kind written after ``since``, oldest first."""
        newer = [stored for stored in self.list(kind) if stored.version > since]
        yield from sorted(newer, key=lambda stored: stored.version)

    def put(self, stored: Stored) -> Stored:
        """Write if nobody wrote since; see :class:`telamon.ports.Store`."""
        current = self.get(stored.kind, stored.name)
        found = current.version if current else 0
        if found != stored.version:
            raise ConflictError(f"{stored.kind} {stored.name} was changed by somebody else meanwhile")
        self._version += 1
        changed = current is None or dict(current.spec) != dict(stored.spec)
        generation = (current.generation if current else 0) + (1 if changed else 0)
        written = replace(stored, version=self._version, generation=generation)
        self._objects[stored.kind, stored.name] = written
        return written

    def delete(self, kind: str, name: str, *, version: int) -> None:
        """Delete if nobody wrote since; absent is no error."""
        current = self.get(kind, name)
        if current is None:
            return
        if current.version != version:
            raise ConflictError(f"{kind} {name} was changed by somebody else meanwhile")
        del self._objects[kind, name]


@dataclass
class MemoryJournal:
    """Lines in a list."""

    entries: list[Entry] = field(default_factory=list)

    def append(self, entry: Entry) -> Entry:
        """Write one line; returns it with its sequence."""
        written = replace(entry, sequence=len(self.entries) + 1)
        self.entries.append(written)
        return written

    def read(
        self, component: str | None = None, *, since: int = 0, last: int | None = None
    ) -> tuple[Entry, ...]:
        """Lines after ``since``, oldest first; of them only the ``last`` so many."""
        found = tuple(
            entry
            for entry in self.entries
            if entry.sequence > since and (component is None or entry.component == component)
        )
        return found if last is None else found[max(len(found) - last, 0) :]
