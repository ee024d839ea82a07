"""How a starting node gets an index, in the order of the product since release 9.4.

1. The index on the local disk, if it can be read and is behind by less than a tolerance.
2. The newest snapshot in the shared home that is not too old.
3. A re-index of everything, during which the node shows MAINTENANCE.

Steps 1 and 3 can be switched off. One node at a time does this, under a cluster lock. Sources: Atlassian
KB "Index startup procedure in Jira 9.4 and later", "Health check: Fresh index snapshot existence",
"Failed getting index on start".
"""

from __future__ import annotations

import logging

from understudy.jira.indexing import IssueIndex
from understudy.jira.locks import START_INDEX_LOCK, ClusterLocks
from understudy.jira.settings import JiraSettings
from understudy.kit.errors import IndexProblem
from understudy.kit.lifecycle import Lifecycle, State

_LOG = logging.getLogger("understudy.jira.recovery")
_TOLERANCE = "com.atlassian.jira.index.consistency.tolerance.percentage"
_MAXIMUM_AGE = "com.atlassian.jira.startup.max.age.of.usable.index.snapshot.in.hours"
_USE_LOCAL = "com.atlassian.jira.startup.rebuild.local.index"
_ALLOW_FULL = "com.atlassian.jira.startup.allow.full.reindex"


class IndexNotRecovered(IndexProblem):
    """No way that is switched on has led to an index."""


def maximum_snapshot_age_hours(settings: JiraSettings) -> float:
    """The age up to which a snapshot is usable; sources give 8 days and 24 hours."""
    return settings.java_number(_MAXIMUM_AGE, 24.0 if settings.has("snapshot-age-24h") else 192.0)


def recover_index(
    index: IssueIndex, locks: ClusterLocks, *, settings: JiraSettings, lifecycle: Lifecycle
) -> None:
    """Get an index that holds every operation there is, and follow from there.

    Raises:
        IndexNotRecovered: see there.
        UnderstudyError: the node was stopped while it waited for the lock.
    """
    with locks.held(START_INDEX_LOCK):
        index.drop_old_operations()
        usable = _use_local(index, settings) or _use_snapshot(index, settings)
        if not usable:
            _rebuild(index, settings, lifecycle)
        _LOG.info("index caught up by %d operations", index.catch_up())
        index.follow()


def _use_local(index: IssueIndex, settings: JiraSettings) -> bool:
    if not settings.java_flag(_USE_LOCAL, True):
        _LOG.info("the local index is not used, as %s is false", _USE_LOCAL)
        return False
    try:
        index.open()
        return _is_close(index, settings, "the local index")
    except IndexProblem as error:
        _LOG.warning("the local index is not used: %s", error)
        return False


def _use_snapshot(index: IssueIndex, settings: JiraSettings) -> bool:
    oldest = maximum_snapshot_age_hours(settings) * 3600
    for snapshot in index.snapshots.list():
        if snapshot.age_seconds > oldest:
            _LOG.info("%s is too old", snapshot.path.name)
            return False
        try:
            index.restore(snapshot.path)
            if index.lag().reachable:
                return True
            _LOG.warning("%s is older than the operations that are kept", snapshot.path.name)
        except IndexProblem as error:
            _LOG.warning("a snapshot is not used: %s", error)
    return False


def _is_close(index: IssueIndex, settings: JiraSettings, what: str) -> bool:
    lag = index.lag()
    tolerance = settings.java_number(_TOLERANCE, 10.0)
    if lag.reachable and lag.percentage <= tolerance:
        return True
    _LOG.warning("%s is behind by %d of %d issues, which is too much", what, lag.changed, lag.total)
    return False


def _rebuild(index: IssueIndex, settings: JiraSettings, lifecycle: Lifecycle) -> None:
    if not settings.java_flag(_ALLOW_FULL, True):
        raise IndexNotRecovered("Failed to start with an index: a full re-index is not allowed at start-up.")
    state = State.ERROR if settings.has("reindex-is-error") else State.MAINTENANCE
    lifecycle.move(state, "every issue is being indexed anew")
    index.rebuild(lambda done, total: _LOG.info("re-index: %d of %d issues", done, total))
    lifecycle.move(State.STARTING, "the index is there")
