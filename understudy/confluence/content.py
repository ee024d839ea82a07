"""Pages, blog posts and comments: rows and the statements on them.

As in the product, the current version of a piece of content keeps its id for ever, and every earlier
version is a row of its own that points to it (``prevver``). Source: the vendor's "Confluence Data Model".
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import LiteralString

import psycopg.errors

from understudy.confluence.journal import record
from understudy.kit.database import Connection, Row
from understudy.kit.errors import BadRequest, Conflict, NotFound

_SELECT: LiteralString = """
    select c.*, b.body, s.spacekey, s.spacename, s.homepage,
        coalesce(cu.display_name, c.creator) as creator_name,
        coalesce(mu.display_name, c.lastmodifier) as modifier_name
    from content c
    left join bodycontent b on b.contentid = c.contentid
    left join spaces s on s.spaceid = c.spaceid
    left join cwd_user cu on cu.lower_user_name = lower(c.creator)
    left join cwd_user mu on mu.lower_user_name = lower(c.lastmodifier)
"""

_ABOVE: LiteralString = """
    with recursive up(contentid, depth) as (
        select parentid, 1 from content where contentid = %s and parentid is not null
        union all
        select p.parentid, up.depth + 1 from content p join up on p.contentid = up.contentid
            where p.parentid is not null and up.depth < 100)
