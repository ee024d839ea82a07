"""What keeps a copy of Bitbucket's data from acting as the original.

Sources: Atlassian, "How to establish staging server environments for Bitbucket Server" (base URL ``instance.url`` in
``app_property``, mail); "How to remove Application Link from Bitbucket Data Center database" (``plugin_setting``);
public dumps of Bitbucket's database (``trusted_app``, ``AO_92D5D5_USER_NOTIFICATION``: mail that waits to be sent);
Bitbucket REST API (``admin/mail-server``, ``admin/banner``).

Under which keys ``app_property`` holds the mail server is not documented, nor whether the system property of the other
two is heeded. Both are used, and once a node runs the documented resource is told to forget its mail server, before
any user reaches it.
"""

from __future__ import annotations

from telamon.products.base import Flow, Identity, Request
from telamon.products.clone import NO_MAIL, PASSWORDS, WEBHOOKS, CloneRules, Statement
from telamon.products.rest import NO_CHECK, demand, patient

_ADMIN = "/rest/api/latest/admin"

RULES = CloneRules(
    statements=(
        Statement(
            "a base URL of its own",
            "UPDATE app_property SET prop_value = %(base_url)s WHERE prop_key = 'instance.url'",
            "app_property",
            needed=True,
        ),
        *PASSWORDS,
        *WEBHOOKS,
        Statement(
            "application links removed",
            "DELETE FROM plugin_setting WHERE key_name LIKE 'applinks.%%'",
            "plugin_setting",
        ),
        Statement(
            "trust in other applications removed",
            "DELETE FROM trusted_app_restriction",
            "trusted_app_restriction",
        ),
        Statement("trust in other applications removed", "DELETE FROM trusted_app", "trusted_app"),
        Statement("no mail server", "DELETE FROM app_property WHERE prop_key LIKE 'mail.%%'", "app_property"),
        Statement(
            "waiting mail removed",
            'DELETE FROM "AO_92D5D5_USER_NOTIFICATION"',
            '"AO_92D5D5_USER_NOTIFICATION"',
        ),
    ),
    jvm=NO_MAIL,
)


def quieten(banner: str) -> Flow[None]:
    """Make a node that runs forget its mail server, and show a banner to everybody."""
    forgetting = Request("DELETE", f"{_ADMIN}/mail-server", headers=NO_CHECK)
    answer = yield from patient(Identity.SERVICE_ACCOUNT, forgetting)
    demand(forgetting, answer, allowed=frozenset({200, 204, 404}))
    body = {"message": banner, "enabled": True, "audience": "ALL"}
    showing = Request("PUT", f"{_ADMIN}/banner", headers=NO_CHECK, json=body)
    demand(showing, (yield from patient(Identity.SERVICE_ACCOUNT, showing)))
