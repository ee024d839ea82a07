"""Renews secrets where the nodes of a lab find them when they start."""

from __future__ import annotations

import secrets as randomness
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import psycopg

from telamon.desired.lab.data import DatabaseDesired
from telamon.desired.product_secrets import login_secret
from telamon.errors import PlatformError, TemporaryError, brief
from telamon.naming import secret_name
from telamon.plan.works.rotation import DisableLogin, EnableLogin, RenewClusterSecret
from telamon.platforms.lab import postgres
from telamon.platforms.lab.secrets import PASSWORD_BYTES
from telamon.platforms.lab.works.backup import manager_of
from telamon.platforms.lab.works.context import Context


def renew(context: Context, _work: RenewClusterSecret) -> str:
    """Put a new secret where the old one was.

    Raises:
        MachineError: the disk is full or read-only.
    """
    name = secret_name(context.lab.stack, context.part.desired.product, purpose="cluster")
    context.secrets.put(name, {"secret": _password()})
    return "done"


def enable(context: Context, work: EnableLogin) -> str:
    """Let a role that nobody uses log in, and see that it gets in.

    Raises:
        PlatformError: nodes log in as it now, or it does not get in.
        TemporaryError: the database server does not take connections now.
        MachineError: the disk is full or read-only.
    """
    database = _database(context)
    if database.user == work.role:
        raise PlatformError(f"nodes of {context.component} log in as {work.role}")
    kept = login_secret(context.lab.stack, context.part.desired.product, role=work.role)
    password = _password()
    # Kept first: a role with a password that nobody knows would have to be made again.
    context.secrets.put(kept.secret, {kept.key: password})
    with _told(f"{work.role} could not be made"), closing(manager_of(context).connect()) as connection:
        postgres.make_login(connection, work.role, password=password, owner=database.name)
    if not postgres.takes(replace(database, user=work.role, password=kept), password):
        raise PlatformError(
            f"{work.role} was made and does not get into the database {database.name}",
            remedy="Look at the log of the database: `telamon logs database-0`.",
        )
    return "done"


def disable(context: Context, work: DisableLogin) -> str:
    """Let a role log in no more.

    Raises:
        PlatformError: nodes log in as it now.
        TemporaryError: the database server does not take connections now, or a session does not end.
    """
    if _database(context).user == work.role:
        raise PlatformError(f"nodes of {context.component} log in as {work.role}")
    with _told(f"{work.role} could not be ended"), closing(manager_of(context).connect()) as connection:
        postgres.end_login(connection, work.role)
    return "done"


def _database(context: Context) -> DatabaseDesired:
    if context.part.database is None:
        raise PlatformError(f"{context.component} has no database")
    return context.part.database


def _password() -> str:
    return randomness.token_urlsafe(PASSWORD_BYTES)


@contextmanager
def _told(what: str) -> Iterator[None]:
    """Turn an error of the server into one that says what could not be done."""
    try:
        yield
    except psycopg.Error as error:
        raise TemporaryError(f"{what}: {brief(error)}", delay=1.0) from error


DOERS: Final[Mapping[str, Callable[[Context, Any], str]]] = MappingProxyType(
    {RenewClusterSecret.kind: renew, EnableLogin.kind: enable, DisableLogin.kind: disable}
)
"""By kind."""
