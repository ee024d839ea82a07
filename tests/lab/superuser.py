"""What the superuser of a cluster has done, as the servers' own logs tell it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from telamon.desired.lab.database_roles import SUPERUSER

STATEMENT = re.compile(rf"\] {SUPERUSER}@\w+ LOG:  (?:statement|execute [^:]*): *(.*)")
BOOTSTRAP = re.compile(
    r"BEGIN|COMMIT|ROLLBACK"
    r"|SELECT pg_is_in_recovery\(\)|SELECT pg_reload_conf\(\)"
    r"|(SELECT 1|SELECT rolname) FROM pg_roles.*|SELECT datname FROM pg_database .*"
    r"|SET LOCAL (synchronous_commit|log_statement) .*"
    r"|(CREATE|ALTER) ROLE (\"telamon-|CURRENT_USER ).*|COMMENT ON ROLE \"telamon-.*"
    r"|GRANT .* TO \"telamon-\w+\"( WITH ADMIN .*)?|REVOKE CONNECT, TEMPORARY ON DATABASE .*"
    r"|CREATE SCHEMA IF NOT EXISTS \"telamon\"|CREATE TABLE IF NOT EXISTS \"telamon\".*"
    r"|ALTER (SCHEMA|TABLE) \"telamon\".* OWNER TO \"telamon-operator\""
)
"""Every statement that makes Telamon's own roles, and no other."""


def statements(root: Path) -> Iterator[str]:
    """First line of every statement of the superuser that the servers of a lab have noted.

    Args:
        root: state root of the lab.
    """
    for log in sorted((root / "log").glob("database-*")):
        for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
            found = STATEMENT.search(line)
            if found is not None:
                yield found[1]


def strange(told: Iterable[str]) -> list[str]:
    """Those that have nothing to do with making Telamon's own roles."""
    return [statement for statement in told if BOOTSTRAP.fullmatch(statement) is None]
