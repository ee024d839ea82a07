"""Upgrades without downtime: the state of the cluster, who may start, and the final tasks.

The states and their order are those of the vendor's REST reference (``cluster/zdu``). What may be
upgraded to what is in the vendor's "Zero downtime upgrade FAQs": any later release of the same major one;
between major releases a node refuses to start beside another one, with the sentence kept below.
The state stands in the table ``clusterupgradestate``; the row with the highest ``order_number`` counts.
"""

from __future__ import annotations

import enum
import logging
import threading
from dataclasses import dataclass

from understudy.jira.registry import Registry
from understudy.kit.database import Connection, Database, lock_for_transaction
from understudy.kit.errors import Conflict, DatabaseUnavailable, UnderstudyError
from understudy.kit.lifecycle import Lifecycle
from understudy.kit.settings import Release

_LOG = logging.getLogger("understudy.jira.upgrades")
_TASK_LOCK = "com.atlassian.jira.upgrade.tasks"
_TASK_SECONDS = 1.0


class UpgradeState(enum.StrEnum):
    """Where the cluster stands."""

    STABLE = "STABLE"
    READY_TO_UPGRADE = "READY_TO_UPGRADE"
    MIXED = "MIXED"
    READY_TO_RUN_UPGRADE_TASKS = "READY_TO_RUN_UPGRADE_TASKS"
    RUNNING_UPGRADE_TASKS = "RUNNING_UPGRADE_TASKS"
    UPGRADE_TASKS_FAILED = "UPGRADE_TASKS_FAILED"


_UPGRADE_MODE = frozenset(
    {UpgradeState.READY_TO_UPGRADE, UpgradeState.MIXED, UpgradeState.READY_TO_RUN_UPGRADE_TASKS}
)


@dataclass(frozen=True)
class ClusterBuild:
    """The state of the cluster and the release its data is made for."""

    state: UpgradeState
    build_number: int
    version: str


