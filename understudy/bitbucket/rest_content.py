"""REST about what is in a repository: branches, tags, commits, folders, files, and what was pushed.

Source: Bitbucket Data Center REST documentation, "Repository"; ``/rest/branch-utils/latest`` for removing branches.
"""

from __future__ import annotations

from typing import Any, LiteralString

from starlette.responses import Response

from understudy.bitbucket.errors import Refusal, invalid
from understudy.bitbucket.permissions import Level
from understudy.bitbucket.pktline import ABSENT, RefCommand
from understudy.bitbucket.projects import Repository, branch_ref
from understudy.bitbucket.pulls import short
from understudy.bitbucket.reading import Change, Commit, TreeEntry
from understudy.bitbucket.refs import BRANCHES, TAGS
from understudy.bitbucket.rest_projects import ONE_REPOSITORY
from understudy.bitbucket.services import RestRoutes, Services, answer, no_content, page_of
from understudy.bitbucket.shapes import Json, milliseconds, paged
from understudy.kit.database import Row
from understudy.kit.web import Access, Call, Site

_ANYONE = Access.ANYONE
_CHANGE_TYPES = {"A": "ADD", "M": "MODIFY", "D": "DELETE", "T": "MODIFY"}
_ENTRY_TYPES = {"blob": "FILE", "tree": "DIRECTORY", "commit": "SUBMODULE"}


