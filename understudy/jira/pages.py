"""Pages for people: login, dashboard, lists, issues, and the administration that web sudo guards.

Sources: ``app/locustio/jira/http_actions.py`` of the public repository atlassian/dc-app-performance-toolkit for the
login form, dashboard, ``/issues/``, ``/browse/`` and ``AddComment.jspa``; ``CreateIssue!default.jspa`` is what public
projects link to for a new issue (the charms of apache/bigtop); Atlassian "Jira application cookies" for what remembers
a login; Atlassian "Configuring secure administrator sessions" for web sudo, whose form is that of public set-up
scripts. The address of a static asset begins as those do that Atlassian "Configure your CDN for Jira Data Center" has a
CDN keep. What the pages show is this stand-in's own.
"""

from __future__ import annotations

import secrets
from urllib.parse import quote, urlencode

from starlette.responses import HTMLResponse, Response

from understudy.jira.catalogue import ISSUE_TYPES
from understudy.jira.issuerows import issue_key
from understudy.jira.properties import BANNER, TITLE
from understudy.jira.searching import search_issues
from understudy.jira.services import PRODUCT, XSRF_COOKIE, Services
from understudy.jira.websudo import grant_web_sudo, has_web_sudo
from understudy.kit.database import Row
from understudy.kit.errors import BadRequest, NotFound
from understudy.kit.html import (
    STYLE,
    Markup,
    choice,
    element,
    field,
    form,
    hidden,
    link,
    page,
    table,
)
from understudy.kit.sessions import Session
from understudy.kit.web import Access, Call, Site, redirect, xsrf_checked_form

_PAGE = 50
_STYLESHEET = "_/styles/understudy.css"


