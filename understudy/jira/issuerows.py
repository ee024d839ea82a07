"""Reading issues: one query gives all that a page or an answer needs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString
from urllib.parse import quote

from understudy.jira.catalogue import (
    ISSUE_TYPES,
    LAST_STATUS,
    PRIORITIES,
    RESOLUTION,
    STATUSES,
    Choice,
    find_choice,
)
from understudy.kit.database import Database, Row
from understudy.kit.errors import NotFound

_ISSUE: LiteralString = """
    select i.id, i.issuenum, i.summary, i.description, i.issuetype, i.priority, i.issuestatus, i.labels,
        i.created, i.updated, i.update_version, p.id as project_id, p.pkey, p.pname, p.originalkey,
        person_json(a) as assignee, person_json(r) as reporter, person_json(c) as creator,
        case when i.fixfor = '{}' then '[]'::json else (
            select coalesce(json_agg(json_build_object('id', v.id, 'name', v.vname, 'released', v.released,
                'archived', v.archived) order by v.id), '[]')
            from projectversion v where v.id = any(i.fixfor)) end as versions"""
_DETAILS: LiteralString = """,
        (select coalesce(json_agg(json_build_object('id', k.id, 'body', k.actionbody, 'created', k.created,
            'updated', k.updated, 'author', person_json(ka), 'editor', person_json(ke)) order by k.id), '[]')
         from jiraaction k left join cwd_user ka on ka.lower_user_name = k.author
         left join cwd_user ke on ke.lower_user_name = k.updateauthor where k.issueid = i.id) as comments,
        (select coalesce(json_agg(json_build_object('id', f.id, 'filename', f.filename, 'mimetype', f.mimetype,
            'size', f.filesize, 'created', f.created, 'author', person_json(fa)) order by f.id), '[]')
         from fileattachment f left join cwd_user fa on fa.lower_user_name = f.author
         where f.issueid = i.id) as attachments"""
_FROM: LiteralString = """
    from jiraissue i join project p on p.id = i.project
    left join cwd_user a on a.lower_user_name = i.assignee
    left join cwd_user r on r.lower_user_name = i.reporter
    left join cwd_user c on c.lower_user_name = i.creator"""
_DETAIL_FIELDS = frozenset({"comment", "attachment", "*all"})


@dataclass(frozen=True)
class FieldChoice:
    """Which fields an answer holds; all where ``names`` is None."""

    names: frozenset[str] | None

    @classmethod
    def read(cls, text: str, *, default_all: bool) -> FieldChoice:
        """Read a ``fields`` parameter; without one, all fields, or all that a list shows."""
        names = frozenset(name.strip() for name in text.split(",") if name.strip())
        if names & {"*all"} or (not names and default_all):
            return cls(None)
        if not names or "*navigable" in names:
            return cls(frozenset({"*navigable"}) | names)
        return cls(names)

    @property
    def details(self) -> bool:
        """Whether comments or attachments are wanted."""
        return self.names is None or bool(self.names & _DETAIL_FIELDS)

    def wants(self, name: str) -> bool:
        """Whether a field is wanted."""
        if self.names is None or name in self.names:
            return True
        return "*navigable" in self.names and name not in _DETAIL_FIELDS


class IssueReader:
    """Reads issues."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def find(self, key_or_id: str, *, details: bool = True) -> Row:
        """One issue.

        Raises:
            NotFound: there is none of that key or id.
        """
        key, _, number = key_or_id.upper().rpartition("-")
        columns = _ISSUE + _DETAILS if details else _ISSUE
        if key and number.isdigit():
            statement = columns + _FROM + " where p.pkey = %s and i.issuenum = %s"
            row = self._database.fetch_one(statement, (key, int(number[:18])))
        elif number.isdigit():
            row = self._database.fetch_one(columns + _FROM + " where i.id = %s", (int(number[:18]),))
        else:
            row = None
        if row is None:
            raise NotFound("Issue Does Not Exist")
        return row

    def by_ids(self, ids: Sequence[int], *, details: bool) -> list[Row]:
        """Issues in the order of their ids given; those that are gone are left out."""
        if not ids:
            return []
        columns = _ISSUE + _DETAILS if details else _ISSUE
        rows = self._database.fetch_all(columns + _FROM + " where i.id = any(%s)", (list(ids),))
        by_id = {row["id"]: row for row in rows}
        return [by_id[issue_id] for issue_id in ids if issue_id in by_id]