"""
_BY_DEPTH: LiteralString = " join up on up.contentid = c.contentid order by up.depth desc"


@dataclass(frozen=True)
class Author:
    """Who did something, by login name and name for people."""

    name: str
    display_name: str


@dataclass(frozen=True)
class Content:
    """One version of a page, blog post, comment or attachment.

    ``content_id`` is that of the current version, also where this is an earlier one. ``container`` is the
    page that a comment or attachment belongs to, ``size`` is in bytes.
    """

    content_id: int
    kind: str
    title: str
    version: int
    status: str
    body: str
    creator: Author
    created: dt.datetime
    modifier: Author
    modified: dt.datetime
    comment: str
    minor: bool
    space_id: int
    space_key: str
    space_name: str
    parent: int | None
    container: int | None
    media_type: str
    size: int


@dataclass(frozen=True)
class NewContent:
    """What somebody wants to create."""

    kind: str
    title: str
    body: str
    space_id: int
    author: str
    parent: int | None = None
    container: int | None = None
    comment: str = ""


@dataclass(frozen=True)
class Change:
    """What somebody wants to make of a page; None leaves a part as it is."""

    version: int
    author: str
    title: str | None = None
    body: str | None = None
    parent: int | None = None
    comment: str = ""
    minor: bool = False


def create_content(connection: Connection, new: NewContent) -> tuple[int, int]:
    """Insert a piece of content.

    Returns:
        Its id, and the id of its journal entry.

    Raises:
        BadRequest: the title is taken in the space, or missing, or too long.
    """
    _check_title(new.kind, new.title)
    row = connection.execute(
        """insert into content (contenttype, title, lowertitle, creator, lastmodifier, versioncomment, spaceid,
                parentid, pageid)
            values (%(kind)s, %(title)s, %(lower)s, %(author)s, %(author)s, %(comment)s, %(space)s,
                %(parent)s, %(container)s)
            on conflict (spaceid, lowertitle, contenttype) where prevver is null and content_status = 'current'
                and contenttype in ('page', 'blogpost') do nothing
            returning contentid""",
        {
            "kind": new.kind,
            "title": new.title,
            "lower": new.title.lower(),
            "author": new.author,
            "comment": new.comment,
            "space": new.space_id,
            "parent": new.parent,
            "container": new.container,
        },
    ).fetchone()
    if row is None:
        raise _title_taken(new.title)
    content_id = int(row["contentid"])
    connection.execute("insert into bodycontent (contentid, body) values (%s, %s)", (content_id, new.body))
    return content_id, record(connection, "ADD_DOCUMENT", content_id=content_id)


def find_content(connection: Connection, content_id: int, *, status: str = "current") -> Content:
    """The current version of a piece of content.

    Args:
        connection: of the transaction.
        content_id: its id.
        status: ``current``, ``trashed`` or ``any``.

    Raises:
        NotFound: there is none with that id and status.
    """
    statement: LiteralString = _SELECT + " where c.contentid = %s and c.prevver is null"
    row = connection.execute(statement, (content_id,)).fetchone()
    if row is None or status not in {"any", _status(row)}:
        raise no_content(content_id)
    return content_of(row)


def find_version(connection: Connection, content_id: int, *, version: int) -> Content:
    """One version of a piece of content, the current one among them.

    Raises:
        NotFound: there is no such version.
    """
    statement: LiteralString = (
        _SELECT + " where c.version = %s and (c.prevver = %s or (c.contentid = %s and c.prevver is null))"
    )
    row = connection.execute(statement, (version, content_id, content_id)).fetchone()
    if row is None:
        raise no_content(content_id)
    return content_of(row)


def list_versions(connection: Connection, content_id: int, *, start: int, limit: int) -> list[Content]:
    """Every version, the newest first."""
    statement: LiteralString = (
        _SELECT
        + " where c.prevver = %s or (c.contentid = %s and c.prevver is null)"
        + " order by c.version desc offset %s limit %s"
    )
    return _many(connection, statement, (content_id, content_id, start, limit))


def list_content(
    connection: Connection, *, kind: str, space_key: str, title: str, start: int, limit: int
) -> list[Content]:
    """Current content of a kind, by id; an empty space key or title means any."""
    statement: LiteralString = (
        _SELECT
        + """ where c.prevver is null and c.content_status = 'current' and c.contenttype = %s
            and (%s = '' or s.lowerspacekey = %s) and (%s = '' or c.lowertitle = %s)
            order by c.contentid offset %s limit %s"""
    )
    key, lower = space_key.lower(), title.lower()
    return _many(connection, statement, (kind, key, key, lower, lower, start, limit))


def list_recent(connection: Connection, *, limit: int) -> list[Content]:
    """The pages changed last."""
    statement: LiteralString = (
        _SELECT
        + """ where c.prevver is null and c.content_status = 'current' and c.contenttype = 'page'
            order by c.lastmoddate desc limit %s"""
    )
    return _many(connection, statement, (limit,))


def list_children(
    connection: Connection, content_id: int, *, kind: str, start: int, limit: int, title: str = ""
) -> list[Content]:
    """What hangs below a page: its child pages, its comments or its attachments, by id."""
    statement: LiteralString = (
        _SELECT
        + """ where c.prevver is null and c.content_status = 'current' and c.contenttype = %s
            and (case when %s = 'page' then c.parentid else c.pageid end) = %s and (%s = '' or c.lowertitle = %s)
            order by c.contentid offset %s limit %s"""
    )
    lower = title.lower()
    return _many(connection, statement, (kind, kind, content_id, lower, lower, start, limit))


def find_many(connection: Connection, content_ids: list[int]) -> dict[int, Content]:
    """Current content by id; what is gone is left out."""
    statement: LiteralString = (
        _SELECT + " where c.contentid = any(%s) and c.prevver is null and c.content_status = 'current'"
    )
    return {content.content_id: content for content in _many(connection, statement, (content_ids,))}


def list_ancestors(connection: Connection, content_id: int) -> list[Content]:
    """The pages above a page, the topmost first."""
    statement: LiteralString = _ABOVE + _SELECT + _BY_DEPTH
    return _many(connection, statement, (content_id,))


def change_content(connection: Connection, content_id: int, *, change: Change) -> int:
    """Make the next version of a page.

    Returns:
        The id of the journal entry.

    Raises:
        NotFound: there is no such page.
        Conflict: the version given is not the current one plus one.
        BadRequest: the title is taken, or the new parent is the page itself or below it.
    """
    row = connection.execute(
        "select * from content where contentid = %s and prevver is null and content_status = 'current' for update",
        (content_id,),
    ).fetchone()
    if row is None:
        raise no_content(content_id)
    if change.version != row["version"] + 1:
        raise Conflict(f"Version must be incremented on update. Current version is: {row['version']}")
    title = row["title"] if change.title is None else change.title
    _check_title(row["contenttype"], title)
    if change.parent is not None:
        _check_parent(connection, content_id, change.parent)
    keep_version(connection, content_id)
    try:
        connection.execute(
            """update content set title = %(title)s, lowertitle = %(lower)s, version = %(version)s,
                    lastmodifier = %(author)s, lastmoddate = now(), versioncomment = %(comment)s,
                    minoredit = %(minor)s, parentid = coalesce(%(parent)s, parentid)
                where contentid = %(id)s""",
            {
                "title": title,
                "lower": title.lower(),
                "version": change.version,
                "author": change.author,
                "comment": change.comment,
                "minor": change.minor,
                "parent": change.parent,
                "id": content_id,
            },
        )
    except psycopg.errors.UniqueViolation as error:
        raise _title_taken(title) from error
    if change.body is not None:
        connection.execute("update bodycontent set body = %s where contentid = %s", (change.body, content_id))
    return record(connection, "UPDATE_DOCUMENT", content_id=content_id)


def keep_version(connection: Connection, content_id: int) -> None:
    """Copy the current version into a row of the history, with its body."""
    connection.execute(
        """with kept as (
            insert into content (contenttype, title, lowertitle, version, creator, creationdate, lastmodifier,
                lastmoddate, versioncomment, minoredit, prevver, content_status, pageid, spaceid, parentid,
                mediatype, filesize)
            select contenttype, title, lowertitle, version, creator, creationdate, lastmodifier, lastmoddate,
                versioncomment, minoredit, contentid, 'historical', pageid, spaceid, null, mediatype, filesize
            from content where contentid = %(id)s
            returning contentid)
        insert into bodycontent (contentid, body)
        select kept.contentid, b.body from kept, bodycontent b where b.contentid = %(id)s""",
        {"id": content_id},
    )


def trash_content(connection: Connection, content_id: int) -> int:
    """Put content into the trash, together with its comments and attachments; gives the journal entry.

    Raises:
        NotFound: there is none, or it is in the trash already.
    """
    gone = connection.execute(
        """update content set content_status = 'deleted' where contentid = %s and prevver is null
            and content_status = 'current' returning parentid""",
        (content_id,),
    ).fetchone()
    if gone is None:
        raise no_content(content_id)
    connection.execute(
        "update content set parentid = %s where parentid = %s and prevver is null",
        (gone["parentid"], content_id),
    )
    held = connection.execute(
        """update content set content_status = 'deleted' where pageid = %s and prevver is null
            and content_status = 'current' returning contentid""",
        (content_id,),
    ).fetchall()
    for row in held:
        record(connection, "DELETE_DOCUMENT", content_id=row["contentid"])
    return record(connection, "DELETE_DOCUMENT", content_id=content_id)


def purge_content(connection: Connection, content_id: int) -> None:
    """Remove content that is in the trash.

    Raises:
        NotFound: it is not in the trash.
    """
    gone = connection.execute(
        "delete from content where contentid = %s and prevver is null and content_status = 'deleted'",
        (content_id,),
    )
    if not gone.rowcount:
        raise no_content(content_id)


def list_labels(connection: Connection, content_id: int) -> list[str]:
    """The labels of a piece of content, by name."""
    rows = connection.execute(
        "select name from label where contentid = %s order by name", (content_id,)
    ).fetchall()
    return [row["name"] for row in rows]


def add_labels(connection: Connection, content_id: int, *, names: list[str], author: str) -> int:
    """Add labels; gives the journal entry."""
    for name in names:
        connection.execute(
            "insert into label (contentid, name, owner) values (%s, %s, %s) on conflict do nothing",
            (content_id, name.strip().lower(), author),
        )
    return record(connection, "UPDATE_DOCUMENT", content_id=content_id)


def remove_label(connection: Connection, content_id: int, *, name: str) -> int:
    """Take a label away; gives the journal entry."""
    connection.execute("delete from label where contentid = %s and name = %s", (content_id, name.lower()))
    return record(connection, "UPDATE_DOCUMENT", content_id=content_id)


def content_of(row: Row) -> Content:
    """The content in a row of the query above."""
    return Content(
        content_id=row["prevver"] or row["contentid"],
        kind=row["contenttype"],
        title=row["title"],
        version=row["version"],
        status=_status(row),
        body=row["body"] or "",
        creator=Author(row["creator"], row["creator_name"]),
        created=row["creationdate"],
        modifier=Author(row["lastmodifier"], row["modifier_name"]),
        modified=row["lastmoddate"],
        comment=row["versioncomment"],
        minor=row["minoredit"],
        space_id=row["spaceid"] or 0,
        space_key=row["spacekey"] or "",
        space_name=row["spacename"] or "",
        parent=row["parentid"],
        container=row["pageid"],
        media_type=row["mediatype"],
        size=row["filesize"],
    )


def no_content(content_id: int) -> NotFound:
    """The error for content that is not there, in the product's words."""
    return NotFound(f"No content found with id: ContentId{{id={content_id}}}")


def _status(row: Row) -> str:
    """``trashed`` is what REST calls the status that the table calls ``deleted``."""
    return "trashed" if row["content_status"] == "deleted" else str(row["content_status"])


def _many(connection: Connection, statement: LiteralString, parameters: tuple[object, ...]) -> list[Content]:
    return [content_of(row) for row in connection.execute(statement, parameters).fetchall()]


def _check_title(kind: str, title: str) -> None:
    if kind != "comment" and not title.strip():
        raise BadRequest("A title is required")
    if len(title) > 255:
        raise BadRequest("Title cannot be longer than 255 characters.")


def _check_parent(connection: Connection, content_id: int, parent: int) -> None:
    above = [ancestor.content_id for ancestor in list_ancestors(connection, parent)]
    if content_id == parent or content_id in above:
        raise BadRequest("A page cannot be moved below itself")
    find_content(connection, parent)


def _title_taken(title: str) -> BadRequest:
    return BadRequest(
        f"A page with this title already exists: A page already exists with the title {title} in the space"
    )
