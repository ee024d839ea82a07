"""The JSON of users, projects, repositories, commits, pull requests and pages of them.

Source: Bitbucket Data Center REST documentation (schemas RestApplicationUser, RestProject, RestRepository,
RestCommit, RestPullRequest) and "Paged APIs". Times are milliseconds since the epoch.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar

from understudy.bitbucket.comments import Activity, Comment
from understudy.bitbucket.projects import Project, Repository
from understudy.bitbucket.properties import BASE_URL, Properties
from understudy.bitbucket.pulls import Participant, PullRequest, short
from understudy.bitbucket.reading import Commit, Person
from understudy.bitbucket.settings import BitbucketSettings
from understudy.kit.accounts import Accounts, Principal

Item = TypeVar("Item")
Json = dict[str, Any]

DEFAULT_LIMIT = 25
HIGHEST_LIMIT = 1000


def paged(items: Sequence[Item], shape: Callable[[Item], Any], *, start: int, limit: int) -> Json:
    """A page.

    Args:
        items: one more than the limit, if there are more.
        shape: gives the JSON of one.
        start: how many were skipped.
        limit: the most a page holds.
    """
    shown = items[:limit]
    last = len(items) <= limit
    return {
        "size": len(shown),
        "limit": limit,
        "isLastPage": last,
        "values": [shape(item) for item in shown],
        "start": start,
        "nextPageStart": None if last else start + len(shown),
    }


def milliseconds(at: datetime) -> int:
    """Milliseconds since the epoch."""
    return int(at.timestamp() * 1000)


class Shapes:
    """Gives things their JSON, with links that begin with the base URL.

    Args:
        accounts: the people.
        properties: know the base URL.
        settings: know the SSH address.
    """

    def __init__(self, accounts: Accounts, properties: Properties, settings: BitbucketSettings) -> None:
        self._accounts = accounts
        self._properties = properties
        self._settings = settings

    @property
    def base_url(self) -> str:
        """The address people use, without a slash at its end."""
        own = f"http://{self._settings.listen}{self._settings.context_path}"
        return self._properties.recent(BASE_URL, own)

    def people(self, names: Iterable[str]) -> Mapping[str, Principal]:
        """The people of these names, by lower-case name, with one query."""
        wanted = sorted({name.lower() for name in names})
        return self._accounts.find_many(wanted) if wanted else {}

    def user(self, principal: Principal) -> Json:
        """Somebody."""
        slug = principal.name.lower()
        return {
            "name": principal.name,
            "emailAddress": principal.email,
            "active": principal.active,
            "displayName": principal.display_name,
            "id": principal.user_id,
            "slug": slug,
            "type": "NORMAL",
            "links": self._self_link(f"/users/{slug}"),
        }

    def named(self, name: str, people: Mapping[str, Principal]) -> Json:
        """Somebody by name; one who is gone keeps a name and nothing else."""
        principal = people.get(name.lower())
        if principal is not None:
            return self.user(principal)
        return {"name": name, "slug": name.lower(), "displayName": name, "active": False, "type": "NORMAL"}

    def project(self, project: Project) -> Json:
        """A project."""
        return {
            "key": project.key,
            "id": project.id,
            "name": project.name,
            "description": project.description,
            "public": project.public,
            "type": "NORMAL",
            "links": self._self_link(f"/projects/{project.key}"),
        }

    def repository(self, repository: Repository) -> Json:
        """A repository, with the addresses to clone it from."""
        path = f"/projects/{repository.project.key}/repos/{repository.slug}/browse"
        return {
            "slug": repository.slug,
            "id": repository.id,
            "name": repository.name,
            "description": repository.description,
            "hierarchyId": f"{repository.id:020x}",
            "scmId": "git",
            "state": "AVAILABLE",
            "statusMessage": "Available",
            "forkable": repository.forkable,
            "project": self.project(repository.project),
            "public": repository.public,
            "archived": repository.archived,
            "links": {"clone": self._clone_links(repository), **self._self_link(path)},
        }

    def _clone_links(self, repository: Repository) -> list[Json]:
        path = f"{repository.project.key.lower()}/{repository.slug}.git"
        links = [{"href": f"{self.base_url}/scm/{path}", "name": "http"}]
        if self._settings.ssh.enabled:
            links.append({"href": f"{self.ssh_url}/{path}", "name": "ssh"})
        return links

    @property
    def ssh_url(self) -> str:
        """The address of git over SSH, with the user name that everybody uses."""
        base = self._settings.ssh.base_url or f"ssh://{self._settings.ssh.listen}"
        scheme, _, rest = base.rpartition("://")
        return f"{scheme or 'ssh'}://{rest if '@' in rest else 'git@' + rest}"

    def commit(self, commit: Commit) -> Json:
        """A commit."""
        return {
            "id": commit.id,
            "displayId": commit.display_id,
            "author": _person(commit.author),
            "authorTimestamp": commit.author.at * 1000,
            "committer": _person(commit.committer),
            "committerTimestamp": commit.committer.at * 1000,
            "message": commit.message,
            "parents": [{"id": parent, "displayId": parent[:11]} for parent in commit.parents],
        }

    def pull_request(
        self, repository: Repository, pull: PullRequest, *, people: Mapping[str, Principal]
    ) -> Json:
        """A pull request."""
        path = f"/projects/{repository.project.key}/repos/{repository.slug}/pull-requests/{pull.number}"
        roles: dict[str, list[Json]] = {"REVIEWER": [], "PARTICIPANT": []}
        for person in pull.participants:
            roles[person.role].append(self.participant(person, people))
        author = self.participant(Participant(pull.author, "AUTHOR", "UNAPPROVED"), people)
        shaped: Json = {
            "id": pull.number,
            "version": pull.version,
            "title": pull.title,
            "description": pull.description,
            "state": pull.state,
            "open": pull.state == "OPEN",
            "closed": pull.state != "OPEN",
            "draft": False,
            "createdDate": milliseconds(pull.created),
            "updatedDate": milliseconds(pull.updated),
            "fromRef": self._side(repository, pull.from_ref, pull.from_hash),
            "toRef": self._side(repository, pull.to_ref, pull.to_hash),
            "locked": False,
            "author": author,
            "reviewers": roles["REVIEWER"],
            "participants": roles["PARTICIPANT"],
            "links": self._self_link(path),
        }
        if pull.closed is not None:
            shaped["closedDate"] = milliseconds(pull.closed)
        if pull.merge_hash is not None:
            merged = {"id": pull.merge_hash, "displayId": pull.merge_hash[:11]}
            shaped["properties"] = {"mergeCommit": merged}
        return shaped

    def _side(self, repository: Repository, ref: str, commit: str) -> Json:
        return {
            "id": ref,
            "displayId": short(ref),
            "latestCommit": commit,
            "type": "BRANCH",
            "repository": self.repository(repository),
        }

    def participant(self, person: Participant, people: Mapping[str, Principal]) -> Json:
        """Somebody's part in a pull request."""
        return {
            "user": self.named(person.user, people),
            "role": person.role,
            "approved": person.status == "APPROVED",
            "status": person.status,
        }

    def comment(
        self, comment: Comment, people: Mapping[str, Principal], *, replies: Mapping[int, Sequence[Comment]]
    ) -> Json:
        """A comment with what was replied to it."""
        below = [self.comment(reply, people, replies=replies) for reply in replies.get(comment.id, ())]
        return {
            "id": comment.id,
            "version": comment.version,
            "text": comment.text,
            "author": self.named(comment.author, people),
            "createdDate": milliseconds(comment.created),
            "updatedDate": milliseconds(comment.updated),
            "comments": below,
            "severity": "NORMAL",
            "state": "OPEN",
        }

    def activity(
        self, activity: Activity, people: Mapping[str, Principal], *, replies: Mapping[int, Sequence[Comment]]
    ) -> Json:
        """One thing that happened to a pull request."""
        shaped: Json = {
            "id": activity.id,
            "createdDate": milliseconds(activity.created),
            "user": self.named(activity.user, people),
            "action": activity.action,
        }
        if activity.comment is not None:
            shaped["commentAction"] = "ADDED"
            shaped["comment"] = self.comment(activity.comment, people, replies=replies)
        if activity.action == "RESCOPED":
            shaped |= {"fromHash": activity.from_hash, "previousFromHash": activity.previous_from_hash}
        if activity.merge_hash is not None:
            shaped["commit"] = {"id": activity.merge_hash, "displayId": activity.merge_hash[:11]}
        return shaped

    def _self_link(self, path: str) -> Json:
        return {"self": [{"href": f"{self.base_url}{path}"}]}


def _person(person: Person) -> Json:
    return {"name": person.name, "emailAddress": person.email}
