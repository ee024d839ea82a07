"""The record of a stack as people read it: each component's by its name, so that nobody needs to see all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.recorded import JOURNAL, sheet_name
from telamon.errors import DeniedError
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.journal import lines_of
from telamon.platforms.kubernetes.sheets import CONFIG_MAP
from telamon.ports import Entry


class JournalGlance:
    """Reads what was intended for a stack, and what came of it; writes nothing.

    Args:
        api: the API server, as the person who asks.
        namespace: of the Stack.
        stack: its name.
        components: of the stack.
    """

    def __init__(self, api: Api, namespace: str, stack: str, components: Collection[str]) -> None:
        self._api = api
        self._namespace = namespace
        self._stack = stack
        self._components = tuple(components)

    def read(
        self, component: str | None = None, *, since: int = 0, last: int | None = None
    ) -> tuple[Entry, ...]:
        """Lines after ``since``, oldest first; of them only the ``last`` so many.

        Of components whose record this person may not read there are none.

        Raises:
            DeniedError: this person may read none at all.
        """
        records = [live for name, live in self._records() if component in (None, name)]
        found = sorted(
            (entry for live in records for entry in lines_of(live) if entry.sequence > since),
            key=lambda entry: entry.sequence,
        )
        return tuple(found if last is None else found[max(len(found) - last, 0) :])

    def _records(self) -> Iterator[tuple[str, Object]]:
        denied: list[DeniedError] = []
        for component in self._components:
            name = sheet_name(self._stack, component, role=JOURNAL)
            try:
                live = self._api.get(CONFIG_MAP, name, namespace=self._namespace)
            except DeniedError as error:
                denied.append(error)
                continue
            if live is not None:
                yield component, live
        if denied and len(denied) == len(self._components):
            raise denied[0]
