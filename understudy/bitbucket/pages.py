"""Pages for people: log in, projects, repositories, files, pull requests, search.

Addresses are the product's: ``/login``, ``/projects/<key>/repos/<slug>/browse``, ``.../pull-requests``. Source:
Bitbucket Data Center REST documentation (``links.self``); the login form posts to ``/j_atl_security_check`` with
``j_username``, ``j_password`` and ``_atl_remember_me``.
"""

from __future__ import annotations

import secrets

from starlette.responses import HTMLResponse, Response

from understudy.bitbucket.edge import PRODUCT
from understudy.bitbucket.outgoing import Banner
from understudy.bitbucket.permissions import Level
from understudy.bitbucket.projects import Repository
from understudy.bitbucket.pulls import short
from understudy.bitbucket.rest_search import SearchRest
from understudy.bitbucket.services import Services
from understudy.kit import html
from understudy.kit.accounts import Principal
from understudy.kit.errors import HttpProblem, NotFound
from understudy.kit.html import Markup
from understudy.kit.sessions import Session
from understudy.kit.web import Access, Call, Site, redirect, xsrf_checked_form

_ROWS = 100
_SHOWN_BYTES = 256 * 1024
_REPOSITORY = "/projects/{project}/repos/{slug}"


class Pages:
    """The pages.

    Args:
        services: the parts of the node.
        search: finds code.
        banner: what stands above every page.
    """

    def __init__(self, services: Services, search: SearchRest, banner: Banner) -> None:
        self._banner = banner
        self._services = services
        self._search = search
        self._context = services.settings.context_path

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        site.route("/login", self.login, access=Access.ANYONE)
        site.route("/j_atl_security_check", self.check_login, methods=("POST",), access=Access.ANYONE)
        site.route("/logout", self.log_out, access=Access.ANYONE)
        for path in ("/", "/dashboard", "/projects"):
            site.route(path, self.projects)
        site.route("/projects/{project}", self.project)
        for path in (_REPOSITORY, _REPOSITORY + "/browse", _REPOSITORY + "/browse/{path:path}"):
            site.route(path, self.browse)
        site.route(_REPOSITORY + "/pull-requests", self.pull_requests)
        for path in ("/pull-requests/{number}", "/pull-requests/{number}/overview"):
            site.route(_REPOSITORY + path, self.pull_request)
        site.route("/plugins/servlet/search", self.search)

    def _page(self, call: Call, title: str, *content: object, status: int = 200) -> Response:
        navigation = {
            "Projects": f"{self._context}/projects",
            "Search": f"{self._context}/plugins/servlet/search",
        }
        if call.identity.principal is None:
            navigation = {"Log in": f"{self._context}/login"}
        else:
            navigation["Log out"] = f"{self._context}/logout"
        told = self._banner.text()
        banner = html.element("div", told, class_="announcement-banner") if told else ""
        text = html.page(title, *content, navigation=navigation, product=PRODUCT, banner=banner)
        return HTMLResponse(text, status)

    def login(self, call: Call) -> Response:
        """The login form."""
        return self._login_form(call, trouble="")

    def _login_form(self, call: Call, *, trouble: str, challenged: bool = False) -> Response:
        session = call.identity.session or self._services.logins.begin(None)
        question = Markup("")
        if challenged:
            question = _challenge(session)
        form = html.form(
            f"{self._context}/j_atl_security_check",
            html.element("p", trouble, class_="error", role="alert") if trouble else "",
            html.hidden("atl_token", session.xsrf_token),
            html.hidden("next", call.field("next")),
            html.field("User name", "j_username", value=call.field("j_username"), autocomplete="username"),
            html.field("Password", "j_password", kind="password", autocomplete="current-password"),
            question,
            html.element(
                "label",
                html.element("input", type="checkbox", name="_atl_remember_me", value="on"),
                " Keep me logged in",
            ),
            html.element("button", "Log in", type="submit", name="submit", value="Log in"),
        )
        response = self._page(call, "Log in", form)
        if session is not call.identity.session:
            self._services.logins.set_session_cookie(response, session)
        return response

    def check_login(self, call: Call) -> Response:
        """Take the login form."""
        session = call.identity.session
        if session is None:
            return self._login_form(call, trouble="Your session has ended: please try again.")
        xsrf_checked_form(call, session)
        solved = bool(session.challenge) and secrets.compare_digest(
            session.challenge.encode(), call.field("captcha").strip().encode()
        )
        session.challenge = ""
        checked = self._services.accounts.check_password(
            call.field("j_username"), call.field("j_password"), challenge_solved=solved
        )
        if checked.principal is None:
            trouble = "Invalid user name or password."
            return self._login_form(call, trouble=trouble, challenged=checked.challenged)
        return self._let_in(call, session, checked.principal)

    def _let_in(self, call: Call, old: Session, principal: Principal) -> Response:
        """A new session id, so that one that was planted is worth nothing."""
        self._services.logins.sessions.end(old.session_id)
        target = call.field("next")
        if not target.startswith("/") or target.startswith(("//", "/\\")):
            target = f"{self._context}/projects"
        response = redirect(target)
        self._services.logins.set_session_cookie(response, self._services.logins.begin(principal))
        if call.field("_atl_remember_me"):
            self._services.logins.set_remember_cookie(response, principal)
        return response

    def log_out(self, call: Call) -> Response:
        """End the session."""
        response = redirect(f"{self._context}/login")
        self._services.logins.log_out(call.request, response)
        return response

    def projects(self, call: Call) -> Response:
        """Every project the caller may see."""
        visible = self._services.permissions.visible_projects(call.principal)
        found = self._services.projects.projects(visible, start=0, limit=_ROWS)
        rows = (
            (
                html.link(f"{self._context}/projects/{project.key}", project.name),
                project.key,
                project.description,
            )
            for project in found
        )
        return self._page(
            call, "Projects", html.table(("Project", "Key", "Description"), rows, caption="Projects")
        )

    def project(self, call: Call) -> Response:
        """The repositories of a project."""
        project = self._services.project(call, Level.READ)
        visible = self._services.permissions.visible_repositories(call.principal)
        found = self._services.projects.repositories(
            visible=visible, start=0, limit=_ROWS, project=project.id
        )
        rows = ((html.link(self._path(one) + "/browse", one.name), one.description) for one in found)
        return self._page(
            call, project.name, html.table(("Repository", "Description"), rows, caption="Repositories")
        )

    def _path(self, repository: Repository) -> str:
        return f"{self._context}/projects/{repository.project.key}/repos/{repository.slug}"

    def browse(self, call: Call) -> Response:
        """A folder or a file at a revision."""
        repository = self._services.repository(call, Level.READ)
        path = str(call.request.path_params.get("path", "")).strip("/")
        revision = call.query("at") or repository.default_branch
        clone = html.element(
            "ul", *(html.element("li", html.element("code", url)) for url in self._clone(repository))
        )
        pulls = html.element("p", html.link(self._path(repository) + "/pull-requests", "Pull requests"))
        try:
            content = self._content(repository, revision, path)
        except HttpProblem as problem:
            if path or call.query("at") or problem.status != 404:
                raise
            content = html.element("p", "This repository is empty: push something to it.")
        title = f"{repository.project.key} / {repository.slug}" + (f" / {path}" if path else "")
        return self._page(call, title, html.element("h2", "Clone"), clone, pulls, content)

    def _clone(self, repository: Repository) -> list[str]:
        links = self._services.shapes.repository(repository)["links"]["clone"]
        return [str(link["href"]) for link in links]

    def _content(self, repository: Repository, revision: str, path: str) -> Markup:
        reader = self._services.projects.reader(repository)
        commit = reader.resolve(revision)
        if reader.kind(commit, path) == "blob":
            text = reader.content(commit, path)[:_SHOWN_BYTES].decode(errors="replace")
            return html.element("pre", text)
        rows = []
        for entry in reader.entries(commit, path)[:_ROWS]:
            inner = f"{path}/{entry.name}" if path else entry.name
            target = f"{self._path(repository)}/browse/{inner}?at={revision}"
            rows.append((html.link(target, entry.name), entry.kind, "" if entry.size is None else entry.size))
        return html.table(("Name", "Kind", "Bytes"), rows, caption=f"Files at {short(revision)}")

    def pull_requests(self, call: Call) -> Response:
        """The pull requests of a repository."""
        repository = self._services.repository(call, Level.READ)
        state = call.query("state", "OPEN").upper()
        found = self._services.pulls.list(repository, state=state, at="", incoming=True, start=0, limit=_ROWS)
        rows = (
            (
                html.link(
                    f"{self._path(repository)}/pull-requests/{pull.number}/overview", f"#{pull.number}"
                ),
                pull.title,
                pull.author,
                pull.state,
            )
            for pull in found
        )
        content = html.table(("Number", "Title", "Author", "State"), rows, caption="Pull requests")
        return self._page(call, f"Pull requests of {repository.slug}", content)

    def pull_request(self, call: Call) -> Response:
        """One pull request."""
        repository = self._services.repository(call, Level.READ)
        if not call.path("number").isdecimal() or len(call.path("number")) > 15:
            raise NotFound("There is no such pull request.")
        pull = self._services.pulls.find(repository, int(call.path("number")))
        facts = html.element(
            "p", f"{pull.state}: {short(pull.from_ref)} into {short(pull.to_ref)}, by {pull.author}"
        )
        happened = self._services.comments.activities(pull, start=0, limit=_ROWS)
        items = (
            html.element("li", f"{one.user}: {one.action.lower()} ", one.comment.text if one.comment else "")
            for one in happened
        )
        description = html.element("p", pull.description)
        title = f"#{pull.number} {pull.title}"
        return self._page(
            call, title, facts, description, html.element("h2", "Activity"), html.element("ul", *items)
        )

    def search(self, call: Call) -> Response:
        """Code search."""
        text = call.query("q").strip()
        form = html.form(
            f"{self._context}/plugins/servlet/search",
            html.field("Search for code", "q", value=text, kind="search"),
            html.element("button", "Search", type="submit"),
            method="get",
        )
        if not text:
            return self._page(call, "Search", form)
        try:
            code = self._search.find(call.principal, text, start=0, limit=25)["code"]
        except HttpProblem as problem:
            trouble = html.element("p", problem.message, class_="error")
            return self._page(call, "Search", form, trouble, status=problem.status)
        items = (
            html.element(
                "li",
                html.link(f"{hit['repository']['links']['self'][0]['href']}/{hit['file']}", hit["file"]),
                f" in {hit['repository']['project']['key']}/{hit['repository']['slug']}",
            )
            for hit in code["values"]
        )
        return self._page(
            call, "Search", form, html.element("p", f"{code['count']} files"), html.element("ul", *items)
        )


def _challenge(session: Session) -> Markup:
    """A question for people, whose answer the session keeps."""
    one, other = secrets.randbelow(9) + 1, secrets.randbelow(9) + 1
    session.challenge = str(one + other)
    return html.field(f"What is {one} plus {other}?", "captcha", autocomplete="off")
