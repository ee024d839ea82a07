"""The pages of the wizard, for what the environment did not tell."""

from __future__ import annotations

from collections.abc import Callable

from starlette.responses import HTMLResponse, Response

from understudy.bitbucket.edge import PRODUCT
from understudy.bitbucket.installation import SETTINGS_STEP, USER_STEP, Installation
from understudy.kit import html
from understudy.kit.errors import BadRequest
from understudy.kit.html import Markup
from understudy.kit.logins import Logins
from understudy.kit.sessions import Session
from understudy.kit.web import Access, Call, Site, redirect, xsrf_checked_form

_FIELDS: dict[str, tuple[tuple[str, str, str], ...]] = {
    SETTINGS_STEP: (
        ("Application title", "applicationTitle", "text"),
        ("Base URL", "baseUrl", "url"),
        ("Licence key", "license", "text"),
    ),
    USER_STEP: (
        ("User name", "username", "text"),
        ("Full name", "fullname", "text"),
        ("Email address", "email", "email"),
        ("Password", "password", "password"),
        ("Confirm password", "confirmPassword", "password"),
    ),
}


class Wizard:
    """Asks for one step at a time, and starts over at the first that is missing.

    Args:
        installation: knows what is missing and takes answers.
        logins: give the visitor a session.
        context_path: in front of every path.
        completed: called once nothing is missing any more.
    """

    def __init__(
        self, installation: Installation, logins: Logins, *, context_path: str, completed: Callable[[], None]
    ) -> None:
        self._installation = installation
        self._logins = logins
        self._context = context_path
        self._completed = completed

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        site.route("/setup", self.show, access=Access.ANYONE)
        site.route("/setup", self.take, methods=("POST",), access=Access.ANYONE)

    def show(self, call: Call) -> Response:
        """``GET /setup``: the form of the first missing step."""
        if self._installation.is_complete():
            return redirect(f"{self._context}/")
        session = call.identity.session or self._logins.begin(None)
        response = self._form(call, session, problems={})
        self._logins.set_session_cookie(response, session)
        return response

    def take(self, call: Call) -> Response:
        """``POST /setup``: the answers of one step; a wrong value gives the same form again."""
        if self._installation.is_complete():
            return redirect(f"{self._context}/")
        session = call.identity.session
        if session is None:
            raise BadRequest("Your session has ended: open the page again.")
        xsrf_checked_form(call, session)
        step = self._installation.missing().step
        if step is None or call.field("step") != step:
            return redirect(f"{self._context}/setup")
        fields = {name: call.field(name) for _, name, _ in _FIELDS[step]}
        answer = (
            self._installation.answer_settings if step == SETTINGS_STEP else self._installation.answer_user
        )
        problems = answer(fields)
        if problems:
            return self._form(call, session, problems=problems)
        if self._installation.is_complete():
            self._completed()
            return redirect(f"{self._context}/login")
        return redirect(f"{self._context}/setup")

    def _form(self, call: Call, session: Session, *, problems: dict[str, str]) -> Response:
        step = self._installation.missing().step or SETTINGS_STEP
        inputs: list[Markup] = []
        for label, name, kind in _FIELDS[step]:
            value = "" if kind == "password" else call.field(name)
            inputs.append(html.field(label, name, value=value, kind=kind, error=problems.get(name, "")))
        form = html.form(
            f"{self._context}/setup",
            html.hidden("step", step),
            html.hidden("atl_token", session.xsrf_token),
            *inputs,
            html.element("button", "Next", type="submit", name="submit", value="Next"),
        )
        return HTMLResponse(html.page("Set up", form, product=PRODUCT))
