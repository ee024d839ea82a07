"""REST of spaces and content. Source: the vendor's "Confluence REST API" reference (content, space)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from starlette.responses import Response

from understudy.confluence import content as store
from understudy.confluence import render, spaces
from understudy.confluence.content import Change, Content, NewContent
from understudy.confluence.markup import check_storage
from understudy.confluence.node import WikiNode
from understudy.confluence.render import Expansions, Json, Links
from understudy.kit.database import Connection
from understudy.kit.errors import BadRequest, Forbidden
from understudy.kit.web import Access, Call, Site, json_answer

KINDS = frozenset({"page", "blogpost", "comment", "attachment"})
DEFAULT_EXPAND = "space,history,version,body.storage"
CHANGED_EXPAND = "body.storage,history,space,container.history,container.version,version,ancestors"
"""What is shown of content that was just made or changed. Source: Confluence REST API, default of ``expand`` in "Create
content"; seen also in clients that rely on it."""
_MAXIMUM_LIMIT = 200


class ContentRoutes:
    """Routes below ``/rest/api/content`` and ``/rest/api/space``.

    Args:
        node: of these routes.
        links: how addresses are written; asked for at each request.
        is_administrator: whether the caller may create spaces.
    """

    def __init__(
        self, node: WikiNode, links: Callable[[], Links], is_administrator: Callable[[Call], bool]
    ) -> None:
        self._node = node
        self._database = node.database
        self._links = links
        self._is_administrator = is_administrator

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        one = "/rest/api/content/{content_id}"
        site.route("/rest/api/content", self.list_content)
        site.route("/rest/api/content/", self.list_content)
        site.route("/rest/api/content", self.create, methods=("POST",))
        site.route("/rest/api/content/", self.create, methods=("POST",))
        site.route(one, self.read)
        site.route(one, self.change, methods=("PUT",))
        site.route(one, self.delete, methods=("DELETE",))
        site.route(f"{one}/history", self.history)
        site.route(f"{one}/version", self.versions)
        site.route(f"{one}/label", self.labels)
        site.route(f"{one}/label", self.add_labels, methods=("POST",))
        site.route(one + "/label/{name}", self.remove_label, methods=("DELETE",))
        site.route(f"{one}/label", self.remove_label, methods=("DELETE",))
        site.route(one + "/child/{kind}", self.children)
        site.route("/rest/api/space", self.list_spaces)
        site.route("/rest/api/space", self.create_space, methods=("POST",))
        site.route("/rest/api/space/{key}", self.read_space)
        site.route("/rest/api/space/{key}", self.change_space, methods=("PUT",))
        site.route("/rest/api/space/{key}", self.delete_space, methods=("DELETE",))
        site.route("/rest/api/space/{key}/content/{kind}", self.space_content)
        site.route("/rest/api/user/anonymous", self.anonymous, access=Access.ANYONE)

    def anonymous(self, _: Call) -> Response:
        """The caller who is not logged in."""
        return json_answer({"type": "anonymous", "displayName": "Anonymous"})

    def list_content(self, call: Call) -> Response:
        """Current content of a kind, by space and title."""
        kind = call.query("type", "page")
        if kind not in KINDS:
            raise BadRequest(f"No content type {kind[:80]}")
        start, limit = bounds(call)
        with self._database.reading() as connection:
            found = store.list_content(
                connection,
                kind=kind,
                space_key=call.query("spaceKey"),
                title=call.query("title"),
                start=start,
                limit=limit + 1,
            )
            return self._page_of(
                connection, call, found, path=f"/rest/api/content?type={kind}&{_filters(call)}"
            )

    def create(self, call: Call) -> Response:
        """Create a page, a blog post or a comment."""
        body = call.json()
        kind = str(body.get("type", "page"))
        if kind not in {"page", "blogpost", "comment"}:
            raise BadRequest(f"Content of type {kind[:80]} cannot be created here")
        storage = _storage_of(body) or ""
        author = call.principal.name
        with self._database.transaction() as connection:
            new = self._new_content(connection, body, kind=kind, storage=storage, author=author)
            content_id, _ = store.create_content(connection, new)
            made = store.find_content(connection, content_id)
            answer = self._json(connection, made, Expansions.parse(call.query("expand") or CHANGED_EXPAND))
        self._node.changed()
        self._node.tell(f"{kind}_created", made.title, by=call.principal)
        return json_answer(answer)

    def read(self, call: Call) -> Response:
        """One piece of content, or one of its versions."""
        content_id = number_of(call.path("content_id"))
        version = call.whole_number("version", 0)
        expand = Expansions.parse(call.query("expand") or DEFAULT_EXPAND)
        with self._database.reading() as connection:
            if version:
                found = store.find_version(connection, content_id, version=version)
            else:
                found = store.find_content(connection, content_id, status=call.query("status", "current"))
            return json_answer(self._json(connection, found, expand))

    def change(self, call: Call) -> Response:
        """Make the next version; 409 unless its number is the current one plus one."""
        content_id = number_of(call.path("content_id"))
        body = call.json()
        parent = _parent_of(body)
        change = Change(
            version=_version_of(body),
            author=call.principal.name,
            title=None if body.get("title") is None else str(body["title"]),
            body=_storage_of(body),
            parent=parent,
            comment=str(_object(body.get("version")).get("message") or ""),
            minor=bool(_object(body.get("version")).get("minorEdit")),
        )
        with self._database.transaction() as connection:
            store.change_content(connection, content_id, change=change)
            made = store.find_content(connection, content_id)
            answer = self._json(connection, made, Expansions.parse(call.query("expand") or CHANGED_EXPAND))
        self._node.changed()
        return json_answer(answer)

    def delete(self, call: Call) -> Response:
        """Into the trash; with ``status=trashed`` for good."""
        content_id = number_of(call.path("content_id"))
        with self._database.transaction() as connection:
            if call.query("status") == "trashed":
                store.purge_content(connection, content_id)
            else:
                store.trash_content(connection, content_id)
        self._node.changed()
        return Response(status_code=204)

    def history(self, call: Call) -> Response:
        """Who made it, and the latest version."""
        with self._database.reading() as connection:
            found = store.find_content(connection, number_of(call.path("content_id")))
        return json_answer(render.history_json(found, self._links()))

    def versions(self, call: Call) -> Response:
        """Every version, the newest first."""
        content_id = number_of(call.path("content_id"))
        start, limit = bounds(call)
        with self._database.reading() as connection:
            store.find_content(connection, content_id)
            found = store.list_versions(connection, content_id, start=start, limit=limit + 1)
        results = [render.version_json(content) for content in found[:limit]]
        path = f"/rest/api/content/{content_id}/version"
        return json_answer(
            render.page_of(
                results, self._links(), path=path, start=start, limit=limit, more=len(found) > limit
            )
        )

    def children(self, call: Call) -> Response:
        """Child pages, comments or attachments."""
        content_id, kind = number_of(call.path("content_id")), call.path("kind")
        if kind not in {"page", "comment", "attachment"}:
            raise BadRequest(f"No children of type {kind[:80]}")
        start, limit = bounds(call)
        with self._database.reading() as connection:
            store.find_content(connection, content_id)
            found = store.list_children(
                connection, content_id, kind=kind, start=start, limit=limit + 1, title=call.query("filename")
            )
            return self._page_of(connection, call, found, path=f"/rest/api/content/{content_id}/child/{kind}")

    def labels(self, call: Call) -> Response:
        """The labels."""
        return self._labels_answer(number_of(call.path("content_id")))

    def add_labels(self, call: Call) -> Response:
        """Add labels; the body is a list of objects with a name, or one of them."""
        content_id = number_of(call.path("content_id"))
        sent = call.json_value()
        wanted = sent if isinstance(sent, list) else [sent]
        names = [str(_object(label).get("name", "")).strip() for label in wanted]
        if not all(names) or any(" " in name for name in names):
            raise BadRequest("A label has a name without spaces")
        with self._database.transaction() as connection:
            store.find_content(connection, content_id)
            store.add_labels(connection, content_id, names=names, author=call.principal.name)
        self._node.changed()
        return self._labels_answer(content_id)

    def remove_label(self, call: Call) -> Response:
        """Take a label away, named in the path or in the query."""
        content_id = number_of(call.path("content_id"))
        name = str(call.request.path_params.get("name") or call.query("name"))
        with self._database.transaction() as connection:
            store.find_content(connection, content_id)
            store.remove_label(connection, content_id, name=name)
        self._node.changed()
        return Response(status_code=204)

    def list_spaces(self, call: Call) -> Response:
        """Spaces, by name."""
        start, limit = bounds(call)
        keys = call.request.query_params.getlist("spaceKey")
        with self._database.reading() as connection:
            found = spaces.list_spaces(connection, keys, start=start, limit=limit + 1)
        expand = Expansions.parse(call.query("expand"))
        results = [render.space_json(space, self._links(), expand=expand) for space in found[:limit]]
        return json_answer(
            render.page_of(
                results,
                self._links(),
                path="/rest/api/space",
                start=start,
                limit=limit,
                more=len(found) > limit,
            )
        )

    def create_space(self, call: Call) -> Response:
        """Create a space and its home page; for administrators."""
        if not self._is_administrator(call):
            raise Forbidden("You are not permitted to create spaces")
        body = call.json()
        author = call.principal.name
        key, name = str(body.get("key", "")), str(body.get("name", ""))
        with self._database.transaction() as connection:
            space = spaces.create_space(
                connection, key, name=name, description=_description_of(body), author=author
            )
            home = NewContent("page", f"{space.name} Home", f"<p>{key}</p>", space.space_id, author)
            content_id, _ = store.create_content(connection, home)
            spaces.set_homepage(connection, space.space_id, content_id=content_id)
            made = spaces.find_space(connection, key)
        self._node.changed()
        return json_answer(render.space_json(made, self._links(), expand=Expansions.parse("description")))

    def read_space(self, call: Call) -> Response:
        """One space."""
        expand = Expansions.parse(call.query("expand"))
        with self._database.reading() as connection:
            space = spaces.find_space(connection, call.path("key"))
            home = None
            if expand.has("homepage") and space.homepage is not None:
                home = store.find_content(connection, space.homepage, status="any")
        return json_answer(render.space_json(space, self._links(), expand=expand, homepage=home))

    def change_space(self, call: Call) -> Response:
        """Change the name, the description or the home page."""
        if not self._is_administrator(call):
            raise Forbidden("You are not permitted to change this space")
        body = call.json()
        home = _object(body.get("homepage")).get("id")
        with self._database.transaction() as connection:
            space = spaces.find_space(connection, call.path("key"))
            changed = spaces.change_space(
                connection,
                space,
                name=None if body.get("name") is None else str(body["name"]),
                description=_description_of(body) or None,
                homepage=None if home is None else number_of(str(home)),
            )
        return json_answer(render.space_json(changed, self._links(), expand=Expansions.parse("description")))

    def delete_space(self, call: Call) -> Response:
        """Remove a space with everything in it."""
        if not self._is_administrator(call):
            raise Forbidden("You are not permitted to delete this space")
        with self._database.transaction() as connection:
            spaces.delete_space(connection, spaces.find_space(connection, call.path("key")))
        self._node.changed()
        return json_answer({"id": f"space-{call.path('key')}", "links": {}}, status=202)

    def space_content(self, call: Call) -> Response:
        """The pages or blog posts of a space."""
        start, limit = bounds(call)
        kind, key = call.path("kind"), call.path("key")
        with self._database.reading() as connection:
            spaces.find_space(connection, key)
            found = store.list_content(
                connection, kind=kind, space_key=key, title="", start=start, limit=limit + 1
            )
            return self._page_of(connection, call, found, path=f"/rest/api/space/{key}/content/{kind}")

    def _new_content(
        self, connection: Connection, body: Json, *, kind: str, storage: str, author: str
    ) -> NewContent:
        if kind == "comment":
            page = store.find_content(
                connection, number_of(str(_object(body.get("container")).get("id", "")))
            )
            title = f"Re: {page.title}"[:255]
            return NewContent(kind, title, storage, page.space_id, author, container=page.content_id)
        key = _object(body.get("space")).get("key")
        if not key:
            raise BadRequest("A space is required")
        space = spaces.find_space(connection, str(key))
        parent = _parent_of(body)
        if parent is not None:
            store.find_content(connection, parent)
        elif kind == "page":
            parent = space.homepage
        message = str(_object(body.get("version")).get("message") or "")
        title = str(body.get("title") or "").strip()
        return NewContent(kind, title, storage, space.space_id, author, parent=parent, comment=message)

    def _json(self, connection: Connection, content: Content, expand: Expansions) -> Json:
        more: Json = {}
        links = self._links()
        if expand.has("ancestors"):
            above = store.list_ancestors(connection, content.content_id)
            more["ancestors"] = [
                render.content_json(one, links, expand=Expansions(frozenset())) for one in above
            ]
        if expand.has("metadata.labels"):
            names = store.list_labels(connection, content.content_id)
            more["metadata"] = {"labels": {"results": render.labels_json(names), "size": len(names)}}
        if expand.has("container") and content.container is not None:
            page = store.find_content(connection, content.container, status="any")
            more["container"] = render.content_json(page, links, expand=Expansions(frozenset()))
        for kind in ("page", "comment", "attachment"):
            if expand.has(f"children.{kind}"):
                found = store.list_children(connection, content.content_id, kind=kind, start=0, limit=25)
                block = _object(more.setdefault("children", {}))
                block[kind] = {
                    "results": [
                        render.content_json(one, links, expand=Expansions(frozenset())) for one in found
                    ],
                    "size": len(found),
                }
        return render.content_json(content, links, expand=expand, more=more)

    def _page_of(
        self, connection: Connection, call: Call, found: Sequence[Content], *, path: str
    ) -> Response:
        start, limit = bounds(call)
        expand = Expansions.parse(call.query("expand"))
        results = [self._json(connection, content, expand) for content in found[:limit]]
        links = self._links()
        return json_answer(
            render.page_of(results, links, path=path, start=start, limit=limit, more=len(found) > limit)
        )

    def _labels_answer(self, content_id: int) -> Response:
        with self._database.reading() as connection:
            store.find_content(connection, content_id)
            names = store.list_labels(connection, content_id)
        results = render.labels_json(names)
        path = f"/rest/api/content/{content_id}/label"
        return json_answer(render.page_of(results, self._links(), path=path, start=0, limit=200, more=False))


