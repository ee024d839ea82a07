"""REST of content properties: what scripts and apps keep beside a piece of content, as JSON under a key.

Source: the vendor's "Confluence REST API" reference, content properties: each has a version of its own, and a change
names the next one.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.responses import Response

from understudy.confluence import content as store
from understudy.confluence import render
from understudy.confluence.node import WikiNode
from understudy.confluence.render import Json
from understudy.confluence.rest_content import bounds, number_of
from understudy.kit.database import Connection, Row
from understudy.kit.errors import BadRequest, Conflict, NotFound
from understudy.kit.web import Call, Site, json_answer

_LONGEST_KEY = 255


class PropertyRoutes:
    """Routes for content properties.

    Args:
        node: of these routes.
    """

    def __init__(self, node: WikiNode) -> None:
        self._node = node

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        below = "/rest/api/content/{content_id}/property"
        site.route(below, self.listing)
        site.route(below, self.create, methods=("POST",))
        site.route(below + "/{key}", self.read)
        site.route(below + "/{key}", self.change, methods=("PUT",))
        site.route(below + "/{key}", self.delete, methods=("DELETE",))

    def listing(self, call: Call) -> Response:
        """All of a piece of content, by key."""
        start, limit = bounds(call)
        with self._node.database.reading() as connection:
            content = _content(connection, call)
            rows = connection.execute(
                "select * from content_property where contentid = %s order by propertykey offset %s limit %s",
                (content, start, limit + 1),
            ).fetchall()
        results = [_shown(row) for row in rows[:limit]]
        return json_answer({"results": results, "start": start, "limit": limit, "size": len(results)})

    def create(self, call: Call) -> Response:
        """Add one; a key that is taken is a conflict."""
        body = call.json()
        key = str(body.get("key") or "")
        if not key or len(key) > _LONGEST_KEY or "value" not in body:
            raise BadRequest("A content property needs a key and a value")
        with self._node.database.transaction() as connection:
            made = connection.execute(
                "insert into content_property (contentid, propertykey, propertyvalue) values (%s, %s, %s)"
                " on conflict do nothing",
                (_content(connection, call), key, json.dumps(body["value"])),
            ).rowcount
            if not made:
                raise Conflict(f"There is a content property {key[:80]} already")
            return json_answer(_shown(_found(connection, call, key)))

    def read(self, call: Call) -> Response:
        """One of them."""
        with self._node.database.reading() as connection:
            return json_answer(_shown(_found(connection, call, call.path("key"))))

    def change(self, call: Call) -> Response:
        """Make the next version; 409 unless its number is the current one plus one."""
        body, key = call.json(), call.path("key")
        version: Any = body.get("version")
        wanted = version.get("number") if isinstance(version, dict) else None
        if "value" not in body:
            raise BadRequest("A content property needs a value")
        with self._node.database.transaction() as connection:
            changed = connection.execute(
                "update content_property set propertyvalue = %s, version = version + 1, lastmoddate = now()"
                " where id = %s and version + 1 = %s",
                (json.dumps(body["value"]), _found(connection, call, key)["id"], wanted),
            ).rowcount
            if not changed:
                raise Conflict("The version must be the current one plus one")
            return json_answer(_shown(_found(connection, call, key)))

    def delete(self, call: Call) -> Response:
        """Remove one."""
        with self._node.database.transaction() as connection:
            found = _found(connection, call, call.path("key"))
            connection.execute("delete from content_property where id = %s", (found["id"],))
        return Response(status_code=204)


def _content(connection: Connection, call: Call) -> int:
    return store.find_content(connection, number_of(call.path("content_id"))).content_id


def _found(connection: Connection, call: Call, key: str) -> Row:
    row = connection.execute(
        "select * from content_property where contentid = %s and propertykey = %s",
        (_content(connection, call), key),
    ).fetchone()
    if row is None:
        raise NotFound(f"No content property {key[:80]}")
    return row


def _shown(row: Row) -> Json:
    return {
        "id": str(row["id"]),
        "key": row["propertykey"],
        "value": json.loads(row["propertyvalue"]),
        "version": {
            "when": render.time_json(row["lastmoddate"]),
            "number": row["version"],
            "minorEdit": False,
        },
    }
