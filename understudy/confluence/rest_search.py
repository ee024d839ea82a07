"""REST of search and of the index.

Sources: the vendor's "Confluence REST API" reference, groups "Search" and "Index Management".
"""

from __future__ import annotations

import datetime as dt
import logging
import threading
import time
from collections.abc import Callable, Mapping
from urllib.parse import quote

from starlette.responses import Response

from understudy.confluence import content as store
from understudy.confluence import render
from understudy.confluence.content import Content
from understudy.confluence.cql import parse_cql
from understudy.confluence.cqlquery import Asker
from understudy.confluence.markup import plain_text
from understudy.confluence.node import WikiNode
from understudy.confluence.render import Expansions, Json, Links
from understudy.confluence.rest_content import bounds
from understudy.kit.errors import BadRequest, DatabaseUnavailable, HttpProblem, IndexProblem
from understudy.kit.index import Hits
from understudy.kit.web import Access, Call, Site, json_answer

_LOG = logging.getLogger("understudy.confluence.search")
_EXCERPT = 300


class SearchRoutes:
    """Routes for search, re-indexing and figures of the instance.

    Args:
        node: of these routes.
        links: how addresses are written.
    """

    def __init__(self, node: WikiNode, links: Callable[[], Links]) -> None:
        self._node = node
        self._links = links
        self._reindexing = threading.Lock()
        self._job = 0
        self._began = 0.0
        self._ended: float | None = None

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        administrator = Access.ADMINISTRATOR
        site.route("/rest/api/search", self.search)
        site.route("/rest/api/content/search", self.search_content)
        site.route("/rest/api/index/reindex", self.reindex, methods=("POST",), access=administrator)
        site.route("/rest/api/index/reindex", self.reindex_status, access=administrator)
        site.route("/rest/prototype/1/index/reindex", self.reindex_status, access=administrator)
        site.route("/rest/api/index/resetjob", self.reset_job, methods=("PUT",), access=administrator)
        site.route("/rest/api/index/unindex", self.unindex, methods=("POST",), access=administrator)
        site.route("/rest/api/instance-metrics", self.metrics, access=administrator)

    def search(self, call: Call) -> Response:
        """Search results: each with an excerpt and the content it is about."""
        began = time.monotonic()
        hits, found = self._find(call)
        links = self._links()
        expand = Expansions.parse(",".join(_content_expansions(call.query("expand"))))
        results: list[Json] = [
            {
                "content": render.content_json(content, links, expand=expand),
                "title": content.title,
                "excerpt": plain_text(content.body)[:_EXCERPT],
                "url": links.page(content),
                "resultGlobalContainer": {
                    "title": content.space_name,
                    "displayUrl": f"/display/{content.space_key}",
                },
                "entityType": "content",
                "iconCssClass": f"aui-icon content-type-{content.kind}",
                "lastModified": render.time_json(content.modified),
                "timestamp": int(content.modified.timestamp() * 1000),
            }
            for content in found
        ]
        answer = self._page(call, "/rest/api/search", results=results, hits=hits)
        answer |= {
            "totalSize": hits.total,
            "cqlQuery": call.query("cql"),
            "searchDuration": int((time.monotonic() - began) * 1000),
        }
        return json_answer(answer)

    def search_content(self, call: Call) -> Response:
        """The content that a query finds."""
        hits, found = self._find(call)
        expand = Expansions.parse(call.query("expand"))
        results = [render.content_json(content, self._links(), expand=expand) for content in found]
        return json_answer(
            self._page(call, "/rest/api/content/search", results=results, hits=hits)
            | {"totalSize": hits.total}
        )

    def reindex(self, _: Call) -> Response:
        """Rebuild the index on this node; the others take it over when it is complete."""
        if not self._reindexing.acquire(blocking=False):
            raise BadRequest("Confluence is re-indexing")
        self._job += 1
        self._began, self._ended = time.monotonic(), None
        threading.Thread(target=self._run_reindex, name="reindex", daemon=True).start()
        return json_answer(self._task())

    def reindex_status(self, _: Call) -> Response:
        """How far the last rebuild is."""
        return json_answer(self._task() if self._job else "Reindex status not available.")

    def reset_job(self, _: Call) -> Response:
        """Forget the last rebuild."""
        if not self._reindexing.locked():
            self._job = 0
        return Response(status_code=200)

    def unindex(self, _: Call) -> Response:
        """Take everything out of the index of this node."""
        self._node.index.clear()
        return Response(status_code=200)

    def metrics(self, _: Call) -> Response:
        """How much the site holds. Field names of the product are not published; these are our own."""
        rows = self._node.database.fetch_all(
            """select contenttype, count(*) as total from content
                where prevver is null and content_status = 'current' group by contenttype"""
        )
        counts = {row["contenttype"]: row["total"] for row in rows}
        spaces = self._node.database.fetch_one("select count(*) as total from spaces")
        return json_answer(
            {
                "pages": counts.get("page", 0),
                "blogPosts": counts.get("blogpost", 0),
                "comments": counts.get("comment", 0),
                "attachments": counts.get("attachment", 0),
                "spaces": spaces["total"] if spaces is not None else 0,
            }
        )

    def _find(self, call: Call) -> tuple[Hits, list[Content]]:
        cql = parse_cql(call.query("cql"))
        start, limit = bounds(call)
        asker = Asker(call.principal.name, dt.datetime.now(dt.UTC))
        try:
            hits = self._node.index.search(cql, asker, start=start, limit=limit)
        except IndexProblem as error:
            raise HttpProblem(f"The search index cannot be used: {error}", status=500) from error
        with self._node.database.reading() as connection:
            found = store.find_many(connection, [int(key) for key in hits.keys])
        return hits, [found[int(key)] for key in hits.keys if int(key) in found]

    def _page(self, call: Call, path: str, *, results: list[Json], hits: Hits) -> Json:
        start, limit = bounds(call)
        query = f"{path}?cql={quote(call.query('cql'))}"
        more = start + limit < hits.total
        return render.page_of(results, self._links(), path=query, start=start, limit=limit, more=more)

    def _run_reindex(self) -> None:
        try:
            self._node.index.rebuild()
            self._node.recovery.spread()
        except (DatabaseUnavailable, IndexProblem) as error:
            _LOG.error("the rebuild of the index has failed: %s", error)
        finally:
            self._ended = time.monotonic()
            self._reindexing.release()

    def _task(self) -> Mapping[str, object]:
        done, total = self._node.index.progress
        running = self._reindexing.locked()
        seconds = int((self._ended or time.monotonic()) - self._began)
        return {
            "finished": not running,
            "percentageComplete": (100 * done // total if total else 0) if running else 100,
            "elapsedTime": f"{seconds} s",
            "remainingTime": "0",
            "jobID": self._job,
        }


def _content_expansions(text: str) -> list[str]:
    return [name.removeprefix("content.") for name in text.split(",") if name.startswith("content.")]