def bounds(call: Call, default: int = 25) -> tuple[int, int]:
    """The parameters ``start`` and ``limit``."""
    return call.whole_number("start", 0), call.whole_number("limit", default, high=_MAXIMUM_LIMIT)


def number_of(text: str) -> int:
    """The number in an id, with or without the prefix of attachments.

    Raises:
        BadRequest: there is none.
    """
    digits = text.removeprefix("att")
    if not digits.isdigit() or len(digits) > 18:
        raise BadRequest(f"{text[:80]!r} is not an id of content")
    return int(digits)


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _storage_of(body: Json) -> str | None:
    """The body in storage format, checked; None where none was sent.

    Raises:
        BadRequest: another format was sent, or it is not well formed.
    """
    sent = _object(body.get("body"))
    if not sent:
        return None
    block = _object(sent.get("storage"))
    if "value" not in block or block.get("representation", "storage") != "storage":
        raise BadRequest("Only a body in storage format is held here")
    text = str(block["value"])
    check_storage(text)
    return text


def _version_of(body: Json) -> int:
    number = _object(body.get("version")).get("number")
    if not isinstance(number, int):
        raise BadRequest("Must supply an incremented version when updating Content. No version supplied.")
    return number


def _parent_of(body: Json) -> int | None:
    above = body.get("ancestors")
    if not isinstance(above, list) or not above:
        return None
    return number_of(str(_object(above[-1]).get("id", "")))


def _description_of(body: Json) -> str:
    plain = _object(_object(body.get("description")).get("plain"))
    return str(plain.get("value") or "")


def _filters(call: Call) -> str:
    return f"spaceKey={call.query('spaceKey')}&title={call.query('title')}"
