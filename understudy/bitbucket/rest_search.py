"""REST about code search and how far its index is.

Sources: clients of ``POST /rest/search/latest/search``, which is not part of the documented REST; for
``/rest/indexing/latest/{sync,status}`` the client library atlassian-python-api.
"""

from __future__ import annotations

from typing import Any

from starlette.responses import Response

from understudy.bitbucket.errors import CompanionUnavailable, Refusal, invalid
from understudy.bitbucket.searching import FileHit, search_code, shape_hit
from understudy.bitbucket.services import RestRoutes, Services, answer
from understudy.bitbucket.shapes import Json
from understudy.kit.accounts import Principal
from understudy.kit.web import Access, Call, Site

_DEFAULT_LIMIT = 25
_HIGHEST_LIMIT = 100


class SearchRest:
    """The routes.

    Args:
        services: the parts of the node.
    """

    def __init__(self, services: Services) -> None:
        self._services = services

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        indexing = RestRoutes(site, "indexing")
        search = RestRoutes(site, "search")
        search.add("/search", self.search, methods=("POST",))
        indexing.add("/status", self.status, access=Access.ADMINISTRATOR)
        indexing.add("/sync", self.sync, methods=("POST",), access=Access.ADMINISTRATOR)

    def search(self, call: Call) -> Response:
        """``POST search``: 503 while the companion is away; nothing else depends on it."""
        wanted = call.json()
        text = str(wanted.get("query", "")).strip()
        entities = wanted.get("entities")
        code = entities.get("code", {}) if isinstance(entities, dict) else {}
        limits = wanted.get("limits")
        primary = limits.get("primary") if isinstance(limits, dict) else None
        start = _number(code.get("start"), 0, name="start")
        limit = min(_number(code.get("limit", primary), _DEFAULT_LIMIT, name="limit"), _HIGHEST_LIMIT)
        return answer(self.find(call.principal, text, start=start, limit=limit))

    def find(self, principal: Principal, text: str, *, start: int, limit: int) -> Json:
        """Search and shape the answer.

        Raises:
            Refusal: the text is no query, or the companion is away.
        """
        services = self._services
        visible = services.permissions.visible_repositories(principal)
        try:
            found = search_code(services.companion, text, visible=visible, start=start, limit=limit)
        except CompanionUnavailable as error:
            raise Refusal(
                "Search is not available.", status=503, exception="search.SearchException"
            ) from error
        values = [shaped for hit in found.files if (shaped := self._shape(hit)) is not None]
        last = start + len(found.files) >= found.total
        page: Json = {
            "category": "primary",
            "isLastPage": last,
            "count": found.total,
            "start": start,
            "limit": limit,
            "values": values,
        }
        if not last:
            page["nextStart"] = start + len(found.files)
        return {"scope": {"type": "GLOBAL"}, "code": page, "query": {"substituted": False}}

    def _shape(self, hit: FileHit) -> Json | None:
        """The JSON of a hit; nothing for a repository that is gone and not yet out of the index."""
        repository = self._services.projects.repository_by_id(hit.repository)
        return None if repository is None else shape_hit(hit, self._services.shapes.repository(repository))

    def status(self, _: Call) -> Response:
        """``GET indexing/.../status``."""
        progress = self._services.indexer.progress()
        state = "UNAVAILABLE" if progress.trouble else "INDEXING" if progress.behind else "IDLE"
        return answer(
            {
                "status": state,
                "repositories": progress.repositories,
                "behind": progress.behind,
                "message": progress.trouble,
            }
        )

    def sync(self, _: Call) -> Response:
        """``POST indexing/.../sync``: send everything again."""
        self._services.indexer.reset()
        return answer({"status": "INDEXING"}, 202)


def _number(value: Any, default: int, *, name: str) -> int:
    if value is None:
        return default
    if not isinstance(value, int) or value < 0:
        raise invalid(f"{name} must be a number that is not negative.", field=name)
    return value
