"""REST and download of attached files. Source: the vendor's "Confluence REST API" reference, attachments."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from starlette.datastructures import UploadFile
from starlette.responses import FileResponse, Response

from understudy.confluence import content as store
from understudy.confluence import render
from understudy.confluence.attachments import DEFAULT_MEDIA_TYPE, Upload
from understudy.confluence.content import Content
from understudy.confluence.node import WikiNode
from understudy.confluence.render import Expansions, Links
from understudy.confluence.rest_content import number_of
from understudy.kit.errors import BadRequest, NotFound
from understudy.kit.web import Call, Site, json_answer, xsrf_checked

_SHOWN_INLINE = frozenset({"image/png", "image/jpeg", "image/gif", "text/plain"})


class FileRoutes:
    """Routes for attachments.

    Args:
        node: of these routes.
        links: how addresses are written.
    """

    def __init__(self, node: WikiNode, links: Callable[[], Links]) -> None:
        self._node = node
        self._links = links

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        below = "/rest/api/content/{content_id}/child/attachment"
        site.route(below, self.attach, methods=("POST",))
        site.route(below + "/{attachment_id}/data", self.replace, methods=("POST",))
        site.route("/download/attachments/{content_id}/{name}", self.download)

    def attach(self, call: Call) -> Response:
        """Attach the posted files; needs ``X-Atlassian-Token: no-check``."""
        xsrf_checked(call)
        uploads = call.uploads("file")
        if not uploads:
            raise BadRequest("No file was posted under the name 'file'")
        with self._node.database.reading() as connection:
            page = store.find_content(connection, number_of(call.path("content_id")))
        made = [
            self._node.attachments.add(page, _upload(call, file), author=call.principal.name)[0]
            for file in uploads
        ]
        self._node.changed()
        with self._node.database.reading() as connection:
            found = [store.find_content(connection, content_id) for content_id in made]
        results = [
            render.content_json(one, self._links(), expand=Expansions.parse("version,container"))
            for one in found
        ]
        path = f"/rest/api/content/{page.content_id}/child/attachment"
        return json_answer(render.page_of(results, self._links(), path=path, start=0, limit=50, more=False))

    def replace(self, call: Call) -> Response:
        """Give an attachment new bytes."""
        xsrf_checked(call)
        uploads = call.uploads("file")
        if len(uploads) != 1:
            raise BadRequest("One file must be posted under the name 'file'")
        attachment = self._attachment(
            number_of(call.path("attachment_id")), number_of(call.path("content_id"))
        )
        self._node.attachments.replace(attachment, _upload(call, uploads[0]), author=call.principal.name)
        self._node.changed()
        changed = self._attachment(attachment.content_id, attachment.container or 0)
        return json_answer(
            render.content_json(changed, self._links(), expand=Expansions.parse("version,container"))
        )

    def download(self, call: Call) -> Response:
        """The bytes of an attachment, of the current version or of the one asked for."""
        page_id = number_of(call.path("content_id"))
        with self._node.database.reading() as connection:
            found = store.list_children(
                connection, page_id, kind="attachment", start=0, limit=1, title=call.path("name")
            )
            if not found:
                raise NotFound("There is no such attachment")
            version = call.whole_number("version", found[0].version)
            attachment = store.find_version(connection, found[0].content_id, version=version)
        shown = "inline" if attachment.media_type in _SHOWN_INLINE else "attachment"
        return FileResponse(
            self._node.attachments.path(attachment),
            media_type=attachment.media_type,
            headers={
                "Content-Disposition": f"{shown}; filename*=UTF-8''{quote(attachment.title)}",
                "X-Content-Type-Options": "nosniff",
            },
        )

    def _attachment(self, attachment_id: int, page_id: int) -> Content:
        with self._node.database.reading() as connection:
            found = store.find_content(connection, attachment_id)
        if found.kind != "attachment" or found.container != page_id:
            raise store.no_content(attachment_id)
        return found


def _upload(call: Call, file: UploadFile) -> Upload:
    name = (file.filename or "").replace("\\", "/").rsplit("/", 1)[-1].strip()
    if not name or len(name) > 255:
        raise BadRequest("The posted file has no name")
    return Upload(
        name=name,
        media_type=file.content_type or DEFAULT_MEDIA_TYPE,
        file=file.file,
        comment=call.field("comment"),
        minor=call.field("minorEdit") == "true",
    )
