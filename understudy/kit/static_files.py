"""The setting by which a content delivery network (CDN) delivers static files.

Source: Atlassian, "Configure your CDN for Jira Data Center" and its sisters: one setting for the whole instance.
"Content Delivery Network (CDN) for Jira Data Center" names the resource ``/rest/static-asset-caching``; that the
setting is below it no public page says, so each stand-in has the variant ``cdn-rest-absent``, in which it is not. The
table is the stand-ins' own, and so is that their pages name their files in the same way whatever is set.
"""

from __future__ import annotations

from typing import Any, LiteralString
from urllib.parse import urlsplit

from starlette.responses import Response

from understudy.kit.database import Database
from understudy.kit.errors import BadRequest
from understudy.kit.web import Access, Call, Site, json_answer

PATH = "/rest/static-asset-caching/configuration"
_TABLE: LiteralString = """create table if not exists static_asset_caching (
    one boolean primary key default true check (one), enabled boolean not null, url text not null)"""


class StaticFiles:
    """Routes about the setting.

    Args:
        database: where it is kept.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        administrator = Access.ADMINISTRATOR
        site.route(PATH, self._show, access=administrator)
        site.route(PATH, self._change, methods=("PUT",), access=administrator)
        site.route(PATH, self._remove, methods=("DELETE",), access=administrator)

    def _show(self, _: Call) -> Response:
        return json_answer(self._read())

    def _change(self, call: Call) -> Response:
        """A network that is switched on must have an address, and browsers take files of a page from https alone."""
        body = call.json()
        enabled, url = body.get("enabled"), str(body.get("url") or "")
        parts = urlsplit(url)
        if not isinstance(enabled, bool):
            raise BadRequest("enabled must be true or false")
        if enabled and not (parts.scheme == "https" and parts.hostname):
            raise BadRequest("url must be an address that begins with https://")
        self._prepare()
        self._database.execute(
            """insert into static_asset_caching (enabled, url) values (%s, %s)
               on conflict (one) do update set enabled = excluded.enabled, url = excluded.url""",
            (enabled, url),
        )
        return self._show(call)

    def _remove(self, _: Call) -> Response:
        self._prepare()
        self._database.execute("delete from static_asset_caching")
        return Response(status_code=204)

    def _read(self) -> dict[str, Any]:
        self._prepare()
        row = self._database.fetch_one("select enabled, url from static_asset_caching")
        return {"enabled": False} if row is None else {"enabled": row["enabled"], "url": row["url"]}

    def _prepare(self) -> None:
        self._database.prepare_schema("static asset caching", (_TABLE,))
