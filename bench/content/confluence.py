"""Confluence: pages and comments.

Source of the routes: Confluence Data Center REST API (``/rest/api/content``, ``/rest/api/space``); the login form is
``/login.action`` with ``os_username``, ``os_password`` and ``os_cookie``.
"""

from __future__ import annotations

from collections import Counter

from bench.content.base import JSON, PASSWORD, Mix, Rest, words_of
from telamon.products.traffic import Kind, Login

SPACE = "BENCH"
PAGES = 80
BATCH = 100
API = "/rest/api"


class ConfluenceContent:
    """One space full of pages.

    Args:
        rest: a script of its administrator.
    """

    def __init__(self, rest: Rest) -> None:
        self._rest = rest
        self._pages: tuple[str, ...] = ()

    def prepare(self) -> Mix:
        """Make the space and its pages."""
        self._rest.post(f"{API}/space", {"key": SPACE, "name": "Benchmark"})
        self._pages = tuple(self._create(number) for number in range(PAGES))
        login = Login(
            page="/login.action",
            fields={
                "os_username": self._rest.account[0],
                "os_password": f"${PASSWORD}",
                "os_cookie": "true",
            },
        )
        return Mix(_kinds(), {"page": self._pages}, login, "telamon-confluence")

    def tokens(self) -> Counter[str]:
        """Every word of every comment."""
        found: Counter[str] = Counter()
        for page in self._pages:
            start, size = 0, BATCH
            while size == BATCH:
                answer = self._rest.get(
                    f"{API}/content/{page}/child/comment", expand="body.storage", limit=BATCH, start=start
                )
                found += words_of(comment["body"]["storage"]["value"] for comment in answer["results"])
                size = len(answer["results"])
                start += size
        return found

    def _create(self, number: int) -> str:
        body = "<p>Something to read about lanterns, harbours and meadows.</p>" * 10
        page = {
            "type": "page",
            "title": f"Page {number}",
            "space": {"key": SPACE},
            "body": {"storage": {"value": body, "representation": "storage"}},
        }
        return str(self._rest.post(f"{API}/content", page)["id"])


def _kinds() -> tuple[Kind, ...]:
    one = f"{API}/content/$page"
    comment = Kind(
        name="comment",
        weight=12,
        method="POST",
        path=f"{API}/content",
        headers=JSON,
        body=(
            '{"type": "comment", "container": {"id": "$page", "type": "page"}, '
            '"body": {"storage": {"value": "<p>$token</p>", "representation": "storage"}}}'
        ),
        write=True,
        keep="/id",
    )
    return (
        Kind(name="view-page", weight=34, path="/pages/viewpage.action?pageId=$page", contains="lanterns"),
        comment,
        Kind(name="read-page", weight=14, path=f"{one}?expand=body.storage,version", contains="lanterns"),
        Kind(name="search", weight=11, path=f"{API}/search?cql=space%3D{SPACE}+and+text~lanterns&limit=20"),
        Kind(name="dashboard", weight=10, path="/dashboard.action"),
        Kind(name="browse", weight=9, path=f"{API}/space/{SPACE}", contains=SPACE),
        Kind(
            name="own-comment",
            weight=6,
            path=f"{API}/content/$kept_id?expand=body.storage",
            contains="$kept_token",
            follows="comment",
        ),
        Kind(name="newcomer", weight=4, path="/login.action", fresh=True),
    )