class Pages:
    """Routes that give pages."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._context = services.settings.context_path

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        admin = Access.ADMINISTRATOR
        site.route("/", self._home)
        site.route("/login.jsp", self._login_form, access=Access.ANYONE)
        site.route("/login.jsp", self._log_in, methods=("POST",), access=Access.ANYONE)
        site.route("/logout", self._log_out, access=Access.ANYONE)
        site.route("/secure/Logout.jspa", self._log_out, access=Access.ANYONE)
        site.route("/secure/Dashboard.jspa", self._dashboard)
        site.route("/secure/WelcomeToJIRA.jspa", self._dashboard)
        site.route("/issues/", self._list)
        site.route("/browse/{key}", self._browse)
        site.route("/secure/CreateIssue!default.jspa", self._create_form)
        site.route("/secure/CreateIssue.jspa", self._create, methods=("POST",))
        site.route("/secure/AddComment.jspa", self._comment, methods=("POST",))
        site.route("/secure/admin/WebSudoAuthenticate!default.jspa", self._sudo_form, access=admin)
        site.route("/secure/admin/WebSudoAuthenticate.jspa", self._sudo, methods=("POST",), access=admin)
        site.route("/secure/admin/ViewSystemInfo.jspa", self._system_info, access=admin)
        site.route("/s/{path:path}", self._asset, access=Access.ANYONE)

    def login_url(self, destination: str) -> str:
        """Where to log in and come back from."""
        return f"{self._context}/login.jsp?{urlencode({'os_destination': destination})}"

    def show(self, title: str, *content: object, status: int = 200) -> Response:
        """A page of this product."""
        navigation = {
            "Dashboard": f"{self._context}/secure/Dashboard.jspa",
            "Issues": f"{self._context}/issues/",
            "Create": f"{self._context}/secure/CreateIssue!default.jspa",
            "Log out": f"{self._context}/logout",
        }
        build = self._services.settings.kit.release.build_number
        sheet = f"{self._context}/s/{build}/{_STYLESHEET}"
        text = page(
            title, *content, navigation=navigation, product=PRODUCT, stylesheet=sheet, banner=self._banner()
        )
        return HTMLResponse(text, status_code=status)

    def _banner(self) -> str:
        """What the administrators have everybody read. Source: Atlassian, "Configuring an announcement banner"."""
        text = self._services.properties.get(BANNER)
        return element("div", Markup(text), id="announcement-banner") if text else ""

    def _home(self, _: Call) -> Response:
        return redirect(f"{self._context}/secure/Dashboard.jspa")

    def _login_form(self, call: Call) -> Response:
        return self._login_page(call, "", call.identity.session)

    def _login_page(
        self, call: Call, error: str, session: Session | None, *, challenged: bool = False
    ) -> Response:
        """The challenge is a word to copy: what matters is that no script does it by accident."""
        session = session or self._services.logins.begin(None)
        puzzle = Markup("")
        if challenged:
            session.challenge = secrets.token_hex(3)
            puzzle = field(f"To go on, type {session.challenge} here", "os_captcha")
        content = form(
            f"{self._context}/login.jsp",
            element("p", error, class_="error", role="alert") if error else Markup(""),
            field("User name", "os_username", value=call.field("os_username"), autocomplete="username"),
            field("Password", "os_password", kind="password", autocomplete="current-password"),
            element(
                "label", element("input", type="checkbox", name="os_cookie", value="true"), " Remember me"
            ),
            puzzle,
            hidden("os_destination", call.field("os_destination")),
            element("button", "Log in", type="submit"),
            name="login-form",
        )
        response = HTMLResponse(page("Log in", content, product=PRODUCT, banner=self._banner()))
        self._services.logins.set_session_cookie(response, session)
        return response

    def _log_in(self, call: Call) -> Response:
        services = self._services
        before = call.identity.session
        solved = (
            before is not None and bool(before.challenge) and call.field("os_captcha") == before.challenge
        )
        checked = services.accounts.check_password(
            call.field("os_username"), call.field("os_password"), challenge_solved=solved
        )
        if checked.principal is None:
            error = "Sorry, your username and password are incorrect - please try again."
            response = self._login_page(call, error, before, challenged=checked.challenged)
            reason = "AUTHENTICATION_DENIED" if checked.challenged else "AUTHENTICATED_FAILED"
            response.headers["X-Seraph-LoginReason"] = reason
            return response
        if before is not None:
            services.logins.sessions.end(before.session_id)
        response = redirect(_local(call.field("os_destination")) or f"{self._context}/secure/Dashboard.jspa")
        session = services.logins.begin(checked.principal)
        services.logins.set_session_cookie(response, session)
        response.set_cookie(XSRF_COOKIE, session.xsrf_token, path=services.logins.rules.cookie_path)
        if call.field("os_cookie") == "true":
            services.logins.set_remember_cookie(response, checked.principal)
        response.headers["X-Seraph-LoginReason"] = "OK"
        return response

    def _log_out(self, call: Call) -> Response:
        response = redirect(f"{self._context}/login.jsp")
        self._services.logins.log_out(call.request, response)
        return response

    def _dashboard(self, call: Call) -> Response:
        title = self._services.properties.get(TITLE)
        rows = self._find(call, "assignee = currentUser() AND resolution is EMPTY ORDER BY updated DESC")
        return self.show("Dashboard", element("p", title), self._issue_table("Assigned to me", rows))

    def _list(self, call: Call) -> Response:
        text = call.query("jql")
        search = form(
            f"{self._context}/issues/",
            field("Query", "jql", value=text),
            element("button", "Search", type="submit"),
            method="get",
        )
        try:
            rows = self._find(call, text)
        except BadRequest as problem:
            return self.show(
                "Issues", search, element("p", problem.message, class_="error", role="alert"), status=400
            )
        return self.show("Issues", search, self._issue_table("Found", rows))

    def _browse(self, call: Call) -> Response:
        key = call.path("key")
        if "-" not in key:
            project = self._services.projects.find(key)
            rows = self._find(call, f'project = "{project.key}" ORDER BY key DESC')
            return self.show(project.name, self._issue_table(f"Issues of {project.key}", rows))
        row = self._services.reader.find(key)
        return self.show(f"{issue_key(row)} {row['summary']}", *self._issue_parts(call, row))

    def _issue_parts(self, call: Call, row: Row) -> list[Markup]:
        comments = [
            element("article", element("strong", one["author"]["display"]), element("p", one["body"]))
            for one in row["comments"]
        ]
        files = [
            element(
                "li",
                link(
                    f"{self._context}/secure/attachment/{one['id']}/{quote(one['filename'])}", one["filename"]
                ),
            )
            for one in row["attachments"]
        ]
        comment_form = form(
            f"{self._context}/secure/AddComment.jspa",
            self._token_field(call),
            hidden("id", str(row["id"])),
            element("label", "Add a comment", for_="comment"),
            element("textarea", id="comment", name="comment", rows="4", cols="60"),
            element("p", element("button", "Add", type="submit")),
        )
        return [
            element("p", row["description"] or "No description."),
            element("h2", "Attachments"),
            element("ul", *files) if files else element("p", "None."),
            element("h2", "Comments"),
            *comments,
            comment_form,
        ]

    def _create_form(self, call: Call) -> Response:
        projects = {project.key: project.name for project in self._services.projects.all()}
        content = form(
            f"{self._context}/secure/CreateIssue.jspa",
            self._token_field(call),
            choice("Project", "project", options=projects),
            choice("Type", "issuetype", options={one.id: one.name for one in ISSUE_TYPES}),
            field("Summary", "summary"),
            field("Description", "description"),
            element("button", "Create", type="submit"),
        )
        return self.show("Create issue", content)

    def _create(self, call: Call) -> Response:
        self._check_form(call)
        fields = {
            "project": {"key": call.field("project")},
            "issuetype": {"id": call.field("issuetype")},
            "summary": call.field("summary"),
            "description": call.field("description"),
        }
        _, key = self._services.issues.create(fields, by=call.principal.name.lower())
        return redirect(f"{self._context}/browse/{key}")

    def _comment(self, call: Call) -> Response:
        self._check_form(call)
        issue_id = call.field("id")
        self._services.issues.add_comment(issue_id, call.field("comment"), by=call.principal.name.lower())
        row = self._services.reader.find(issue_id, details=False)
        return redirect(f"{self._context}/browse/{issue_key(row)}")

    def _sudo_form(self, call: Call) -> Response:
        return self._sudo_page(call, "")

    def _sudo_page(self, call: Call, error: str) -> Response:
        content = form(
            f"{self._context}/secure/admin/WebSudoAuthenticate.jspa",
            self._token_field(call),
            hidden("webSudoDestination", call.field("webSudoDestination")),
            field(
                "Password", "webSudoPassword", kind="password", error=error, autocomplete="current-password"
            ),
            element("button", "Confirm", type="submit"),
        )
        return self.show("Administrator access", content)

    def _sudo(self, call: Call) -> Response:
        self._check_form(call)
        checked = self._services.accounts.check_password(call.principal.name, call.field("webSudoPassword"))
        if checked.principal is None:
            return self._sudo_page(call, "The password you entered is incorrect.")
        grant_web_sudo(call)
        target = _local(call.field("webSudoDestination")) or "/secure/admin/ViewSystemInfo.jspa"
        return redirect(f"{self._context}{target}")

    def _system_info(self, call: Call) -> Response:
        if not has_web_sudo(call, self._services):
            wanted = urlencode({"webSudoDestination": "/secure/admin/ViewSystemInfo.jspa"})
            return redirect(f"{self._context}/secure/admin/WebSudoAuthenticate!default.jspa?{wanted}")
        nodes = [
            (node.node_id, node.state, node.version, node.alive) for node in self._services.registry.nodes()
        ]
        build = self._services.upgrades.state()
        return self.show(
            "System info",
            element("p", f"Upgrade state {build.state}, data of version {build.version}"),
            table(("Node", "State", "Version", "Alive"), nodes, caption="Nodes"),
        )

    def _asset(self, call: Call) -> Response:
        """Static assets, which a content delivery network may keep for a year."""
        if not call.path("path").endswith(_STYLESHEET):
            raise NotFound("There is no such asset.")
        kept = {"Cache-Control": "public, max-age=31536000, immutable"}
        return Response(STYLE, media_type="text/css", headers=kept)

    def _find(self, call: Call, text: str) -> list[Row]:
        name = call.principal.name
        return search_issues(self._services, text, user_name=name, start=0, limit=_PAGE, details=False).rows

    def _issue_table(self, caption: str, rows: list[Row]) -> Markup:
        if not rows:
            return element("p", "No issues.")
        cells = []
        for row in rows:
            key = issue_key(row)
            changed = f"{row['updated']:%Y-%m-%d %H:%M}"
            cells.append((link(f"{self._context}/browse/{key}", key), row["summary"], changed))
        return table(("Key", "Summary", "Updated"), cells, caption=caption)

    def _attachment_url(self, attachment_id: int, filename: str) -> str:
        return f"{self._context}/secure/attachment/{attachment_id}/{quote(filename)}"

    def _token_field(self, call: Call) -> Markup:
        session = call.identity.session
        return hidden("atl_token", session.xsrf_token if session is not None else "")

    def _check_form(self, call: Call) -> None:
        if call.identity.by_cookie and call.identity.session is not None:
            xsrf_checked_form(call, call.identity.session)


def _local(target: str) -> str:
    """A target on this instance; empty where it leads anywhere else."""
    return target if target.startswith("/") and not target.startswith(("//", "/\\")) else ""