def timestamp(value: datetime | str) -> str:
    """A time as the product writes it: ``2026-01-31T12:00:00.000+0000``."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


def person_json(person: Mapping[str, Any] | None, base: str) -> dict[str, Any] | None:
    """A user, or None where nobody is meant or the user is gone."""
    if person is None or person.get("name") is None:
        return None
    return {
        "self": f"{base}/rest/api/2/user?username={quote(person['name'])}",
        "name": person["name"],
        "key": f"JIRAUSER{person['id']}",
        "emailAddress": person["email"],
        "displayName": person["display"],
        "active": bool(person["active"]),
        "timeZone": "Etc/UTC",
    }


def issue_json(row: Row, base: str, *, choice: FieldChoice) -> dict[str, Any]:
    """An issue as the REST resource shows it.

    Args:
        row: of the issue query.
        base: base URL for links.
        choice: the fields wanted.
    """
    fields = {name: value(row, base) for name, value in _PLAIN_FIELDS.items() if choice.wants(name)}
    if choice.details:
        if choice.wants("comment"):
            comments = [comment_json(comment, row, base=base) for comment in row["comments"]]
            count = len(comments)
            fields["comment"] = {"comments": comments, "maxResults": count, "total": count, "startAt": 0}
        if choice.wants("attachment"):
            fields["attachment"] = [attachment_json(one, base) for one in row["attachments"]]
    return {
        "expand": "renderedFields,names,schema,operations,editmeta,changelog,versionedRepresentations",
        "id": str(row["id"]),
        "self": f"{base}/rest/api/2/issue/{row['id']}",
        "key": issue_key(row),
        "fields": fields,
    }


def issue_key(row: Row) -> str:
    """The key of an issue, such as ABC-12."""
    return f"{row['pkey']}-{row['issuenum']}"


def comment_json(comment: Mapping[str, Any], row: Row, *, base: str) -> dict[str, Any]:
    """A comment as the REST resource shows it."""
    return {
        "self": f"{base}/rest/api/2/issue/{row['id']}/comment/{comment['id']}",
        "id": str(comment["id"]),
        "author": person_json(comment["author"], base),
        "body": comment["body"],
        "updateAuthor": person_json(comment["editor"], base),
        "created": timestamp(comment["created"]),
        "updated": timestamp(comment["updated"]),
    }


def attachment_json(attachment: Mapping[str, Any], base: str) -> dict[str, Any]:
    """An attachment as the REST resource shows it."""
    return {
        "self": f"{base}/rest/api/2/attachment/{attachment['id']}",
        "id": str(attachment["id"]),
        "filename": attachment["filename"],
        "author": person_json(attachment["author"], base),
        "created": timestamp(attachment["created"]),
        "size": attachment["size"],
        "mimeType": attachment["mimetype"],
        "content": f"{base}/secure/attachment/{attachment['id']}/{quote(attachment['filename'])}",
    }


def status_json(status_id: str, base: str) -> dict[str, Any]:
    """A status as the REST resource shows it."""
    status = find_choice(STATUSES, status_id) or STATUSES[0]
    return {
        "self": f"{base}/rest/api/2/status/{status.id}",
        "id": status.id,
        "name": status.name,
        "statusCategory": {
            "self": f"{base}/rest/api/2/statuscategory/{status.category_id}",
            "id": status.category_id,
            "key": status.category_key,
            "name": status.category_name,
        },
    }


def choice_json(kind: str, choices: Sequence[Choice], *, value: str, base: str) -> dict[str, Any]:
    """A value of a list, such as a priority, as the REST resource shows it."""
    choice = find_choice(choices, value) or choices[0]
    shown: dict[str, Any] = {
        "self": f"{base}/rest/api/2/{kind}/{choice.id}",
        "id": choice.id,
        "name": choice.name,
    }
    return shown | ({"subtask": False} if kind == "issuetype" else {})


def _project(row: Row, base: str) -> dict[str, Any]:
    return {
        "self": f"{base}/rest/api/2/project/{row['project_id']}",
        "id": str(row["project_id"]),
        "key": row["pkey"],
        "name": row["pname"],
        "projectTypeKey": "software",
    }


def _resolution(row: Row, base: str) -> dict[str, Any] | None:
    if row["issuestatus"] != LAST_STATUS.id:
        return None
    return choice_json("resolution", (RESOLUTION,), value=RESOLUTION.id, base=base)


def _versions(row: Row, base: str) -> list[dict[str, Any]]:
    return [
        {
            "self": f"{base}/rest/api/2/version/{version['id']}",
            "id": str(version["id"]),
            "name": version["name"],
            "released": version["released"],
            "archived": version["archived"],
        }
        for version in row["versions"]
    ]


_PLAIN_FIELDS: Mapping[str, Callable[[Row, str], Any]] = {
    "summary": lambda row, _: row["summary"],
    "description": lambda row, _: row["description"] or None,
    "issuetype": lambda row, base: choice_json("issuetype", ISSUE_TYPES, value=row["issuetype"], base=base),
    "project": _project,
    "priority": lambda row, base: choice_json("priority", PRIORITIES, value=row["priority"], base=base),
    "status": lambda row, base: status_json(row["issuestatus"], base),
    "resolution": _resolution,
    "assignee": lambda row, base: person_json(row["assignee"], base),
    "reporter": lambda row, base: person_json(row["reporter"], base),
    "creator": lambda row, base: person_json(row["creator"], base),
    "labels": lambda row, _: row["labels"],
    "fixVersions": _versions,
    "created": lambda row, _: timestamp(row["created"]),
    "updated": lambda row, _: timestamp(row["updated"]),
}
"""How each field is shown. Only those that are asked for are made: a search for many issues mostly asks for two."""
