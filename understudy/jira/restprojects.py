"""REST: projects, their versions, what can be created in them, and attachments.

Sources: the vendor's REST reference, version 2, groups "project", "version", "issue" (``attachments``) and
"attachment"; "Jira REST API examples" for ``createmeta/{project}/issuetypes``, which took the place of ``createmeta``
in release 9.0; the client library ``jira`` for the address of a file's content (``/secure/attachment/{id}/{name}``).
"""

from __future__ import annotations

from typing import Any

from starlette.responses import FileResponse, Response

from understudy.jira.catalogue import FIELDS, ISSUE_TYPES
from understudy.jira.issuerows import attachment_json, choice_json
from understudy.jira.projects import Project, Version
from understudy.jira.restpeople import principal_json
from understudy.jira.services import Services
from understudy.kit.errors import BadRequest, NotFound
from understudy.kit.web import Access, Call, Site, json_answer, xsrf_checked

_REQUIRED = frozenset({"summary", "project", "issuetype"})


class ProjectRest:
    """Routes about projects and attachments."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        site.route("/rest/api/2/project", self._all)
        site.route("/rest/api/2/project", self._create, methods=("POST",), access=Access.ADMINISTRATOR)
        site.route("/rest/api/2/project/{key}", self._one)
        site.route("/rest/api/2/project/{key}/versions", self._versions)
        site.route("/rest/api/2/project/{key}/statuses", self._statuses)
        site.route("/rest/api/2/version", self._create_version, methods=("POST",))
        site.route("/rest/api/2/version/{version_id}", self._version)
        site.route("/rest/api/2/version/{version_id}", self._edit_version, methods=("PUT",))
        site.route("/rest/api/2/issue/createmeta/{key}/issuetypes", self._create_types)
        site.route("/rest/api/2/issue/createmeta/{key}/issuetypes/{issue_type}", self._create_fields)
        site.route("/rest/api/2/issue/{key}/attachments", self._attach, methods=("POST",))
        site.route("/rest/api/2/attachment/meta", self._attachment_meta)
        site.route("/rest/api/2/attachment/{attachment_id}", self._attachment)
        site.route("/rest/api/2/attachment/{attachment_id}", self._delete_attachment, methods=("DELETE",))
        site.route("/secure/attachment/{attachment_id}/{name:path}", self._download)

    def _all(self, call: Call) -> Response:
        return json_answer([self._project_json(call, project) for project in self._services.projects.all()])

    def _create(self, call: Call) -> Response:
        body = call.json()
        project = self._services.projects.create(
            str(body.get("key", "")),
            name=str(body.get("name", "")),
            description=str(body.get("description") or ""),
            lead=str(body.get("lead") or call.principal.name),
        )
        link = f"{self._services.base(call.request)}/rest/api/2/project/{project.project_id}"
        return json_answer({"self": link, "id": project.project_id, "key": project.key}, status=201)

    def _one(self, call: Call) -> Response:
        project = self._services.projects.find(call.path("key"))
        base = self._services.base(call.request)
        lead = self._services.accounts.find(project.lead)
        shown = self._project_json(call, project) | {
            "description": project.description,
            "lead": None if lead is None else principal_json(lead, base),
            "issueTypes": [
                choice_json("issuetype", ISSUE_TYPES, value=one.id, base=base) for one in ISSUE_TYPES
            ],
            "versions": [self._version_json(call, one) for one in self._find_versions(project)],
            "components": [],
            "roles": {},
        }
        return json_answer(shown)

    def _versions(self, call: Call) -> Response:
        project = self._services.projects.find(call.path("key"))
        return json_answer([self._version_json(call, one) for one in self._find_versions(project)])

    def _statuses(self, call: Call) -> Response:
        self._services.projects.find(call.path("key"))
        base = self._services.base(call.request)
        return json_answer(
            [choice_json("issuetype", ISSUE_TYPES, value=one.id, base=base) for one in ISSUE_TYPES]
        )

    def _create_version(self, call: Call) -> Response:
        body = call.json()
        project = self._services.projects.find(str(body.get("project") or body.get("projectId") or ""))
        version = self._services.projects.create_version(
            project.project_id,
            name=str(body.get("name", "")),
            description=str(body.get("description") or ""),
            released=bool(body.get("released")),
        )
        return json_answer(self._version_json(call, version), status=201)

    def _version(self, call: Call) -> Response:
        return json_answer(
            self._version_json(call, self._services.projects.find_version(call.path("version_id")))
        )

    def _edit_version(self, call: Call) -> Response:
        version = self._services.projects.find_version(call.path("version_id"))
        released = call.json().get("released")
        if not isinstance(released, bool):
            raise BadRequest("Only whether a version is released can be changed.")
        self._services.projects.release(version.version_id, released)
        return self._version(call)

    def _create_types(self, call: Call) -> Response:
        self._services.projects.find(call.path("key"))
        base = self._services.base(call.request)
        values = [choice_json("issuetype", ISSUE_TYPES, value=one.id, base=base) for one in ISSUE_TYPES]
        return json_answer(_whole_page(values))

    def _create_fields(self, call: Call) -> Response:
        self._services.projects.find(call.path("key"))
        if call.path("issue_type") not in {one.id for one in ISSUE_TYPES}:
            raise NotFound("There is no such issue type.")
        values = [
            {
                "fieldId": field_id,
                "name": name,
                "required": field_id in _REQUIRED,
                "schema": {"type": kind, "system": field_id},
                "operations": ["set"],
            }
            for field_id, name, kind in FIELDS
        ]
        return json_answer(_whole_page(values))

    def _attach(self, call: Call) -> Response:
        xsrf_checked(call)
        uploads = call.uploads("file")
        if not uploads:
            raise BadRequest("The request holds no part named 'file'.")
        services = self._services
        issue = services.reader.find(call.path("key"), details=False)
        shown = []
        for upload in uploads:
            attachment_id = services.attachments.add(
                issue,
                filename=upload.filename or "",
                mime_type=upload.content_type or "",
                content=upload.file,
                by=call.principal.name.lower(),
            )
            row, _ = services.attachments.find(str(attachment_id))
            shown.append(attachment_json(row, services.base(call.request)))
        return json_answer(shown)

    def _attachment_meta(self, _: Call) -> Response:
        return json_answer({"enabled": True, "uploadLimit": 64 * 1024 * 1024})

    def _attachment(self, call: Call) -> Response:
        row, _ = self._services.attachments.find(call.path("attachment_id"))
        return json_answer(attachment_json(row, self._services.base(call.request)))

    def _delete_attachment(self, call: Call) -> Response:
        self._services.attachments.delete(call.path("attachment_id"), by=call.principal.name)
        return Response(status_code=204)

    def _download(self, call: Call) -> Response:
        row, path = self._services.attachments.find(call.path("attachment_id"))
        if not path.is_file():
            raise NotFound("The file of the attachment is missing from the shared home.")
        return FileResponse(path, media_type=row["mimetype"], filename=row["filename"])

    def _find_versions(self, project: Project) -> list[Version]:
        return self._services.projects.versions(project.project_id)

    def _project_json(self, call: Call, project: Project) -> dict[str, Any]:
        return {
            "self": f"{self._services.base(call.request)}/rest/api/2/project/{project.project_id}",
            "id": str(project.project_id),
            "key": project.key,
            "name": project.name,
            "projectTypeKey": "software",
            "archived": False,
        }

    def _version_json(self, call: Call, version: Version) -> dict[str, Any]:
        return {
            "self": f"{self._services.base(call.request)}/rest/api/2/version/{version.version_id}",
            "id": str(version.version_id),
            "name": version.name,
            "description": version.description,
            "archived": version.archived,
            "released": version.released,
            "projectId": version.project_id,
        }


def _whole_page(values: list[dict[str, Any]]) -> dict[str, Any]:
    return {"maxResults": 50, "startAt": 0, "total": len(values), "isLast": True, "values": values}
