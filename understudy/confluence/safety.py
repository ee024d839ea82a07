"""The cluster safety number, and the panic of a node that finds it changed by somebody else.

A random number stands in the database and in the memory that the members of the cluster share. A job
compares the two and puts a new number into both. A node without contact to the others has a memory of
its own: it finds that the database holds a number it does not know, and stops serving. The lowest byte of
the number is the size of the cluster that wrote it, so that the larger part of a cluster that was split
survives. A node that was held up for longer than its links last is such a smaller part when it goes on.
Sources: Atlassian KB "Cluster panic due to multiple deployments"; log lines of the product.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass

from understudy.confluence.membership import Membership
from understudy.kit.cluster import Message
from understudy.kit.database import Connection, Database
from understudy.kit.errors import DatabaseUnavailable, LinkError
from understudy.kit.lifecycle import Lifecycle

_LOG = logging.getLogger("understudy.confluence.safety")
_SIZE_MASK = 0xFF
_WINDOWS = 4
PANIC = (
    "Database is being updated by an instance which is not part of the current cluster. "
    "You should check network connections between cluster nodes."
)


@dataclass(frozen=True)
class SharedNumber:
    """The number in the memory of the cluster.

    ``previous`` is the one before: should the commit of the new one fail, the database still holds it.
    ``turn`` orders them, for members whose clocks disagree and when parts of a cluster meet again: each is one more
    than the one before.
    """

    number: int
    previous: int
    modifier: str
    turn: int

    def allows(self, stored: int) -> bool:
        """Whether the number in the database is one that this cluster has written."""
        return stored in {self.number, self.previous}


class SafetyJob:
    """Compares the numbers at every interval.

    Args:
        database: where one of the two stands.
        membership: over which the other is shared.
        lifecycle: of the node; the job ends with it.
        interval: seconds between two runs.
        split_seconds: how long a node that lost the shared number waits for the others.
        panic: called once, when the numbers differ.
    """

    def __init__(
        self,
        database: Database,
        membership: Membership,
        lifecycle: Lifecycle,
        *,
        interval: float,
        split_seconds: float,
        panic: Callable[[str], None],
    ) -> None:
        self._database = database
        self._membership = membership
        self._lifecycle = lifecycle
        self._interval = interval
        self._split_seconds = split_seconds
        self._panic = panic
        self._lock = threading.Lock()
        self._shared: SharedNumber | None = None
        self._lost_since: float | None = None

    def handle_put(self, _: str, message: Message) -> Message:
        """Another member has put a number into the shared memory; the newer one stays."""
        number = SharedNumber(
            int(message["number"]), int(message["previous"]), str(message["modifier"]), int(message["turn"])
        )
        with self._lock:
            if self._shared is None or number.turn > self._shared.turn:
                self._shared = number
        return {}

    def handle_get(self, _: str, __: Message) -> Message:
        """A member that has just joined asks for the number."""
        shared = self._shared
        return {} if shared is None else _message(shared)

    def start(self) -> None:
        """Take over the number of the cluster, check it once, and go on at every interval.

        Raises:
            DatabaseUnavailable: the first check cannot be made.
        """
        self._take_over()
        self._verify(first=True)
        threading.Thread(target=self._run, name="cluster-safety", daemon=True).start()

    def _take_over(self) -> int:
        """Ask every member for the number and keep the newest; gives how many members there are."""
        answered = 1
        for member in self._membership.members():
            if member.local:
                continue
            try:
                answer = self._membership.ask(member.node_id, "safety-get", timeout=5.0)
            except LinkError as error:
                _LOG.warning("no safety number from node %s: %s", member.node_id, error)
                continue
            answered += 1
            if answer:
                self.handle_put(member.node_id, answer)
        return answered

    def _run(self) -> None:
        while self._lifecycle.pause(self._interval):
            if not self._membership.clustered:
                return
            if not self._is_our_turn():
                continue
            try:
                self._verify(first=False)
            except DatabaseUnavailable as error:
                _LOG.warning("cluster safety not checked: %s", error)

    def _is_our_turn(self) -> bool:
        """One member runs the check in each window of four intervals, chosen alike on all of them."""
        members = [member.node_id for member in self._membership.members()]
        window = int(time.time() / (self._interval * _WINDOWS)) if self._interval else 0
        return members[zlib.crc32(str(window).encode()) % len(members)] == self._membership.node_id

    def _verify(self, *, first: bool) -> None:
        """Compare and renew; the row is locked so that no other member does so at the same time."""
        with self._database.transaction() as connection:
            connection.execute(
                "insert into clustersafety (clustersafetyid) values (1) on conflict do nothing"
            )
            row = connection.execute(
                "select safetynumber from clustersafety where clustersafetyid = 1 for update"
            ).fetchone()
            stored = None if row is None else row["safetynumber"]
            if stored is not None and self._is_foreign(stored):
                return
            if stored is not None and self._shared is None and not first and self._is_waiting_for_others():
                return
            self._lost_since = None
            self._renew(connection, stored)

    def _renew(self, connection: Connection, stored: int | None) -> None:
        members = len(self._membership.members())
        number = secrets.randbelow(0xFFFFFF) & ~_SIZE_MASK | members & _SIZE_MASK
        connection.execute("update clustersafety set safetynumber = %s where clustersafetyid = 1", (number,))
        previous = number if stored is None else stored
        with self._lock:
            turn = 1 if self._shared is None else self._shared.turn + 1
            fresh = SharedNumber(number, previous, self._membership.node_id, turn)
            self._shared = fresh
        self._membership.tell("safety-put", wait=2.0, **_message(fresh))

    def _is_foreign(self, stored: int) -> bool:
        """Whether somebody outside the cluster wrote the number, which is the end of this node."""
        shared = self._shared
        if shared is None or shared.allows(stored):
            return False
        # A node that was held up for a while may just not have heard of the newest number.
        members = self._take_over()
        shared = self._shared or shared
        if shared.allows(stored):
            return False
        _LOG.warning(
            "Detected different number in database [ %s ] and cache [ %s ]. Cache number last set by [ %s ].",
            stored,
            shared.number,
            shared.modifier,
        )
        if members > stored & _SIZE_MASK:
            _LOG.warning("We are the bigger part of the cluster. Proceeding with cluster safety update.")
            return False
        self._give_up(members, stored)
        return True

    def _is_waiting_for_others(self) -> bool:
        now = time.monotonic()
        if self._lost_since is None:
            self._lost_since = now
        return now - self._lost_since < self._split_seconds

    def _give_up(self, members: int, stored: int) -> None:
        _LOG.error(
            "Triggering panic on current node. This cluster size [ %d ], cluster size from db: [ %d ]",
            members,
            stored & _SIZE_MASK,
        )
        local = self._membership.local()
        self._panic(f"[Origin node: {local.node_id} listening on {local.address}] {PANIC}")


def _message(shared: SharedNumber) -> dict[str, object]:
    return {
        "number": shared.number,
        "previous": shared.previous,
        "modifier": shared.modifier,
        "turn": shared.turn,
    }
