"""The settings of the whole wiki, whom it tells what happens, and which applications it is linked with.

All of it is in the table ``bandana``, in the context ``_GLOBAL``, as XML: under ``atlassian.confluence.settings`` the
base URL and the HTML that administrators put at the beginning of every page's body, under
``atlassian.confluence.smtp.mail.accounts`` the mail server, under keys that begin with ``applinks.`` the links.
Webhooks are rows of ``AO_A0B856_WEBHOOK``. Sources: Atlassian KB, "Alternative methods of deleting application links in
Confluence"; public dumps of the product's database; the vendor's "Managing webhooks" for the names of events. Of the
mail server only host and port are read.
"""

from __future__ import annotations

import re
import time
from html import escape, unescape

from starlette.responses import Response

from understudy.kit.database import Connection, Database
from understudy.kit.outgoing import Addressees
from understudy.kit.settings import Endpoint
from understudy.kit.web import Access, Call, Site, json_answer

_SETTINGS = "atlassian.confluence.settings"
_MAIL = "atlassian.confluence.smtp.mail.accounts"
_FRESH_SECONDS = 1.0


class Settings:
    """Reads the settings; a banner that another node has put there is seen within a second.

    Args:
        database: where they are.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._base_url = ""
        self._banner = ""
        self._read_at = float("-inf")

    @property
    def base_url(self) -> str:
        """The address of the site; it is fixed at the set-up, so it is read once. Empty before that."""
        if not self._base_url:
            self._base_url = _element(_value(self._database, _SETTINGS), "baseUrl")
        return self._base_url

    @property
    def banner(self) -> str:
        """HTML at the beginning of every page's body."""
        if time.monotonic() - self._read_at >= _FRESH_SECONDS:
            self._banner = _element(_value(self._database, _SETTINGS), "afterBodyStart")
            self._read_at = time.monotonic()
        return self._banner


def store_settings(connection: Connection, base_url: str) -> None:
    """Write the settings as the set-up leaves them, within a transaction of the caller."""
    text = (
        f"<settings><baseUrl>{escape(base_url, quote=False)}</baseUrl><customHtmlSettings><beforeHeadEnd/>"
        "<afterBodyStart/><beforeBodyEnd/></customHtmlSettings></settings>"
    )
    connection.execute(
        """insert into bandana (bandanacontext, bandanakey, bandanavalue) values ('_GLOBAL', %s, %s)
           on conflict (bandanacontext, bandanakey) do update set bandanavalue = excluded.bandanavalue""",
        (_SETTINGS, text),
    )


def addressees(database: Database) -> Addressees:
    """Whom the database names now."""
    account = _value(database, _MAIL)
    host, port = _element(account, "hostName"), _element(account, "port")
    hooks = database.fetch_all('select "URL" as url from "AO_A0B856_WEBHOOK" where "ACTIVE" order by "ID"')
    mail = Endpoint(host, int(port or 25)) if host else None
    return Addressees(mail, _element(account, "fromAddress"), tuple(row["url"] for row in hooks))


def add_links(site: Site, database: Database) -> None:
    """Add the route that lists application links."""

    def listed(_: Call) -> Response:
        rows = database.fetch_all(
            """select bandanakey, bandanavalue from bandana where bandanacontext = '_GLOBAL'
               and bandanakey like 'applinks.admin.%%' order by 1""",
            (),
        )
        links: dict[str, dict[str, str]] = {}
        for row in rows:
            link, _, name = row["bandanakey"].removeprefix("applinks.admin.").partition(".")
            links.setdefault(link, {"id": link})[name] = re.sub("<[^>]*>", "", row["bandanavalue"] or "")
        return json_answer({"list": [{"application": link} for link in links.values()]})

    site.route("/rest/applinks/1.0/listApplicationlinks", listed, access=Access.ADMINISTRATOR)


def _value(database: Database, key: str) -> str:
    row = database.fetch_one(
        "select bandanavalue from bandana where bandanacontext = '_GLOBAL' and bandanakey = %s", (key,)
    )
    return "" if row is None else str(row["bandanavalue"] or "")


def _element(text: str, name: str) -> str:
    found = re.search(f"<{name}>([^<]*)</{name}>", text)
    return unescape(found[1]) if found else ""
