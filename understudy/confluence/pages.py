"""Pages for people: login, spaces, pages, and the way to the set-up, see :mod:`understudy.confluence.setup`.

Sources: ``app/locustio/confluence/http_actions.py`` of the public repository atlassian/dc-app-performance-toolkit for
``dologin.action``, ``index.action``, ``viewpage.action`` and ``editpage.action``; Atlassian "HTTP authentication with
Seraph" for the fields of the login form; Atlassian KB "Differences between URL formats for a Confluence Data Center
pages" for ``/display/{space}/{title}``. What the pages show is this stand-in's own.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from urllib.parse import quote, urlsplit

from starlette.responses import HTMLResponse, Response

from understudy.confluence import content as store
from understudy.confluence import spaces
from understudy.confluence.content import Content
from understudy.confluence.markup import render_view
from understudy.confluence.node import WikiNode
from understudy.confluence.rest_content import number_of
from understudy.confluence.setupforms import PRODUCT
from understudy.kit.errors import NotFound
from understudy.kit.html import Markup, element, field, form, hidden, join, link, page, table
from understudy.kit.sessions import Session
from understudy.kit.web import Access, Call, Site, redirect, xsrf_checked_form

_RECENT = 20
_CHALLENGE_LETTERS = "abcdefghkmnpqrstuvwxyz"


class PageRoutes:
    """Routes for people.

    Args:
        node: of these routes.
        token_for: makes the token of a page's collaborative editing; empty where there is none.
    """

    def __init__(self, node: WikiNode, token_for: Callable[[str, int], str]) -> None:
        self._node = node
        self._context = node.settings.context_path
        self._token_for = token_for

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        anyone = Access.ANYONE
        for path in ("/", "/index.action", "/dashboard.action"):
            site.route(path, self.dashboard)
        site.route("/login.action", self.login_form, access=anyone)
        site.route("/dologin.action", self.log_in, methods=("POST",), access=anyone)
        site.route("/logout.action", self.log_out, access=anyone)
        site.route("/pages/viewpage.action", self.view_page)
        site.route("/pages/editpage.action", self.edit_page)
        site.route("/display/{key}", self.view_space)
        site.route("/display/{key}/{title}", self.view_by_title)
        site.route("/bootstrap/selectsetupstep.action", self._node.setup.select, access=anyone)
        site.route("/setup/{step}.action", self._node.setup.page, access=anyone)
        site.route("/setup/{step}.action", self._node.setup.post, methods=("POST",), access=anyone)

    def dashboard(self, call: Call) -> Response:
        """Spaces, and what was changed last."""
        with self._node.database.reading() as connection:
            known = spaces.list_spaces(connection, [], start=0, limit=100)
            recent = store.list_recent(connection, limit=_RECENT)
        space_rows = [
            (link(f"{self._context}/display/{quote(space.key)}", space.name), space.key) for space in known
        ]
        return self._page(
            call,
            "Dashboard",
            table(("Space", "Key"), space_rows, caption="Spaces"),
            table(("Page", "Space", "Changed by"), self._rows(recent), caption="Recently changed"),
        )

    def login_form(self, call: Call) -> Response:
        """The login page."""
        session = call.identity.session or self._node.logins.begin(None)
        return self._login_page(session, call.query("os_destination"), "")

    def log_in(self, call: Call) -> Response:
        """Check name and password, and begin a session."""
        session = call.identity.session or self._node.logins.begin(None)
        xsrf_checked_form(call, session)
        name, destination = call.field("os_username"), call.field("os_destination")
        solved = bool(session.challenge) and call.field("os_captcha") == session.challenge
        checked = self._node.accounts.check_password(name, call.field("os_password"), challenge_solved=solved)
        if checked.principal is None:
            session.challenge = _challenge() if checked.challenged else ""
            return self._login_page(session, destination, "Wrong user name or password.")
        self._node.sessions.end(session.session_id)
        response = redirect(self._local(destination))
        self._node.logins.set_session_cookie(response, self._node.logins.begin(checked.principal))
        if call.field("os_cookie") == "true":
            self._node.logins.set_remember_cookie(response, checked.principal)
        return response

    def log_out(self, call: Call) -> Response:
        """End the session."""
        response = redirect(f"{self._context}/login.action")
        self._node.logins.log_out(call.request, response)
        return response

    def view_space(self, call: Call) -> Response:
        """The pages of a space."""
        with self._node.database.reading() as connection:
            space = spaces.find_space(connection, call.path("key"))
            found = store.list_content(
                connection, kind="page", space_key=space.key, title="", start=0, limit=200
            )
        return self._page(
            call, space.name, table(("Page", "Space", "Changed by"), self._rows(found), caption="Pages")
        )

    def view_by_title(self, call: Call) -> Response:
        """A page by its title."""
        title = call.path("title").replace("+", " ")
        with self._node.database.reading() as connection:
            found = store.list_content(
                connection, kind="page", space_key=call.path("key"), title=title, start=0, limit=1
            )
        if not found:
            raise NotFound("There is no page with this title")
        return self._content_page(call, found[0])

    def view_page(self, call: Call) -> Response:
        """A page by its id."""
        with self._node.database.reading() as connection:
            found = store.find_content(connection, number_of(call.query("pageId")))
        return self._content_page(call, found)

    def edit_page(self, call: Call) -> Response:
        """What an editor needs: address and token of the companion for collaborative editing.

        The names of the ``meta`` elements are those of the product's editor page.
        """
        with self._node.database.reading() as connection:
            found = store.find_content(connection, number_of(call.query("pageId")))
        token = self._token_for(call.principal.name, found.content_id)
        meta = (
            element("meta", name="ajs-page-id", content=found.content_id),
            element("meta", name="ajs-synchrony-service-uri", content=self._node.settings.synchrony_url),
            element("meta", name="ajs-synchrony-token", content=token),
        )
        return self._page(call, f"Edit {found.title}", *meta, element("pre", found.body))

    def _content_page(self, call: Call, found: Content) -> Response:
        view = element("article", Markup(render_view(found.body)))
        about = element("p", f"Version {found.version}, last changed by {found.modifier.display_name}")
        meta = element("meta", name="ajs-page-id", content=found.content_id)
        return self._page(call, found.title, meta, view, about)

    def _rows(self, found: list[Content]) -> list[tuple[object, ...]]:
        view = f"{self._context}/pages/viewpage.action?pageId="
        return [
            (link(f"{view}{one.content_id}", one.title), one.space_name, one.modifier.display_name)
            for one in found
        ]

    def _login_page(self, session: Session, destination: str, error: str) -> Response:
        challenge: list[object] = []
        if session.challenge:
            challenge = [
                element("p", f"Type these letters: {session.challenge}"),
                field("Letters", "os_captcha"),
            ]
        content = form(
            f"{self._context}/dologin.action",
            hidden("atl_token", session.xsrf_token),
            hidden("os_destination", destination),
            field("Username", "os_username", autocomplete="username", error=error),
            field("Password", "os_password", kind="password", autocomplete="current-password"),
            *challenge,
            element(
                "label", element("input", type="checkbox", name="os_cookie", value="true"), "Remember me"
            ),
            element("button", "Log in", type="submit", id="loginButton"),
            name="loginform",
        )
        response = HTMLResponse(page("Log in", content, self._footer(), product=PRODUCT))
        self._node.logins.set_session_cookie(response, session)
        return response

    def _page(self, call: Call, title: str, *content: object) -> Response:
        navigation = {
            "Dashboard": f"{self._context}/index.action",
            "Log out": f"{self._context}/logout.action",
        }
        who = element("p", f"Logged in as {call.principal.display_name}")
        return HTMLResponse(
            page(
                title,
                join(content),
                who,
                self._footer(),
                navigation=navigation,
                product=PRODUCT,
                banner=self._node.site_settings.banner,
            )
        )

    def _footer(self) -> Markup:
        """Release and node: the login page of the product names the node that answers."""
        node = self._node
        return element(
            "footer",
            element("span", str(node.kit.release), id="footer-build-information"),
            " ",
            element(
                "span", f"({node.membership.node_id}: {node.settings.node_name})", id="footer-cluster-node"
            ),
        )

    def _local(self, destination: str) -> str:
        """Where to go after the login: only to a path of this site."""
        parts = urlsplit(destination)
        fine = destination.startswith("/") and not destination.startswith("//") and not parts.netloc
        return f"{self._context}{destination}" if fine and "\\" not in destination else f"{self._context}/"


def _challenge() -> str:
    return "".join(secrets.choice(_CHALLENGE_LETTERS) for _ in range(6))
