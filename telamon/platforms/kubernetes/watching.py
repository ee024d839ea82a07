"""What happens on a cluster, as it happens: list, then watch, and again whenever that breaks off.

Nobody decides anything by what is told here. It says only where to look; whoever looks asks the API server itself. So
an event that is lost costs the time until the next look, and never a wrong step.

Source: Kubernetes API concepts, "Efficient detection of changes" (bookmarks, 410 Gone).
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from telamon.desired.kubernetes.data import Object
from telamon.errors import TelamonError, TemporaryError
from telamon.platforms.kubernetes.api import Api, Kind

LOG = logging.getLogger("telamon.kubernetes")
LASTS: Final = 240
"""Seconds after which the API server ends a watch, and another one begins where it ended."""
FIRST_REST: Final = 0.2
LONGEST_REST: Final = 30.0
"""Seconds of rest after a failure: they double from the first to the longest, and each is shortened by up to a half,
so that many who were cut off together do not come back together."""


@dataclass
class Watch:
    """One watch, in a thread of its own.

    Args:
        api: the API server.
        kind: of the objects.
        namespace: in which they are.
        labels: that they carry.
        told: is called for each object that is there at the beginning, and for each that changes or goes.
    """

    api: Api
    kind: Kind
    namespace: str
    labels: Mapping[str, str]
    told: Callable[[Object], None]
    _ended: threading.Event = field(init=False, default_factory=threading.Event)
    _synced: threading.Event = field(init=False, default_factory=threading.Event)
    _since: str = field(init=False, default="")
    _whole: threading.Event = field(init=False, default_factory=threading.Event)

    def start(self) -> None:
        """Begin."""
        name = f"watch-{self.kind.plural}-{self.namespace}"
        threading.Thread(target=self._work, name=name, daemon=True).start()

    def end(self) -> None:
        """Tell nothing more; the connection ends by itself."""
        self._ended.set()

    @property
    def is_synced(self) -> bool:
        """Whether everything was listed once."""
        return self._synced.is_set()

    @property
    def is_whole(self) -> bool:
        """Whether nothing that happens is missed, as far as anybody can know."""
        return self._whole.is_set()

    def _work(self) -> None:
        failures = 0
        while not self._ended.is_set():
            try:
                self._follow()
                failures = 0
            except TelamonError as error:
                # The version that the watch had come to may be too old, or of no use: everything is listed anew.
                self._since = ""
                self._whole.clear()
                failures += 1
                asked = error.delay if isinstance(error, TemporaryError) else 0.0
                level = logging.DEBUG if failures == 1 else logging.WARNING
                LOG.log(level, "%s in %s: %s", self.kind.plural, self.namespace, error)
                self._ended.wait(rest(failures, asked if failures > 1 else 0.0))

    def _follow(self) -> None:
        if not self._since:
            found, since = self.api.listed(self.kind, namespace=self.namespace, labels=self.labels)
            for item in found:
                self._tell(item)
            self._since = since
            self._synced.set()
            self._whole.set()
        for event, item in self.api.watch(
            self.kind, namespace=self.namespace, labels=self.labels, since=self._since, seconds=LASTS
        ):
            if self._ended.is_set():
                return
            self._since = str(item["metadata"]["resourceVersion"])
            if event != "BOOKMARK":
                self._tell(item)

    def _tell(self, item: Object) -> None:
        try:
            self.told(item)
        except TelamonError as error:
            LOG.warning("what was seen of %s was lost: %s", item["metadata"].get("name", ""), error)


def rest(failures: int, asked: float) -> float:
    """Seconds to wait before the next try.

    Args:
        failures: in a row.
        asked: seconds that the other side asks for; 0 for none.
    """
    longest = max(min(FIRST_REST * 2.0 ** min(failures - 1, 20), LONGEST_REST), asked)
    return longest * (0.5 + random.random() / 2)  # noqa: S311 - spreads load, keeps no secret
