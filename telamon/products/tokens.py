"""Personal access tokens of Jira and Confluence.

Source: Atlassian, "Using Personal Access Tokens" (Jira 8.14 and Confluence 7.9 or later): POST makes one and shows it
once, GET lists those of the caller, DELETE revokes one.
"""

from __future__ import annotations

from telamon.products.base import Flow, Identity, Request
from telamon.products.rest import NO_CHECK, demand, items, patient

PATH = "/rest/pat/latest/tokens"
NAME = "telamon"
DAYS = 365
"""Days until a token expires: the longest the products allow by default."""

KEPT = 2
"""Tokens of ours that are left alone when another is made: one may be in use this moment. Older ones are revoked,
because a person may have ten of them at most."""


def make_token() -> Flow[str | None]:
    """Make the service account a token; it logs in by password, because a token belongs to who makes it.

    Returns:
        The token, or ``None`` where the product has none of this kind.

    Raises:
        TemporaryError: the log-in was refused, or the node is busy.
        ProductError: the product refuses to make one.
    """
    listing = Request("GET", PATH, headers=NO_CHECK)
    listed = yield from patient(Identity.SERVICE_ACCOUNT, listing)
    if listed.status == 404:
        return None
    ours = [token for token in items(demand(listing, listed).json()) if token.get("name") == NAME]
    for spare in ours[:-KEPT]:
        revoking = Request("DELETE", f"{PATH}/{spare.get('id')}", headers=NO_CHECK)
        demand(
            revoking,
            (yield from patient(Identity.SERVICE_ACCOUNT, revoking)),
            allowed=frozenset({200, 204, 404}),
        )
    body = {"name": NAME, "expirationDuration": DAYS}
    making = Request("POST", PATH, headers=NO_CHECK, json=body)
    made = demand(making, (yield from patient(Identity.SERVICE_ACCOUNT, making)))
    token = made.document().get("rawToken")
    return token if isinstance(token, str) and token else None
