"""What users of Confluence do, and what Confluence promises them.

Mix: the vendor's DC App Performance Toolkit (Source: ``app/confluence.yml`` of the public repository
atlassian/dc-app-performance-toolkit): view page 46, view blog 10, search 9, dashboard 8, create and edit page 7,
comment 6, upload attachment 5, view attachment 4, create blog 3, like 2 per cent; a like is a label here, because likes
carry no text by which they could be told apart. Viewing a page is split into its page and the requests for body,
comments and files.

Promises: nodes keep what they have read in caches which the others tell of changes (Source: Atlassian, "Confluence Data
Center technical overview"), so a read promises a session its own writes and a time that never runs backwards, and
everybody else's writes within moments. A page counts its versions, and an edit must name the next one: of two who do,
one is refused with 409 (Source: Confluence REST API, "Update content"). A search is eventual; when nothing changes any
more it finds every comment of a page (Source: Atlassian, "CQL fields", ``container`` and ``type``), which the audit
looks at.

Permissions: a new space lets the group ``confluence-users``, which new users join, view, add pages, comments and files,
and delete what they made themselves (Source: Atlassian, "Assign Space Permissions", default permissions).

Source of the routes: Confluence Data Center REST API (``/rest/api/content``, ``/rest/api/space``); the login form is
``/login.action`` with ``os_username``, ``os_password`` and ``os_cookie``. Editors hold a websocket to Synchrony open;
what goes over it is not public, so that only its being alive is looked at.
"""

from __future__ import annotations

from typing import Final

from telamon.products.confluence.edge import SYNCHRONY, SYNCHRONY_ROUTES
from telamon.products.flow import Flow, Identity, Request
from telamon.products.rest import demand, patient
from telamon.products.traffic import (
    JSON,
    Act,
    Files,
    Kind,
    Login,
    Meaning,
    Promise,
    Shape,
    Sockets,
    Traffic,
    TrafficInputs,
    with_notes,
)

API: Final = "/rest/api"
SHEETS: Final = 12
"""Pages that are edited over and again, so that editors meet."""
BLOGS: Final = 8
_PAGE: Final = f"{API}/content/$page"
_SHEET: Final = f"{API}/content/$sheet"
_BODY: Final = '"body": {"storage": {"value": "<p>$token</p>", "representation": "storage"}}'
_TEXT: Final = "<p>Something to read about lanterns, harbours and meadows.</p>" * 10


def prepare_traffic(inputs: TrafficInputs) -> Flow[Traffic | None]:
    """Make a space full of pages."""
    key = inputs.label
    space = {"key": key, "name": f"Load {key}"}
    yield from _post(f"{API}/space", space, identity=Identity.ADMINISTRATOR)
    pages = yield from _create(key, "page", count=inputs.things(0.06, least=40), title="Page")
    sheets = yield from _create(key, "page", count=SHEETS, title="Sheet")
    blogs = yield from _create(key, "blogpost", count=BLOGS, title="News")
    login = Login(
        page="/login.action",
        fields={
            "os_username": "$user",
            "os_password": f"${inputs.password_variable}",
            "os_cookie": "true",
        },
        remember=frozenset({"os_cookie"}),
        users=inputs.writers,
    )
    pools = {"page": pages, "sheet": sheets, "blog": blogs, "space": (key,)}
    return Traffic(
        kinds=(*_looking(), *_commenting(), *_editing(), *_files()),
        pools=pools,
        login=login,
        sockets=Sockets(
            companion=SYNCHRONY,
            path=f"/{SYNCHRONY}/v1/bayeux-sync1",
            sticky_cookie=SYNCHRONY_ROUTES[0].sticky_cookie or "",
        ),
    )


def _create(space: str, kind: str, *, count: int, title: str) -> Flow[tuple[str, ...]]:
    """Make so many pieces of content; returns their ids."""
    made = []
    for number in range(count):
        body = {
            "type": kind,
            "title": f"{title} {number}",
            "space": {"key": space},
            "body": {"storage": {"value": _TEXT, "representation": "storage"}},
        }
        identity = yield from _post(f"{API}/content", body)
        made.append(identity)
    return tuple(made)


def _post(path: str, body: object, *, identity: Identity = Identity.SERVICE_ACCOUNT) -> Flow[str]:
    """Make something; returns the id that it is given."""
    request = Request("POST", path, headers=JSON, json=body)
    response = demand(request, (yield from patient(identity, request)))
    return str(response.document().get("id", ""))


