"""Issues and comments: every change commits together with the operation that tells the indexes of it.

Operations are rows of ``replicatedindexoperation``; each node applies them to its own index in the order
of their ids. Source: Atlassian KB "How Jira Data Center node recovers after offline mode".
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from understudy.jira.catalogue import DEFAULT_PRIORITY, FIRST_STATUS, STATUSES
from understudy.jira.issuefields import (
    INVALID,
    IssueContent,
    apply_updates,
    check_comment,
    comments_in,
    read_fields,
)
from understudy.jira.projects import version_ids
from understudy.kit.database import Connection, Database, Row, lock_for_transaction, one_row
from understudy.kit.errors import BadRequest, NotFound
from understudy.kit.sabotage import EverySo


class Operations:
    """Notes operations for the indexes, and remembers the last one that each user had this node write.

    Args:
        node_id: of this node.
        announce: called after a commit that brought operations; tells the peers to look.
        drops: which operations are left out, where the node is to betray its users.
    """

    def __init__(self, node_id: str, announce: Callable[[], None], *, drops: EverySo) -> None:
        self._node_id = node_id
        self._announce = announce
        self._drops = drops
        self._lock = threading.Lock()
        self._last_of: dict[str, int] = {}

    def last_written(self, by: str) -> int:
        """Id of the last operation that this node has committed for a user; 0 where there is none."""
        return self._last_of.get(by.lower(), 0)

    def note(self, connection: Connection, ids: str, *, operation: str, filename: str = "") -> int:
        """Write an operation as the last statement of a transaction; gives its id.

        The lock makes ids visible in order, so that a reader who goes on from the last id it saw
        misses none.
        """
        if self._drops.now():
            return 0
        lock_for_transaction(connection, "replicatedindexoperation")
        row = one_row(
            connection.execute(
                """insert into replicatedindexoperation
               (node_id, affected_index, entity_type, affected_ids, operation, filename)
               values (%s, 'ISSUE', 'ISSUE', %s, %s, %s) returning id""",
                (self._node_id, ids, operation, filename),
            )
        )
        return int(row["id"])

    def committed(self, operation: int, *, by: str | None) -> None:
        """The transaction of an operation has committed; ``by`` names who asked for it, None that nobody did."""
        if by is not None:
            with self._lock:
                self._last_of[by.lower()] = max(self.last_written(by), operation)
        self._announce()


class Issues:
    """Changes issues and comments; see :mod:`understudy.jira.issuerows` for reading them."""

    def __init__(self, database: Database, operations: Operations) -> None:
        self._database = database
        self._operations = operations

    def create(self, fields: Mapping[str, Any], *, by: str) -> tuple[int, str]:
        """Create an issue; gives its id and key once both are durable.

        Raises:
            BadRequest: a field is missing or wrong.
        """
        blank = IssueContent("", "", "", DEFAULT_PRIORITY.id, None, by, (), ())
        content = read_fields(fields, blank)
        required = {
            "summary": content.summary.strip(),
            "issuetype": content.issue_type,
            "project": fields.get("project"),
        }
        missing = {name: f"{name} is required." for name, value in required.items() if not value}
        if missing:
            raise BadRequest(INVALID, fields=missing)
        with self._database.transaction() as connection:
            project = _lock_project(connection, fields["project"])
            _check_people(connection, content)
            row = one_row(
                connection.execute(
                    """insert into jiraissue (project, issuenum, summary, description, issuetype, priority,
                   issuestatus, assignee, reporter, creator, labels, fixfor)
                   values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id""",
                    (
                        *(project["id"], project["pcounter"], content.summary, content.description),
                        *(
                            content.issue_type,
                            content.priority,
                            FIRST_STATUS.id,
                            content.assignee,
                            content.reporter,
                            by,
                        ),
                        *(
                            list(content.labels),
                            version_ids(connection, project["id"], names=list(content.fix_versions)),
                        ),
                    ),
                )
            )
            operation = self._operations.note(connection, str(row["id"]), operation="CREATE")
        self._operations.committed(operation, by=by)
        return int(row["id"]), f"{project['pkey']}-{project['pcounter']}"

    def edit(self, key_or_id: str, fields: Mapping[str, Any], *, update: Mapping[str, Any], by: str) -> None:
        """Change fields of an issue, and add comments.

        Args:
            key_or_id: of the issue.
            fields: new values by field.
            update: lists of ``{"set"|"add"|"remove": value}`` by field.
            by: who does it.

        Raises:
            NotFound: there is no such issue.
            BadRequest: a field is wrong.
        """
        with self._database.transaction() as connection:
            row = _lock_issue(connection, key_or_id)
            content = read_fields(fields, _content_of(connection, row))
            content = apply_updates(update, content)
            if not content.summary.strip():
                raise BadRequest(INVALID, fields={"summary": "You must specify a summary of the issue."})
            _check_people(connection, content)
            connection.execute(
                """update jiraissue set summary = %s, description = %s, issuetype = %s, priority = %s,
                   assignee = %s, reporter = %s, labels = %s, fixfor = %s, updated = now(),
                   update_version = update_version + 1 where id = %s""",
                (
                    *(content.summary, content.description, content.issue_type, content.priority),
                    *(content.assignee, content.reporter, list(content.labels)),
                    *(version_ids(connection, row["project"], names=list(content.fix_versions)), row["id"]),
                ),
            )
            for body in comments_in(update):
                _insert_comment(connection, row["id"], body, by=by)
            operation = self._operations.note(connection, str(row["id"]), operation="UPDATE")
        self._operations.committed(operation, by=by)

    def transition(self, key_or_id: str, transition_id: str, *, update: Mapping[str, Any], by: str) -> None:
        """Move an issue to another status.

        Raises:
            NotFound: there is no such issue.
            BadRequest: there is no such transition.
        """
        status = next((status for status in STATUSES if status.transition_id == transition_id), None)
        if status is None:
            raise BadRequest(
                f"It seems that you have tried to perform an illegal workflow operation: {transition_id}."
            )
        with self._database.transaction() as connection:
            row = _lock_issue(connection, key_or_id)
            connection.execute(
                """update jiraissue set issuestatus = %s, updated = now(), update_version = update_version + 1
                   where id = %s""",
                (status.id, row["id"]),
            )
            for body in comments_in(update):
                _insert_comment(connection, row["id"], body, by=by)
            operation = self._operations.note(connection, str(row["id"]), operation="UPDATE")
        self._operations.committed(operation, by=by)

    def delete(self, key_or_id: str, *, by: str) -> list[int]:
        """Delete an issue; gives the ids of its attachments, whose files may go now.

        Raises:
            NotFound: there is no such issue.
        """
        with self._database.transaction() as connection:
            row = _lock_issue(connection, key_or_id)
            attachments = connection.execute(
                "select id from fileattachment where issueid = %s", (row["id"],)
            ).fetchall()
            connection.execute("delete from jiraissue where id = %s", (row["id"],))
            operation = self._operations.note(connection, str(row["id"]), operation="DELETE")
        self._operations.committed(operation, by=by)
        return [attachment["id"] for attachment in attachments]

    def add_comment(self, key_or_id: str, body: str, *, by: str) -> int:
        """Add a comment; gives its id.

        Raises:
            NotFound: there is no such issue.
            BadRequest: the comment is empty.
        """
        check_comment(body)
        with self._database.transaction() as connection:
            row = _lock_issue(connection, key_or_id)
            comment_id = _insert_comment(connection, row["id"], body, by=by)
            operation = self._touch(connection, row["id"])
        self._operations.committed(operation, by=by)
        return comment_id

    def edit_comment(self, key_or_id: str, comment_id: str, *, body: str, by: str) -> None:
        """Change a comment.

        Raises:
            NotFound: there is no such issue or comment.
            BadRequest: the comment is empty.
        """
        check_comment(body)
        with self._database.transaction() as connection:
            row = _lock_issue(connection, key_or_id)
            changed = connection.execute(
                """update jiraaction set actionbody = %s, updateauthor = %s, updated = now()
                   where id::text = %s and issueid = %s""",
                (body, by, comment_id, row["id"]),
            ).rowcount
            if not changed:
                raise NotFound(f"Can not find a comment for the id: {comment_id}.")
            operation = self._touch(connection, row["id"])
        self._operations.committed(operation, by=by)

    def delete_comment(self, key_or_id: str, comment_id: str, *, by: str) -> None:
        """Delete a comment.

        Raises:
            NotFound: there is no such issue or comment.
        """
        with self._database.transaction() as connection:
            row = _lock_issue(connection, key_or_id)
            statement = "delete from jiraaction where id::text = %s and issueid = %s"
            if not connection.execute(statement, (comment_id, row["id"])).rowcount:
                raise NotFound(f"Can not find a comment for the id: {comment_id}.")
            operation = self._touch(connection, row["id"])
        self._operations.committed(operation, by=by)

    def _touch(self, connection: Connection, issue_id: int) -> int:
        connection.execute(
            "update jiraissue set updated = now(), update_version = update_version + 1 where id = %s",
            (issue_id,),
        )
        return self._operations.note(connection, str(issue_id), operation="UPDATE")


def _insert_comment(connection: Connection, issue_id: int, body: str, *, by: str) -> int:
    row = one_row(
        connection.execute(
            "insert into jiraaction (issueid, author, actionbody, updateauthor) values (%s, %s, %s, %s) returning id",
            (issue_id, by, body, by),
        )
    )
    return int(row["id"])


def _lock_project(connection: Connection, reference: Any) -> Row:
    """Draw the next issue number; the row stays locked until the transaction ends."""
    wanted = reference if isinstance(reference, Mapping) else {}
    row = connection.execute(
        "update project set pcounter = pcounter + 1 where pkey = %s or id::text = %s returning *",
        (str(wanted.get("key", "")), str(wanted.get("id", ""))),
    ).fetchone()
    if row is None:
        raise BadRequest(INVALID, fields={"project": "valid project is required"})
    return row


def _lock_issue(connection: Connection, key_or_id: str) -> Row:
    key, _, number = key_or_id.upper().rpartition("-")
    row = connection.execute(
        """select i.* from jiraissue i join project p on p.id = i.project
           where (p.pkey = %s and i.issuenum::text = %s) or i.id::text = %s for update of i""",
        (key, number, key_or_id),
    ).fetchone()
    if row is None:
        raise NotFound("Issue Does Not Exist")
    return row


def _content_of(connection: Connection, row: Row) -> IssueContent:
    versions = connection.execute(
        "select id from projectversion where id = any(%s) order by id", (row["fixfor"],)
    ).fetchall()
    return IssueContent(
        summary=row["summary"],
        description=row["description"],
        issue_type=row["issuetype"],
        priority=row["priority"],
        assignee=row["assignee"],
        reporter=row["reporter"],
        labels=tuple(row["labels"]),
        fix_versions=tuple(str(version["id"]) for version in versions),
    )


def _check_people(connection: Connection, content: IssueContent) -> None:
    for name, person in (("assignee", content.assignee), ("reporter", content.reporter)):
        if person is None:
            continue
        known = connection.execute(
            "select 1 from cwd_user where lower_user_name = %s", (person.lower(),)
        ).fetchone()
        if known is None:
            raise BadRequest(INVALID, fields={name: f"User '{person}' does not exist."})
