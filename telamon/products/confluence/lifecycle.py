"""Confluence's phases, its set-up pages, and the account that the engine makes itself.

The set-up pages are a private interface: their fields come from public set-up scripts for Confluence 9.2 and 10.2.
They are the product's most fragile part. After the cluster page it rebuilds its whole context for 15 to 90 seconds;
whoever posts again meanwhile, or restarts it, is left with a recorded step and a database that do not fit.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

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
from telamon.products.pages import Form
from telamon.products.rest import GONE, NO_CHECK, demand, items, patient
from telamon.products.status import PATH, read_state
from telamon.products.tokens import make_token
from telamon.products.traffic import Writer
from telamon.products.wizard import Step, Wizard, walk
from telamon.state.phase import Phase

PROOF = "/rest/zdu/cluster"
"""What a token must be good for: reading the cluster takes a system administrator."""
ADMINISTRATORS = "confluence-administrators"
"""Global permissions cannot be given over REST, so the account joins the group of the first administrator."""

_SLOW = 300.0
"""Seconds for a page that makes tables; the chart gives the set-up pages the same."""


def read_status(response: Response) -> Phase:
    """Name the phase a node is in; codes other than 200 are not documented, so the body alone is believed."""
    return read_state(response, by_code={})


def _license(inputs: SetupInputs, form: Form) -> Mapping[str, str]:
    given = {"confLicenseString": "".join(inputs.license.split())}
    return {**given, "setupTypeCustom": "custom"} if "setupTypeCustom" in form.names else given


def _cluster(_: SetupInputs, form: Form) -> Mapping[str, str]:
    """Leave the cluster as the image configured it: this page would only configure another one.

    The radio button's values are inverted, and without it the page fails where it has one.
    """
    given = {"newCluster": "skipCluster"}
    return {**given, "isClusteringEnabled": "true"} if "isClusteringEnabled" in form.names else given


def _empty_site(_: SetupInputs, __: Form) -> Mapping[str, str]:
    return {"contentChoice": "blank", "dbchoiceSelect": "Empty Site"}


def _own_users(_: SetupInputs, __: Form) -> Mapping[str, str]:
    return {"userManagementChoice": "internal", "internal": "Manage users and groups within Confluence"}


def _administrator(inputs: SetupInputs, _: Form) -> Mapping[str, str]:
    return {
        "username": inputs.admin_username,
        "fullName": inputs.admin_name,
        "email": inputs.admin_email,
        "password": inputs.admin_password,
        "confirm": inputs.admin_password,
        "setup-next-button": "Next",
    }


def _token(_: Response, form: Form) -> str:
    """The hidden field of the answer that brought the form: a page fetched afresh may belong to an earlier step."""
    return form.values.get("atl_token", "")


WIZARD = Wizard(
    status=PATH,
    read_status=read_status,
    entry="/bootstrap/selectsetupstep.action",
    steps=(
        Step("setuplicense", "/setup/dosetuplicense.action", frozenset({"confLicenseString"}), _license),
        Step(
            "setupcluster",
            "/setup/setupcluster.action",
            frozenset({"newCluster", "isClusteringEnabled", "clusterName"}),
            _cluster,
            start="/setup/setupcluster-start.action",
            timeout=_SLOW,
        ),
        Step(
            "setupdata",
            "/setup/setupdata.action",
            frozenset({"contentChoice", "dbchoiceSelect"}),
            _empty_site,
            start="/setup/setupdata-start.action",
            timeout=_SLOW,
        ),
        Step(
            "setupusermanagementchoice",
            "/setup/setupusermanagementchoice.action",
            frozenset({"userManagementChoice"}),
            _own_users,
            start="/setup/setupusermanagementchoice-start.action",
        ),
        Step(
            "setupadministrator",
            "/setup/setupadministrator.action",
            frozenset({"fullName"}),
            _administrator,
            start="/setup/setupadministrator-start.action",
            timeout=_SLOW,
        ),
    ),
    token=_token,
    last="/setup/finishsetup.action",
    # Anonymous on purpose, as refused log-ins raise a CAPTCHA: a refusal proves as well that REST serves.
    proof="/rest/api/user/current",
    proven=frozenset({200, 401, 403}),
)


def set_up(inputs: SetupInputs) -> Flow[SetupOutcome]:
    """One pass over the set-up pages."""
    return walk(WIZARD, inputs)


def make_service_account(account: AccountInputs) -> Flow[str | None]:
    """Make the account, put it among the administrators, and make it a token.

    Source: Confluence REST API (``admin/user``, ``user``, ``user/{name}/group/{group}``).
    """
    refuse_more_logins(account)
    looking = Request("GET", "/rest/api/user", query={"username": account.username})
    found = yield from patient(Identity.ADMINISTRATOR, looking)
    if found.status == 404:
        yield from _create(account)
    else:
        demand(looking, found)
    asking = Request("GET", "/rest/api/user/memberof", query={"username": account.username})
    groups = items(
        demand(asking, (yield from patient(Identity.ADMINISTRATOR, asking))).document().get("results")
    )
    if ADMINISTRATORS not in {group.get("name") for group in groups}:
        path = f"/rest/api/user/{quote(account.username, safe='')}/group/{ADMINISTRATORS}"
        joining = Request("PUT", path, headers=NO_CHECK)
        demand(joining, (yield from administrate(joining, web_sudo)))
    token = yield from make_token()
    return (yield from finish(account, token, proof=PROOF))


def renew_token(account: AccountInputs) -> Flow[str | None]:
    """Make the account another token."""
    return renew(account, make_token(), proof=PROOF)


def enlist(writer: Writer) -> Flow[None]:
    """Make an ordinary user. Source: Confluence REST API, "Admin User" (8.4 and later)."""
    yield from _create(writer)


def dismiss(username: str) -> Flow[None]:
    """Disable a user; deleting one would take the name from everything that was written.

    Source: Confluence REST API, "Admin User" (``PUT admin/user/{username}/disable``).
    """
    making = Request("PUT", f"/rest/api/admin/user/{quote(username, safe='')}/disable", headers=NO_CHECK)
    demand(making, (yield from administrate(making, web_sudo)), allowed=GONE)


def _create(account: AccountInputs | Writer) -> Flow[None]:
    making = Request(
        "POST",
        "/rest/api/admin/user",
        headers=NO_CHECK,
        json={
            "userName": account.username,
            "fullName": account.name,
            "email": account.email,
            "password": account.password,
            "notifyViaEmail": False,
        },
    )
    demand(making, (yield from administrate(making, web_sudo)))


def web_sudo() -> Flow[None]:
    """Begin a session of the administrator and confirm the password in it; the cookies of this flow carry both.

    Source: the vendor's performance toolkit, which posts the same two forms (atlassian/dc-app-performance-toolkit).
    """
    yield from log_in("/dologin.action")
    body: dict[str, FormValue] = {"password": PasswordOf(Identity.ADMINISTRATOR), "authenticate": "Confirm"}
    confirming = Request("POST", "/doauthenticate.action", headers=NO_CHECK, form=body)
    demand(confirming, (yield from patient(Identity.ANONYMOUS, confirming)), allowed=frozenset({200, 302}))
