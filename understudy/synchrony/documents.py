"""Documents and their edits, in the database: the only truth about order and content.

Tables ``EVENTS`` and ``SNAPSHOTS``, as the product names its own. A row lock on the document puts its edits
in order, over all nodes; an edit is acknowledged after the commit.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import LiteralString

from understudy.kit.database import Connection, Database, Row
from understudy.kit.edit_tokens import SECRETS_TABLE
from understudy.kit.errors import BadRequest, Conflict
from understudy.synchrony.operations import Operation, apply, read_operation, transform

SCHEMA: tuple[LiteralString, ...] = (
    SECRETS_TABLE,
    """create table if not exists "SNAPSHOTS" (
        document text primary key, revision bigint not null, content text not null)""",
    """create table if not exists "EVENTS" (
        document text not null, revision bigint not null, id text not null, author text not null,
        operation text not null, created timestamptz not null default now(),
        primary key (document, revision), unique (document, id))""",
)
_MAXIMUM_TEXT = 4 * 1024 * 1024
_MAXIMUM_BEHIND = 10_000


@dataclass(frozen=True)
class Snapshot:
    """A document at a revision."""

    revision: int
    text: str


@dataclass(frozen=True)
class Edit:
    """A committed edit."""

    revision: int
    edit_id: str
    author: str
    operation: Operation


@dataclass(frozen=True)
class Proposal:
    """An edit that a client wants made; ``base`` is the revision it was made on."""

    document: str
    base: int
    edit_id: str
    author: str
    operation: Operation


class Documents:
    """Reads and changes documents.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def prepare(self) -> None:
        """Make the tables."""
        self._database.prepare_schema("synchrony schema", SCHEMA)

    def snapshot(self, document: str) -> Snapshot:
        """The document as it is now; an empty one where nobody has written yet."""
        row = self._database.fetch_one(
            """select revision, content from "SNAPSHOTS" where document = %s""", (document,)
        )
        return Snapshot(0, "") if row is None else Snapshot(row["revision"], row["content"])

    def edits_after(self, document: str, revision: int) -> list[Edit]:
        """Every edit after a revision, in order."""
        rows = self._database.fetch_all(
            """select revision, id, author, operation from "EVENTS" where document = %s and revision > %s
                order by revision limit %s""",
            (document, revision, _MAXIMUM_BEHIND),
        )
        return [_edit(row) for row in rows]

    def commit(self, proposal: Proposal) -> Edit:
        """Put an edit behind all that came first; one whose id is known already counts once.

        Raises:
            Conflict: the base is newer than the document, or too old.
            BadRequest: the operation does not fit the text it was made on, or makes it too long.
        """
        document = proposal.document
        with self._database.transaction() as connection:
            connection.execute(
                """insert into "SNAPSHOTS" (document, revision, content) values (%s, 0, '')
                    on conflict do nothing""",
                (document,),
            )
            row = connection.execute(
                """select revision, content from "SNAPSHOTS" where document = %s for update""", (document,)
            ).fetchone()
            if row is None:
                raise Conflict("the document has gone")
            if (known := _find(connection, document, proposal.edit_id)) is not None:
                return known
            behind = row["revision"] - proposal.base
            if not 0 <= behind <= _MAXIMUM_BEHIND:
                raise Conflict(f"the document is at revision {row['revision']}")
            operation = _rebase(connection, proposal)
            text = apply(row["content"], operation)
            if len(text) > _MAXIMUM_TEXT:
                raise BadRequest("the document is too long")
            made = Edit(row["revision"] + 1, proposal.edit_id, proposal.author, operation)
            _store(connection, document, made=made, text=text)
            return made


def _rebase(connection: Connection, proposal: Proposal) -> Operation:
    rows = connection.execute(
        """select revision, id, author, operation from "EVENTS" where document = %s and revision > %s
            order by revision""",
        (proposal.document, proposal.base),
    ).fetchall()
    operation = proposal.operation
    for row in rows:
        operation = transform(operation, _edit(row).operation)
    return operation


def _find(connection: Connection, document: str, edit_id: str) -> Edit | None:
    row = connection.execute(
        """select revision, id, author, operation from "EVENTS" where document = %s and id = %s""",
        (document, edit_id),
    ).fetchone()
    return None if row is None else _edit(row)


def _store(connection: Connection, document: str, *, made: Edit, text: str) -> None:
    connection.execute(
        """insert into "EVENTS" (document, revision, id, author, operation) values (%s, %s, %s, %s, %s)""",
        (document, made.revision, made.edit_id, made.author, json.dumps(made.operation)),
    )
    connection.execute(
        """update "SNAPSHOTS" set revision = %s, content = %s where document = %s""",
        (made.revision, text, document),
    )


def _edit(row: Row) -> Edit:
    return Edit(row["revision"], row["id"], row["author"], read_operation(json.loads(row["operation"])))
