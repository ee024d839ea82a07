"""Comments on pull requests, and what happened to a pull request."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from understudy.bitbucket.errors import Refusal, invalid, not_permitted, taken
from understudy.bitbucket.pulls import PullRequest
from understudy.bitbucket.rows import returned
from understudy.kit.accounts import Principal
from understudy.kit.database import Database, Row

_LONGEST = 32768


@dataclass(frozen=True)
class Comment:
    """A comment; ``parent`` is the one it replies to."""

    id: int
    parent: int | None
    author: str
    version: int
    text: str
    created: datetime
    updated: datetime


@dataclass(frozen=True)
class Activity:
    """One thing that happened; ``comment`` is the comment it was, if it was one."""

    id: int
    user: str
    created: datetime
    action: str
    comment: Comment | None
    from_hash: str | None
    previous_from_hash: str | None
    merge_hash: str | None


class Comments:
    """Reads and changes comments.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, pull: PullRequest, who: Principal, *, text: str, parent: int | None) -> Comment:
        """Write a comment, or a reply.

        Raises:
            Refusal: the text is empty or too long, or the parent is not here.
        """
        if not text.strip() or len(text) > _LONGEST:
            raise invalid("A comment must have between 1 and 32768 characters.", field="text")
        if parent is not None:
            self.find(pull, parent)
        with self._database.transaction() as connection:
            made = connection.execute(
                "insert into sta_comment (pr_id, parent_id, author, body) values (%s, %s, %s, %s) returning *",
                (pull.row, parent, who.name.lower(), text),
            ).fetchone()
            row = returned(made)
            connection.execute(
                "insert into sta_pr_activity (pr_id, user_name, action, comment_id) values (%s, %s, 'COMMENTED', %s)",
                (pull.row, who.name.lower(), row["id"]),
            )
        return _comment(row)

    def find(self, pull: PullRequest, identity: int) -> Comment:
        """One comment of a pull request.

        Raises:
            Refusal: there is none.
        """
        statement = "select * from sta_comment where pr_id = %s and id = %s"
        row = self._database.fetch_one(statement, (pull.row, identity))
        if row is None:
            raise Refusal(
                f"No such comment: {identity}.", status=404, exception="comment.NoSuchCommentException"
            )
        return _comment(row)

    def change(self, pull: PullRequest, identity: int, *, who: Principal, text: str, version: int) -> Comment:
        """Write a comment anew."""
        current = self._own(pull, identity, who)
        changed = self._database.execute(
            "update sta_comment set body = %s, version = version + 1, updated = now() where id = %s and version = %s",
            (text, identity, version),
        )
        if not changed:
            message = f"The comment has changed meanwhile (version {current.version})."
            raise taken(message, exception="comment.CommentOutOfDateException")
        return self.find(pull, identity)

    def remove(self, pull: PullRequest, identity: int, *, who: Principal, version: int) -> None:
        """Remove a comment nobody replied to."""
        self._own(pull, identity, who)
        with self._database.transaction() as connection:
            replies = connection.execute(
                "select 1 as one from sta_comment where parent_id = %s limit 1", (identity,)
            ).fetchone()
            if replies is not None:
                raise taken(
                    "A comment with replies cannot be deleted.", exception="comment.CommentDeletionException"
                )
            gone = connection.execute(
                "delete from sta_comment where id = %s and version = %s", (identity, version)
            )
            if not gone.rowcount:
                message = "The comment has changed meanwhile."
                raise taken(message, exception="comment.CommentOutOfDateException")
            connection.execute("delete from sta_pr_activity where comment_id = %s", (identity,))

    def activities(self, pull: PullRequest, *, start: int, limit: int) -> list[Activity]:
        """A page of what happened, newest first; replies are not among it."""
        rows = self._database.fetch_all(
            """select a.id as a_id, a.user_name, a.created as a_created, a.action, a.from_hash, a.previous_from_hash,
                   a.merge_hash, c.id, c.parent_id, c.author, c.version, c.body, c.created, c.updated
               from sta_pr_activity a left join sta_comment c on c.id = a.comment_id
               where a.pr_id = %s and c.parent_id is null order by a.id desc offset %s limit %s""",
            (pull.row, start, limit),
        )
        return [_activity(row) for row in rows]

    def replies(self, pull: PullRequest) -> dict[int, list[Comment]]:
        """Every reply, by the comment it replies to."""
        rows = self._database.fetch_all(
            "select * from sta_comment where pr_id = %s and parent_id is not null order by id", (pull.row,)
        )
        found: dict[int, list[Comment]] = {}
        for row in rows:
            found.setdefault(row["parent_id"], []).append(_comment(row))
        return found

    def _own(self, pull: PullRequest, identity: int, who: Principal) -> Comment:
        comment = self.find(pull, identity)
        if comment.author != who.name.lower():
            raise not_permitted("change somebody else's comment")
        return comment


def _comment(row: Row) -> Comment:
    return Comment(
        row["id"],
        row["parent_id"],
        row["author"],
        row["version"],
        row["body"],
        row["created"],
        row["updated"],
    )


def _activity(row: Row) -> Activity:
    return Activity(
        id=row["a_id"],
        user=row["user_name"],
        created=row["a_created"],
        action=row["action"],
        comment=None if row["id"] is None else _comment(row),
        from_hash=row["from_hash"],
        previous_from_hash=row["previous_from_hash"],
        merge_hash=row["merge_hash"],
    )
