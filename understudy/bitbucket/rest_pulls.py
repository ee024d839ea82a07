"""REST about pull requests.

Source: Bitbucket Data Center REST documentation, "Pull Requests".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.responses import PlainTextResponse, Response

from understudy.bitbucket.errors import Refusal, invalid, no_pull_request, not_permitted
from understudy.bitbucket.permissions import Level
from understudy.bitbucket.projects import Repository, branch_ref
from understudy.bitbucket.pulls import Proposal, PullRequest
from understudy.bitbucket.rest_content import shape_change
from understudy.bitbucket.rest_projects import ONE_REPOSITORY
from understudy.bitbucket.services import RestRoutes, Services, answer, no_content, page_of
from understudy.bitbucket.shapes import paged
from understudy.kit.outgoing import Event
from understudy.kit.web import Call, Site

_ALL = ONE_REPOSITORY + "/pull-requests"
_ONE = _ALL + "/{number}"


class PullsRest:
    """The routes.

    Args:
        services: the parts of the node.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._pulls = services.pulls

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        api = RestRoutes(site, "api")
        routes: tuple[tuple[str, str, Callable[[Call], Response]], ...] = (
            ("GET", _ALL, self.listed),
            ("POST", _ALL, self.create),
            # Before the plain number, which would take the dot and what follows for a part of itself.
            ("GET", _ONE + ".diff", self.diff),
            ("GET", _ONE, self.one),
            ("PUT", _ONE, self.update),
            ("DELETE", _ONE, self.delete),
            ("GET", _ONE + "/merge", self.can_merge),
            ("POST", _ONE + "/merge", self.merge),
            ("POST", _ONE + "/decline", self.decline),
            ("POST", _ONE + "/reopen", self.reopen),
            ("POST", _ONE + "/approve", self.approve),
            ("DELETE", _ONE + "/approve", self.unapprove),
            ("GET", _ONE + "/participants", self.participants),
            ("PUT", _ONE + "/participants/{user}", self.review),
            ("GET", _ONE + "/commits", self.commits),
            ("GET", _ONE + "/changes", self.changes),
            ("GET", _ONE + "/activities", self.activities),
            ("POST", _ONE + "/comments", self.add_comment),
            ("GET", _ONE + "/comments/{comment}", self.comment),
            ("PUT", _ONE + "/comments/{comment}", self.change_comment),
            ("DELETE", _ONE + "/comments/{comment}", self.remove_comment),
        )
        for method, path, handler in routes:
            api.add(path, handler, methods=(method,))

    def _find(self, call: Call, level: Level = Level.READ) -> tuple[Repository, PullRequest]:
        repository = self._services.repository(call, level)
        return repository, self._pulls.find(repository, _number(call, repository))

    def _shaped(self, repository: Repository, pull: PullRequest, status: int = 200) -> Response:
        people = self._services.shapes.people(_names(pull))
        return answer(self._services.shapes.pull_request(repository, pull, people=people), status)

    def listed(self, call: Call) -> Response:
        """``GET pull-requests``: by ``state``, and by branch with ``at`` and ``direction``."""
        repository = self._services.repository(call, Level.READ)
        start, limit = page_of(call)
        state = call.query("state", "OPEN").upper()
        if state not in {"OPEN", "DECLINED", "MERGED", "ALL"}:
            raise invalid("state must be OPEN, DECLINED, MERGED or ALL.", field="state")
        at = call.query("at")
        found = self._pulls.list(
            repository,
            state=state,
            at=branch_ref(at) if at else "",
            incoming=call.query("direction", "INCOMING").upper() == "INCOMING",
            start=start,
            limit=limit + 1,
        )
        people = self._services.shapes.people(name for pull in found for name in _names(pull))
        return answer(
            paged(
                found,
                lambda pull: self._services.shapes.pull_request(repository, pull, people=people),
                start=start,
                limit=limit,
            )
        )

    def create(self, call: Call) -> Response:
        """``POST pull-requests``."""
        repository = self._services.repository(call, Level.READ)
        wanted = call.json()
        proposal = Proposal(
            title=str(wanted.get("title", "")).strip(),
            description=str(wanted.get("description") or ""),
            from_ref=_side(wanted, "fromRef", repository),
            to_ref=_side(wanted, "toRef", repository),
            reviewers=_reviewers(wanted),
        )
        made = self._pulls.create(repository, proposal, author=call.principal)
        about = {"pullRequest": {"id": made.number, "title": made.title}}
        self._services.outgoing.tell(
            Event("pr:opened", f"pr:opened {made.title}", (call.principal.email,), about)
        )
        return self._shaped(repository, made, 201)

    def one(self, call: Call) -> Response:
        """``GET pull-requests/{id}``."""
        return self._shaped(*self._find(call))

    def update(self, call: Call) -> Response:
        """``PUT pull-requests/{id}``: title, description, reviewers."""
        repository, pull = self._find(call)
        self._require_author_or(Level.WRITE, call, repository=repository, pull=pull)
        wanted = call.json()
        title, description = wanted.get("title"), wanted.get("description")
        changed = self._pulls.update(
            repository,
            pull.number,
            version=_version(wanted.get("version")),
            title=None if title is None else str(title).strip(),
            description=None if description is None else str(description),
            reviewers=_reviewers(wanted) if "reviewers" in wanted else None,
            who=call.principal,
        )
        return self._shaped(repository, changed)

    def delete(self, call: Call) -> Response:
        """``DELETE pull-requests/{id}``."""
        repository, pull = self._find(call)
        self._require_author_or(Level.ADMIN, call, repository=repository, pull=pull)
        given = call.json().get("version") if call.body else call.query("version")
        self._pulls.delete(repository, pull.number, version=_version(given))
        return no_content()

    def _require_author_or(
        self, level: Level, call: Call, *, repository: Repository, pull: PullRequest
    ) -> None:
        if pull.author != call.principal.name.lower():
            self._services.permissions.require(call.principal, repository.place, level=level)

    def can_merge(self, call: Call) -> Response:
        """``GET pull-requests/{id}/merge``: whether it would succeed."""
        repository, pull = self._find(call)
        clean = pull.state == "OPEN" and self._pulls.can_merge(repository, pull.number)
        outcome = "CLEAN" if clean else "CONFLICTED"
        return answer({"canMerge": clean, "conflicted": not clean, "outcome": outcome, "vetoes": []})

    def merge(self, call: Call) -> Response:
        """``POST pull-requests/{id}/merge?version=``."""
        repository, pull = self._find(call, Level.WRITE)
        wanted = call.json() if call.body else {}
        merged = self._pulls.merge(
            repository,
            pull.number,
            version=_version(call.query("version") or wanted.get("version")),
            message=str(wanted.get("message") or ""),
            who=call.principal,
        )
        return self._shaped(repository, merged)

    def decline(self, call: Call) -> Response:
        """``POST pull-requests/{id}/decline?version=``."""
        repository, pull = self._find(call)
        self._require_author_or(Level.WRITE, call, repository=repository, pull=pull)
        version = _version(call.query("version"))
        return self._shaped(
            repository,
            self._pulls.decline(repository, pull.number, version=version, who=call.principal),
        )

    def reopen(self, call: Call) -> Response:
        """``POST pull-requests/{id}/reopen?version=``."""
        repository, pull = self._find(call)
        self._require_author_or(Level.WRITE, call, repository=repository, pull=pull)
        version = _version(call.query("version"))
        return self._shaped(
            repository,
            self._pulls.reopen(repository, pull.number, version=version, who=call.principal),
        )

    def approve(self, call: Call) -> Response:
        """``POST pull-requests/{id}/approve``."""
        return self._review(call, "APPROVED")

    def unapprove(self, call: Call) -> Response:
        """``DELETE pull-requests/{id}/approve``."""
        return self._review(call, "UNAPPROVED")

    def review(self, call: Call) -> Response:
        """``PUT pull-requests/{id}/participants/{user}``: one's own status."""
        if call.path("user").lower() != call.principal.name.lower():
            raise not_permitted("review for somebody else")
        return self._review(call, str(call.json().get("status", "")))

    def _review(self, call: Call, status: str) -> Response:
        repository, pull = self._find(call)
        made = self._pulls.review(repository, pull.number, who=call.principal, status=status)
        return answer(self._services.shapes.participant(made, self._services.shapes.people([made.user])))

    def participants(self, call: Call) -> Response:
        """``GET pull-requests/{id}/participants``."""
        _, pull = self._find(call)
        start, limit = page_of(call)
        people = self._services.shapes.people(_names(pull))
        shown = pull.participants[start : start + limit + 1]
        return answer(
            paged(shown, lambda one: self._services.shapes.participant(one, people), start=start, limit=limit)
        )

    def commits(self, call: Call) -> Response:
        """``GET pull-requests/{id}/commits``."""
        repository, pull = self._find(call)
        start, limit = page_of(call)
        reader = self._services.projects.reader(repository)
        found = reader.commits(pull.from_hash, exclude=pull.to_hash, start=start, limit=limit + 1)
        return answer(paged(found, self._services.shapes.commit, start=start, limit=limit))

    def _ends(self, repository: Repository, pull: PullRequest) -> tuple[str, str]:
        """Between what the changes of a pull request lie: the common ancestor and the source."""
        base = self._services.projects.reader(repository).merge_base(pull.to_hash, pull.from_hash)
        return base or pull.to_hash, pull.from_hash

    def changes(self, call: Call) -> Response:
        """``GET pull-requests/{id}/changes``."""
        repository, pull = self._find(call)
        start, limit = page_of(call)
        found = self._services.projects.reader(repository).changes(*self._ends(repository, pull))
        return answer(paged(found[start : start + limit + 1], shape_change, start=start, limit=limit))

    def diff(self, call: Call) -> Response:
        """``GET pull-requests/{id}.diff``: as text."""
        repository, pull = self._find(call)
        context = call.whole_number("contextLines", 10, high=1000)
        older, newer = self._ends(repository, pull)
        text = self._services.projects.reader(repository).diff(older, newer, context=context)
        return PlainTextResponse(text)

    def activities(self, call: Call) -> Response:
        """``GET pull-requests/{id}/activities``."""
        _, pull = self._find(call)
        start, limit = page_of(call)
        found = self._services.comments.activities(pull, start=start, limit=limit + 1)
        replies = self._services.comments.replies(pull)
        authors = [reply.author for several in replies.values() for reply in several]
        people = self._services.shapes.people([*authors, *(one.user for one in found)])
        shapes = self._services.shapes
        return answer(
            paged(found, lambda one: shapes.activity(one, people, replies=replies), start=start, limit=limit)
        )

    def add_comment(self, call: Call) -> Response:
        """``POST pull-requests/{id}/comments``."""
        _, pull = self._find(call)
        wanted = call.json()
        parent = wanted.get("parent")
        identity = parent.get("id") if isinstance(parent, dict) else None
        if identity is not None and not isinstance(identity, int):
            raise invalid("parent.id must be a number.", field="parent")
        text = str(wanted.get("text", ""))
        made = self._services.comments.add(pull, call.principal, text=text, parent=identity)
        people = self._services.shapes.people([made.author])
        return answer(self._services.shapes.comment(made, people, replies={}), 201)

    def comment(self, call: Call) -> Response:
        """``GET pull-requests/{id}/comments/{id}``."""
        _, pull = self._find(call)
        found = self._services.comments.find(pull, _comment_number(call))
        replies = self._services.comments.replies(pull)
        people = self._services.shapes.people([found.author])
        return answer(self._services.shapes.comment(found, people, replies=replies))

    def change_comment(self, call: Call) -> Response:
        """``PUT pull-requests/{id}/comments/{id}``."""
        _, pull = self._find(call)
        wanted = call.json()
        changed = self._services.comments.change(
            pull,
            _comment_number(call),
            who=call.principal,
            text=str(wanted.get("text", "")),
            version=_version(wanted.get("version")),
        )
        people = self._services.shapes.people([changed.author])
        return answer(self._services.shapes.comment(changed, people, replies={}))

    def remove_comment(self, call: Call) -> Response:
        """``DELETE pull-requests/{id}/comments/{id}?version=``."""
        _, pull = self._find(call)
        version = _version(call.query("version"))
        self._services.comments.remove(pull, _comment_number(call), who=call.principal, version=version)
        return no_content()


