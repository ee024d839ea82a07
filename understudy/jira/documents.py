"""What is indexed of an issue, and how a query of the product's language maps to it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import LiteralString

from understudy.jira.catalogue import FIRST_STATUS, LAST_STATUS, RESOLUTION, STATUSES, find_choice
from understudy.kit.database import Database, Row
from understudy.kit.index import Document, IndexFields

EMPTY = "@empty"
"""Stands in a keyword field for "nothing", so that ``is empty`` is an ordinary term."""

ISSUE_FIELDS = IndexFields(
    text=("summary", "description", "comment"),
    keywords=(
        *("issuekey", "project", "status", "statuscategory", "resolution", "issuetype", "priority"),
        *("assignee", "reporter", "creator", "labels", "fixversion"),
    ),
    integers=("issuenum", "created", "updated", "version"),
)

_ROWS: LiteralString = """
    select i.id, i.issuenum, i.summary, i.description, i.issuetype, i.priority, i.issuestatus, i.assignee,
        i.reporter, i.creator, i.labels, i.fixfor, i.created, i.updated, i.update_version, p.pkey,
        (select string_agg(k.actionbody, E'\\n' order by k.id) from jiraaction k where k.issueid = i.id) as comments
    from jiraissue i join project p on p.id = i.project"""


def documents_of(database: Database, ids: Sequence[int]) -> list[Document]:
    """The documents of those issues that still exist."""
    if not ids:
        return []
    rows = database.fetch_all(_ROWS + " where i.id = any(%s)", (list(ids),))
    return [document_of(row) for row in rows]


def documents_after(database: Database, last_id: int, *, limit: int) -> list[Document]:
    """The documents of the next issues by id; for a re-index of everything."""
    rows = database.fetch_all(_ROWS + " where i.id > %s order by i.id limit %s", (last_id, limit))
    return [document_of(row) for row in rows]


def sort_key(project_key: str, number: int) -> str:
    """An issue key in a form that sorts by project, then by number."""
    return f"{project_key}-{number:012d}"


def epoch_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return int(moment.timestamp() * 1000)


def document_of(row: Row) -> Document:
    """The document of one issue."""
    status = find_choice(STATUSES, row["issuestatus"]) or FIRST_STATUS
    return Document(
        str(row["id"]),
        {
            "summary": row["summary"],
            "description": row["description"],
            "comment": row["comments"] or "",
            "issuekey": sort_key(row["pkey"], row["issuenum"]),
            "issuenum": row["issuenum"],
            "project": row["pkey"],
            "status": status.id,
            "statuscategory": str(status.category_id),
            "resolution": RESOLUTION.id if status is LAST_STATUS else EMPTY,
            "issuetype": row["issuetype"],
            "priority": row["priority"],
            "assignee": row["assignee"] or EMPTY,
            "reporter": row["reporter"],
            "creator": row["creator"],
            "labels": row["labels"] or (EMPTY,),
            "fixversion": [str(version) for version in row["fixfor"]] or (EMPTY,),
            "created": epoch_milliseconds(row["created"]),
            "updated": epoch_milliseconds(row["updated"]),
            "version": row["update_version"],
        },
    )
