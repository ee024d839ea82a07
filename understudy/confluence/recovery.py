"""What a node does about its index when it starts, and how one node's index gets to the others.

At start-up, and only then, a node of a cluster looks whether its index is there, readable, and at a
journal entry that still exists. If not, it takes in this order: the snapshot in the shared home, if its
entry still exists; a snapshot that another node with the same build number makes on request; a full
re-index of its own. Snapshots are ``<shared home>/index-snapshots/IndexSnapshot_<journal>_<entry>.zip``,
and ``IndexSnapshot_<journal>_journal_id`` holds the entry of the newest. Sources: Atlassian, "Administer
your Data Center search index"; JAC/CONFSERVER-81154.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from understudy.confluence.journal import JOURNAL, entry_exists
from understudy.confluence.membership import Membership
from understudy.confluence.settings import WikiSettings
from understudy.confluence.wikiindex import WikiIndex
from understudy.kit.cluster import Message
from understudy.kit.database import Database, lock_for_transaction
from understudy.kit.errors import IndexProblem, LinkError
from understudy.kit.homes import remove_durably, write_durably

_LOG = logging.getLogger("understudy.confluence.recovery")
_ID_FILE = f"IndexSnapshot_{JOURNAL}_journal_id"


class IndexRecovery:
    """Recovers, backs up and spreads the index.

    Args:
        settings: of the node.
        database: where the journal is.
        membership: of the node.
        index: of the node.
    """

    def __init__(
        self, settings: WikiSettings, database: Database, membership: Membership, index: WikiIndex
    ) -> None:
        self._settings = settings
        self._database = database
        self._membership = membership
        self._index = index
        self._folder = settings.shared_home / "index-snapshots"
        self._arrived: dict[str, int] = {}
        self._arrival = threading.Condition()

    def bring_up(self) -> str:
        """Open the index, recovering it first where that is needed.

        Returns:
            What was done: ``opened``, ``shared-home``, ``node`` or ``rebuilt``.
        """
        reason = self._why_needed()
        if reason is None:
            return "opened"
        _LOG.warning("index recovery required: %s", reason)
        if self._membership.clustered:
            if self._from_shared_home():
                return "shared-home"
            for attempt in range(self._settings.recovery.attempts):
                if self._from_a_node():
                    return "node"
                _LOG.warning("recovery from another node failed, attempt %d", attempt + 1)
            _LOG.warning("the index could not be recovered, the system will do a full re-index")
        self._index.rebuild()
        return "rebuilt"

    def back_up(self) -> bool:
        """Write a snapshot into the shared home, unless the one there is as new; False if none can be made.

        One node at a time: the product holds a cluster lock for the job.
        """
        with self._database.transaction() as connection:
            lock_for_transaction(connection, "index snapshot")
            return self._back_up()

    def _back_up(self) -> bool:
        if self._index.trouble() is not None:
            return False
        position = self._index.position
        kept = self._snapshot_entry()
        if not position or not entry_exists(self._database, position):
            return False
        if kept is not None and kept >= position:
            return True
        target = self._folder / f"IndexSnapshot_{JOURNAL}_{position}.zip"
        self._index.write_snapshot(target)
        write_durably(self._folder / _ID_FILE, str(position).encode())
        if kept is not None:
            remove_durably(self._folder / f"IndexSnapshot_{JOURNAL}_{kept}.zip")
        return True

    def spread(self) -> None:
        """Let the other nodes take over the index of this one, one after another."""
        if not self.back_up():
            return
        for member in self._membership.members():
            if member.local:
                continue
            with suppress(LinkError):
                self._membership.ask(member.node_id, "index-take", timeout=5.0)
                self._await(f"taken {member.node_id}", self._settings.recovery.generation_seconds)

    def handle_take(self, sender: str, _: Message) -> Message:
        """Another node has rebuilt its index and put a snapshot into the shared home: take it over."""

        def take() -> None:
            taken = self._from_shared_home()
            _LOG.info("index of node %s taken over: %s", sender, taken)
            with suppress(LinkError):
                self._membership.ask(
                    sender, "index-arrived", timeout=5.0, key=f"taken {self._membership.node_id}", entry=0
                )

        _run_apart(take)
        return {}

    def handle_query(self, _: str, message: Message) -> Message:
        """Whether this node can give its index to another one with that build number."""
        build = self._settings.kit.release.build_number
        if int(message.get("buildNumber", 0)) != build:
            _LOG.warning("no index for a node with another build number")
            return {"offered": False}
        return {"offered": self._index.trouble() is None and self._index.position > 0}

    def handle_request(self, sender: str, message: Message) -> Message:
        """Make a snapshot for another node, and tell it when it is there."""
        name = f"IndexSnapshot_{self._membership.node_id}_{sender}_{int(time.time() * 1000)}.zip"

        def make() -> None:
            try:
                entry = self._index.write_snapshot(self._folder / name)
                self._membership.ask(
                    sender, "index-arrived", timeout=5.0, key=str(message["key"]), entry=entry, name=name
                )
            except (IndexProblem, LinkError, OSError) as error:
                _LOG.warning("no snapshot for node %s: %s", sender, error)

        _run_apart(make)
        return {"name": name}

    def handle_arrived(self, _: str, message: Message) -> Message:
        """What this node has asked for is there."""
        with self._arrival:
            self._arrived[str(message["key"])] = int(message["entry"])
            self._arrival.notify_all()
        return {}

    def _why_needed(self) -> str | None:
        position = self._index.position_file.read()
        try:
            self._index.open()
        except IndexProblem as error:
            return str(error)
        if position == 0:
            return "the position in the journal is missing"
        if not entry_exists(self._database, position):
            return f"journal entry {position} does not exist any more"
        return None

    def _from_shared_home(self) -> bool:
        entry = self._snapshot_entry()
        if entry is None or not entry_exists(self._database, entry):
            _LOG.info("no usable snapshot in the shared home")
            return False
        source = self._folder / f"IndexSnapshot_{JOURNAL}_{entry}.zip"
        try:
            self._index.restore_snapshot(source, entry)
        except (IndexProblem, OSError) as error:
            _LOG.warning("the snapshot in the shared home cannot be used: %s", error)
            return False
        return True

    def _from_a_node(self) -> bool:
        recovery = self._settings.recovery
        donor = self._find_donor(recovery.query_seconds)
        if donor is None:
            _LOG.warning("no other node offers its index")
            return False
        key = f"snapshot {time.monotonic_ns()}"
        try:
            answer = self._membership.ask(donor, "index-request", timeout=recovery.query_seconds, key=key)
        except LinkError as error:
            _LOG.warning("node %s does not give its index: %s", donor, error)
            return False
        entry = self._await(key, recovery.generation_seconds)
        source = self._folder / Path(str(answer.get("name", ""))).name
        if entry is None:
            _LOG.warning("no snapshot from node %s within %g s", donor, recovery.generation_seconds)
            return False
        try:
            self._wait_for_file(source.exists, recovery.file_wait_seconds)
            self._index.restore_snapshot(source, entry)
        except (IndexProblem, OSError) as error:
            _LOG.warning("the snapshot of node %s cannot be used: %s", donor, error)
            return False
        finally:
            remove_durably(source)
        return True

    def _find_donor(self, seconds: float) -> str | None:
        build = self._settings.kit.release.build_number
        for member in self._membership.members():
            if member.local:
                continue
            with suppress(LinkError):
                answer = self._membership.ask(
                    member.node_id, "index-query", timeout=seconds, buildNumber=build
                )
                if answer.get("offered"):
                    return member.node_id
        return None

    def _await(self, key: str, seconds: float) -> int | None:
        with self._arrival:
            self._arrival.wait_for(lambda: key in self._arrived, seconds)
            return self._arrived.pop(key, None)

    @staticmethod
    def _wait_for_file(exists: Callable[[], bool], seconds: float) -> None:
        """A shared file system may show a file of another node a little later."""
        deadline = time.monotonic() + seconds
        while not exists() and time.monotonic() < deadline:
            time.sleep(0.1)

    def _snapshot_entry(self) -> int | None:
        try:
            text = (self._folder / _ID_FILE).read_text(encoding="utf-8").strip()
        except FileNotFoundError:
            return None
        return int(text) if text.isdigit() else None


def _run_apart(work: Callable[[], None]) -> None:
    threading.Thread(target=work, name="index-snapshot", daemon=True).start()