class ContentRest:
    """The routes.

    Args:
        services: the parts of the node.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        api = RestRoutes(site, "api")
        branch_utils = RestRoutes(site, "branch-utils")
        git = RestRoutes(site, "git")
        base = ONE_REPOSITORY
        api.add(base + "/branches", self.branches, access=_ANYONE)
        api.add(base + "/branches", self.create_branch, methods=("POST",))
        branch_utils.add(base + "/branches", self.create_branch, methods=("POST",))
        branch_utils.add(base + "/branches", self.delete_branch, methods=("DELETE",))
        for path in ("/branches/default", "/default-branch"):
            api.add(base + path, self.default_branch, access=_ANYONE)
            api.add(base + path, self.set_default_branch, methods=("PUT",))
        api.add(base + "/tags", self.tags, access=_ANYONE)
        api.add(base + "/tags", self.create_tag, methods=("POST",))
        api.add(base + "/tags/{name:path}", self.tag, access=_ANYONE)
        git.add(base + "/tags/{name:path}", self.delete_tag, methods=("DELETE",))
        api.add(base + "/commits", self.commits, access=_ANYONE)
        api.add(base + "/commits/{revision}", self.commit, access=_ANYONE)
        api.add(base + "/commits/{revision}/changes", self.commit_changes, access=_ANYONE)
        api.add(base + "/compare/commits", self.compare_commits, access=_ANYONE)
        api.add(base + "/compare/changes", self.compare_changes, access=_ANYONE)
        for path in ("/browse", "/browse/{path:path}"):
            api.add(base + path, self.browse, access=_ANYONE)
        for path in ("/files", "/files/{path:path}"):
            api.add(base + path, self.files, access=_ANYONE)
        api.add(base + "/raw/{path:path}", self.raw, access=_ANYONE)
        site.route(base + "/raw/{path:path}", self.raw, access=_ANYONE)
        api.add(base + "/ref-change-activities", self.ref_changes)

    def _repository(self, call: Call) -> Repository:
        return self._services.repository(call, Level.READ)

    def _at(self, call: Call, repository: Repository, name: str = "at") -> str:
        """The commit a request is about; the default branch where it names none."""
        revision = call.query(name) or repository.default_branch
        return self._services.projects.reader(repository).resolve(revision)

    def _refs(self, call: Call, prefix: str) -> tuple[Repository, list[Row]]:
        repository = self._repository(call)
        start, limit = page_of(call)
        newest: LiteralString = " order by updated desc, ref_name offset %(start)s limit %(limit)s"
        by_name: LiteralString = " order by ref_name offset %(start)s limit %(limit)s"
        found: LiteralString = """select ref_name, hash from repository_ref where repository_id = %(id)s
            and starts_with(ref_name, %(prefix)s) and position(lower(%(text)s) in lower(ref_name)) > 0"""
        order = newest if call.query("orderBy", "MODIFICATION") == "MODIFICATION" else by_name
        values = {"id": repository.id, "prefix": prefix, "text": call.query("filterText")}
        values |= {"start": start, "limit": limit + 1}
        return repository, self._services.database.fetch_all(found + order, values)

    def branches(self, call: Call) -> Response:
        """``GET branches``: as recorded, which is before any push is acknowledged."""
        repository, rows = self._refs(call, BRANCHES)
        start, limit = page_of(call)
        return answer(
            paged(
                rows,
                lambda row: _branch(row["ref_name"], row["hash"], repository),
                start=start,
                limit=limit,
            )
        )

    def create_branch(self, call: Call) -> Response:
        """``POST branches``: from a commit or another branch."""
        repository = self._services.repository(call, Level.WRITE)
        wanted = call.json()
        ref = branch_ref(str(wanted.get("name", "")))
        start_point = str(wanted.get("startPoint", ""))
        if not start_point:
            raise invalid("A startPoint is needed.", field="startPoint")
        commit = self._services.projects.reader(repository).resolve(start_point)
        self._services.pulls.set_branch(repository, RefCommand(ABSENT, commit, ref), who=call.principal)
        return answer(_branch(ref, commit, repository))

    def delete_branch(self, call: Call) -> Response:
        """``DELETE branch-utils/.../branches``: with ``endPoint`` only if it is still there."""
        repository = self._services.repository(call, Level.WRITE)
        wanted = call.json()
        ref = branch_ref(str(wanted.get("name", "")))
        if ref == repository.default_branch:
            raise Refusal(
                "The default branch cannot be deleted.", status=409, exception="NoDefaultBranchException"
            )
        commit = str(wanted.get("endPoint") or self._hash_of(repository, ref))
        if not wanted.get("dryRun"):
            self._services.pulls.set_branch(repository, RefCommand(commit, ABSENT, ref), who=call.principal)
        return no_content()

    def _hash_of(self, repository: Repository, ref: str) -> str:
        row = self._services.database.fetch_one(
            "select hash from repository_ref where repository_id = %s and ref_name = %s", (repository.id, ref)
        )
        if row is None:
            message = f"{short(ref)} does not exist in repository '{repository.slug}'."
            raise Refusal(message, status=404, exception="repository.NoSuchBranchException")
        return str(row["hash"])

    def default_branch(self, call: Call) -> Response:
        """``GET branches/default``; 204 where it was not pushed yet."""
        repository = self._repository(call)
        try:
            commit = self._hash_of(repository, repository.default_branch)
        except Refusal:
            return no_content()
        return answer(_branch(repository.default_branch, commit, repository))

    def set_default_branch(self, call: Call) -> Response:
        """``PUT branches/default``."""
        repository = self._services.repository(call, Level.ADMIN)
        ref = branch_ref(str(call.json().get("id", "")))
        self._hash_of(repository, ref)
        self._services.projects.set_default_branch(repository, ref)
        return no_content()

    def tags(self, call: Call) -> Response:
        """``GET tags``."""
        _, rows = self._refs(call, TAGS)
        start, limit = page_of(call)
        return answer(paged(rows, lambda row: _tag(row["ref_name"], row["hash"]), start=start, limit=limit))

    def create_tag(self, call: Call) -> Response:
        """``POST tags``: a plain tag."""
        repository = self._services.repository(call, Level.WRITE)
        wanted = call.json()
        ref = TAGS + branch_ref(str(wanted.get("name", ""))).removeprefix(BRANCHES)
        commit = self._services.projects.reader(repository).resolve(str(wanted.get("startPoint", "")))
        self._services.pulls.set_branch(repository, RefCommand(ABSENT, commit, ref), who=call.principal)
        return answer(_tag(ref, commit))

    def tag(self, call: Call) -> Response:
        """``GET tags/{name}``."""
        ref = TAGS + call.path("name").removeprefix(TAGS)
        return answer(_tag(ref, self._hash_of(self._repository(call), ref)))

    def delete_tag(self, call: Call) -> Response:
        """``DELETE git/.../tags/{name}``."""
        repository = self._services.repository(call, Level.WRITE)
        ref = TAGS + call.path("name").removeprefix(TAGS)
        command = RefCommand(self._hash_of(repository, ref), ABSENT, ref)
        self._services.pulls.set_branch(repository, command, who=call.principal)
        return no_content()

    def commits(self, call: Call) -> Response:
        """``GET commits``: ``until`` a revision, from ``since``, touching ``path``."""
        repository = self._repository(call)
        until = self._at(call, repository, "until")
        since = self._at(call, repository, "since") if call.query("since") else None
        return self._commit_page(call, repository, until, since=since)

    def _commit_page(self, call: Call, repository: Repository, until: str, *, since: str | None) -> Response:
        start, limit = page_of(call)
        reader = self._services.projects.reader(repository)
        found = reader.commits(until, exclude=since, path=call.query("path"), start=start, limit=limit + 1)
        return answer(paged(found, self._services.shapes.commit, start=start, limit=limit))

    def commit(self, call: Call) -> Response:
        """``GET commits/{id}``."""
        return answer(self._services.shapes.commit(self._commit(call)[1]))

    def _commit(self, call: Call) -> tuple[Repository, Commit]:
        repository = self._repository(call)
        reader = self._services.projects.reader(repository)
        return repository, reader.commits(call.path("revision"), limit=1)[0]

    def commit_changes(self, call: Call) -> Response:
        """``GET commits/{id}/changes``: against its first parent."""
        repository, commit = self._commit(call)
        reader = self._services.projects.reader(repository)
        if commit.parents:
            changes = reader.changes(commit.parents[0], commit.id)
        else:
            changes = [Change("A", entry.name) for entry in reader.files(commit.id)]
        return self._change_page(call, changes)

    def compare_commits(self, call: Call) -> Response:
        """``GET compare/commits``: in ``from`` and not in ``to``."""
        repository = self._repository(call)
        until, since = self._at(call, repository, "from"), self._at(call, repository, "to")
        return self._commit_page(call, repository, until, since=since)

    def compare_changes(self, call: Call) -> Response:
        """``GET compare/changes``: what ``from`` changes against ``to``."""
        repository = self._repository(call)
        newer, older = self._at(call, repository, "from"), self._at(call, repository, "to")
        return self._change_page(call, self._services.projects.reader(repository).changes(older, newer))

    def _change_page(self, call: Call, changes: list[Change]) -> Response:
        start, limit = page_of(call)
        return answer(paged(changes[start : start + limit + 1], shape_change, start=start, limit=limit))

    def browse(self, call: Call) -> Response:
        """``GET browse/{path}``: the entries of a folder or the lines of a file."""
        repository = self._repository(call)
        path = str(call.request.path_params.get("path", "")).strip("/")
        commit = self._at(call, repository)
        reader = self._services.projects.reader(repository)
        start, limit = page_of(call)
        if reader.kind(commit, path) == "blob":
            if call.query("type") == "true":
                return answer({"type": "FILE"})
            content = reader.content(commit, path)
            return answer(_file(content, start=start, limit=limit))
        entries = reader.entries(commit, path)
        page = paged(entries[start : start + limit + 1], _entry, start=start, limit=limit)
        return answer({"path": _path(path), "revision": call.query("at") or commit, "children": page})

    def files(self, call: Call) -> Response:
        """``GET files/{path}``: every file below a folder."""
        repository = self._repository(call)
        path = str(call.request.path_params.get("path", "")).strip("/")
        start, limit = page_of(call)
        reader = self._services.projects.reader(repository)
        below = f"{path}/" if path else ""
        names = [
            entry.name for entry in reader.files(self._at(call, repository)) if entry.name.startswith(below)
        ]
        shown = [name.removeprefix(below) for name in names[start : start + limit + 1]]
        return answer(paged(shown, lambda name: name, start=start, limit=limit))

    def raw(self, call: Call) -> Response:
        """``GET raw/{path}``: a file as it is."""
        repository = self._repository(call)
        content = self._services.projects.reader(repository).content(
            self._at(call, repository), call.path("path")
        )
        kind = "application/octet-stream" if b"\0" in content[:8000] else "text/plain; charset=utf-8"
        headers = {"X-Content-Type-Options": "nosniff"}
        return Response(content, media_type=kind, headers=headers)

    def ref_changes(self, call: Call) -> Response:
        """``GET ref-change-activities``: what was pushed, newest first."""
        repository = self._services.repository(call, Level.ADMIN)
        start, limit = page_of(call)
        rows = self._services.database.fetch_all(
            """select * from repository_activity where repository_id = %s and (%s = '' or ref_name = %s)
               order by id desc offset %s limit %s""",
            (repository.id, call.query("ref"), call.query("ref"), start, limit + 1),
        )
        people = self._services.shapes.people(row["user_name"] for row in rows if row["user_name"])
        return answer(paged(rows, lambda row: self._ref_change(row, people), start=start, limit=limit))

    def _ref_change(self, row: Row, people: Any) -> Json:
        ref = row["ref_name"]
        kind = "TAG" if ref.startswith(TAGS) else "BRANCH"
        change = {
            "ref": {"id": ref, "displayId": short(ref), "type": kind},
            "refId": ref,
            "fromHash": row["from_hash"],
            "toHash": row["to_hash"],
            "type": row["change_type"],
        }
        shaped: Json = {"id": row["id"], "createdDate": milliseconds(row["created"]), "refChange": change}
        if row["user_name"]:
            shaped["user"] = self._services.shapes.named(row["user_name"], people)
        return {**shaped, "trigger": "push"}


def _branch(ref: str, commit: str, repository: Repository) -> Json:
    return {
        "id": ref,
        "displayId": short(ref),
        "type": "BRANCH",
        "latestCommit": commit,
        "latestChangeset": commit,
        "isDefault": ref == repository.default_branch,
    }


def _tag(ref: str, commit: str) -> Json:
    return {"id": ref, "displayId": short(ref), "type": "TAG", "latestCommit": commit, "hash": None}


def _path(path: str) -> Json:
    parts = path.split("/") if path else []
    name = parts[-1] if parts else ""
    shaped: Json = {"components": parts, "parent": "/".join(parts[:-1]), "name": name, "toString": path}
    if "." in name:
        shaped["extension"] = name.rpartition(".")[2]
    return shaped


def shape_change(change: Change) -> Json:
    """The JSON of one changed path."""
    return {"path": _path(change.path), "type": _CHANGE_TYPES.get(change.kind, "UNKNOWN"), "nodeType": "FILE"}


def _entry(entry: TreeEntry) -> Json:
    shaped: Json = {"path": _path(entry.name), "contentId": entry.id, "type": _ENTRY_TYPES[entry.kind]}
    if entry.size is not None:
        shaped["size"] = entry.size
    return shaped


def _file(content: bytes, *, start: int, limit: int) -> Json:
    if b"\0" in content[:8000]:
        return {"binary": True}
    lines = content.decode(errors="replace").splitlines()
    shown = lines[start : start + limit]
    last = start + limit >= len(lines)
    return {
        "lines": [{"text": line} for line in shown],
        "start": start,
        "size": len(shown),
        "isLastPage": last,
        "limit": limit,
        "nextPageStart": None if last else start + limit,
    }
