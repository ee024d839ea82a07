"""Jira: issues, their pages and comments.

Source of the routes: Jira Data Center platform REST API, version 2; the login form is ``/login.jsp`` with
``os_username``, ``os_password`` and ``os_cookie``.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from bench.content.base import JSON, PASSWORD, Mix, Rest, words_of
from telamon.products.traffic import Kind, Login

PROJECT = "BENCH"
ISSUES = 120
API = "/rest/api/2"


class JiraContent:
    """One project full of issues.

    Args:
        rest: a script of its administrator.
    """

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._issues: tuple[str, ...] = ()

    def prepare(self) -> Mix:
        """Make the project and its issues."""
        project = {
            "key": PROJECT,
            "name": "Benchmark",
            "projectTypeKey": "software",
            "lead": self._rest.account[0],
        }
        self._rest.post(f"{API}/project", project)
        self._issues = tuple(self._create(number) for number in range(ISSUES))
        return Mix(
            _kinds(), {"issue": self._issues, "word": _WORDS}, _login(self._rest.account[0]), "telamon-jira"
        )

    def tokens(self) -> Counter[str]:
        """Every word of every comment."""
        found: Counter[str] = Counter()
        for issue in self._issues:
            comments = self._rest.get(f"{API}/issue/{issue}/comment")["comments"]
            found += words_of(comment["body"] for comment in comments)
        return found

    def _create(self, number: int) -> str:
        fields: dict[str, Any] = {
            "project": {"key": PROJECT},
            "issuetype": {"name": "Task"},
            "summary": f"{_WORDS[number % len(_WORDS)]} number {number}",
            "description": "Something to read. " * 20,
        }
        return str(self._rest.post(f"{API}/issue", {"fields": fields})["key"])


_WORDS = ("harbour", "lantern", "meadow", "granite", "willow", "ember", "falcon", "orchard")


def _login(username: str) -> Login:
    fields = {"os_username": username, "os_password": f"${PASSWORD}", "os_cookie": "true"}
    return Login(page="/login.jsp", fields=fields)


def _kinds() -> tuple[Kind, ...]:
    issue = f"{API}/issue/$issue"
    comment = Kind(
        name="comment",
        weight=12,
        method="POST",
        path=f"{issue}/comment",
        headers=JSON,
        body='{"body": "$token"}',
        expect=(201,),
        write=True,
        keep="/id",
    )
    return (
        Kind(name="view-issue", weight=34, path="/browse/$issue", contains="$issue"),
        comment,
        Kind(name="read-issue", weight=14, path=f"{issue}?fields=summary,status,assignee", contains="$issue"),
        Kind(
            name="search",
            weight=11,
            path=f"{API}/search?jql=project%3D{PROJECT}+AND+text+~+$word&maxResults=20",
        ),
        Kind(name="dashboard", weight=10, path="/secure/Dashboard.jspa"),
        Kind(name="browse", weight=9, path=f"{API}/project/{PROJECT}", contains=PROJECT),
        Kind(
            name="own-comment",
            weight=6,
            path=f"{issue}/comment/$kept_id",
            contains="$kept_token",
            follows="comment",
        ),
        Kind(name="newcomer", weight=4, path="/login.jsp", fresh=True),
    )