class Upgrades:
    """Reads and changes the state of the cluster; every node has one of these.

    Args:
        database: where the state is.
        registry: of the nodes.
        lifecycle: of this node.
        release: that this node runs.
    """

    def __init__(
        self,
        database: Database,
        registry: Registry,
        *,
        lifecycle: Lifecycle,
        release: Release,
    ) -> None:
        self._database = database
        self._registry = registry
        self._lifecycle = lifecycle
        self._release = release
        self.fail_tasks = False

    def admit(self, connection: Connection) -> None:
        """Decide whether this node may start, and upgrade the data where it is alone and newer.

        Args:
            connection: a transaction in which the node's row is written as well, so that two nodes
                that start at once cannot both be alone.

        Raises:
            UnderstudyError: it may not; the sentence is for the log and the error page.
        """
        lock_for_transaction(connection, "clusterupgradestate")
        current = _current(connection)
        own = self._release
        if current is None:
            self._write(connection, ClusterBuild(UpgradeState.STABLE, own.build_number, str(own)))
            _note_upgrade(connection, own)
            return
        if own.build_number == current.build_number:
            return
        others = self._registry.others_alive(connection)
        if own.build_number < current.build_number:
            raise UnderstudyError(
                f"The data is of version {current.version}; version {own} is older and cannot use it."
            )
        if not others and current.state not in _UPGRADE_MODE:
            _LOG.info("upgrade of the data from %s to %s", current.version, own)
            _note_upgrade(connection, own)
            self._write(connection, ClusterBuild(UpgradeState.STABLE, own.build_number, str(own)))
            return
        self._admit_beside_others(current, {node.build_number for node in others})

    def state(self) -> ClusterBuild:
        """The state now, after a look at which nodes are there."""
        with self._database.transaction() as connection:
            return self._review(connection)

    def start(self) -> ClusterBuild:
        """Switch upgrade mode on.

        Raises:
            Conflict: the cluster is not STABLE.
        """
        with self._database.transaction() as connection:
            current = self._review(connection)
            if current.state is not UpgradeState.STABLE:
                raise Conflict(f"The cluster is {current.state}, not STABLE.")
            return self._write(
                connection, ClusterBuild(UpgradeState.READY_TO_UPGRADE, current.build_number, current.version)
            )

    def cancel(self) -> ClusterBuild:
        """Switch upgrade mode off, while every node runs the original release.

        Raises:
            Conflict: upgrade mode is off, or a node runs another release.
        """
        with self._database.transaction() as connection:
            current = self._review(connection)
            if current.state is not UpgradeState.READY_TO_UPGRADE:
                raise Conflict(
                    f"The cluster is {current.state}; an upgrade can be cancelled while every node is on"
                    f" {current.version}."
                )
            return self._write(
                connection, ClusterBuild(UpgradeState.STABLE, current.build_number, current.version)
            )

    def approve(self) -> ClusterBuild:
        """Begin the final tasks; there is no way back from here.

        Raises:
            Conflict: not every node is upgraded.
        """
        return self._begin_tasks(UpgradeState.READY_TO_RUN_UPGRADE_TASKS)

    def retry(self) -> ClusterBuild:
        """Begin the final tasks again after they have failed.

        Raises:
            Conflict: they have not failed.
        """
        return self._begin_tasks(UpgradeState.UPGRADE_TASKS_FAILED)

    def _admit_beside_others(self, current: ClusterBuild, other_builds: set[int]) -> None:
        own = self._release
        if own.major != Release.parse(current.version).major:
            raise UnderstudyError(
                f"Your node with Jira version {current.version} will not start up with version {own} because"
                " Jira does not support zero downtime upgrades between major releases."
            )
        if current.state is UpgradeState.STABLE:
            raise UnderstudyError(
                f"The cluster runs {current.version} and is not in upgrade mode, so a node with version {own}"
                " cannot join it."
            )
        if current.state not in _UPGRADE_MODE and own.build_number not in other_builds:
            raise UnderstudyError(
                f"The cluster is {current.state}, so a node with version {own} cannot join it."
            )

    def _review(self, connection: Connection) -> ClusterBuild:
        lock_for_transaction(connection, "clusterupgradestate")
        current = _current(connection)
        if current is None:
            raise UnderstudyError("The cluster has no upgrade state yet.")
        wanted = current.state
        if current.state in _UPGRADE_MODE:
            wanted = _mode_of(current.build_number, self._present_builds(connection))
        elif current.state is UpgradeState.RUNNING_UPGRADE_TASKS and self._tasks_are_orphaned(connection):
            wanted = UpgradeState.UPGRADE_TASKS_FAILED
        if wanted is current.state:
            return current
        return self._write(connection, ClusterBuild(wanted, current.build_number, current.version))

    def _present_builds(self, connection: Connection) -> set[int]:
        nodes = self._registry.nodes(connection)
        return {node.build_number for node in nodes if node.alive} or {self._release.build_number}

    def _tasks_are_orphaned(self, connection: Connection) -> bool:
        row = connection.execute(
            "select locked_by_node from clusterlockstatus where lock_name = %s", (_TASK_LOCK,)
        ).fetchone()
        alive = {node.node_id for node in self._registry.nodes(connection) if node.alive}
        return row is not None and row["locked_by_node"] not in alive

    def _begin_tasks(self, needed: UpgradeState) -> ClusterBuild:
        with self._database.transaction() as connection:
            current = self._review(connection)
            if current.state is not needed:
                raise Conflict(f"The cluster is {current.state}, not {needed}.")
            if self._release.build_number == current.build_number:
                raise Conflict("This node is not upgraded.")
            connection.execute(
                """insert into clusterlockstatus (lock_name, locked_by_node, update_time) values (%s, %s, 0)
                   on conflict (lock_name) do update set locked_by_node = excluded.locked_by_node""",
                (_TASK_LOCK, self._registry.node_id),
            )
            begun = self._write(
                connection,
                ClusterBuild(UpgradeState.RUNNING_UPGRADE_TASKS, current.build_number, current.version),
            )
        threading.Thread(target=self._run_tasks, name="upgrade-tasks", daemon=True).start()
        return begun

    def _run_tasks(self) -> None:
        _LOG.info("upgrade tasks have begun")
        self._lifecycle.pause(_TASK_SECONDS)
        try:
            with self._database.transaction() as connection:
                lock_for_transaction(connection, "clusterupgradestate")
                current = _current(connection)
                if current is None or current.state is not UpgradeState.RUNNING_UPGRADE_TASKS:
                    return
                if self.fail_tasks:
                    self._write(
                        connection,
                        ClusterBuild(
                            UpgradeState.UPGRADE_TASKS_FAILED, current.build_number, current.version
                        ),
                    )
                else:
                    _note_upgrade(connection, self._release)
                    self._write(
                        connection,
                        ClusterBuild(UpgradeState.STABLE, self._release.build_number, str(self._release)),
                    )
                connection.execute(
                    "update clusterlockstatus set locked_by_node = null where lock_name = %s", (_TASK_LOCK,)
                )
        except DatabaseUnavailable as error:
            _LOG.error("upgrade tasks have failed: %s", error)

    def _write(self, connection: Connection, build: ClusterBuild) -> ClusterBuild:
        connection.execute(
            """insert into clusterupgradestate
               (database_time, cluster_build_number, cluster_version, state, order_number)
               select (extract(epoch from clock_timestamp()) * 1000)::bigint, %s, %s, %s,
               coalesce(max(order_number), 0) + 1 from clusterupgradestate""",
            (build.build_number, build.version, build.state),
        )
        _LOG.info("upgrade state %s, data of version %s", build.state, build.version)
        return build


def _mode_of(original: int, present: set[int]) -> UpgradeState:
    if present == {original}:
        return UpgradeState.READY_TO_UPGRADE
    if len(present) == 1:
        return UpgradeState.READY_TO_RUN_UPGRADE_TASKS
    return UpgradeState.MIXED


def _current(connection: Connection) -> ClusterBuild | None:
    row = connection.execute(
        """select state, cluster_build_number, cluster_version from clusterupgradestate
           order by order_number desc limit 1"""
    ).fetchone()
    if row is None:
        return None
    return ClusterBuild(UpgradeState(row["state"]), row["cluster_build_number"], row["cluster_version"])


def _note_upgrade(connection: Connection, release: Release) -> None:
    """The one task there is: note in the data which release it is made for."""
    connection.execute(
        """insert into upgradeversionhistory (targetbuild, targetversion) values (%s, %s)
           on conflict (targetbuild) do nothing""",
        (str(release.build_number), str(release)),
    )
