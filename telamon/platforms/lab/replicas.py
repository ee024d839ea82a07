"""Look at the database servers' parts in replication: one kept session a server, and never waiting for one that hangs.

Source: PostgreSQL 17 documentation, sections 27.2.4 (``pg_stat_replication``) and 9.28 (recovery information).

Traps:
    * A standby that is cut off without a word stays in ``pg_stat_replication`` until the sender's time-out. What tells
      is the age of its last reply, which comes every second.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field, replace

import psycopg

from telamon.desired.lab.data import Login, ServerDesired
from telamon.platforms.lab import bootstrap
from telamon.platforms.lab.addresses import is_listened
from telamon.platforms.lab.postgres_roles import role_on_disk
from telamon.ports import Clock, Secrets
from telamon.state.world import Replication, Role

LOOK_WITHIN = 0.8
"""Seconds a pass gives all servers to answer."""
HEARD_WITHIN = 2.0
"""Seconds without a reply after which a standby counts as out of touch; it replies every second."""

_ROLE = """
SELECT pg_is_in_recovery(), current_setting('synchronous_standby_names'),
       to_regclass('telamon.replication') IS NOT NULL, current_setting('listen_addresses')
"""
_NOTED = "SELECT standby, term, mark::text FROM telamon.replication"
_STANDBYS = """
SELECT application_name, sync_state = 'sync',
       greatest(pg_wal_lsn_diff(pg_current_wal_flush_lsn(), flush_lsn), 0)::bigint,
       coalesce(extract(epoch FROM clock_timestamp() - reply_time), 0)::float8,
       coalesce(flush_lsn >= %s::pg_lsn, false)
