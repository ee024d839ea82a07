"""What keeps a copy of Jira's data from acting as the original.

Sources: Atlassian, "Establishing staging server environments for Jira applications" (mail, base URL); "Remove an
application link from Jira server using SQL" (``propertyentry`` with its values in ``propertystring``, ``propertytext``
and others under the same id, the tables of OAuth and of trusted applications); constants
``jira.baseurl``, ``jira.alertheader`` and ``jira.alertheader.visibility`` of ``APKeys``; public dumps of Jira's
database (``AO_4AEACD_WEBHOOK_DAO``); OFBiz, entity engine (``sequence_value_item`` holds the next id that nobody uses).
"""

from __future__ import annotations

from telamon.products.clone import NO_MAIL, PASSWORDS, WEBHOOKS, CloneRules, Statement

_NEXT = "SELECT seq_id FROM sequence_value_item WHERE seq_name = 'OSPropertyEntry'"
_LINKS = "SELECT id FROM propertyentry WHERE property_key LIKE 'applinks.%%'"
_BANNER = "SELECT id FROM propertyentry WHERE property_key LIKE 'jira.alertheader%%'"
_STRING, _TEXT = 5, 6
"""Kinds of values of PropertySet: a short text and a long one."""


def _values(what: str, ids: str) -> tuple[Statement, ...]:
    """Remove properties with their values, whichever table holds them."""
    tables = (
        *(f"property{kind}" for kind in ("string", "text", "number", "decimal", "date", "data")),
        "propertyentry",
    )
    return tuple(Statement(what, f"DELETE FROM {table} WHERE id IN ({ids})", table) for table in tables)  # noqa: S608


def _property(key: str, value: str, *, offset: int, kind: int) -> tuple[Statement, ...]:
    """Write a property of the application under the next id but ``offset``."""
    entry = (
        f"INSERT INTO propertyentry (id, entity_name, entity_id, property_key, propertytype)"  # noqa: S608
        f" VALUES (({_NEXT}) + {offset}, 'jira.properties', 1, '{key}', {kind})"
    )
    table = "propertytext" if kind == _TEXT else "propertystring"
    worth = f"INSERT INTO {table} (id, propertyvalue) VALUES (({_NEXT}) + {offset}, {value})"  # noqa: S608
    return (
        Statement("a banner on every page", entry, "propertyentry", needed=True),
        Statement("a banner on every page", worth, table, needed=True),
    )


_TRUST = (
    "oauthconsumertoken",
    "oauthspconsumer",
    "oauthsptoken",
    "trustedapp",
)

RULES = CloneRules(
    statements=(
        Statement(
            "a base URL of its own",
            "UPDATE propertystring SET propertyvalue = %(base_url)s WHERE id IN"
            " (SELECT id FROM propertyentry WHERE property_key = 'jira.baseurl')",
            "propertystring",
            needed=True,
        ),
        *PASSWORDS,
        Statement(
            "webhooks off",
            'UPDATE "AO_4AEACD_WEBHOOK_DAO" SET "ENABLED" = false',
            '"AO_4AEACD_WEBHOOK_DAO"',
        ),
        *WEBHOOKS,
        *_values("application links removed", _LINKS),
        *(Statement("trust in other applications removed", f"DELETE FROM {name}", name) for name in _TRUST),  # noqa: S608
        *_values("the banner of the original removed", _BANNER),
        *_property("jira.alertheader", "%(banner)s", offset=0, kind=_TEXT),
        *_property("jira.alertheader.visibility", "'public'", offset=1, kind=_STRING),
        Statement(
            "the next ids kept free",
            "UPDATE sequence_value_item SET seq_id = seq_id + 10 WHERE seq_name = 'OSPropertyEntry'",
            "sequence_value_item",
            needed=True,
        ),
        # Nodes find one another by these rows, so a node of the clone would dial the nodes of the original.
        Statement("the original's nodes forgotten", "DELETE FROM clusternode", "clusternode"),
        Statement(
            "the original's nodes forgotten", "DELETE FROM clusternodeheartbeat", "clusternodeheartbeat"
        ),
    ),
    jvm=NO_MAIL,
)
