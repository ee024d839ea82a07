"""PostgreSQL behind a JDBC address: a small pool, transactions, and a schema made by one node.

The pool is written here because its two habits matter to the contract: it reconnects at the next
request, without a back-off that outlives the outage, and it never hands out a connection that the
server has closed, so that a restarted database costs no request that arrives after it is back.
"""

from __future__ import annotations

import logging
import select
import threading
import time
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, LiteralString
from urllib.parse import parse_qsl, unquote, urlsplit

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import DictRow, dict_row

from understudy.kit.errors import DatabaseUnavailable

_LOG = logging.getLogger("understudy.database")
_PREFIX = "jdbc:postgresql:"

Row = DictRow
Connection = psycopg.Connection[DictRow]
Parameters = Sequence[Any] | Mapping[str, Any] | None


@dataclass(frozen=True)
class DatabaseAddress:
    """Where the database is and who asks; the password is kept out of every text form."""

    hosts: tuple[str, ...]
    ports: tuple[int, ...]
    name: str
    user: str
    password: str
    options: Mapping[str, str]

    @classmethod
    def from_jdbc(cls, url: str, *, user: str, password: str) -> DatabaseAddress:
        """Read ``jdbc:postgresql://host:port[,host:port]/name[?key=value]``.

        The keys ``sslmode``, ``currentSchema``, ``targetServerType`` and ``connectTimeout`` of the
        PostgreSQL JDBC driver are understood; others are ignored, as they tune that driver alone.

        Raises:
            ValueError: not such an address; the message holds no secret.
        """
        if not url.startswith(_PREFIX + "//"):
            raise ValueError("the JDBC address does not begin with jdbc:postgresql://")
        parts = urlsplit(url.removeprefix("jdbc:"))
        hosts, ports = [], []
        for authority in parts.netloc.split(","):
            host, _, port = authority.partition(":")
            if not host or (port and not port.isdigit()):
                raise ValueError("the JDBC address has no valid host:port")
            hosts.append(host)
            ports.append(int(port or 5432))
        name = unquote(parts.path.lstrip("/"))
        if not name:
            raise ValueError("the JDBC address names no database")
        return cls(tuple(hosts), tuple(ports), name, user, password, dict(parse_qsl(parts.query)))

    def conninfo(self, *, durable: bool = True) -> str:
        """The address in the form libpq takes; holds the password.

        Args:
            durable: whether a commit is on the disk before it is acknowledged.
        """
        commit = "on" if durable else "off"
        settings = f"-c synchronous_commit={commit} -c statement_timeout=60000 -c timezone=UTC"
        if schema := self.options.get("currentSchema"):
            settings += f" -c search_path={schema}"
        primary_only = self.options.get("targetServerType") in {"primary", "master"}
        return make_conninfo(
            host=",".join(self.hosts),
            port=",".join(str(port) for port in self.ports),
            dbname=self.name,
            user=self.user,
            password=self.password or None,
            sslmode=self.options.get("sslmode", "prefer"),
            connect_timeout=max(2, int(self.options.get("connectTimeout", "3"))),
            tcp_user_timeout=5000,
            application_name="understudy",
            target_session_attrs="read-write" if primary_only else "any",
            options=settings,
        )

    def __repr__(self) -> str:
        hosts = ",".join(f"{host}:{port}" for host, port in zip(self.hosts, self.ports, strict=True))
        return f"DatabaseAddress({hosts}/{self.name} as {self.user})"


