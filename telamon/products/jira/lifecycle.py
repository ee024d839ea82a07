"""Jira's phases, its set-up pages, and the account that the engine makes itself.

The set-up pages are a private interface: their fields come from public set-up scripts for Jira 8.20, 10.3 and 11.3,
which agree on order and names. Where they differ (the token), the rule holds for all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from telamon.products.accounts import administrate, finish, log_in, refuse_more_logins, renew
from telamon.products.base import (
    AccountInputs,
    Flow,
    FormValue,
    Identity,
    PasswordOf,
    Request,
    Response,
    SetupInputs,
    SetupOutcome,
)
from telamon.products.pages import Form, read_page
from telamon.products.rest import GONE, NO_CHECK, demand, items, patient
from telamon.products.status import PATH, read_state
from telamon.products.tokens import make_token
from telamon.products.traffic import Writer
from telamon.products.wizard import Step, Stumbling, Wizard, walk
from telamon.state.phase import Phase

PROOF = "/rest/api/2/cluster/nodes"
"""What a token must be good for: reading the cluster takes a system administrator."""
ADMINISTRATORS = "jira-administrators"
"""The group of the first administrator; the set-up gives it the global permission "system administrator"."""

_BY_CODE = MappingProxyType({503: Phase.MAINTENANCE, 500: Phase.ERROR})
"""Source: Atlassian KB "Jira status endpoint response meanings"."""

_NO_DATABASE = (
    "Jira asks for a database, so its dbconfig.xml is missing or has no driver: look at ATL_JDBC_URL, ATL_DB_DRIVER "
    "and ATL_DB_TYPE"
)

_LICENSE_TIMEOUT = 120.0
"""Seconds; the licence page was seen to take 60 to 100."""


def read_status(response: Response) -> Phase:
    """Name the phase a node is in."""
    return read_state(response, by_code=_BY_CODE)


def _application(inputs: SetupInputs, form: Form) -> Mapping[str, str]:
    given = {"title": inputs.title, "mode": "private", "baseURL": inputs.base_url}
    return given if form.values.get("nextStep") else {**given, "nextStep": "true"}


def _license(inputs: SetupInputs, _: Form) -> Mapping[str, str]:
    return {"setupLicenseKey": "".join(inputs.license.split())}


def _administrator(inputs: SetupInputs, _: Form) -> Mapping[str, str]:
    return {
        "fullname": inputs.admin_name,
        "email": inputs.admin_email,
        "username": inputs.admin_username,
        "password": inputs.admin_password,
        "confirm": inputs.admin_password,
    }


def _no_mail(_: SetupInputs, __: Form) -> Mapping[str, str]:
    return {"noemail": "true"}


def _token(response: Response, form: Form) -> str:
    """The cookie where there is one, else the hidden field: one of the two holds for every release seen."""
    return response.cookies.get("atlassian.xsrf.token", "") or form.values.get("atl_token", "")


WIZARD = Wizard(
    status=PATH,
    read_status=read_status,
    entry="/",
    steps=(
        Step(
            "SetupApplicationProperties",
            "/secure/SetupApplicationProperties.jspa",
            frozenset({"baseURL"}),
            _application,
        ),
        Step(
            "SetupLicense",
            "/secure/SetupLicense.jspa",
            frozenset({"setupLicenseKey"}),
            _license,
            timeout=_LICENSE_TIMEOUT,
        ),
        Step("SetupAdminAccount", "/secure/SetupAdminAccount.jspa", frozenset({"fullname"}), _administrator),
        # The answer to the last page comes only after the plug-in system has been restarted.
        Step(
            "SetupMailNotifications",
            "/secure/SetupMailNotifications.jspa",
            frozenset({"noemail"}),
            _no_mail,
            timeout=_LICENSE_TIMEOUT,
        ),
    ),
    stumbling=(
        # Which of the two comes first without a database, public set-up scripts do not agree on.
        Stumbling("SetupMode", frozenset({"setupOption"}), _NO_DATABASE),
        Stumbling(
            "SetupDatabase", frozenset({"databaseOption", "databaseType", "jdbcHostname"}), _NO_DATABASE
        ),
    ),
    token=_token,
    # Anonymous on purpose: refused log-ins raise a CAPTCHA, and log-ins are refused for some minutes after the set-up.
    proof="/rest/api/2/serverInfo",
    proven=frozenset({200}),
)


def set_up(inputs: SetupInputs) -> Flow[SetupOutcome]:
    """One pass over the set-up pages."""
    return walk(WIZARD, inputs)


def make_service_account(account: AccountInputs) -> Flow[str | None]:
    """Make the account, put it among the administrators, and make it a token.

    Source: Jira REST API 2 (``user``, ``group/user``); reading cluster and index takes a system administrator.
    """
    refuse_more_logins(account)
    looking = Request("GET", "/rest/api/2/user", query={"username": account.username, "expand": "groups"})
    found = yield from patient(Identity.ADMINISTRATOR, looking)
    if found.status == 404:
        yield from _create(account)
        groups = frozenset[str]()
    else:
        shown = demand(looking, found).document().get("groups")
        listed = shown.get("items") if isinstance(shown, dict) else None
        groups = frozenset(str(group.get("name")) for group in items(listed))
    if ADMINISTRATORS not in groups:
        joining = Request(
            "POST",
            "/rest/api/2/group/user",
            query={"groupname": ADMINISTRATORS},
            headers=NO_CHECK,
            json={"name": account.username},
        )
        demand(joining, (yield from administrate(joining, web_sudo)))
    token = yield from make_token()
    return (yield from finish(account, token, proof=PROOF))


def renew_token(account: AccountInputs) -> Flow[str | None]:
    """Make the account another token."""
    return renew(account, make_token(), proof=PROOF)


def _create(account: AccountInputs) -> Flow[None]:
    # No application: an administrator may log in without one, and it would take a seat of the licence.
    yield from _make_user(account, applicationKeys=[])


def _make_user(person: AccountInputs | Writer, **more: object) -> Flow[None]:
    document = {
        "name": person.username,
        "password": person.password,
        "emailAddress": person.email,
        "displayName": person.name,
        **more,
    }
    making = Request("POST", "/rest/api/2/user", headers=NO_CHECK, json=document)
    demand(making, (yield from administrate(making, web_sudo)))


def enlist(writer: Writer) -> Flow[None]:
    """Make an ordinary user, who gets the applications that every new user gets.

    Source: Jira REST API 2, ``POST user``.
    """
    yield from _make_user(writer)


def dismiss(username: str) -> Flow[None]:
    """Deactivate a user; one who has reported issues cannot be deleted.

    Source: Jira REST API 2 (``PUT user`` knows ``active`` since 8.3); Atlassian, "Create, edit, or remove a user".
    """
    making = Request(
        "PUT", "/rest/api/2/user", query={"username": username}, headers=NO_CHECK, json={"active": False}
    )
    demand(making, (yield from administrate(making, web_sudo)), allowed=GONE)


def web_sudo() -> Flow[None]:
    """Begin a session of the administrator and confirm the password in it; the cookies of this flow carry both.

    Source: public set-up scripts, and the vendor's performance toolkit for the log-in form. The confirmation takes
    ``webSudoPassword`` and the token of the cookie, and answers 302.
    """
    yield from log_in("/login.jsp")
    asking = Request("GET", "/secure/admin/WebSudoAuthenticate!default.jspa")
    asked = demand(asking, (yield from patient(Identity.ANONYMOUS, asking)))
    form = read_page(asked.text).form_with({"webSudoPassword"})
    body: dict[str, FormValue] = {
        "webSudoPassword": PasswordOf(Identity.ADMINISTRATOR),
        "webSudoIsPost": "false",
        "atl_token": _token(asked, form) if form is not None else "",
    }
    confirming = Request("POST", "/secure/admin/WebSudoAuthenticate.jspa", headers=NO_CHECK, form=body)
    demand(confirming, (yield from patient(Identity.ANONYMOUS, confirming)), allowed=frozenset({302}))
