"""The set-up pages of a fresh node.

The order, the fields and the traps are those that public scripts met: licence (only without
``ATL_LICENSE_KEY``), cluster, content, user management, administrator, finish. A wrong value gives 200 and
the same form again; success is that the step has changed. After the cluster page the application context
is rebuilt: every page answers 500 meanwhile, and posting that page again makes the step in
``confluence.cfg.xml`` and the tables in the database drift apart, for good. Sources: public repositories
deftdevs/bootstrapi (``SetupCli``) and BFoerschner/knobas (``seed-atlassian.sh``); the vendor offers no
promise for these pages.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass

from starlette.responses import HTMLResponse, Response

from understudy.confluence import setupforms
from understudy.confluence.configfile import LICENSE, ConfigStore
from understudy.confluence.settings import WikiSettings
from understudy.kit.errors import HttpProblem, UnderstudyError
from understudy.kit.lifecycle import Lifecycle
from understudy.kit.logins import Logins
from understudy.kit.sessions import Session
from understudy.kit.web import Call, redirect, xsrf_checked_form

_LOG = logging.getLogger("understudy.confluence.setup")
NO_CONTEXT = "Spring Application context has not been set"

START = "setupstart"
LICENCE = "setuplicense"
CLUSTER = "setupcluster-start"
DATA = "setupdata-start"
PEOPLE = "setupusermanagementchoice-start"
UNKNOWN = "setupusagedata-start"
ADMINISTRATOR = "setupadministrator-start"
FINISH = "finishsetup"
_EMAIL = re.compile(r"^[^@\s]+@[^@\s]+$")
_USER_NAME = re.compile(r"^[^\s<>\\/]{1,255}$")


@dataclass(frozen=True)
class FirstAdministrator:
    """The account that the set-up makes."""

    name: str
    full_name: str
    email: str
    password: str


@dataclass(frozen=True)
class SetupSteps:
    """What the set-up needs done; each may raise an error of :mod:`understudy.kit.errors`.

    ``build_context`` makes tables and opens the cluster, and refuses tables that are there when its argument
    says that this is the first time; ``fill`` writes the first data, given the base
    URL; ``add_administrator`` gives an error message or an empty text; ``finish`` brings the node to
    RUNNING.
    """

    build_context: Callable[[bool], None]
    fill: Callable[[str], None]
    add_administrator: Callable[[FirstAdministrator], str]
    finish: Callable[[], None]


class Setup:
    """Shows the form of the current step and takes its answer.

    Args:
        settings: of the node.
        store: where the step is kept.
        lifecycle: of the node.
        logins: begins the session that holds the form token.
        steps: does the work.
    """

    def __init__(
        self,
        settings: WikiSettings,
        store: ConfigStore,
        lifecycle: Lifecycle,
        *,
        logins: Logins,
        steps: SetupSteps,
    ) -> None:
        self._settings = settings
        self._store = store
        self._lifecycle = lifecycle
        self._logins = logins
        self._steps = steps
        self._lock = threading.Lock()
        self._rebuilding = False
        self._broken = ""

    @property
    def trouble(self) -> str | None:
        """Why every page answers 500 just now, or None."""
        if self._rebuilding:
            return NO_CONTEXT
        return self._broken or None

    @property
    def step(self) -> str:
        """The step to be done next."""
        step = self._store.config.setup_step
        if step != START:
            return step
        if not self._store.config.get(LICENSE):
            return LICENCE
        return DATA if self._skips_cluster else CLUSTER

    def resume(self) -> None:
        """Build the context at the start of the node where that has been done, or needs no page."""
        step = self.step
        if step in {LICENCE, CLUSTER, START}:
            return
        self._steps.build_context(False)

    def page(self, call: Call) -> Response:
        """``GET /setup/<step>.action``: the form, or the way to the current one."""
        name = call.path("step")
        if name == FINISH and self.step == FINISH:
            return self._finish()
        if name != self.step:
            return redirect(self._resume_path())
        return self._form(call)

    def select(self, _: Call) -> Response:
        """``GET /bootstrap/selectsetupstep.action``: to the step to be done next."""
        return redirect(self._resume_path())

    def post(self, call: Call) -> Response:
        """``POST /setup/<name>.action``: take the answer to a step."""
        actions: dict[str, tuple[str, Callable[[Call], dict[str, str]]]] = {
            "dosetuplicense": (LICENCE, self._take_licence),
            "setupcluster": (CLUSTER, self._take_cluster),
            "setupdata": (DATA, self._take_data),
            "setupusermanagementchoice": (PEOPLE, self._take_people),
            "setupusagedata": (UNKNOWN, self._take_unknown),
            "setupadministrator": (ADMINISTRATOR, self._take_administrator),
        }
        name = call.path("step")
        if name not in actions:
            raise HttpProblem("Method Not Allowed", status=405)
        xsrf_checked_form(call, self._session(call))
        step, take = actions[name]
        with self._lock:
            if self.step != step:
                return redirect(self._resume_path())
            errors = take(call)
        if errors:
            return self._form(call, errors)
        return redirect(f"{self._settings.context_path}/setup/{self._next_page(step)}.action")

    def refuse_second_cluster_post(self) -> None:
        """The cluster page was posted while the context is rebuilt: the set-up cannot go on."""
        _LOG.error("the cluster page was posted again while the context is rebuilt")
        self._broken = 'the set-up is broken: ERROR: relation "content" already exists'

    @property
    def _skips_cluster(self) -> bool:
        return self._settings.has("skip-cluster-page") and self._store.config.clustered

    def _next_page(self, step: str) -> str:
        """The page after a step; after the cluster page it is known before the step has changed."""
        return DATA if step == CLUSTER else self.step

    def _resume_path(self) -> str:
        step = CLUSTER if self._settings.has("stale-resume") and self.step != FINISH else self.step
        return f"{self._settings.context_path}/setup/{step}.action"

    def _session(self, call: Call) -> Session:
        return call.identity.session or self._logins.begin(None)

    def _form(self, call: Call, errors: dict[str, str] | None = None) -> Response:
        session = self._session(call)
        text = setupforms.page(
            self.step, token=session.xsrf_token, context_path=self._settings.context_path, errors=errors or {}
        )
        response = HTMLResponse(text)
        self._logins.set_session_cookie(response, session)
        return response

    def _advance(self, step: str) -> None:
        self._store.change(lambda config: config.with_step(step))
        _LOG.info("set-up step %s", step)

    def _take_licence(self, call: Call) -> dict[str, str]:
        licence = "".join(call.field("confLicenseString").split())
        if len(licence) < 20:
            return {"confLicenseString": "This is not a licence key."}
        self._store.change(lambda config: config.with_entries({LICENSE: licence}).with_step(CLUSTER))
        if self._skips_cluster:
            self._steps.build_context(True)
            self._advance(DATA)
        return {}

    def _take_cluster(self, call: Call) -> dict[str, str]:
        choice = call.field("newCluster")
        if choice not in {"skipCluster", "Create cluster"}:
            return {"newCluster": "Choose whether to create a cluster."}
        if choice == "Create cluster":
            entries = setupforms.cluster_entries(call.field)
            if not entries:
                return {"clusterName": "A cluster needs a name, a home, the method TCP/IP and its peers."}
            self._store.change(lambda config: config.with_entries(entries))
        self._rebuilding = True
        threading.Thread(target=self._rebuild, name="context-rebuild", daemon=True).start()
        return {}

    def _rebuild(self) -> None:
        try:
            if self._lifecycle.pause(self._settings.rebuild_seconds):
                self._steps.build_context(True)
                if not self._broken:
                    self._advance(DATA)
        except UnderstudyError as error:
            _LOG.error("the context cannot be rebuilt: %s", error)
            self._broken = f"the set-up is broken: {error}"
        finally:
            self._rebuilding = False

    def _take_data(self, call: Call) -> dict[str, str]:
        if call.field("contentChoice") != "blank" or not call.field("dbchoiceSelect"):
            return {"contentChoice": "Only an empty site can be made here."}
        self._steps.fill(str(call.request.base_url).rstrip("/"))
        self._advance(PEOPLE)
        return {}

    def _take_people(self, call: Call) -> dict[str, str]:
        if call.field("userManagementChoice") != "internal":
            return {"userManagementChoice": "Only internal user management can be chosen here."}
        self._advance(UNKNOWN if self._settings.has("setup-unknown-page") else ADMINISTRATOR)
        return {}

    def _take_unknown(self, call: Call) -> dict[str, str]:
        if call.field("usageData") not in {"none", "all"}:
            return {"usageData": "Choose what is sent."}
        self._advance(ADMINISTRATOR)
        return {}

    def _take_administrator(self, call: Call) -> dict[str, str]:
        wanted = FirstAdministrator(
            call.field("username").strip(),
            call.field("fullName").strip(),
            call.field("email").strip(),
            call.field("password"),
        )
        errors = _administrator_errors(wanted, call.field("confirm"))
        if errors:
            return errors
        if refused := self._steps.add_administrator(wanted):
            return {"username": refused}
        self._advance(FINISH)
        return {}

    def _finish(self) -> Response:
        with self._lock:
            if self.step == FINISH:
                self._steps.finish()
        return HTMLResponse(setupforms.finished(self._settings.context_path))


def _administrator_errors(wanted: FirstAdministrator, confirmation: str) -> dict[str, str]:
    errors = {}
    if not _USER_NAME.match(wanted.name):
        errors["username"] = "This is not a user name."
    if not wanted.full_name:
        errors["fullName"] = "A full name is required."
    if not _EMAIL.match(wanted.email):
        errors["email"] = "This is not an email address."
    if not wanted.password:
        errors["password"] = "A password is required."  # noqa: S105 - a message
    elif wanted.password != confirmation:
        errors["confirm"] = "The passwords do not match."
    return errors
