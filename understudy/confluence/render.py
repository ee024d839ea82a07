"""JSON of the REST interface. Source: the vendor's "Confluence REST API" reference, content resource."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import quote

from understudy.confluence.content import Author, Content
from understudy.confluence.markup import render_view
from understudy.confluence.spaces import Space
from understudy.kit.accounts import Principal

Json = dict[str, object]


@dataclass(frozen=True)
class Links:
    """How addresses are written: the base URL of the site and its context path."""

    base: str
    context: str

    def page(self, content: Content) -> str:
        """The address of a page for people, below the base."""
        return f"/pages/viewpage.action?pageId={content.content_id}"

    def download(self, attachment: Content) -> str:
        """The address of the bytes of an attachment, below the base."""
        at = int(attachment.modified.timestamp() * 1000)
        return (
            f"/download/attachments/{attachment.container}/{quote(attachment.title)}"
            f"?version={attachment.version}&modificationDate={at}&api=v2"
        )

    def to_json(self, own: str, **more: str) -> Json:
        """The block ``_links`` of an answer."""
        return {"self": f"{self.base}{own}", "base": self.base, "context": self.context, **more}


@dataclass(frozen=True)
class Expansions:
    """Which parts a caller wants in full, such as ``body.storage`` and ``version``."""

    names: frozenset[str]

    @classmethod
    def parse(cls, text: str) -> Expansions:
        """Read the parameter ``expand``; a name stands for every part above it too."""
        found: set[str] = set()
        for name in text.split(","):
            parts = name.strip().split(".")
            found.update(".".join(parts[: length + 1]) for length in range(len(parts)))
        return cls(frozenset(found - {""}))

    def has(self, name: str) -> bool:
        """Whether a part is wanted."""
        return name in self.names


def time_json(moment: dt.datetime) -> str:
    """A moment as the product writes it, in UTC with milliseconds."""
    return moment.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def content_key(content: Content) -> str:
    """The id in the form of REST: attachments have a prefix."""
    return f"att{content.content_id}" if content.kind == "attachment" else str(content.content_id)


def author_json(author: Author) -> Json:
    """Who wrote something."""
    return {
        "type": "known",
        "username": author.name,
        "userKey": author.name.lower(),
        "displayName": author.display_name,
    }


def user_json(principal: Principal) -> Json:
    """A person."""
    return author_json(Author(principal.name, principal.display_name))


def space_json(space: Space, links: Links, *, expand: Expansions, homepage: Content | None = None) -> Json:
    """A space."""
    answer: Json = {
        "id": space.space_id,
        "key": space.key,
        "name": space.name,
        "status": space.status,
        "type": space.kind,
        "_links": links.to_json(f"/rest/api/space/{space.key}", webui=f"/display/{space.key}"),
        "_expandable": {"homepage": "" if space.homepage is None else f"/rest/api/content/{space.homepage}"},
    }
    if expand.has("description"):
        answer["description"] = {"plain": {"value": space.description, "representation": "plain"}}
    if expand.has("homepage") and homepage is not None:
        answer["homepage"] = content_json(homepage, links, expand=Expansions(frozenset()))
    return answer


def content_json(content: Content, links: Links, *, expand: Expansions, more: Json | None = None) -> Json:
    """A piece of content.

    Args:
        content: the version to show.
        links: how addresses are written.
        expand: what to show in full.
        more: parts that the caller had to look up, such as ``ancestors``.
    """
    key = content_key(content)
    answer: Json = {
        "id": key,
        "type": content.kind,
        "status": content.status,
        "title": content.title,
        "position": -1,
        "extensions": _extensions(content),
        "_links": links.to_json(f"/rest/api/content/{key}", **_own_links(content, links)),
        "_expandable": {
            "children": f"/rest/api/content/{key}/child",
            "history": f"/rest/api/content/{key}/history",
        },
    }
    parts: dict[str, Callable[[], object]] = {
        "space": lambda: _space_of(content, links),
        "version": lambda: version_json(content),
        "history": lambda: history_json(content, links),
        "body": lambda: _body_json(content, expand),
    }
    answer |= {name: make() for name, make in parts.items() if expand.has(name)}
    if content.kind == "attachment":
        answer["metadata"] = {"comment": content.comment, "mediaType": content.media_type}
    return answer | (more or {})


def version_json(content: Content) -> Json:
    """The version of a piece of content."""
    return {
        "by": author_json(content.modifier),
        "when": time_json(content.modified),
        "message": content.comment,
        "number": content.version,
        "minorEdit": content.minor,
        "hidden": False,
    }


def history_json(content: Content, links: Links) -> Json:
    """Who made a piece of content, and its latest version."""
    return {
        "latest": content.status != "historical",
        "createdBy": author_json(content.creator),
        "createdDate": time_json(content.created),
        "lastUpdated": version_json(content),
        "_links": links.to_json(f"/rest/api/content/{content_key(content)}/history"),
    }


def page_of(results: Sequence[Json], links: Links, *, path: str, start: int, limit: int, more: bool) -> Json:
    """One page of results.

    Args:
        results: of this page.
        links: how addresses are written.
        path: of the request below the base, with its query but for the start and the limit.
        start: how many came before.
        limit: most on a page.
        more: whether there is another page.
    """
    block = links.to_json(path)
    if more:
        block["next"] = f"{path}{'&' if '?' in path else '?'}start={start + limit}&limit={limit}"
    return {"results": list(results), "start": start, "limit": limit, "size": len(results), "_links": block}


def labels_json(names: Iterable[str]) -> list[Json]:
    """Labels."""
    return [{"prefix": "global", "name": name, "id": name, "label": name} for name in names]


def _extensions(content: Content) -> Json:
    if content.kind != "attachment":
        return {"position": "none"}
    return {"mediaType": content.media_type, "fileSize": content.size, "comment": content.comment}


def _own_links(content: Content, links: Links) -> dict[str, str]:
    if content.kind == "attachment":
        return {
            "webui": f"/pages/viewpageattachments.action?pageId={content.container}",
            "download": links.download(content),
        }
    shown = content.container if content.kind == "comment" else content.content_id
    return {"webui": f"/pages/viewpage.action?pageId={shown}", "tinyui": f"/x/{content.content_id}"}


def _space_of(content: Content, links: Links) -> Json:
    return {
        "id": content.space_id,
        "key": content.space_key,
        "name": content.space_name,
        "type": "personal" if content.space_key.startswith("~") else "global",
        "_links": links.to_json(
            f"/rest/api/space/{content.space_key}", webui=f"/display/{content.space_key}"
        ),
    }


def _body_json(content: Content, expand: Expansions) -> Json:
    body: Json = {}
    if expand.has("body.storage"):
        body["storage"] = {"value": content.body, "representation": "storage"}
    for name in ("view", "export_view", "styled_view"):
        if expand.has(f"body.{name}"):
            body[name] = {"value": render_view(content.body), "representation": name}
    return body
