"""Attachments: rows in the database, files in the shared home.

Layout: ``data/attachments/<original project key>/<bucket>/<issue key>/<attachment id>``, where the bucket
is 10000 for the first ten thousand issue numbers, 20000 for the next, and so on. Source: Atlassian
community answer on the attachment layout (qaq-p/6312). A file is durable before its row is committed.
"""

from __future__ import annotations

import mimetypes
from pathlib import Path
from typing import BinaryIO

from understudy.jira.issues import Operations
from understudy.kit.database import Database, Row, one_row
from understudy.kit.errors import BadRequest, HttpProblem, NotFound
from understudy.kit.homes import remove_durably, write_durably
from understudy.kit.sabotage import EverySo, half

_BUCKET = 10_000


class Attachments:
    """Stores and finds attachments."""

    def __init__(
        self, database: Database, operations: Operations, *, shared_home: Path, tears: EverySo
    ) -> None:
        self._database = database
        self._tears = tears
        self._operations = operations
        self._folder = shared_home / "data" / "attachments"

    def add(self, issue: Row, *, filename: str, mime_type: str, content: BinaryIO, by: str) -> int:
        """Store a file and attach it to an issue; gives the id once both are durable.

        Args:
            issue: row of the issue query.
            filename: as the sender gives it; parts that are folders are dropped.
            mime_type: as the sender gives it; guessed from the name where empty.
            content: open for reading.
            by: user name.

        Raises:
            BadRequest: the file has no name.
            HttpProblem: the shared home cannot be written.
        """
        name = filename.replace("\\", "/").rpartition("/")[2].strip().replace("\0", "")
        if not name or name in {".", ".."}:
            raise BadRequest("The file has no name.")
        kind = mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        row = self._database.fetch_one("select nextval(pg_get_serial_sequence('fileattachment', 'id')) as id")
        attachment_id = int(row["id"]) if row else 0
        path = self._path(issue, attachment_id)
        try:
            size = write_durably(path, half(content) if self._tears.now() else content)
        except OSError as error:
            raise HttpProblem(f"The attachment cannot be stored: {error.strerror}.", status=500) from error
        with self._database.transaction() as connection:
            found = connection.execute(
                "update jiraissue set updated = now(), update_version = update_version + 1 where id = %s",
                (issue["id"],),
            )
            if not found.rowcount:
                remove_durably(path)
                raise NotFound("Issue Does Not Exist")
            one_row(
                connection.execute(
                    """insert into fileattachment (id, issueid, filename, mimetype, filesize, author)
                   values (%s, %s, %s, %s, %s, %s) returning id""",
                    (attachment_id, issue["id"], name, kind, size, by),
                )
            )
            operation = self._operations.note(connection, str(issue["id"]), operation="UPDATE")
        self._operations.committed(operation, by=by)
        return attachment_id

    def find(self, attachment_id: str) -> tuple[Row, Path]:
        """The row of an attachment, with its issue's key and author, and where its file is.

        Raises:
            NotFound: there is none of that id.
        """
        row = self._database.fetch_one(
            """select f.id, f.issueid, f.filename, f.mimetype, f.filesize as size, f.created,
               person_json(u) as author, i.issuenum, p.pkey, p.originalkey
               from fileattachment f join jiraissue i on i.id = f.issueid join project p on p.id = i.project
               left join cwd_user u on u.lower_user_name = f.author where f.id::text = %s""",
            (attachment_id,),
        )
        if row is None:
            raise NotFound(f"The attachment with id '{attachment_id}' does not exist")
        return row, self._path(row, row["id"])

    def delete(self, attachment_id: str, *, by: str) -> None:
        """Delete an attachment: the row first, then the file.

        Raises:
            NotFound: there is none of that id.
        """
        row, path = self.find(attachment_id)
        with self._database.transaction() as connection:
            connection.execute("delete from fileattachment where id = %s", (row["id"],))
            operation = self._operations.note(connection, str(row["issueid"]), operation="UPDATE")
        self._operations.committed(operation, by=by)
        remove_durably(path)

    def remove_files(self, issue: Row, attachment_ids: list[int]) -> None:
        """Remove the files of an issue that was deleted."""
        for attachment_id in attachment_ids:
            remove_durably(self._path(issue, attachment_id))

    def _path(self, issue: Row, attachment_id: int) -> Path:
        bucket = ((issue["issuenum"] - 1) // _BUCKET + 1) * _BUCKET
        project = str(issue["originalkey"])
        return self._folder / project / str(bucket) / f"{project}-{issue['issuenum']}" / str(attachment_id)
