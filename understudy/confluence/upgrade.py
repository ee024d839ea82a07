"""Releases: whether this one may start on what the database holds, and upgrades without downtime.

Rules held: nodes of another release join a running cluster only in upgrade mode, and only with a bug-fix
release or the next feature release; the cluster-wide tasks run when the upgrade is finalised; upgrade mode
can be left only while all nodes have the original release. A cluster that is down as a whole is upgraded by
the first node that starts. Sources: Atlassian, "Upgrade Confluence without downtime" and "Upgrade a
Confluence cluster through the API without downtime". The HTTP codes of refusals are not documented; they
are 409 here.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from understudy.confluence.membership import Member, Membership
from understudy.confluence.settings import WikiSettings
from understudy.kit.database import Connection, Database, lock_for_transaction
from understudy.kit.errors import Conflict, NotFound, UnderstudyError
from understudy.kit.lifecycle import Lifecycle
from understudy.kit.settings import Release

_LOG = logging.getLogger("understudy.confluence.upgrade")
_LOCK = "wiki upgrade"
_NODE_STATES = {"RUNNING": "ACTIVE", "STARTING": "STARTING", "STOPPING": "TERMINATING", "ERROR": "ERROR"}


class StartRefused(UnderstudyError):
    """This release may not start on what the database and the cluster are at."""


@dataclass(frozen=True)
class StoredVersion:
    """What the database says of itself and of an upgrade under way; ``runner`` is a node id or empty."""

    release: Release
    build_number: int
    upgrade_mode: bool
    runner: str
    failure: str


def cluster_state(stored: StoredVersion, members: Sequence[Member]) -> str:
    """The state of the upgrade as REST names it."""
    if not stored.upgrade_mode:
        return "STABLE"
    if stored.failure:
        return "UPGRADE_TASKS_FAILED"
    if stored.runner:
        alive = any(member.node_id == stored.runner for member in members)
        return "RUNNING_UPGRADE_TASKS" if alive else "UPGRADE_TASKS_FAILED"
    versions = {member.version for member in members}
    if versions == {str(stored.release)}:
        return "READY_TO_UPGRADE"
    return "READY_TO_RUN_UPGRADE_TASKS" if len(versions) == 1 else "MIXED"


def check_start(release: Release, stored: StoredVersion, *, alone: bool) -> bool:
    """Whether this release may start, and whether it must upgrade the database first.

    Args:
        release: of this node.
        stored: what the database says.
        alone: no other node is a member of the cluster.

    Returns:
        Whether the database is to be upgraded by this node, now.

    Raises:
        StartRefused: it may not start.
    """
    if release == stored.release:
        return False
    if release < stored.release:
        raise StartRefused(f"release {release} cannot run on a database of release {stored.release}")
    if not stored.upgrade_mode:
        if alone:
            return True
        raise StartRefused(
            f"release {release} cannot join a cluster of release {stored.release} that is not in upgrade mode"
        )
    steps = release.minor - stored.release.minor
    if release.major != stored.release.major or steps not in {0, 1}:
        raise StartRefused(f"an upgrade from {stored.release} to {release} is not possible without downtime")
    return False


class Upgrade:
    """Reads and changes the state of an upgrade.

    Args:
        settings: of the node.
        database: where it stands.
        membership: of the node.
        lifecycle: of the node.
        finished: called on this node when the database has reached a new release.
    """

    def __init__(
        self,
        settings: WikiSettings,
        database: Database,
        membership: Membership,
        *,
        lifecycle: Lifecycle,
        finished: Callable[[int], None],
    ) -> None:
        self._settings = settings
        self._database = database
        self._membership = membership
        self._lifecycle = lifecycle
        self._finished = finished

    def stored(self) -> StoredVersion:
        """What the database says.

        Raises:
            StartRefused: it says nothing, as it has not been set up.
        """
        with self._database.transaction() as connection:
            return _read(connection)

    def prepare_start(self) -> None:
        """See that this release may start; upgrade the database where the whole cluster was down.

        Raises:
            StartRefused: it may not.
        """
        release = self._settings.kit.release
        alone = len(self._membership.members()) == 1
        if check_start(release, self.stored(), alone=alone):
            _LOG.info("upgrading the database to release %s", release)
            self._store_release()

    def overview(self) -> dict[str, object]:
        """The cluster as ``GET /rest/zdu/cluster`` shows it."""
        stored = self.stored()
        members = self._membership.members()
        newest = max(Release.parse(member.version) for member in members)
        return {
            "state": cluster_state(stored, members),
            "upgradeModeEnabled": stored.upgrade_mode,
            "hasFinalizationTasks": (newest.major, newest.minor)
            != (stored.release.major, stored.release.minor),
            "originalVersion": str(stored.release),
            "nodes": [node_json(member) for member in members],
        }

    def node(self, node_id: str) -> dict[str, object]:
        """One node.

        Raises:
            NotFound: it is no member.
        """
        for member in self._membership.members():
            if member.node_id == node_id:
                return node_json(member)
        raise NotFound(f"There is no node with id {node_id[:80]}")

    def start(self) -> None:
        """Switch upgrade mode on.

        Raises:
            Conflict: it is on already.
        """
        with self._database.transaction() as connection:
            stored = self._locked(connection)
            if stored.upgrade_mode:
                raise Conflict("Upgrade mode is enabled already")
            connection.execute(
                """insert into clusterupgrade (id, enabled, original_version) values (1, true, %s)
                    on conflict (id) do update set enabled = true, original_version = excluded.original_version,
                        runner = '', failure = ''""",
                (str(stored.release),),
            )

    def cancel(self) -> None:
        """Switch upgrade mode off.

        Raises:
            Conflict: it is off, or a node has another release than the original one.
        """
        with self._database.transaction() as connection:
            state = cluster_state(self._locked(connection), self._membership.members())
            if state != "READY_TO_UPGRADE":
                raise Conflict(f"Upgrade mode cannot be disabled in state {state}")
            connection.execute("update clusterupgrade set enabled = false where id = 1")

    def approve(self) -> None:
        """Run the upgrade tasks and leave upgrade mode.

        Raises:
            Conflict: not every node has the new release, or the tasks are running.
        """
        self._begin_tasks("READY_TO_RUN_UPGRADE_TASKS")

    def retry(self) -> None:
        """Run upgrade tasks that failed again.

        Raises:
            Conflict: none has failed.
        """
        self._begin_tasks("UPGRADE_TASKS_FAILED")

    def _begin_tasks(self, expected: str) -> None:
        with self._database.transaction() as connection:
            state = cluster_state(self._locked(connection), self._membership.members())
            if state != expected:
                raise Conflict(f"Upgrade tasks cannot be run in state {state}")
            connection.execute(
                "update clusterupgrade set runner = %s, failure = '' where id = 1",
                (self._membership.node_id,),
            )
        threading.Thread(target=self._run_tasks, name="upgrade-tasks", daemon=True).start()

    def _run_tasks(self) -> None:
        if not self._lifecycle.pause(self._settings.upgrade_seconds):
            return
        try:
            self._store_release()
        except UnderstudyError as error:
            _LOG.error("upgrade tasks failed: %s", error)
            return
        self._membership.tell("upgrade-finished", buildNumber=self._settings.kit.release.build_number)

    def _store_release(self) -> None:
        release = self._settings.kit.release
        with self._database.transaction() as connection:
            lock_for_transaction(connection, _LOCK)
            connection.execute(
                "update confversion set buildnumber = %s, version = %s where confversionid = 1",
                (release.build_number, str(release)),
            )
            connection.execute(
                "update clusterupgrade set enabled = false, runner = '', failure = '' where id = 1"
            )
        self._finished(release.build_number)

    @staticmethod
    def _locked(connection: Connection) -> StoredVersion:
        lock_for_transaction(connection, _LOCK)
        return _read(connection)


def node_json(member: Member) -> dict[str, object]:
    """A node as the upgrade REST shows it."""
    return {
        "id": member.node_id,
        "name": member.name,
        "ipAddress": member.address,
        "state": _NODE_STATES.get(member.state, "STARTING"),
        "tasksTotal": member.tasks,
        "activeUserCount": member.users,
        "buildNumber": str(member.build_number),
        "version": member.version,
        "local": member.local,
        "finalization": None,
    }


def _read(connection: Connection) -> StoredVersion:
    row = connection.execute(
        """select v.version, v.buildnumber, coalesce(u.enabled, false) as enabled,
                coalesce(u.runner, '') as runner, coalesce(u.failure, '') as failure
            from confversion v left join clusterupgrade u on u.id = 1 where v.confversionid = 1"""
    ).fetchone()
    if row is None:
        raise StartRefused("the database has not been set up")
    return StoredVersion(
        Release.parse(row["version"]), row["buildnumber"], row["enabled"], row["runner"], row["failure"]
    )
