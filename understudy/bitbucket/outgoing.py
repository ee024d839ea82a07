"""The mail server, the banner and the application links; whom the git server tells what happens.

Sources: Bitbucket Data Center REST documentation, "System Maintenance" (``admin/mail-server``, ``admin/banner``);
Atlassian KB "How to remove Application Link from Bitbucket Data Center database" (``plugin_setting``); public dumps of
the product's database (``bb_announcement_banner``, ``AO_A0B856_WEBHOOK``); "Event payload" for the name under
``eventKey``. Under which keys ``app_property`` has the mail server is not documented: this stand-in has it under
``mail.`` keys, or with the variant ``mail-keys-elsewhere`` under others. Whether the product heeds the system property
that keeps other products from sending mail is not documented either, and it is not heeded here.
"""

from __future__ import annotations

import time

from starlette.responses import Response

from understudy.bitbucket import properties
from understudy.bitbucket.errors import invalid
from understudy.bitbucket.services import RestRoutes, Services, answer, no_content
from understudy.kit.database import Database
from understudy.kit.errors import NotFound
from understudy.kit.outgoing import Addressees
from understudy.kit.settings import Endpoint
from understudy.kit.web import Access, Call, Site, json_answer

_AUDIENCES = ("ALL", "AUTHENTICATED")
_FRESH_SECONDS = 1.0


def mail_prefix(*, elsewhere: bool) -> str:
    """Begin of the keys of the mail server."""
    return "outgoing.smtp." if elsewhere else "mail."


def addressees(database: Database, prefix: str) -> Addressees:
    """Whom the database names now."""
    rows = database.fetch_all(
        "select prop_key, prop_value from app_property where prop_key like %s", (f"{prefix}%",)
    )
    mail = {row["prop_key"].removeprefix(prefix): row["prop_value"] for row in rows}
    hooks = database.fetch_all('select "URL" as url from "AO_A0B856_WEBHOOK" where "ACTIVE" order by "ID"')
    server = Endpoint(mail["hostname"], int(mail.get("port", "25"))) if mail.get("hostname") else None
    return Addressees(server, mail.get("sender-address", ""), tuple(row["url"] for row in hooks))


class Banner:
    """Reads the banner; what another node changed is seen within a second.

    Args:
        database: where it is.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._text = ""
        self._read_at = float("-inf")

    def text(self) -> str:
        """What every page shows; empty where it is off."""
        if time.monotonic() - self._read_at >= _FRESH_SECONDS:
            row = self._database.fetch_one(
                "select message from bb_announcement_banner where enabled order by id desc limit 1"
            )
            self._text, self._read_at = "" if row is None else str(row["message"]), time.monotonic()
        return self._text


class OutgoingRest:
    """The routes.

    Args:
        services: the parts of the node.
    """

    def __init__(self, services: Services) -> None:
        self._services = services
        self._prefix = mail_prefix(elsewhere=services.settings.has("mail-keys-elsewhere"))

    def add_to(self, site: Site) -> None:
        """Add the routes."""
        api, administrator = RestRoutes(site, "api"), Access.ADMINISTRATOR
        api.add("/admin/mail-server", self.mail_server, access=administrator)
        api.add("/admin/mail-server", self.set_mail_server, methods=("PUT",), access=administrator)
        api.add("/admin/mail-server", self.forget_mail_server, methods=("DELETE",), access=administrator)
        api.add("/admin/banner", self.banner, access=administrator)
        api.add("/admin/banner", self.set_banner, methods=("PUT",), access=administrator)
        api.add("/admin/banner", self.remove_banner, methods=("DELETE",), access=administrator)
        site.route("/rest/applinks/1.0/listApplicationlinks", self.links, access=administrator)

    def mail_server(self, _: Call) -> Response:
        """``GET admin/mail-server``."""
        found = addressees(self._services.database, self._prefix)
        if found.mail is None:
            raise NotFound("There is no mail server.")
        return answer(
            {"hostname": found.mail.address, "port": found.mail.port, "sender-address": found.sender}
        )

    def set_mail_server(self, call: Call) -> Response:
        """``PUT admin/mail-server``."""
        body = call.json()
        values = {name: str(body.get(name, "")) for name in ("hostname", "port", "sender-address")}
        if not values["hostname"] or not values["port"].isdigit():
            raise invalid("A host name and a port are needed.", field="hostname")
        with self._services.database.transaction() as connection:
            for name, value in values.items():
                properties.store(connection, f"{self._prefix}{name}", value=value)
        return self.mail_server(call)

    def forget_mail_server(self, _: Call) -> Response:
        """``DELETE admin/mail-server``."""
        self._services.database.execute(
            "delete from app_property where prop_key like %s", (f"{self._prefix}%",)
        )
        return no_content()

    def banner(self, _: Call) -> Response:
        """``GET admin/banner``; 204 where there is none."""
        row = self._services.database.fetch_one(
            "select * from bb_announcement_banner order by id desc limit 1"
        )
        if row is None:
            return no_content()
        audience = _AUDIENCES[row["audience"]]
        return answer(
            {"id": str(row["id"]), "enabled": row["enabled"], "audience": audience, "message": row["message"]}
        )

    def set_banner(self, call: Call) -> Response:
        """``PUT admin/banner``."""
        body = call.json()
        message, audience = str(body.get("message", "")), str(body.get("audience", "ALL"))
        if not message or audience not in _AUDIENCES:
            raise invalid("A message and an audience are needed.", field="message")
        self._services.database.execute(
            """insert into bb_announcement_banner values (1, %s, %s, %s) on conflict (id) do update
               set enabled = excluded.enabled, audience = excluded.audience, message = excluded.message""",
            (bool(body.get("enabled", True)), _AUDIENCES.index(audience), message[:4000]),
        )
        return no_content()

    def remove_banner(self, _: Call) -> Response:
        """``DELETE admin/banner``."""
        self._services.database.execute("delete from bb_announcement_banner")
        return no_content()

    def links(self, _: Call) -> Response:
        """The application links."""
        rows = self._services.database.fetch_all(
            "select key_name, key_value from plugin_setting where key_name like %s order by 1",
            ("applinks.admin.%",),
        )
        found: dict[str, dict[str, str]] = {}
        for row in rows:
            link, _sign, name = row["key_name"].removeprefix("applinks.admin.").partition(".")
            found.setdefault(link, {"id": link})[name] = row["key_value"]
        return json_answer({"list": [{"application": link} for link in found.values()]})
