"""Brings the database in step with what a repository's refs say now.

The repository is the truth. Under a lock per repository the refs are read and compared with the rows; what differs
becomes activity, moves pull requests along, and the rows follow. Whoever comes next finds nothing left to do, so it
does not matter which node pushed, or whether it lived to tell.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.bitbucket.git import Git
from understudy.bitbucket.pktline import ABSENT, RefCommand
from understudy.bitbucket.projects import Projects, Repository
from understudy.bitbucket.rows import returned
from understudy.kit.database import Connection, Database, Row, lock_for_transaction

Owners = dict[tuple[str, str] | None, str | None]
"""Who announced which change (ref and new commit); under None whom all others belong to."""

SETTLED_SECONDS = 5.0
"""Age below which an intent is left alone: links between nodes may just be coming up."""

LONGEST_PUSH_SECONDS = 3600.0
"""Age above which no push is still under way, on whichever node."""

BRANCHES = "refs/heads/"
TAGS = "refs/tags/"


@dataclass(frozen=True)
class RefChange:
    """A ref that moved; ``kind`` is ADD, UPDATE or DELETE."""

    ref: str
    old: str
    new: str

    @property
    def kind(self) -> str:
        """What happened, in the product's words."""
        if self.old == ABSENT:
            return "ADD"
        return "DELETE" if self.new == ABSENT else "UPDATE"


class Refs:
    """Keeps rows about refs true.

    Args:
        database: the rows.
        projects: finds repositories.
        git: runs git.
        node: name of this node, for the activity.
    """

    def __init__(self, database: Database, projects: Projects, git: Git, *, node: str) -> None:
        self._database = database
        self._projects = projects
        self._git = git
        self._node = node
        self._lock = threading.Lock()
        self._under_way: set[int] = set()

    def intend(self, repository: Repository, commands: Sequence[RefCommand], *, user: str) -> int:
        """Record that a push may come, before git hears of it.

        Args:
            repository: where to.
            commands: the changes asked for.
            user: who pushes.

        Returns:
            The number of the intent.
        """
        wanted = json.dumps([[command.old, command.new, command.ref] for command in commands])
        with self._database.transaction() as connection:
            row = connection.execute(
                """insert into push_intent (repository_id, user_name, node_id, commands)
                   values (%s, %s, %s, %s) returning id""",
                (repository.id, user.lower(), self._node, wanted),
            ).fetchone()
        intent = int(returned(row)["id"])
        with self._lock:
            self._under_way.add(intent)
        return intent

    def record(
        self, repository: Repository, *, intent: int | None = None, user: str | None = None
    ) -> list[RefChange]:
        """Bring the rows in step and drop the intent, in one transaction.

        Args:
            repository: whose refs may have moved.
            intent: of the push that has ended, if it was one.
            user: whom changes nobody announced belong to.

        Returns:
            The changes that were not recorded yet.
        """
        try:
            return self._compare(repository, intent, user=user)
        finally:
            with self._lock:
                self._under_way.discard(intent or 0)

    def _compare(self, repository: Repository, intent: int | None, *, user: str | None) -> list[RefChange]:
        reader = self._projects.reader(repository)
        with self._database.transaction() as connection:
            lock_for_transaction(connection, f"refs of repository {repository.id}")
            known = _known(connection, repository.id)
            actual = reader.refs(BRANCHES, TAGS)
            changes = compare(known, actual)
            owners = _owners(connection, repository.id, user)
            _store(connection, repository.id, changes)
            _tell(connection, repository.id, changes, owners=owners, node=self._node)
            self._move_pull_requests(connection, repository, changes, owners=owners)
            if not known and changes:
                self._choose_default(connection, repository, actual)
            if intent is not None:
                connection.execute("delete from push_intent where id = %s", (intent,))
        return changes

    def abandoned(self, living: Iterable[str]) -> list[tuple[int, int]]:
        """Intents nobody works on any more: their number and repository.

        Args:
            living: nodes that may still be pushing, this one among them.
        """
        with self._lock:
            under_way = list(self._under_way)
        others = [node for node in living if node != self._node]
        rows = self._database.fetch_all(
            """select id, repository_id from push_intent
               where node_id <> all(%s) and id <> all(%s) and began < now() - make_interval(secs => %s)
                  or began < now() - make_interval(secs => %s)
               order by id limit 100""",
            (others, under_way, SETTLED_SECONDS, LONGEST_PUSH_SECONDS),
        )
        return [(row["id"], row["repository_id"]) for row in rows]

    def _move_pull_requests(
        self, connection: Connection, repository: Repository, changes: list[RefChange], *, owners: Owners
    ) -> None:
        """Follow the branches of open pull requests; one whose commits are in its target now is merged."""
        reader, folder = self._projects.reader(repository), self._projects.folder(repository.id)
        moved = {change.ref: change.new for change in changes if change.new != ABSENT}
        rows = connection.execute(
            """select id, scoped_id, author, from_ref, from_hash, to_ref, to_hash from sta_pull_request
               where repository_id = %s and state = 'OPEN' and (from_ref = any(%s) or to_ref = any(%s)) order by id""",
            (repository.id, list(moved), list(moved)),
        ).fetchall()
        for row in rows:
            source = str(moved.get(row["from_ref"], row["from_hash"]))
            target = str(moved.get(row["to_ref"], row["to_hash"]))
            merged = reader.is_ancestor(source, target)
            if source != row["from_hash"]:
                keep_source(self._git, folder, number=row["scoped_id"], commit=source)
            mover = owners.get((row["to_ref"], target)) if merged else owners.get((row["from_ref"], source))
            _store_move(connection, row, source=source, target=target, mover=mover, merged=merged)

    def _choose_default(self, connection: Connection, repository: Repository, actual: dict[str, str]) -> None:
        """The first branch pushed to an empty repository becomes its default, if the one it has was not pushed."""
        branches = [ref for ref in actual if ref.startswith(BRANCHES)]
        if not branches or repository.default_branch in branches:
            return
        self._git.run(self._projects.folder(repository.id), "symbolic-ref", "HEAD", branches[0])
        connection.execute(
            "update repository set default_branch = %s where id = %s", (branches[0], repository.id)
        )


