"""Spaces: rows and the statements on them."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence
from dataclasses import dataclass

from understudy.confluence.journal import record_many
from understudy.kit.database import Connection, Row
from understudy.kit.errors import BadRequest, NotFound

_KEY = re.compile(r"^(~[A-Za-z0-9._@-]{1,200}|[A-Za-z0-9]{1,255})$")
_COLUMNS = (
    "spaceid, spacekey, spacename, description, spacetype, spacestatus, homepage, creator, creationdate"
)


@dataclass(frozen=True)
class Space:
    """One space."""

    space_id: int
    key: str
    name: str
    description: str
    kind: str
    status: str
    homepage: int | None
    creator: str
    created: dt.datetime


def create_space(connection: Connection, key: str, *, name: str, description: str, author: str) -> Space:
    """Make a space and its home page.

    Raises:
        BadRequest: the key is not one, the name is missing, or there is such a space.
    """
    if not _KEY.match(key):
        raise BadRequest(f"Invalid space key: {key[:80]}")
    if not name.strip():
        raise BadRequest("A space name is required")
    row = connection.execute(
        """insert into spaces (spacekey, lowerspacekey, spacename, description, spacetype, creator)
            values (%s, %s, %s, %s, %s, %s)
            on conflict (lowerspacekey) do nothing
            returning *""",
        (
            key,
            key.lower(),
            name.strip(),
            description,
            "personal" if key.startswith("~") else "global",
            author,
        ),
    ).fetchone()
    if row is None:
        raise BadRequest(f"A space already exists with key {key}")
    return _space(row)


def set_homepage(connection: Connection, space_id: int, *, content_id: int) -> None:
    """Name the page that a space opens with."""
    connection.execute("update spaces set homepage = %s where spaceid = %s", (content_id, space_id))


def find_space(connection: Connection, key: str) -> Space:
    """The space with a key, in any case of letters.

    Raises:
        NotFound: there is none.
    """
    row = connection.execute("select * from spaces where lowerspacekey = %s", (key.lower(),)).fetchone()
    if row is None:
        raise NotFound(f"No space with key : {key[:80]}")
    return _space(row)


def list_spaces(connection: Connection, keys: Sequence[str], *, start: int, limit: int) -> list[Space]:
    """Spaces in the order of their names.

    Args:
        connection: of the transaction.
        keys: only these; all where empty.
        start: how many to skip.
        limit: most to give.
    """
    rows = connection.execute(
        """select * from spaces
            where cardinality(%(keys)s::text[]) = 0 or lowerspacekey = any(%(keys)s)
            order by lower(spacename), spaceid offset %(start)s limit %(limit)s""",
        {"keys": [key.lower() for key in keys], "start": start, "limit": limit},
    ).fetchall()
    return [_space(row) for row in rows]


def change_space(
    connection: Connection, space: Space, *, name: str | None, description: str | None, homepage: int | None
) -> Space:
    """Change what is given of a space."""
    row = connection.execute(
        """update spaces set spacename = coalesce(%s, spacename), description = coalesce(%s, description),
                homepage = coalesce(%s, homepage)
            where spaceid = %s returning *""",
        (name, description, homepage, space.space_id),
    ).fetchone()
    if row is None:
        raise NotFound(f"No space with key : {space.key}")
    return _space(row)


def delete_space(connection: Connection, space: Space) -> None:
    """Remove a space with everything in it; files of attachments stay until the volume is cleaned."""
    gone = connection.execute(
        "select contentid from content where spaceid = %s and prevver is null", (space.space_id,)
    ).fetchall()
    connection.execute("delete from spaces where spaceid = %s", (space.space_id,))
    record_many(connection, "DELETE_DOCUMENT", content_ids=[row["contentid"] for row in gone])


def _space(row: Row) -> Space:
    return Space(
        space_id=row["spaceid"],
        key=row["spacekey"],
        name=row["spacename"],
        description=row["description"],
        kind=row["spacetype"],
        status=row["spacestatus"],
        homepage=row["homepage"],
        creator=row["creator"],
        created=row["creationdate"],
    )
