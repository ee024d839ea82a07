"""The record of one stack, as a ConfigMap for each component beside the Stack.

Each line is a key of its own, so that an append is a small patch. It names the version that was read last: once a
successor has written a line, whoever was deposed can record no intent any more, and so begins nothing.

An object holds about one mebibyte, so a record is bounded: of intents and outcomes the last are kept, and of what adds
up to the engine's memory only that which still counts. Source: Kubernetes, "ConfigMaps" (1 MiB).
"""

from __future__ import annotations

import json
import threading
from dataclasses import asdict, replace
from typing import Final

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.recorded import JOURNAL, sheet_name
from telamon.errors import ConflictError, PlatformError, TemporaryError, brief
from telamon.naming import LABEL_COMPONENT, LABEL_STACK
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.pruning import surplus
from telamon.platforms.kubernetes.sheets import CONFIG_MAP, ROLE, sheet
from telamon.ports import Entry

LONGEST: Final = 500
"""Characters of a reason or an error that are kept."""


class KubernetesJournal:
    """What was intended for a stack, and what came of it.

    Args:
        api: the API server.
        namespace: of the Stack.
        stack: its name.
    """

    def __init__(self, api: Api, namespace: str, stack: str) -> None:
        self._api = api
        self._namespace = namespace
        self._stack = stack
        self._lock = threading.Lock()
        self._records: dict[str, Object] = {}
        self._unsure: dict[str, dict[str, str]] = {}
        self._last = 0
        self._read = False

    def append(self, entry: Entry) -> Entry:
        """Write one line durably; returns it with its sequence.

        Raises:
            ConflictError: somebody else keeps this record by now.
        """
        with self._lock:
            self._look()
            self._make_sure(entry.component)
            written = replace(
                entry,
                sequence=self._last + 1,
                detail=brief(ValueError(entry.detail), limit=LONGEST) if entry.detail else "",
            )
            self._write(entry.component, {_key(written): json.dumps(asdict(written))}, written)
            self._last = written.sequence
            return written

    def _write(self, component: str, line: dict[str, str], written: Entry) -> None:
        live = self._records.get(component)
        try:
            if live is None:
                self._records[component] = self._api.create(self._sheet(component, line))
            else:
                gone = {_key(each): None for each in surplus([*lines_of(live), written])}
                self._records[component] = self._api.change(live, {"data": {**gone, **line}})
        except TemporaryError:
            self._unsure[component] = line
            raise

    def _make_sure(self, component: str) -> None:
        """See what became of a line of ours that got no answer; anything else that was written is a successor's."""
        line = self._unsure.get(component)
        if line is None:
            return
        known = self._records.get(component)
        before = dict((known or {}).get("data") or {})
        found = self._api.get(CONFIG_MAP, self._name(component), namespace=self._namespace)
        after = dict((found or {}).get("data") or {})
        if not (after == before or (line.items() <= after.items() and after.keys() - line <= before.keys())):
            raise ConflictError(f"the record of {component} is kept by somebody else by now")
        if found is not None:
            self._records[component] = found
            self._last = max(self._last, *(entry.sequence for entry in lines_of(found)), 0)
        del self._unsure[component]

    def read(
        self, component: str | None = None, *, since: int = 0, last: int | None = None
    ) -> tuple[Entry, ...]:
        """Lines after ``since``, oldest first; of them only the ``last`` so many."""
        with self._lock:
            self._look()
            records = [live for name, live in self._records.items() if component is None or name == component]
            found = sorted(
                (entry for live in records for entry in lines_of(live) if entry.sequence > since),
                key=lambda entry: entry.sequence,
            )
        return tuple(found if last is None else found[max(len(found) - last, 0) :])

    def clear(self) -> None:
        """Take the whole record away, with the stack that it is of."""
        with self._lock:
            for live in self._records.values():
                self._api.delete(live)
            self._records.clear()

    def _sheet(self, component: str, line: dict[str, str]) -> Object:
        return sheet(self._stack, component, namespace=self._namespace, role=JOURNAL, data=line)

    def _look(self) -> None:
        """Read everything once: from then on nobody else writes, or our next line is refused."""
        if self._read:
            return
        chosen = {LABEL_STACK: self._stack, ROLE: JOURNAL}
        found = self._api.list(CONFIG_MAP, namespace=self._namespace, labels=chosen)
        self._records = {str(item["metadata"]["labels"][LABEL_COMPONENT]): item for item in found}
        numbers = [entry.sequence for live in found for entry in lines_of(live)]
        self._last = max(numbers, default=0)
        self._read = True

    def _name(self, component: str) -> str:
        return sheet_name(self._stack, component, role=JOURNAL)


def lines_of(live: Object) -> tuple[Entry, ...]:
    """The lines of a component's record; raises PlatformError where it is damaged."""
    data = live.get("data") or {}
    try:
        return tuple(Entry(**json.loads(data[key])) for key in sorted(data))
    except (TypeError, ValueError) as error:
        raise PlatformError(
            f"the record {live['metadata']['name']} is damaged: {brief(error)}",
            remedy="Put it back from a backup of the cluster, or delete it: what it knew is then lost.",
        ) from error


def _key(entry: Entry) -> str:
    """Under which a line is kept; in the order of the alphabet they are in theirs."""
    return f"{entry.sequence:012d}"