def keep_source(git: Git, folder: Path, *, number: int, commit: str) -> None:
    """Keep the commits of a pull request in the repository, whatever becomes of its branch.

    Source: Bitbucket keeps them at ``refs/pull-requests/<id>/from``.
    """
    git.run(folder, "update-ref", f"refs/pull-requests/{number}/from", commit)


def compare(known: dict[str, str], actual: dict[str, str]) -> list[RefChange]:
    """What has to happen to the known refs to make them the actual ones."""
    changes = []
    for ref in sorted(set(known) | set(actual)):
        old, new = known.get(ref, ABSENT), actual.get(ref, ABSENT)
        if old != new:
            changes.append(RefChange(ref, old, new))
    return changes


def _known(connection: Connection, repository: int) -> dict[str, str]:
    rows = connection.execute(
        "select ref_name, hash from repository_ref where repository_id = %s", (repository,)
    )
    return {row["ref_name"]: row["hash"] for row in rows}


def _owners(connection: Connection, repository: int, user: str | None) -> Owners:
    rows = connection.execute(
        "select user_name, commands from push_intent where repository_id = %s", (repository,)
    )
    owners: Owners = {None: None if user is None else user.lower()}
    for row in rows:
        owners |= {(ref, new): row["user_name"] for _, new, ref in row["commands"]}
    return owners


def _store(connection: Connection, repository: int, changes: list[RefChange]) -> None:
    gone = [change.ref for change in changes if change.new == ABSENT]
    there = [change for change in changes if change.new != ABSENT]
    connection.execute(
        "delete from repository_ref where repository_id = %s and ref_name = any(%s)", (repository, gone)
    )
    connection.execute(
        """insert into repository_ref (repository_id, ref_name, hash)
           select %s, moved.ref, moved.hash from unnest(%s::text[], %s::text[]) as moved (ref, hash)
           on conflict (repository_id, ref_name) do update set hash = excluded.hash, updated = now()""",
        (repository, [change.ref for change in there], [change.new for change in there]),
    )


def _tell(
    connection: Connection, repository: int, changes: list[RefChange], *, owners: Owners, node: str
) -> None:
    rows = [
        (change.ref, change.kind, change.old, change.new, owners.get((change.ref, change.new), owners[None]))
        for change in changes
    ]
    connection.execute(
        """insert into repository_activity
           (repository_id, node_id, ref_name, change_type, from_hash, to_hash, user_name)
           select %s, %s, moved.* from unnest(%s::text[], %s::text[], %s::text[], %s::text[], %s::text[]) as moved""",
        (repository, node, *([row[place] for row in rows] for place in range(5))),
    )


def _store_move(
    connection: Connection, row: Row, *, source: str, target: str, mover: str | None, merged: bool
) -> None:
    merge = target if merged and target != source else None
    connection.execute(
        """update sta_pull_request set from_hash = %s, to_hash = %s, version = version + 1, updated = now(),
           state = case when %s then 'MERGED' else state end, closed = case when %s then now() end, merge_hash = %s
           where id = %s""",
        (source, target, merged, merged, merge, row["id"]),
    )
    connection.execute(
        """insert into sta_pr_activity (pr_id, user_name, action, from_hash, previous_from_hash, merge_hash)
           values (%s, %s, %s, %s, %s, %s)""",
        (
            *(row["id"], mover or row["author"], "MERGED" if merged else "RESCOPED"),
            *(source, row["from_hash"], merge),
        ),
    )