def _bag(act: Act, thing: str, *sees: str) -> Meaning:
    return Meaning(act=act, shape=Shape.BAG, thing=thing, promise=Promise.SESSION, sees=sees)


def _looking() -> tuple[Kind, ...]:
    return (
        Kind(name="view-page", weight=22, path="/pages/viewpage.action?pageId=$page", contains="lanterns"),
        Kind(name="read-page", weight=8, path=f"{_PAGE}?expand=body.storage,version", contains="lanterns"),
        Kind(name="view-blog", weight=10, path="/pages/viewpage.action?pageId=$blog", contains="lanterns"),
        Kind(
            name="search",
            weight=7,
            path=f"{API}/search?cql=space%3D$space+and+text~lanterns&limit=20",
        ),
        Kind(
            name="find-comments",
            weight=2,
            path=f"{API}/content/search?cql=type%3Dcomment+and+container%3D$page&expand=body.storage&limit=200",
            meaning=Meaning(
                act=Act.READ,
                shape=Shape.BAG,
                thing="comments/$page",
                promise=Promise.EVENTUAL,
                sees=("/results/*/body/storage/value",),
            ),
        ),
        Kind(name="dashboard", weight=8, path="/dashboard.action"),
        Kind(name="newcomer", weight=1, path="/login.action", fresh=True),
    )


def _commenting() -> tuple[Kind, ...]:
    comment = Kind(
        name="comment",
        weight=5,
        method="POST",
        path=f"{API}/content",
        headers=JSON,
        body=f'{{"type": "comment", "container": {{"id": "$page", "type": "page"}}, {_BODY}}}',
        write=True,
        keep="/id",
        meaning=_bag(Act.ADD, "comments/$page"),
    )
    return (
        *with_notes(comment, noting=1.0, path=f"{API}/content/$kept_id", deleting=0.5),
        Kind(
            name="read-comments",
            weight=8,
            path=f"{_PAGE}/child/comment?expand=body.storage&limit=200",
            meaning=_bag(Act.READ, "comments/$page", "/results/*/body/storage/value"),
        ),
        Kind(
            name="label",
            weight=2,
            method="POST",
            path=f"{_PAGE}/label",
            headers=JSON,
            body='[{"prefix": "global", "name": "$token"}]',
            write=True,
            meaning=_bag(Act.ADD, "labels/$page"),
        ),
        Kind(
            name="read-labels",
            weight=2,
            path=f"{_PAGE}/label?limit=200",
            meaning=_bag(Act.READ, "labels/$page", "/results/*/name"),
        ),
    )


def _editing() -> tuple[Kind, ...]:
    def sheet(act: Act) -> Meaning:
        return Meaning(
            act=act,
            shape=Shape.REGISTER,
            thing="page/$sheet",
            promise=Promise.SESSION,
            copies=2,
            sees=("/title", "/body/storage/value"),
            version="/version/number",
        )

    return (
        Kind(
            name="read-sheet",
            weight=6,
            path=f"{_SHEET}?expand=body.storage,version",
            meaning=sheet(Act.READ),
        ),
        Kind(
            name="edit-sheet",
            weight=7,
            method="PUT",
            path=_SHEET,
            headers=JSON,
            body=f'{{"type": "page", "title": "$token", "version": {{"number": $next_version}}, {_BODY}}}',
            refuses=(409,),
            write=True,
            meaning=sheet(Act.SET),
        ),
        Kind(
            name="create-blog",
            weight=3,
            method="POST",
            path=f"{API}/content",
            headers=JSON,
            body=f'{{"type": "blogpost", "title": "$token", "space": {{"key": "$space"}}, {_BODY}}}',
            write=True,
            keep="/id",
            meaning=Meaning(act=Act.SET, shape=Shape.REGISTER, thing="blog/$token"),
        ),
        Kind(
            name="own-blog",
            weight=2,
            path=f"{API}/content/$kept_id?expand=body.storage",
            contains="$kept_token",
            follows="create-blog",
            meaning=Meaning(
                act=Act.READ,
                shape=Shape.REGISTER,
                thing="blog/$kept_token",
                promise=Promise.SESSION,
                copies=2,
                sees=("/title", "/body/storage/value"),
            ),
        ),
    )


def _files() -> tuple[Kind, ...]:
    return Files(
        meaning=_bag(Act.ADD, "files/$page"),
        to=f"{_PAGE}/child/attachment",
        keep="/results/0/id",
        listed=f"{_PAGE}/child/attachment?limit=200",
        sees=("/results/*/title",),
        opened="/download/attachments/$page/$kept_token.txt",
        adding=5,
        reading=2,
    ).kinds()
