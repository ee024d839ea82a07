"""Rolling upgrades: upgrade mode, the state of the cluster, and who may join it.

The state is worked out from what is there, never stored. Source: Bitbucket Data Center REST reference "Rolling
Upgrades" (states of cluster and nodes), "Upgrade Bitbucket without downtime" (bug-fix releases of one feature release
only) and the Java API of ``RollingUpgradeService``. Bug-fix releases bring no upgrade tasks, so approving ends the
upgrade at once.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from understudy.bitbucket.cluster import Cluster, Member
from understudy.bitbucket.properties import ORIGINAL_VERSION, Properties, remove, store
from understudy.kit.database import Database, lock_for_transaction
from understudy.kit.errors import Conflict
from understudy.kit.settings import Release

_LOCK = "rolling upgrade"
FEATURE_RELEASE = "feature.release"


class UpgradeState(StrEnum):
    """The state of the cluster."""

    STABLE = "STABLE"
    READY_TO_UPGRADE = "READY_TO_UPGRADE"
    MIXED = "MIXED"
    READY_TO_FINISH = "READY_TO_RUN_UPGRADE_TASKS"


@dataclass(frozen=True)
class Overview:
    """The cluster as the rolling upgrade sees it; ``original`` is the release upgrade mode was switched on at."""

    state: UpgradeState
    original: str | None
    nodes: tuple[Member, ...]


class RollingUpgrade:
    """Upgrade mode.

    Args:
        database: where it is kept.
        properties: the values it is kept in.
        cluster: the members.
    """

    def __init__(self, database: Database, properties: Properties, cluster: Cluster) -> None:
        self._database = database
        self._properties = properties
        self._cluster = cluster

    def overview(self) -> Overview:
        """The cluster now, with nodes that were there when upgrade mode began and are gone as OFFLINE."""
        original = self._properties.all().get(ORIGINAL_VERSION)
        living = self._cluster.members()
        names = {member.name for member in living}
        rows = (
            self._database.fetch_all("select * from zdu_node order by name") if original is not None else []
        )
        gone = [
            Member(
                id=row["node_id"],
                name=row["name"],
                address=row["ip_address"],
                port=row["port"],
                version=row["version"],
                build_number=row["build_number"],
                state="OFFLINE",
                local=False,
            )
            for row in rows
            if row["name"] not in names
        ]
        nodes = tuple(sorted([*living, *gone], key=lambda member: (member.name, member.address)))
        return Overview(state_of(nodes, original), original, nodes)

    def start(self) -> Overview:
        """Switch upgrade mode on.

        Raises:
            Conflict: it is on already.
        """
        with self._database.transaction() as connection:
            lock_for_transaction(connection, _LOCK)
            current = self.overview()
            _require(current, UpgradeState.STABLE, what="start")
            store(connection, ORIGINAL_VERSION, value=self._cluster.local().version)
            connection.execute("delete from zdu_node")
            for member in current.nodes:
                connection.execute(
                    """insert into zdu_node (name, node_id, ip_address, port, version, build_number)
                       values (%s, %s, %s, %s, %s, %s) on conflict (name) do nothing""",
                    (
                        member.name,
                        member.id,
                        member.address,
                        member.port,
                        member.version,
                        member.build_number,
                    ),
                )
        return self.overview()

    def cancel(self) -> Overview:
        """Switch upgrade mode off while nothing is upgraded, or everything is back.

        Raises:
            Conflict: it is off, or releases differ.
        """
        return self._end(UpgradeState.READY_TO_UPGRADE, what="cancel")

    def approve(self) -> Overview:
        """Finish: every node runs the new release.

        Raises:
            Conflict: not every node does.
        """
        return self._end(UpgradeState.READY_TO_FINISH, what="finalize")

    def _end(self, needed: UpgradeState, *, what: str) -> Overview:
        with self._database.transaction() as connection:
            lock_for_transaction(connection, _LOCK)
            _require(self.overview(), needed, what=what)
            remove(connection, ORIGINAL_VERSION)
            connection.execute("delete from zdu_node")
        return self.overview()

    def objection(self) -> str | None:
        """Why this node may not join the cluster it found, or None."""
        values = self._properties.all()
        local = self._cluster.local()
        own = Release.parse(local.version)
        newest = values.get(FEATURE_RELEASE)
        if newest is not None and replace(own, patch=0) < Release.parse(newest):
            return f"release {own} is older than the database, which is of {newest}"
        others = {member.version for member in self._cluster.members() if not member.local}
        different = sorted(others - {local.version})
        if not different:
            return None
        original = values.get(ORIGINAL_VERSION)
        if original is None:
            return f"the cluster runs {', '.join(different)} and upgrade mode is off: {own} may not join"
        base = Release.parse(original)
        if replace(own, patch=0) != replace(base, patch=0) or own < base:
            return f"a rolling upgrade from {base} cannot lead to {own}: it must be a later bug-fix release"
        return None

    def note_release(self) -> None:
        """Remember the feature release whose schema the database has now."""
        own = replace(Release.parse(self._cluster.local().version), patch=0)
        with self._database.transaction() as connection:
            store(connection, FEATURE_RELEASE, value=str(own))


def state_of(nodes: tuple[Member, ...], original: str | None) -> UpgradeState:
    """The state of the cluster, from its nodes and the release upgrade mode was switched on at."""
    if original is None:
        return UpgradeState.STABLE
    versions = {member.version for member in nodes if member.state != "OFFLINE"}
    if any(member.state == "ERROR" for member in nodes) or len(versions) > 1:
        return UpgradeState.MIXED
    return UpgradeState.READY_TO_UPGRADE if versions == {original} else UpgradeState.READY_TO_FINISH


def _require(overview: Overview, state: UpgradeState, *, what: str) -> None:
    if overview.state is not state:
        raise Conflict(f"It is not possible to {what} an upgrade in the state {overview.state}.")
