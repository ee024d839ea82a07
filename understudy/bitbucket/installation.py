"""Set-up: from the environment alone, or with a wizard that asks for what is missing.

Source: Atlassian data-center-helm-charts (``SETUP_*``) and "Automated setup for Bitbucket Server": with every value
given nobody is asked; values are ignored once set-up is complete. The wizard's forms are the stand-in's own, as public
sources do not show the product's: ``POST /setup`` with ``step`` of ``settings`` or ``user``.
"""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from urllib.parse import urlsplit

from understudy.bitbucket import properties
from understudy.bitbucket.permissions import DEFAULT_GROUP, GLOBAL, Grant, grant
from understudy.bitbucket.properties import Properties, store
from understudy.bitbucket.settings import FirstAdministrator, SetUp
from understudy.kit.accounts import Accounts
from understudy.kit.database import Connection, Database, lock_for_transaction

_LOG = logging.getLogger("understudy.setup")
_EMAIL = re.compile(r"[^@\s]+@[^@\s]+")
SETTINGS_STEP = "settings"
USER_STEP = "user"


@dataclass(frozen=True)
class Missing:
    """What the wizard still has to ask for."""

    settings: bool
    user: bool

    @property
    def step(self) -> str | None:
        """The next step, or None when nothing is missing."""
        if self.settings:
            return SETTINGS_STEP
        return USER_STEP if self.user else None


class Installation:
    """Completes set-up once, whoever brings the last value.

    Args:
        database: where the outcome is.
        values: the values of the instance.
        accounts: gets the administrator.
        given: what the environment says.
    """

    def __init__(self, database: Database, values: Properties, accounts: Accounts, *, given: SetUp) -> None:
        self._database = database
        self._values = values
        self._accounts = accounts
        self._given = given

    def complete(self) -> bool:
        """Whether set-up is complete, completing it first if nothing is missing."""
        if self.is_complete():
            return True
        stored = self._values.all()
        offered = self._offered(stored)
        if _missing(offered, administrator_exists=self._administrator_exists()).step is not None:
            return False
        self._finish(offered)
        return True

    def is_complete(self) -> bool:
        """Whether set-up is complete."""
        return self._values.all().get(properties.SETUP_COMPLETE) == "true"

    def missing(self) -> Missing:
        """What nobody has told yet."""
        return _missing(self._offered(self._values.all()), administrator_exists=self._administrator_exists())

    def answer_settings(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Take the first form; gives messages by field, none if it was right."""
        title, url = fields["applicationTitle"].strip(), fields["baseUrl"].strip().rstrip("/")
        licence = "".join(fields["license"].split())
        problems = {}
        if not title:
            problems["applicationTitle"] = "A title is needed."
        if urlsplit(url).scheme not in {"http", "https"} or not urlsplit(url).netloc:
            problems["baseUrl"] = "A base URL such as https://git.example.com is needed."
        if not licence:
            problems["license"] = "A licence is needed."
        if not problems:
            with self._database.transaction() as connection:
                lock_for_transaction(connection, "setup")
                store(connection, properties.DISPLAY_NAME, value=title)
                store(connection, properties.BASE_URL, value=url)
                store(connection, properties.LICENCE, value=licence)
            self._values.forget()
            self.complete()
        return problems

    def answer_user(self, fields: Mapping[str, str]) -> dict[str, str]:
        """Take the second form; gives messages by field, none if it was right."""
        problems = {}
        if not fields["username"].strip():
            problems["username"] = "A user name is needed."
        if not fields["fullname"].strip():
            problems["fullname"] = "A name is needed."
        if not _EMAIL.fullmatch(fields["email"].strip()):
            problems["email"] = "A valid email address is needed."
        if not fields["password"] or fields["confirmPassword"] != fields["password"]:
            problems["confirmPassword"] = "The passwords are empty or do not match."
        if not problems:
            administrator = FirstAdministrator(
                fields["username"].strip(),
                fields["password"],
                fields["fullname"].strip(),
                fields["email"].strip(),
            )
            self._finish(replace(self._offered(self._values.all()), administrator=administrator))
        return problems

    def _offered(self, stored: Mapping[str, str]) -> SetUp:
        """The environment's values over those the wizard was told already."""
        return replace(
            self._given,
            display_name=self._given.display_name or stored.get(properties.DISPLAY_NAME, ""),
            base_url=self._given.base_url or stored.get(properties.BASE_URL, ""),
            licence=self._given.licence or stored.get(properties.LICENCE, ""),
        )

    def _administrator_exists(self) -> bool:
        statement = (
            "select 1 as one from sta_permission where scope = 'GLOBAL' and perm = 'SYS_ADMIN' limit 1"
        )
        return self._database.fetch_one(statement) is not None

    def _finish(self, values: SetUp) -> None:
        with self._database.transaction() as connection:
            lock_for_transaction(connection, "setup")
            if self.is_complete():
                return
            store(connection, properties.DISPLAY_NAME, value=values.display_name)
            store(connection, properties.BASE_URL, value=values.base_url)
            store(connection, properties.LICENCE, value=values.licence)
            store(connection, properties.SERVER_ID, value=_server_id())
            self._make_people(connection, values.administrator)
            store(connection, properties.SETUP_COMPLETE, value="true")
        self._values.forget()
        _LOG.info("set-up is complete")

    def _make_people(self, connection: Connection, administrator: FirstAdministrator) -> None:
        self._accounts.create_group(connection, DEFAULT_GROUP)
        grant(connection, scope=GLOBAL, scope_id=0, given=Grant("GROUP", DEFAULT_GROUP, "LICENSED_USER"))
        if administrator.complete:
            self._accounts.create_user(
                connection,
                administrator.name,
                password=administrator.password,
                display_name=administrator.display_name,
                email=administrator.email,
                groups=[DEFAULT_GROUP],
            )
            grant(connection, scope=GLOBAL, scope_id=0, given=Grant("USER", administrator.name, "SYS_ADMIN"))


def _missing(values: SetUp, *, administrator_exists: bool) -> Missing:
    settings = not all((values.display_name, values.base_url, values.licence))
    return Missing(settings, not values.administrator.complete and not administrator_exists)


def _server_id() -> str:
    """Four groups of four letters and digits, as the products write it."""
    text = secrets.token_hex(8).upper()
    return "-".join(text[place : place + 4] for place in range(0, 16, 4))
