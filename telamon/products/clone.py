"""What keeps a copy of a product's data from acting as the original: in its database, in its files, at its start.

A clone holds everything that the original holds, its mail server, webhooks and application links among it. All of it
is changed in the copy while nothing runs on it; what a product offers no table for is asked of it by REST, before any
user reaches it (:meth:`telamon.products.base.Product.quieten`).

Sources: Atlassian, "Establishing staging server environments" for Jira, Confluence and Bitbucket; passlib,
"atlassian_pbkdf2_sha1" (the form of a password).
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

SALT_BYTES = 16
"""Length of the salt of a password."""

NO_MAIL = (
    "-Datlassian.mail.senddisabled=true",
    "-Datlassian.mail.fetchdisabled=true",
    "-Datlassian.mail.popdisabled=true",
)
"""Options that keep a product from sending mail, and from fetching any. Source: ``setenv.sh`` of Jira and Confluence,
"import data without notifications"."""

_ROUNDS = 10_000
_KEY_BYTES = 32


@dataclass(frozen=True)
class Statement:
    """One change in the copy of a database.

    Attributes:
        what: what it does, for people: "webhooks off".
        sql: with values as ``%(name)s``, of :meth:`CloneInputs.values`.
        table: the table that it changes; where the database has none of that name, there is nothing to change.
        needed: whether the clone must not begin where the table is missing, or no row was changed.
    """

    what: str
    sql: str
    table: str
    needed: bool = False


@dataclass(frozen=True)
class CloneInputs:
    """What a clone is given in place of what the original has. ``repr`` hides every secret.

    Attributes:
        base_url: the address under which users reach the clone.
        banner: what every page shows, as plain text.
        admin: name of the administrator.
        admin_password: the clone's own.
        account: name of the engine's own account.
        account_password: the clone's own.
        jdbc_url: of the clone's database.
        database_user: the role that its nodes log in as.
        database_password: of that role.
        fresh_secret: a secret that nobody has used, for what nodes of one cluster share.
        salts: one for each password, of :data:`SALT_BYTES`.
    """

    base_url: str
    banner: str
    admin: str
    admin_password: str = field(repr=False)
    account: str
    account_password: str = field(repr=False)
    jdbc_url: str
    database_user: str
    database_password: str = field(repr=False)
    fresh_secret: str = field(repr=False)
    salts: tuple[bytes, bytes] = field(repr=False)

    def values(self) -> Mapping[str, str]:
        """What statements may refer to; ``banner`` is HTML, and what ends with ``in_xml`` stands within XML."""
        return {
            "base_url": self.base_url,
            "banner": escape(self.banner, quote=False),
            "banner_in_xml": escape(escape(self.banner, quote=False), quote=False),
            "base_url_in_xml": escape(self.base_url, quote=False),
            "admin": self.admin.lower(),
            "admin_credential": credential(self.admin_password, salt=self.salts[0]),
            "account": self.account.lower(),
            "account_credential": credential(self.account_password, salt=self.salts[1]),
        }


Rewrite = Callable[[str, CloneInputs], str]
"""Makes the clone's text of a file out of the original's."""


@dataclass(frozen=True)
class CloneRules:
    """How a copy of a product's data is kept from acting as the original.

    Attributes:
        statements: what is changed in the database, in this order, all of it or nothing.
        rewrites: files of the shared home that name what is the original's own, by path below it.
        jvm: options of every node of a clone, from the first start on.
    """

    statements: Sequence[Statement] = ()
    rewrites: Mapping[str, Rewrite] = field(default_factory=dict)
    jvm: tuple[str, ...] = ()


def credential(password: str, *, salt: bytes) -> str:
    """A password as the products keep it in ``cwd_user.credential``.

    Args:
        password: as it is typed.
        salt: :data:`SALT_BYTES` that nobody can guess.
    """
    key = hashlib.pbkdf2_hmac("sha1", password.encode(), salt, _ROUNDS, _KEY_BYTES)
    return "{PKCS5S2}" + base64.b64encode(salt + key).decode("ascii")


PASSWORDS: tuple[Statement, ...] = (
    Statement(
        "a password of its own for the administrator",
        "UPDATE cwd_user SET credential = %(admin_credential)s WHERE lower_user_name = %(admin)s",
        "cwd_user",
        needed=True,
    ),
    Statement(
        "a password of its own for the account of Telamon",
        "UPDATE cwd_user SET credential = %(account_credential)s WHERE lower_user_name = %(account)s",
        "cwd_user",
    ),
)
"""Passwords of the accounts that Telamon knows; every other user logs in as in the original. Source: Atlassian,
"Retrieving the Jira administrator" and "Restore passwords to recover admin user rights" (``cwd_user.credential``)."""

WEBHOOKS: tuple[Statement, ...] = (
    Statement(
        "webhooks off",
        'UPDATE "AO_A0B856_WEBHOOK" SET "ACTIVE" = false',
        '"AO_A0B856_WEBHOOK"',
    ),
    Statement(
        "older webhooks off",
        'UPDATE "AO_A0B856_WEB_HOOK_LISTENER_AO" SET "ENABLED" = false',
        '"AO_A0B856_WEB_HOOK_LISTENER_AO"',
    ),
)
"""Webhooks of the plug-in that all three products share. Source: public dumps of databases of Confluence and Bitbucket,
tables ``AO_A0B856_WEBHOOK`` and ``AO_A0B856_WEB_HOOK_LISTENER_AO``."""