def _number(call: Call, repository: Repository) -> int:
    text = call.path("number")
    if not text.isdecimal() or len(text) > 15:
        raise no_pull_request(0, repository.slug)
    return int(text)


def _comment_number(call: Call) -> int:
    text = call.path("comment")
    if not text.isdecimal() or len(text) > 15:
        raise Refusal("No such comment.", status=404, exception="comment.NoSuchCommentException")
    return int(text)


def _version(value: Any) -> int:
    """The version a change is based on; without one it is based on none, which is out of date."""
    text = str(-1 if value in {None, ""} else value)
    if not text.lstrip("-").isdecimal():
        raise invalid("version must be a number.", field="version")
    return int(text)


def _names(pull: PullRequest) -> list[str]:
    return [pull.author, *(person.user for person in pull.participants)]


def _side(wanted: dict[str, Any], key: str, repository: Repository) -> str:
    """A branch out of ``fromRef`` or ``toRef``; it has to be in the repository of the path."""
    side = wanted.get(key)
    if not isinstance(side, dict) or not side.get("id"):
        raise invalid(f"{key} is needed.", field=key)
    named = side.get("repository") or {}
    project = (named.get("project") or {}).get("key", repository.project.key)
    if (
        str(named.get("slug", repository.slug)) != repository.slug
        or str(project).upper() != repository.project.key
    ):
        raise invalid("Pull requests between repositories are not held here.", field=key)
    return branch_ref(str(side["id"]))


def _reviewers(wanted: dict[str, Any]) -> tuple[str, ...]:
    reviewers = wanted.get("reviewers") or []
    if not isinstance(reviewers, list):
        raise invalid("reviewers must be a list.", field="reviewers")
    return tuple(str((one.get("user") or {}).get("name", "")) for one in reviewers if isinstance(one, dict))
