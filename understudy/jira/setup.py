"""The set-up pages of the first run.

Sequence, fields and answers: scripts that drive the product's wizard without a browser
(BFoerschner/knobas ``testenv/seed-atlassian.sh``, matthewrosse/jira-server-mcp
``Harness/JiraSetupWizard.cs``, deftdevs/bootstrapi ``SetupCli.java``, eficode/JiraInstanceManagerRest). What
they agree on:

* GET ``/`` leads to the page of the step that is due; a step that is done leads there too;
* each form goes to ``/secure/Setup….jspa`` with ``atl_token``; a wrong value gives 200 with the same form;
* a redirect leads to ``/secure/Setup…!default.jspa``, which takes GET alone (a POST gives 405);
* the licence page holds two forms with the same action, and the first one, which has a token and
  nothing else, ends in 500; the account step answers 200 with the next form in its body;
* the last step answers with 302 once the node runs.

Where they differ (cookie, hidden field, Referer), see :data:`understudy.jira.settings.VARIANTS`.
"""

from __future__ import annotations

import enum
import re
import secrets
import time
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from understudy.jira import configfiles
from understudy.jira.properties import BASE_URL, MODE, SETUP_DONE, TITLE, USAGE_DATA
from understudy.jira.schema import JIRA_SCHEMA
from understudy.jira.services import ADMINISTRATORS, PRODUCT, USERS, XSRF_COOKIE, Services
from understudy.jira.settings import DatabaseSettings
from understudy.jira.setupforms import FORMS, setup_page
from understudy.kit.accounts import ACCOUNT_SCHEMA
from understudy.kit.database import DatabaseAddress
from understudy.kit.errors import DatabaseUnavailable, Forbidden, HttpProblem
from understudy.kit.html import element, page
from understudy.kit.lifecycle import State
from understudy.kit.web import Access, Call, Site, redirect

_LICENCE = re.compile(r"[A-Za-z0-9+/=_-]{20,}")
_DRIVER = "org.postgresql.Driver"
_KIND = "postgres72"


class Step(enum.StrEnum):
    """The steps, by the name of their page."""

    MODE = "SetupMode"
    DATABASE = "SetupDatabase"
    PROPERTIES = "SetupApplicationProperties"
    LICENCE = "SetupLicense"
    UNKNOWN = "SetupUsageData"
    ACCOUNT = "SetupAdminAccount"
    MAIL = "SetupMailNotifications"
    DONE = "SetupComplete"


