"""The roles of a database cluster that are Telamon's own, and the right to what each of them does and to no more.

The superuser makes them and is used for nothing else: whoever works with the cluster afterwards logs in as one of
them. Products' roles are made by the manager.

Sources: PostgreSQL 17 documentation, sections 21.2 (role attributes: a role that has ``CREATEDB`` and ``CREATEROLE``
and is no superuser is what databases and roles should be managed with), 21.5 (predefined roles), 9.28 (who may call
which function of administration), 19.11 (``createrole_self_grant``), 19.13 (``lo_compat_privileges``), 53.2.12
(``LOCK TABLE`` needs ``MAINTAIN``).

Traps:
    * ``pg_read_all_data`` reads every table and no large object through its functions, which is how pg_dump reads
      them. Nothing short of ownership gives that in PostgreSQL 17 but ``lo_compat_privileges``, which lets a session
      write to them as well; so sessions of the reader are read-only unless they ask for something else.
    * Who may create roles has no right to what they own until it is granted: ``createrole_self_grant`` does that.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

SUPERUSER = "telamon"
NOTES = "telamon"
"""Schema of the database ``postgres`` in which the operator notes which standby commits wait for."""
ATTRIBUTES = ("CREATEDB", "CREATEROLE", "REPLICATION")
"""What a role may have and has not unless it says so; that nobody is a superuser needs no saying."""


@dataclass(frozen=True)
class ClusterRole:
    """A role of Telamon's own. A product's role never has a hyphen, so none can be called so.

    Attributes:
        name: of the role.
        purpose: what it is for, in words for people.
        attributes: of :data:`ATTRIBUTES`.
        member_of: predefined roles whose rights it has.
        may_call: functions that only a superuser may call otherwise, with the types of their arguments.
        settings: of each of its sessions.
        enters: whether it may connect to the database ``postgres``.
    """

    name: str
    purpose: str
    attributes: tuple[str, ...] = ()
    member_of: tuple[str, ...] = ()
    may_call: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    enters: bool = True


REPLICATOR = ClusterRole(
    "telamon-replicator",
    "standbys follow the primary as it, and the log is read as it",
    attributes=("REPLICATION",),
    enters=False,
)
OPERATOR = ClusterRole(
    "telamon-operator",
    "the controller watches the servers as it, lets one take writes, and says whom commits wait for",
    member_of=("pg_read_all_stats", "pg_checkpoint"),
    may_call=("pg_promote(boolean, integer)", "pg_reload_conf()"),
)
MANAGER = ClusterRole(
    "telamon-manager",
    "makes the products' roles and databases, changes who logs in, and lets a restored database take its place",
    attributes=("CREATEDB", "CREATEROLE"),
    member_of=("pg_read_all_stats", "pg_signal_backend"),
    settings=MappingProxyType({"createrole_self_grant": "set, inherit"}),
)
READER = ClusterRole(
    "telamon-reader",
    "reads the products' data for a backup",
    member_of=("pg_read_all_data", "pg_read_all_stats", "pg_maintain"),
    settings=MappingProxyType({"default_transaction_read_only": "on", "lo_compat_privileges": "on"}),
)

OWN_ROLES = (REPLICATOR, OPERATOR, MANAGER, READER)


def mark() -> str:
    """What a cluster carries whose roles are as this release wants them: a fingerprint of all that they are given."""
    given = repr(OWN_ROLES)
    return f"roles of telamon, {hashlib.sha256(given.encode()).hexdigest()[:16]}"
