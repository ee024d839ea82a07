"""Bitbucket's phases, its unattended set-up, and the account that the engine makes itself.

Bitbucket alone of the three sets itself up from its environment; that is documented by the vendor's charts. Its set-up
pages come only where a value is missing, and then it is the value that must be given, not the page that must be filled.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import Any
from urllib.parse import quote

from telamon.products.accounts import finish, refuse_more_logins, renew
from telamon.products.base import (
    AccountInputs,
    Exchange,
    Flow,
    Identity,
    Request,
    Response,
    SetupOutcome,
    SetupVerdict,
    ask,
)
from telamon.products.pages import read_page
from telamon.products.rest import GONE, NO_CHECK, demand, items, patient
from telamon.products.status import PATH, read_state
from telamon.products.traffic import Writer
from telamon.state.phase import Phase

PROOF = "/rest/api/latest/application-properties"
USERS = "/rest/api/latest/admin/users"
TOKENS = "/rest/access-tokens/latest/users"
TOKEN_NAME = "telamon"  # noqa: S105 - the name of a token, not a token.
TOKEN_DAYS = 365
KEPT_TOKENS = 2
"""Tokens of ours that are left alone when another is made: one may be in use this moment."""
CLUSTER = "/rest/zdu/cluster"

_BY_CODE = MappingProxyType({503: Phase.STARTING, 500: Phase.ERROR})
"""Source: Atlassian KB "How to monitor if Bitbucket Server is up and running"; 500 is believed, not documented."""


def read_status(response: Response) -> Phase:
    """Name the phase a node is in; MAINTENANCE answers 200 here, and STARTING 503."""
    return read_state(response, by_code=_BY_CODE)


def set_up() -> Flow[SetupOutcome]:
    """Look whether the environment has completed the set-up; nothing is posted."""
    phase = read_status((yield from ask(Request("GET", PATH))))
    if phase is Phase.RUNNING:
        proof = yield from ask(Request("GET", PROOF))
        if proof.status == 200:
            return SetupOutcome(SetupVerdict.COMPLETE, "", "/")
        return _waiting("the node is RUNNING, and its REST does not serve yet")
    if phase is not Phase.FIRST_RUN:
        return _waiting(f"the node is {phase.value}")
    page = yield from ask(Request("GET", "/", timeout=30.0, redirect=True))
    read = read_page(page.text)
    if page.status != 200 or not read.forms:
        return _waiting("the node sets itself up from its environment")
    asked = sorted({name for form in read.forms for name in form.names} - {"atl_token"})
    detail = (
        f'Bitbucket asks for "{read.title}" ({", ".join(asked)[:160]}), so a value is missing from its environment: '
        "look at SETUP_DISPLAYNAME, SETUP_BASEURL, SETUP_LICENSE and SETUP_SYSADMIN_*"
    )
    return SetupOutcome(SetupVerdict.UNKNOWN_FORM, "setup", page.url, detail)


def _waiting(detail: str) -> SetupOutcome:
    return SetupOutcome(SetupVerdict.WAITING, "", "/", detail)


def make_service_account(account: AccountInputs) -> Flow[str | None]:
    """Make the account, give it the global permission of a system administrator, and make it a token.

    Source: Bitbucket REST API (``admin/users``, ``admin/permissions/users``, ``access-tokens``).
    """
    refuse_more_logins(account)
    looking = Request("GET", f"/rest/api/latest/users/{_segment(account.username)}")
    found = yield from patient(Identity.ADMINISTRATOR, looking)
    if found.status == 404:
        yield from _create(account)
    else:
        demand(looking, found)
    allowing = Request(
        "PUT",
        "/rest/api/latest/admin/permissions/users",
        query={"name": account.username, "permission": "SYS_ADMIN"},
        headers=NO_CHECK,
    )
    demand(allowing, (yield from patient(Identity.ADMINISTRATOR, allowing)))
    token = yield from _make_token(account.username)
    return (yield from finish(account, token, proof=CLUSTER))


def _create(person: AccountInputs | Writer) -> Flow[None]:
    # The resource takes its values in the query alone, the password too; no query is ever shown or logged.
    query = {
        "name": person.username,
        "password": person.password,
        "displayName": person.name,
        "emailAddress": person.email,
        "addToDefaultGroup": "true",
    }
    making = Request("POST", USERS, query=query, headers=NO_CHECK)
    demand(making, (yield from patient(Identity.ADMINISTRATOR, making)))


def enlist(writer: Writer) -> Flow[None]:
    """Make an ordinary user. Source: Bitbucket REST API (``POST admin/users``)."""
    yield from _create(writer)


def dismiss(username: str) -> Flow[None]:
    """Remove a user; comments and commits stay. Source: Bitbucket REST API (``DELETE admin/users``)."""
    removing = Request("DELETE", USERS, query={"name": username}, headers=NO_CHECK)
    demand(removing, (yield from patient(Identity.ADMINISTRATOR, removing)), allowed=GONE)


def renew_token(account: AccountInputs) -> Flow[str | None]:
    """Make the account another HTTP access token."""
    return renew(account, _make_token(account.username), proof=CLUSTER)


def _make_token(username: str) -> Flow[str | None]:
    """Make the account an HTTP access token, and revoke those of ours that are surely out of use."""
    path = f"{TOKENS}/{_segment(username)}"
    listing = Request("GET", path, query={"limit": "100"})
    listed = yield from patient(Identity.SERVICE_ACCOUNT, listing)
    if listed.status == 404:
        return None
    values = items(demand(listing, listed).document().get("values"))
    ours = [token for token in values if token.get("name") == TOKEN_NAME]
    ours.sort(key=_made)
    for spare in ours[:-KEPT_TOKENS]:
        revoking = Request("DELETE", f"{path}/{_segment(str(spare.get('id')))}", headers=NO_CHECK)
        demand(
            revoking,
            (yield from patient(Identity.SERVICE_ACCOUNT, revoking)),
            allowed=frozenset({200, 204, 404}),
        )
    made = yield from _put_token(path)
    token = made.document().get("token")
    return token if isinstance(token, str) and token else None


def _put_token(path: str) -> Exchange:
    """PUT, as the vendor's reference has it; POST, which scripts were seen to use, where PUT is not known."""
    body = {"name": TOKEN_NAME, "permissions": ["PROJECT_ADMIN", "REPO_ADMIN"], "expiryDays": TOKEN_DAYS}
    making = Request("PUT", path, headers=NO_CHECK, json=body)
    made = yield from patient(Identity.SERVICE_ACCOUNT, making)
    if made.status in {404, 405}:
        making = Request("POST", path, headers=NO_CHECK, json=body)
        made = yield from patient(Identity.SERVICE_ACCOUNT, making)
    return demand(making, made)


def _made(token: Any) -> float:
    """When a token was made, in epoch milliseconds; 0 where it is not told."""
    created = token.get("createdDate")
    return float(created) if isinstance(created, int | float) else 0.0


def _segment(text: str) -> str:
    return quote(text, safe="")