class SetupPages:
    """The pages and what they do."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._mode_seen = not services.settings.has("setup-mode-page")
        self._served_from = float("inf")

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        for step in Step:
            site.route(f"/secure/{step}!default.jspa", self._show, access=Access.ANYONE)
            site.route(f"/secure/{step}.jspa", self._show, access=Access.ANYONE)
            site.route(f"/secure/{step}.jspa", self._post, methods=("POST",), access=Access.ANYONE)

    def begin(self) -> None:
        """FIRST_RUN has begun: the pages are served a while later."""
        self._served_from = time.monotonic() + self._services.settings.setup_seconds

    def step(self) -> Step:
        """The step that is due."""
        services = self._services
        if services.database.address is None:
            return Step.DATABASE if self._mode_seen else Step.MODE
        services.properties.forget()
        properties = services.properties.all()
        if properties.get(SETUP_DONE) == "true":
            return Step.DONE
        if TITLE not in properties:
            return Step.PROPERTIES
        if services.database.fetch_one("select 1 as one from productlicense") is None:
            return Step.LICENCE
        if services.settings.has("setup-unknown-page") and USAGE_DATA not in properties:
            return Step.UNKNOWN
        return Step.MAIL if services.accounts.members(ADMINISTRATORS) else Step.ACCOUNT

    def gate(self, request: Request) -> Response | None:
        """Answer in place of a route while set-up is pending; None lets set-up pages and assets pass."""
        path = request.url.path.removeprefix(self._services.settings.context_path)
        if path.startswith("/s/"):
            return None
        if time.monotonic() < self._served_from:
            status = 503 if request.method in {"GET", "HEAD"} else 500
            return HTMLResponse(page("Starting up", product=PRODUCT), status_code=status)
        if path.startswith("/secure/Setup"):
            return None
        if path.startswith("/rest/"):
            return Response("Set-up is not complete.", status_code=503, media_type="text/plain")
        return redirect(self._url(Step.PROPERTIES))

    def _show(self, call: Call) -> Response:
        if self._services.lifecycle.state is not State.FIRST_RUN:
            return HTMLResponse(
                page("Set-up", element("p", "JIRA has already been set up."), product=PRODUCT)
            )
        due = self.step()
        if due is Step.DONE:
            return _done_page()
        if f"/secure/{due}" not in call.request.url.path:
            return redirect(self._url(due))
        return self._page(call, due)

    def _post(self, call: Call) -> Response:
        if self._services.lifecycle.state is not State.FIRST_RUN:
            return HTMLResponse(
                page("Set-up", element("p", "JIRA has already been set up."), product=PRODUCT)
            )
        self._check_token(call)
        due = self.step()
        if not call.request.url.path.endswith(f"/secure/{due}.jspa"):
            return redirect(self._url(due))
        handlers: dict[Step, Callable[[Call], Response]] = {
            Step.MODE: self._post_mode,
            Step.DATABASE: self._post_database,
            Step.PROPERTIES: self._post_properties,
            Step.LICENCE: self._post_licence,
            Step.UNKNOWN: self._post_unknown,
            Step.ACCOUNT: self._post_account,
            Step.MAIL: self._post_mail,
        }
        return handlers[due](call)

    def _post_mode(self, call: Call) -> Response:
        if call.field("setupOption") not in {"classic", "instant"}:
            return self._page(call, Step.MODE, {"setupOption": "Choose how to set up."})
        self._mode_seen = True
        return redirect(self._url(Step.DATABASE))

    def _post_database(self, call: Call) -> Response:
        if call.field("databaseOption") != "external":
            return self._page(
                call, Step.DATABASE, {"databaseOption": "Only an external database is offered."}
            )
        names = ("jdbcHostname", "jdbcPort", "jdbcDatabase", "jdbcUsername")
        errors = {name: "This field is required." for name in names if not call.field(name).strip()}
        if errors:
            return self._page(call, Step.DATABASE, errors)
        host, port, name = (call.field(field).strip() for field in names[:3])
        settings = DatabaseSettings(
            url=f"jdbc:postgresql://{host}:{port}/{name}",
            user=call.field("jdbcUsername").strip(),
            password=call.field("jdbcPassword"),
            driver=_DRIVER,
            kind=call.field("databaseType") or _KIND,
        )
        try:
            self._use_database(settings, test_only=call.field("testingConnection") == "true")
        except (ValueError, DatabaseUnavailable) as error:
            return self._page(call, Step.DATABASE, {"jdbcHostname": f"The database cannot be used: {error}"})
        if call.field("testingConnection") == "true":
            return self._page(call, Step.DATABASE)
        return redirect(self._url(Step.PROPERTIES))

    def _use_database(self, settings: DatabaseSettings, *, test_only: bool) -> None:
        services = self._services
        address = DatabaseAddress.from_jdbc(settings.url, user=settings.user, password=settings.password)
        services.database.configure(address)
        try:
            services.database.fetch_one("select 1 as one")
        except DatabaseUnavailable:
            services.database.configure(None)
            raise
        if test_only:
            services.database.configure(None)
            return
        services.database.prepare_schema("schema", ACCOUNT_SCHEMA + JIRA_SCHEMA)
        configfiles.write_database(services.settings.home, settings, overwrite=True)

    def _post_properties(self, call: Call) -> Response:
        title, base_url, mode = call.field("title").strip(), call.field("baseURL").strip(), call.field("mode")
        errors = {}
        if not title:
            errors["title"] = "You must specify a title."
        parts = urlsplit(base_url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            errors["baseURL"] = "You must specify a valid base URL."
        if mode not in {"public", "private"}:
            errors["mode"] = "You must specify a mode."
        if errors:
            return self._page(call, Step.PROPERTIES, errors)
        services = self._services
        with services.database.transaction() as connection:
            services.properties.put(connection, BASE_URL, value=base_url.rstrip("/"))
            services.properties.put(connection, MODE, value=mode)
            services.properties.put(connection, TITLE, value=title)
        return redirect(self._url(Step.LICENCE))

    def _post_licence(self, call: Call) -> Response:
        if "setupLicenseKey" not in call.form:
            raise HttpProblem("The form without a licence key cannot be sent.", status=500)
        licence = re.sub(r"\s", "", call.field("setupLicenseKey"))
        if not _LICENCE.fullmatch(licence):
            return self._page(call, Step.LICENCE, {"setupLicenseKey": "The licence key is not valid."})
        self._services.lifecycle.pause(self._services.settings.setup_seconds)
        self._services.database.execute(
            "insert into productlicense (id, license) values (1, %s) on conflict (id) do nothing", (licence,)
        )
        return redirect(self._url(Step.ACCOUNT))

    def _post_unknown(self, call: Call) -> Response:
        if call.field("usageData") not in {"none", "all"}:
            return self._page(call, Step.UNKNOWN, {"usageData": "Choose what is sent."})
        with self._services.database.transaction() as connection:
            self._services.properties.put(connection, USAGE_DATA, value=call.field("usageData"))
        return redirect(self._url(Step.ACCOUNT))

    def _post_account(self, call: Call) -> Response:
        names = ("fullname", "email", "username", "password", "confirm")
        errors = {name: "This field is required." for name in names if not call.field(name).strip()}
        if not errors and "@" not in call.field("email"):
            errors["email"] = "You must specify a valid email address."
        if not errors and call.field("password") != call.field("confirm"):
            errors["confirm"] = "The passwords do not match."
        if errors:
            return self._page(call, Step.ACCOUNT, errors)
        services = self._services
        with services.database.transaction() as connection:
            services.accounts.create_user(
                connection,
                call.field("username").strip(),
                password=call.field("password"),
                display_name=call.field("fullname").strip(),
                email=call.field("email").strip(),
                groups=(ADMINISTRATORS, USERS),
            )
        return self._page(call, Step.MAIL)

    def _post_mail(self, call: Call) -> Response:
        if call.field("noemail") != "true":
            return self._page(call, Step.MAIL, {"noemail": "Outgoing mail can be set up later, not here."})
        services = self._services
        services.lifecycle.pause(services.settings.setup_seconds)
        with services.database.transaction() as connection:
            services.properties.put(connection, SETUP_DONE, value="true")
        services.properties.forget()
        services.finish_setup()
        return redirect(services.settings.context_path + "/secure/WelcomeToJIRA.jspa")

    def _page(self, call: Call, step: Step, errors: Mapping[str, str] | None = None) -> Response:
        services = self._services
        token = self._token(call)
        shown = "" if services.settings.has("setup-cookie-only") else token
        defaults = {"baseURL": services.base(call.request), "nextStep": "true", "mode": "private"}
        sent = {name: value for name, value in call.form.items() if isinstance(value, str)}
        values = defaults | {name: value for name, value in sent.items() if name in FORMS[step].visible}
        text = setup_page(FORMS[step], self._action(step), token=shown, values=values, errors=errors or {})
        response = HTMLResponse(text)
        if not services.settings.has("setup-hidden-only"):
            response.set_cookie(XSRF_COOKIE, token, path=services.settings.context_path or "/")
        if call.identity.session is None:
            session = services.logins.begin(None)
            session.xsrf_token = token
            services.logins.set_session_cookie(response, session)
        return response

    def _token(self, call: Call) -> str:
        if call.identity.session is not None:
            return call.identity.session.xsrf_token
        return call.request.cookies.get(XSRF_COOKIE) or secrets.token_hex(20)

    def _check_token(self, call: Call) -> None:
        settings = self._services.settings
        session = call.identity.session
        expected = session.xsrf_token if session is not None else call.request.cookies.get(XSRF_COOKIE, "")
        if not expected or call.field("atl_token") != expected:
            raise Forbidden("XSRF Security Token Missing")
        referer = call.request.headers.get("referer", "")
        if settings.has("setup-referer") and not referer.startswith(self._services.base(call.request)):
            raise Forbidden("XSRF check failed: the Referer is not of this instance")

    def _action(self, step: Step) -> str:
        return f"{self._services.settings.context_path}/secure/{step}.jspa"

    def _url(self, step: Step) -> str:
        return f"{self._services.settings.context_path}/secure/{step}!default.jspa"


def _done_page() -> Response:
    return HTMLResponse(page("Set-up", element("p", "JIRA has already been set up."), product=PRODUCT))
