"""REST: issues, comments, transitions, search. Source: the vendor's REST reference, version 2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from understudy.jira.catalogue import STATUSES
from understudy.jira.issuerows import FieldChoice, comment_json, issue_json, status_json
from understudy.jira.searching import search_issues
from understudy.jira.services import Services
from understudy.kit.errors import BadRequest, NotFound
from understudy.kit.web import Call, Site, json_answer, whole_number

_PAGE = 50
_PAGE_LIMIT = 1000


class IssueRest:
    """Routes about issues."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        one = "/rest/api/2/issue/{key}"
        site.route("/rest/api/2/issue", self._create, methods=("POST",))
        site.route(one, self._get)
        site.route(one, self._edit, methods=("PUT",))
        site.route(one, self._delete, methods=("DELETE",))
        site.route(f"{one}/assignee", self._assign, methods=("PUT",))
        site.route(f"{one}/transitions", self._transitions)
        site.route(f"{one}/transitions", self._transition, methods=("POST",))
        site.route(f"{one}/comment", self._comments)
        site.route(f"{one}/comment", self._add_comment, methods=("POST",))
        site.route(f"{one}/comment/{{comment_id}}", self._comment)
        site.route(f"{one}/comment/{{comment_id}}", self._edit_comment, methods=("PUT",))
        site.route(f"{one}/comment/{{comment_id}}", self._delete_comment, methods=("DELETE",))
        site.route("/rest/api/2/search", self._search)
        site.route("/rest/api/2/search", self._search_posted, methods=("POST",))

    def _create(self, call: Call) -> Response:
        fields = _mapping(call.json().get("fields"), "fields")
        issue_id, key = self._services.issues.create(fields, by=_name(call))
        self._services.tell("jira:issue_created", key, by=call.principal)
        link = f"{self._services.base(call.request)}/rest/api/2/issue/{issue_id}"
        return json_answer({"id": str(issue_id), "key": key, "self": link}, status=201)

    def _get(self, call: Call) -> Response:
        choice = FieldChoice.read(call.query("fields"), default_all=True)
        row = self._services.reader.find(call.path("key"), details=choice.details)
        return json_answer(issue_json(row, self._services.base(call.request), choice=choice))

    def _edit(self, call: Call) -> Response:
        body = call.json()
        fields, update = _mapping(body.get("fields"), "fields"), _updates(body.get("update"))
        self._services.issues.edit(call.path("key"), fields, update=update, by=_name(call))
        return Response(status_code=204)

    def _delete(self, call: Call) -> Response:
        row = self._services.reader.find(call.path("key"), details=False)
        attachment_ids = self._services.issues.delete(call.path("key"), by=call.principal.name)
        self._services.attachments.remove_files(row, attachment_ids)
        return Response(status_code=204)

    def _assign(self, call: Call) -> Response:
        assignee = {"name": call.json().get("name")}
        self._services.issues.edit(call.path("key"), {"assignee": assignee}, update={}, by=_name(call))
        return Response(status_code=204)

    def _transitions(self, call: Call) -> Response:
        self._services.reader.find(call.path("key"), details=False)
        base = self._services.base(call.request)
        transitions = [
            {
                "id": status.transition_id,
                "name": status.name,
                "to": status_json(status.id, base),
                "fields": {},
            }
            for status in STATUSES
        ]
        return json_answer({"expand": "transitions", "transitions": transitions})

    def _transition(self, call: Call) -> Response:
        body = call.json()
        wanted = str(_mapping(body.get("transition"), "transition").get("id", ""))
        self._services.issues.transition(
            call.path("key"), wanted, update=_updates(body.get("update")), by=_name(call)
        )
        return Response(status_code=204)

    def _comments(self, call: Call) -> Response:
        row = self._services.reader.find(call.path("key"))
        start, limit = call.whole_number("startAt", 0), call.whole_number("maxResults", 1_048_576)
        base = self._services.base(call.request)
        comments = [comment_json(one, row, base=base) for one in row["comments"][start : start + limit]]
        total = len(row["comments"])
        return json_answer({"startAt": start, "maxResults": limit, "total": total, "comments": comments})

    def _add_comment(self, call: Call) -> Response:
        body = _body(call)
        comment_id = self._services.issues.add_comment(call.path("key"), body, by=_name(call))
        self._services.tell("comment_created", call.path("key"), by=call.principal)
        return json_answer(self._find_comment(call, str(comment_id)), status=201)

    def _comment(self, call: Call) -> Response:
        return json_answer(self._find_comment(call, call.path("comment_id")))

    def _edit_comment(self, call: Call) -> Response:
        comment_id = call.path("comment_id")
        self._services.issues.edit_comment(call.path("key"), comment_id, body=_body(call), by=_name(call))
        return json_answer(self._find_comment(call, comment_id))

    def _delete_comment(self, call: Call) -> Response:
        self._services.issues.delete_comment(
            call.path("key"), call.path("comment_id"), by=call.principal.name
        )
        return Response(status_code=204)

    def _find_comment(self, call: Call, comment_id: str) -> dict[str, Any]:
        row = self._services.reader.find(call.path("key"))
        for comment in row["comments"]:
            if str(comment["id"]) == comment_id:
                return comment_json(comment, row, base=self._services.base(call.request))
        raise NotFound(f"Can not find a comment for the id: {comment_id}.")

    def _search(self, call: Call) -> Response:
        start, limit = (
            call.whole_number("startAt", 0),
            call.whole_number("maxResults", _PAGE, high=_PAGE_LIMIT),
        )
        return self._answer(call, call.query("jql"), start=start, limit=limit, fields=call.query("fields"))

    def _search_posted(self, call: Call) -> Response:
        body = call.json()
        start = whole_number("startAt", str(body.get("startAt", "")), default=0)
        limit = whole_number("maxResults", str(body.get("maxResults", "")), default=_PAGE, high=_PAGE_LIMIT)
        fields = ",".join(str(name) for name in body.get("fields") or ())
        return self._answer(call, str(body.get("jql") or ""), start=start, limit=limit, fields=fields)

    def _answer(self, call: Call, text: str, *, start: int, limit: int, fields: str) -> Response:
        choice = FieldChoice.read(fields, default_all=False)
        found = search_issues(
            self._services,
            text,
            user_name=call.principal.name,
            start=start,
            limit=limit,
            details=choice.details,
        )
        base = self._services.base(call.request)
        return json_answer(
            {
                "expand": "schema,names",
                "startAt": start,
                "maxResults": limit,
                "total": found.total,
                "issues": [issue_json(row, base, choice=choice) for row in found.rows],
            }
        )


def _name(call: Call) -> str:
    return call.principal.name.lower()


def _body(call: Call) -> str:
    body = call.json().get("body")
    if not isinstance(body, str):
        raise BadRequest("The request is not valid.", fields={"comment": "Comment body is required."})
    return body


def _mapping(value: Any, name: str) -> Mapping[str, Any]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise BadRequest("The request is not valid.", fields={name: "must be an object"})
    return value


def _updates(value: Any) -> Mapping[str, list[Mapping[str, Any]]]:
    updates = _mapping(value, "update")
    for name, verbs in updates.items():
        if not isinstance(verbs, list) or not all(isinstance(verb, dict) for verb in verbs):
            raise BadRequest("The request is not valid.", fields={name: "must be a list of operations"})
    return updates