class Database:
    """A pool of connections to one database; safe to use from every thread.

    Args:
        address: where to connect, or None while no database is configured, which then counts as
            unavailable; nothing is opened before the first use.
        maximum: most connections at a time.
        patience: seconds a caller waits for a free connection.
        durable: whether a commit is on the disk before it is acknowledged.
    """

    def __init__(
        self,
        address: DatabaseAddress | None,
        *,
        maximum: int = 8,
        patience: float = 10.0,
        durable: bool = True,
    ) -> None:
        self._address = address
        self._durable = durable
        self._patience = patience
        self._slots = threading.BoundedSemaphore(maximum)
        self._lock = threading.Lock()
        self._idle: list[Connection] = []
        self._cut = False

    @property
    def address(self) -> DatabaseAddress | None:
        """Where the database is; None while none is configured."""
        return self._address

    def configure(self, address: DatabaseAddress | None) -> None:
        """Connect to another database from now on, or to none."""
        self._address = address
        self.close()

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """One transaction: committed, and by that durable, when the block ends without an error.

        Raises:
            DatabaseUnavailable: no connection can be made, or it broke; the outcome of a commit that
                was under way is then unknown.
        """
        with self._borrowed() as connection, connection.transaction():
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection for several queries, each of which sees what is committed when it begins.

        A transaction gives its queries nothing more at the server's usual isolation (Source: PostgreSQL documentation,
        "Read Committed Isolation Level"), and costs two more round trips.

        Raises:
            DatabaseUnavailable: no connection can be made, or it broke.
        """
        with self._borrowed() as connection:
            yield connection

    @contextmanager
    def _borrowed(self) -> Iterator[Connection]:
        if not self._slots.acquire(timeout=self._patience):
            raise DatabaseUnavailable(f"no free connection within {self._patience:g} s")
        try:
            connection = self._take()
            try:
                yield connection
            except (psycopg.OperationalError, psycopg.InterfaceError) as error:
                raise DatabaseUnavailable(_first_line(error)) from error
            finally:
                self._give_back(connection)
        finally:
            self._slots.release()

    def fetch_all(self, statement: LiteralString, parameters: Parameters = None) -> list[Row]:
        """Every row of one query, which is a transaction by itself."""
        with self._borrowed() as connection:
            return connection.execute(statement, parameters).fetchall()

    def fetch_one(self, statement: LiteralString, parameters: Parameters = None) -> Row | None:
        """The first row of one query, or None; the query is a transaction by itself."""
        with self._borrowed() as connection:
            return connection.execute(statement, parameters).fetchone()

    def execute(self, statement: LiteralString, parameters: Parameters = None) -> int:
        """Run one statement, a transaction by itself, and give the number of rows it touched."""
        with self._borrowed() as connection:
            return connection.execute(statement, parameters).rowcount

    def prepare_schema(self, name: str, statements: Sequence[LiteralString]) -> None:
        """Run statements that make the schema, under a lock, so that nodes cannot collide.

        Args:
            name: what the lock is for; the same on every node.
            statements: each safe to repeat (``create table if not exists`` and the like).
        """
        with self.transaction() as connection:
            lock_for_transaction(connection, name)
            for statement in statements:
                connection.execute(statement)

    def wait_until_reachable(self, seconds: float) -> bool:
        """Try until a query succeeds or the time is over."""
        deadline = time.monotonic() + seconds
        while True:
            with suppress(DatabaseUnavailable):
                self.fetch_one("select 1 as one")
                return True
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.2)

    def cut(self, broken: bool) -> None:
        """Behave as if the network to the database were gone, or was back; for the control listener."""
        self._cut = broken
        if broken:
            self.close()

    def close(self) -> None:
        """Close every idle connection; those in use close when they are given back broken."""
        with self._lock:
            idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()

    def _take(self) -> Connection:
        if self._cut:
            raise DatabaseUnavailable("the network to the database is cut")
        while True:
            with self._lock:
                connection = self._idle.pop() if self._idle else None
            if connection is None:
                return self._connect()
            if _is_quiet(connection):
                return connection
            connection.close()

    def _connect(self) -> Connection:
        if self._address is None:
            raise DatabaseUnavailable("no database is configured")
        try:
            return psycopg.connect(
                self._address.conninfo(durable=self._durable), autocommit=True, row_factory=dict_row
            )
        except psycopg.OperationalError as error:
            raise DatabaseUnavailable(_first_line(error)) from error

    def _give_back(self, connection: Connection) -> None:
        if connection.closed or self._cut or connection.pgconn.transaction_status != 0:
            connection.close()
            return
        with self._lock:
            self._idle.append(connection)


def lock_for_transaction(connection: Connection, name: str) -> None:
    """Wait for a database-wide lock of that name and hold it until the transaction ends."""
    connection.execute("select pg_advisory_xact_lock(%s)", (zlib.crc32(name.encode()),))


def one_row(cursor: psycopg.Cursor[DictRow]) -> Row:
    """The one row that a statement such as ``insert ... returning`` gives.

    Raises:
        DatabaseUnavailable: the server returned nothing.
    """
    row = cursor.fetchone()
    if row is None:
        raise DatabaseUnavailable("the server returned no row")
    return row


def _is_quiet(connection: Connection) -> bool:
    """Whether an idle connection is fit for use: a server that went away makes its socket readable."""
    if connection.closed:
        return False
    poll = select.poll()
    poll.register(connection.fileno(), select.POLLIN)
    return not poll.poll(0)


def _first_line(error: psycopg.Error) -> str:
    return (str(error).strip().splitlines() or ["connection lost"])[0][:200]
