"""The database servers of a lab: the verbs of :class:`telamon.ports.Database`, and the eyes on their roles.

Traps:
    * A server that is stopped by a signal answers nothing for ever, so no verb waits for an answer without a limit.
    * A verb given up on may still be under way. So whoever attests a standby looks first whether that was taken back.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotInTime
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from telamon.desired.lab.data import DatabaseDesired, Login, ServerDesired
from telamon.errors import PlatformError, TelamonError, TemporaryError, brief
from telamon.naming import DATABASE
from telamon.platforms import procfs
from telamon.platforms.calls.parts import JobRecords
from telamon.platforms.lab import bootstrap, postgres, postgres_roles
from telamon.platforms.lab.processes import MARKER, Processes
from telamon.platforms.lab.replicas import Replicas
from telamon.platforms.lab.secrets import FileSecrets
from telamon.platforms.lab.tracked import Process
from telamon.ports import Clock
from telamon.state.account import Account
from telamon.state.world import JobPhase, JobState, Life, Replication, Role

LOG = logging.getLogger("telamon.lab")

T = TypeVar("T")

FENCED_WITHIN = 5.0
"""Seconds in which a killed server must be gone."""
ANSWERS_WITHIN = 4.0
"""Seconds for which a verb waits for a server."""


@dataclass(frozen=True)
class Tools:
    """What the servers are kept with.

    Attributes:
        lab: id of the lab, for the marker of what is started on the side.
        secrets: passwords.
        processes: of the lab.
        records: of jobs.
        clock: injected time.
    """

    lab: str
    secrets: FileSecrets
    processes: Processes
    records: JobRecords
    clock: Clock


class Servers:
    """The database servers of one lab."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._servers: Mapping[str, ServerDesired] = {}
        self._account: Account | None = None
        self._replicas = Replicas(tools.clock, tools.secrets)
        self._pool = ThreadPoolExecutor(4, thread_name_prefix="lab-servers")
        self._lock = threading.Lock()
        self._acting = threading.Lock()
        self._jobs: dict[str, threading.Thread] = {}
        self._wish = 0
        self._writer = ""

    def install(self, servers: Sequence[ServerDesired], account: Account | None) -> None:
        """Keep these from now on.

        Args:
            servers: every one that is desired.
            account: as whom they run; ``None``: as we do.
        """
        self._servers = {server.member: server for server in servers}
        self._account = account

    def close(self) -> None:
        """Let go; every server goes on."""
        self._replicas.close()
        self._pool.shutdown(wait=False, cancel_futures=True)

    # ---------------------------------------------------------------------------------------------------- the verbs

    def establish(self, member: str) -> None:
        """Make an empty server, unless there is one."""
        server = self._server(member)
        postgres.create(server, self._password(server.superuser), account=self._account)

    def bootstrap(self, member: str) -> None:
        """Make Telamon's own roles; nobody else ever logs in as the superuser.

        Raises:
            TemporaryError: the server does not answer.
        """
        server = self._server(member)
        password = self._password(server.superuser)
        passwords = {login.role: self._password(login) for login in server.own_logins}
        self._bounded(lambda: bootstrap.bootstrap(server, password, passwords=passwords))

    def prepare_start(self, member: str) -> None:
        """See that a server can start in the role that lies on its disk, and that nothing of it is left."""
        server = self._server(member)
        data = Path(server.data)
        self._tools.processes.end_lost_database(data)
        postgres.clear_stale_lock(data)
        postgres_roles.prepare_start(server, account=self._account)

    def fence(self, member: str) -> None:
        """Kill a server and everything it has started, and return when all of it is gone.

        Raises:
            TemporaryError: something of it still lives.
        """
        server = self._server(member)
        end = time.monotonic() + FENCED_WITHIN
        while True:
            self._tools.processes.stop(member, grace=0.0)
            self._tools.processes.end_lost_database(Path(server.data))
            left = self._left(server)
            if left is None:
                return
            if time.monotonic() > end:
                raise TemporaryError(f"{member} cannot be ended: process {left} still lives", delay=0.5)
            self._tools.clock.sleep(0.02)

    def promote(self, member: str) -> None:
        """Ask a standby to take writes. Every other server's data is left alone by then, or this is refused.

        Raises:
            TemporaryError: another server could still take writes, or this one does not answer.
        """
        server = self._server(member)
        for other in self._servers.values():
            writes = postgres_roles.role_on_disk(other) is Role.PRIMARY
            if other.member != member and writes and self._left(other) is not None:
                raise TemporaryError(f"{other.member} still lives and could take writes", delay=0.2)
        self._bounded(lambda: postgres_roles.promote(server, self._password(server.operator)))

    def follow(self, member: str, primary: str) -> None:
        """Begin to copy the primary's data to a server that does not run.

        Raises:
            PlatformError: it runs.
        """
        server = self._server(member)
        self._server(primary)
        if self._left(server) is not None:
            raise PlatformError(f"{member} still runs", remedy="stop it first")

        def copy() -> None:
            postgres_roles.copy(
                server,
                primary,
                replication_password=self._password(server.replicator),
                account=self._account,
                marker=(MARKER, f"{self._tools.lab}/{member}"),
            )

        self._begin(f"follow/{member}", copy)

    def synchronise(self, member: str, *, standby: str, term: int) -> None:
        """Let commits wait for a standby from now on (a job), or at once for none.

        Raises:
            TemporaryError: the primary does not answer.
        """
        server, job = self._server(member), f"synchronise/{standby}"
        with self._lock:
            running = self._jobs.get(job)
            if standby and running is not None and running.is_alive():
                return
            self._wish += 1
            wish = self._wish
        if standby:
            self._begin(job, lambda: self._wait_for(server, standby, term, wish=wish))
        else:
            self._bounded(lambda: self._wait_for_nobody(server, term, wish=wish))

    def make(self, wanted: DatabaseDesired, password: str) -> None:
        """Make a product's role and database, on whichever server takes writes.

        Raises:
            TemporaryError: none does now.
        """
        server = self._servers.get(self._writer)
        if server is None:
            raise TemporaryError("no database server takes writes just now", delay=0.5)
        postgres.make_database(
            server, wanted, manager_password=self._password(server.manager), password=password
        )

    # ----------------------------------------------------------------------------------------------------- the eyes

    def look(self) -> Mapping[str, Replication]:
        """Every server's part in replication; one without data is left out."""
        processes = self._processes()
        pids = {member: process.pid for member, process in processes.items() if process.pid}
        found = self._replicas.look(tuple(self._servers.values()), pids)
        self._writer = next((member for member, part in found.items() if part.writer), "")
        return found

    def writer(self) -> Process | None:
        """The process that took writes when it was looked last, if it still runs."""
        found = self._processes().get(self._writer)
        return found if found is not None and found.pid else None

    # ------------------------------------------------------------------------------------------------------- inside

    def _wait_for_nobody(self, server: ServerDesired, term: int, *, wish: int) -> None:
        with self._acting:
            self._still(wish)
            password = self._password(server.operator)
            postgres_roles.wait_for_nobody(server, password, account=self._account, term=term)

    def _wait_for(self, server: ServerDesired, standby: str, term: int, *, wish: int) -> None:
        password = self._password(server.operator)
        with self._acting:
            self._still(wish)
            postgres_roles.ask_to_wait(server, password, account=self._account, standby=standby, term=term)
        postgres_roles.settle(server, password, standby=standby)
        with self._acting:
            self._still(wish)
            postgres_roles.attest(server, password, standby=standby, term=term)

    def _still(self, wish: int) -> None:
        """See that nobody has wished for something else meanwhile."""
        if wish != self._wish:
            raise TemporaryError("something else was wished for meanwhile", delay=0.5)

    def _server(self, member: str) -> ServerDesired:
        found = self._servers.get(member)
        if found is None:
            raise PlatformError(f"{member} is not a database server of this lab")
        return found

    def _password(self, login: Login) -> str:
        return self._tools.secrets.get(login.password.secret, login.password.key)

    def _processes(self) -> Mapping[str, Process]:
        return {
            member: process
            for member, process in self._tools.processes.seen().items()
            if process.identity.component == DATABASE
        }

    def _left(self, server: ServerDesired) -> int | None:
        """A process that still works in a server's data folder, or is its own; ``None`` where there is none."""
        own = self._tools.processes.seen().get(server.member)
        if own is not None and own.life in {Life.ALIVE, Life.ENDING}:
            return own.pid
        return next(
            (
                pid
                for pid in procfs.pids()
                if (seen := procfs.stat(pid)) is not None
                and seen.name.startswith("postgres")
                and seen.state != procfs.ZOMBIE
                and procfs.working_folder(pid) == server.data
            ),
            None,
        )

    def _bounded(self, verb: Callable[[], T]) -> T:
        """Perform a verb, and give up on it when a server does not answer in time."""
        future = self._pool.submit(verb)
        try:
            return future.result(timeout=ANSWERS_WITHIN)
        except NotInTime as error:
            raise TemporaryError("the database server does not answer", delay=0.5) from error

    def _begin(self, job: str, work: Callable[[], None]) -> None:
        """Begin a job, unless one of its name runs."""
        with self._lock:
            running = self._jobs.get(job)
            if running is not None and running.is_alive():
                return
            self._tools.records.put(DATABASE, JobState(job, JobPhase.RUNNING))
            self._jobs[job] = threading.Thread(
                target=self._run, args=(job, work), name=f"job-{job}", daemon=True
            )
            self._jobs[job].start()

    def _run(self, job: str, work: Callable[[], None]) -> None:
        try:
            work()
            ended = JobState(job, JobPhase.SUCCEEDED, self._tools.clock.now(), "done")
        except TelamonError as error:
            ended = JobState(job, JobPhase.FAILED, self._tools.clock.now(), detail=str(error))
        except Exception as error:
            LOG.exception("%s met a defect", job)
            detail = f"{type(error).__name__}: {brief(error)}"
            ended = JobState(job, JobPhase.FAILED, self._tools.clock.now(), detail=detail)
        try:
            self._tools.records.put(DATABASE, ended)
        except TelamonError as error:
            LOG.error("the end of %s is not kept: %s", job, error)  # noqa: TRY400 - meant for people
