"""Files attached to pages: in the shared home, with their rows beside those of the pages.

Layout: ``<shared home>/attachments/v4/<(id % 65535) % 256>/<(id % 65535) / 256>/<id>/<id>.<version>``.
Source: Atlassian, "Hierarchical file system attachment storage" (since 8.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from understudy.confluence.content import Content, keep_version, list_children, no_content
from understudy.confluence.journal import record
from understudy.kit.database import Connection, Database, lock_for_transaction
from understudy.kit.errors import NotFound
from understudy.kit.homes import write_durably
from understudy.kit.sabotage import EverySo, half

DEFAULT_MEDIA_TYPE = "application/octet-stream"


@dataclass(frozen=True)
class Upload:
    """A file that somebody sends."""

    name: str
    media_type: str
    file: BinaryIO
    comment: str
    minor: bool


def file_path(shared_home: Path, content_id: int, *, version: int) -> Path:
    """Where the bytes of one version are."""
    spread = content_id % 65535
    folder = shared_home / "attachments" / "v4" / str(spread % 256) / str(spread // 256) / str(content_id)
    return folder / f"{content_id}.{version}"


class Attachments:
    """Stores and finds attached files.

    Args:
        database: where their rows are.
        shared_home: where their bytes are.
        tears: which files are stored by half, where the node is to betray its users.
    """

    def __init__(self, database: Database, shared_home: Path, *, tears: EverySo) -> None:
        self._database = database
        self._tears = tears
        self._shared_home = shared_home

    def path(self, attachment: Content) -> Path:
        """The file of a version.

        Raises:
            NotFound: the row is there and the file is not.
        """
        path = file_path(self._shared_home, attachment.content_id, version=attachment.version)
        if not path.is_file():
            raise NotFound(f"The file of attachment {attachment.content_id} is missing")
        return path

    def add(self, page: Content, upload: Upload, *, author: str) -> tuple[int, int]:
        """Attach a file; one of the same name gets a new version.

        The bytes are on the disk before the row that names them is committed.

        Returns:
            The id of the attachment, and that of the journal entry.
        """
        with self._database.transaction() as connection:
            # Two uploads under one name are put one after the other, so that each gets a version.
            lock_for_transaction(connection, f"attachments of {page.content_id}")
            same = list_children(
                connection, page.content_id, kind="attachment", start=0, limit=1, title=upload.name
            )
            if same:
                return self._next_version(connection, same[0], upload, author=author)
            row = connection.execute(
                """insert into content (contenttype, title, lowertitle, creator, lastmodifier, versioncomment,
                        minoredit, spaceid, pageid, mediatype)
                    values ('attachment', %(title)s, %(lower)s, %(author)s, %(author)s, %(comment)s, %(minor)s,
                        %(space)s, %(page)s, %(media)s)
                    returning contentid""",
                {
                    "title": upload.name,
                    "lower": upload.name.lower(),
                    "author": author,
                    "comment": upload.comment,
                    "minor": upload.minor,
                    "space": page.space_id,
                    "page": page.content_id,
                    "media": upload.media_type,
                },
            ).fetchone()
            if row is None:
                raise no_content(page.content_id)
            content_id = int(row["contentid"])
            size = self._write(content_id, upload, version=1)
            connection.execute("update content set filesize = %s where contentid = %s", (size, content_id))
            return content_id, record(connection, "ADD_DOCUMENT", content_id=content_id)

    def replace(self, attachment: Content, upload: Upload, *, author: str) -> int:
        """Give an attachment new bytes; gives the journal entry."""
        with self._database.transaction() as connection:
            lock_for_transaction(connection, f"attachments of {attachment.container}")
            return self._next_version(connection, attachment, upload, author=author)[1]

    def _write(self, content_id: int, upload: Upload, *, version: int) -> int:
        file = half(upload.file) if self._tears.now() else upload.file
        return write_durably(file_path(self._shared_home, content_id, version=version), file)

    def _next_version(
        self, connection: Connection, attachment: Content, upload: Upload, *, author: str
    ) -> tuple[int, int]:
        content_id = attachment.content_id
        row = connection.execute(
            "select version from content where contentid = %s and content_status = 'current' for update",
            (content_id,),
        ).fetchone()
        if row is None:
            raise no_content(content_id)
        version = int(row["version"]) + 1
        size = self._write(content_id, upload, version=version)
        keep_version(connection, content_id)
        connection.execute(
            """update content set version = %s, lastmodifier = %s, lastmoddate = now(), versioncomment = %s,
                    minoredit = %s, mediatype = %s, filesize = %s where contentid = %s""",
            (version, author, upload.comment, upload.minor, upload.media_type, size, content_id),
        )
        return content_id, record(connection, "UPDATE_DOCUMENT", content_id=content_id)
