"""Whom the issue tracker tells what happens, and which applications it is linked with.

Sources: tables ``mailserver`` (a row of type ``smtp``) and ``AO_4AEACD_WEBHOOK_DAO`` of public dumps; the vendor's
"Webhooks" for the name under ``webhookEvent``; Atlassian KB "Alternative methods of deleting application links" for
``listApplicationlinks``. Somebody who changes an issue is told by mail, as with "notify users of their own changes".
"""

from __future__ import annotations

from starlette.responses import Response

from understudy.jira.properties import APPLICATION_LINKS, Properties
from understudy.kit.database import Database
from understudy.kit.outgoing import Addressees
from understudy.kit.settings import Endpoint
from understudy.kit.web import Access, Call, Site, json_answer


def addressees(database: Database) -> Addressees:
    """Whom the database names now."""
    server = database.fetch_one(
        "select servername, smtp_port, mailfrom from mailserver where server_type = 'smtp' order by id limit 1"
    )
    hooks = database.fetch_all(
        'select "URL" as url from "AO_4AEACD_WEBHOOK_DAO" where "ENABLED" order by "ID"'
    )
    mail = None if server is None else Endpoint(server["servername"], int(server["smtp_port"] or 25))
    sender = "" if server is None else str(server["mailfrom"])
    return Addressees(mail, sender, tuple(row["url"] for row in hooks))


def add_links(site: Site, properties: Properties) -> None:
    """Add the route that lists application links."""

    def listed(_: Call) -> Response:
        links: dict[str, dict[str, str]] = {}
        for key, value in sorted(properties.all().items()):
            if key.startswith(APPLICATION_LINKS):
                link, _sign, name = key.removeprefix(APPLICATION_LINKS).partition(".")
                links.setdefault(link, {"id": link})[name] = value
        return json_answer({"list": [{"application": link} for link in links.values()]})

    site.route("/rest/applinks/1.0/listApplicationlinks", listed, access=Access.ADMINISTRATOR)