FROM pg_stat_replication WHERE state IN ('streaming', 'catchup')
"""


@dataclass(frozen=True)
class _Heard:
    """A standby, as the primary hears of it."""

    in_sync: bool
    lag: int | None
    in_touch: bool


@dataclass(frozen=True)
class _Answer:
    """What a server says of itself, and of others."""

    role: Role
    demands: str = ""
    noted: str = ""
    term: int | None = None
    listens: tuple[str, ...] = ()
    heard: Mapping[str, _Heard] = field(default_factory=dict)


@dataclass
class _Session:
    """One server under observation: the session to one life of it."""

    pid: int
    connection: psycopg.Connection | None = None
    writer: bool | None = None
    admits: bool | None = None
    asked: Future[_Answer | None] | None = None

    def close(self) -> None:
        """End the session, whatever state it is in."""
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class Replicas:
    """The eyes on replication.

    Args:
        clock: injected time.
        secrets: passwords of Telamon's own roles.
    """

    def __init__(self, clock: Clock, secrets: Secrets) -> None:
        self._clock = clock
        self._secrets = secrets
        self._lock = threading.Lock()
        self._sessions: dict[str, _Session] = {}
        self._lost: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(8, thread_name_prefix="lab-replicas")

    def look(self, servers: Sequence[ServerDesired], pids: Mapping[str, int]) -> Mapping[str, Replication]:
        """Look at every server now.

        Args:
            servers: of the component.
            pids: of those that run, by member.

        Returns:
            By member; one without data is left out.
        """
        with self._lock:
            answers = self._ask(servers, pids)
            primary = next((found for found in answers.values() if found.role is Role.PRIMARY), None)
            self._note_lost(servers, primary)
            return {
                server.member: part
                for server in servers
                if (part := self._part(server, answers.get(server.member), primary=primary, pids=pids))
                is not None
            }

    def close(self) -> None:
        """End looking."""
        with self._lock:
            for session in self._sessions.values():
                session.close()
            self._sessions.clear()
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _ask(self, servers: Sequence[ServerDesired], pids: Mapping[str, int]) -> dict[str, _Answer]:
        asked: dict[str, Future[_Answer | None]] = {}
        for server in servers:
            session = self._session(server.member, pids.get(server.member, 0))
            if session is None:
                continue
            if session.asked is None or session.asked.done():
                session.asked = asked[server.member] = self._pool.submit(self._answer, server, session)
        wait(asked.values(), timeout=LOOK_WITHIN)
        return {
            member: answer
            for member, future in asked.items()
            if future.done() and (answer := future.result()) is not None
        }

    def _session(self, member: str, pid: int) -> _Session | None:
        """The session to this very life of a server; ``None`` where it does not run."""
        found = self._sessions.get(member)
        if found is not None and found.pid != pid:
            if found.asked is None or found.asked.done():
                found.close()
            del self._sessions[member]
            found = None
        if not pid:
            return None
        if found is None:
            found = self._sessions[member] = _Session(pid)
        return found

    def _answer(self, server: ServerDesired, session: _Session) -> _Answer | None:
        try:
            if session.connection is None:
                session.connection = self._connect(server)
            answer = _answer(session.connection)
            if not session.admits:
                passwords = {login.role: self._password(login) for login in server.own_logins}
                session.admits = bootstrap.stands(session.connection, server, passwords=passwords)
        except psycopg.Error as error:
            if session.connection is None and bootstrap.is_refusal(error):
                session.admits = False
            session.close()
            return None
        # A server whose bind failed says that it listens all the same. Once it does, it keeps the address for life.
        session.writer = session.writer or (
            answer.role is Role.PRIMARY
            and server.writer.host in answer.listens
            and is_listened(server.writer.host, server.writer.port)
        )
        return answer

    def _connect(self, server: ServerDesired) -> psycopg.Connection:
        return psycopg.connect(
            host=server.socket_folder,
            port=server.port,
            user=server.operator.role,
            password=self._password(server.operator),
            dbname="postgres",
            connect_timeout=2,
            autocommit=True,
            application_name="telamon",
        )

    def _password(self, login: Login) -> str:
        return self._secrets.get(login.password.secret, login.password.key)

    def _note_lost(self, servers: Sequence[ServerDesired], primary: _Answer | None) -> None:
        """Since when the primary has not heard of each other server. A primary that is not heard says nothing."""
        if primary is None:
            return
        for server in servers:
            heard = primary.heard.get(server.member)
            if heard is not None and heard.in_touch:
                self._lost.pop(server.member, None)
            else:
                self._lost.setdefault(server.member, self._clock.now())

    def _part(
        self,
        server: ServerDesired,
        answer: _Answer | None,
        *,
        primary: _Answer | None,
        pids: Mapping[str, int],
    ) -> Replication | None:
        role = answer.role if answer is not None else role_on_disk(server)
        if role is None:
            return None
        session = self._sessions.get(server.member)
        admits = session.admits if session is not None else None
        if role is Role.PRIMARY:
            return Replication(
                role,
                writer=session.writer if session is not None else False,
                demands=answer.demands if answer is not None else "",
                admits=admits,
            )
        heard = primary.heard.get(server.member) if primary is not None else None
        known = primary is not None and bool(pids.get(server.member))
        return Replication(
            role,
            in_sync=(heard.in_sync if heard is not None else False) if known else None,
            lag=heard.lag if heard is not None else None,
            lost_since=self._lost.get(server.member),
            attested=answer.term if answer is not None and answer.noted == server.member else None,
            admits=admits,
        )


def _answer(connection: psycopg.Connection) -> _Answer:
    row = connection.execute(_ROLE).fetchone()
    if row is None:
        raise psycopg.InterfaceError("the server gave no row")
    standby, names, noted = bool(row[0]), str(row[1]), bool(row[2])
    note = connection.execute(_NOTED).fetchone() if noted else None
    answer = _Answer(
        Role.STANDBY if standby else Role.PRIMARY,
        demands=names.strip('"'),
        noted=str(note[0]) if note else "",
        term=int(note[1]) if note else None,
        listens=tuple(str(row[3]).split(",")),
    )
    if standby:
        return answer
    mark = str(note[2]) if note else None
    heard = {
        str(name): _Heard(
            in_sync=bool(sync) and bool(passed) and answer.noted == name,
            lag=int(lag) if lag is not None else None,
            in_touch=float(age) < HEARD_WITHIN,
        )
        for name, sync, lag, age, passed in connection.execute(_STANDBYS, (mark,)).fetchall()
    }
    return replace(answer, heard=heard)
