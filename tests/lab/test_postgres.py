"""The database server: made once, filled for each product apart, started again whatever a lost one left behind."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from telamon.desired.lab.compile import compile_lab
from telamon.desired.lab.data import DatabaseDesired, LabComponent, LabDesired, ServerDesired
from telamon.desired.lab.database_roles import MANAGER, OWN_ROLES, SUPERUSER
from telamon.desired.lab.facts import LabFacts
from telamon.desired.lab.needs import needs
from telamon.errors import MachineError, PlatformError, TemporaryError
from telamon.naming import DATABASE
from telamon.platforms import procfs
from telamon.platforms.clock import SteadyClock
from telamon.platforms.files import make_folder
from telamon.platforms.lab import bootstrap, machine, objects, postgres, postgres_roles
from telamon.platforms.lab import facts as machine_facts
from telamon.platforms.lab.processes import Launch, Processes
from telamon.platforms.lab.tracked import Identity
from telamon.products.base import Endpoint, SecretValue
from telamon.products.registry import products_of
from telamon.state.account import Account
from telamon.state.phase import Phase
from tests.lab.superuser import statements, strange
from tests.lab.support import strike, tiny_stack, until

SUPERUSER_PASSWORD = "superuser's own"
PASSWORDS = {role.name: f"{role.name}'s own" for role in OWN_ROLES}


@dataclass
class Server:
    """A server that a test starts and kills."""

    root: Path
    facts: LabFacts
    part: LabComponent
    processes: Processes

    @property
    def desired(self) -> ServerDesired:
        """Its making."""
        return self.part.servers[0]

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens."""
        host, _, port = self.part.processes[0].address.rpartition(":")
        return Endpoint(host, int(port))

    @property
    def account(self) -> Account | None:
        """Whom it runs as."""
        return self.facts.database_account

    def database(self, name: str, collation: str = "C") -> DatabaseDesired:
        """A product's own."""
        return DatabaseDesired(name, name, SecretValue("s", "password"), collation, self.endpoint)

    def make(self, wanted: DatabaseDesired, password: str) -> None:
        """Make a role and its database."""
        manager = PASSWORDS[MANAGER.name]
        postgres.make_database(self.desired, wanted, manager_password=manager, password=password)

    def start(self) -> int:
        """Start it and wait until it takes sessions. Returns its pid."""
        process = self.part.processes[0]
        for folder in process.folders:
            make_folder(self.root / folder.path, mode=folder.mode, account=self.account)
        postgres.clear_stale_lock(Path(self.desired.data))
        postgres_roles.prepare_start(self.desired, account=self.account)
        identity = Identity(process.member, DATABASE, 0, "r", "17", process.stop_signal.value)
        self.processes.start(Launch(identity, process.argv, {}, process.cwd, self.account))
        until(lambda: postgres.phase(self.endpoint) is Phase.RUNNING)
        return self.processes.seen()[process.member].pid

    def session(self, name: str, password: str, *, role: str = "") -> psycopg.Connection:
        """Log in as a product would."""
        host, port = self.endpoint.host, self.endpoint.port
        return psycopg.connect(host=host, port=port, user=role or name, dbname=name, password=password)

    def own(self, role: str, database: str = "postgres") -> psycopg.Connection:
        """Log in as a role that keeps the server."""
        desired = self.desired
        return psycopg.connect(
            host=desired.socket_folder,
            port=desired.port,
            user=role,
            dbname=database,
            password={**PASSWORDS, SUPERUSER: SUPERUSER_PASSWORD}[role],
            autocommit=True,
        )

    def query(self, name: str, password: str, statement: str, *, role: str = "") -> str:
        """Ask as a product would."""
        with self.session(name, password, role=role) as connection:
            answer = connection.execute(statement.encode())
            row = answer.fetchone() if answer.description else None
        return str(row[0]) if row else ""


@pytest.fixture(scope="module")
def server(module_root: Path) -> Iterator[Server]:
    """A server that was made and runs."""
    stack = tiny_stack()
    registry = products_of({str(name): spec for name, spec in stack.spec.products.items()})
    found = machine_facts.discover(module_root, needs(stack, registry), running=frozenset()).facts
    desired: LabDesired = compile_lab(stack, found, registry=registry)
    part = desired.part(DATABASE)
    assert part is not None
    for name in ("data", "database", "run"):
        make_folder(module_root / name, mode=0o711)
    objects.apply(module_root, part.files, account=found.database_account)
    processes = Processes(module_root, found.lab, clock=SteadyClock())
    made = Server(module_root, found, part, processes)
    postgres.create(made.desired, SUPERUSER_PASSWORD, account=made.account)
    made.start()
    bootstrap.bootstrap(made.desired, SUPERUSER_PASSWORD, passwords=PASSWORDS)
    yield made
    processes.stop("database-0", grace=10.0)
    until(lambda: not processes.seen())
    processes.close()


def test_made_twice_it_is_the_same(server: Server) -> None:
    before = (Path(server.desired.data) / "global" / "pg_control").stat().st_ino
    postgres.create(server.desired, "another password", account=server.account)
    assert (Path(server.desired.data) / "global" / "pg_control").stat().st_ino == before
    assert not (server.root / "data" / "superuser.once").exists()


def test_it_never_runs_as_root(server: Server) -> None:
    pid = server.processes.seen()["database-0"].pid
    owner = Path(f"/proc/{pid}").stat().st_uid
    assert owner != 0
    assert owner == (server.account.uid if server.account else os.geteuid())


def test_each_product_has_its_own_and_sees_no_other(server: Server) -> None:
    for name in ("one", "two"):
        server.make(server.database(name), f"{name}'s")
        assert postgres.takes(server.database(name), f"{name}'s")
    assert (
        server.query("one", "one's", "SELECT current_user || ' ' || current_setting('server_encoding')")
        == "one UTF8"
    )
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(
            host=server.endpoint.host, port=server.endpoint.port, user="one", dbname="two", password="one's"
        )


def test_made_again_it_keeps_its_rows_and_takes_the_new_password(server: Server) -> None:
    wanted = server.database("again")
    server.make(wanted, "old")
    server.query("again", "old", "CREATE TABLE kept AS SELECT 1 AS one")
    server.make(wanted, "new")
    assert postgres.takes(wanted, "new") is True
    assert postgres.takes(wanted, "old") is False
    assert server.query("again", "new", "SELECT one FROM kept") == "1"


def test_two_roles_log_in_and_what_either_makes_belongs_to_the_owner(server: Server) -> None:
    wanted = server.database("turns")
    server.make(wanted, "owner's")
    server.query("turns", "owner's", "CREATE TABLE by_owner AS SELECT 1 AS one")
    for role, other in (("_turns_a", "_turns_b"), ("_turns_b", "_turns_a")):
        server.make(replace(wanted, user=role), "another")
        assert postgres.takes(replace(wanted, user=role), "another") is True
        server.query("turns", "another", f"CREATE TABLE by{role} AS SELECT 1 AS one", role=role)
        assert server.query("turns", "another", "SELECT current_user", role=role) == "turns"
        owners = "SELECT string_agg(DISTINCT tableowner, ',') FROM pg_tables WHERE schemaname = 'public'"
        assert server.query("turns", "another", owners, role=role) == "turns"
        assert server.query("turns", "another", "DROP TABLE IF EXISTS by_owner", role=role) == ""
        assert postgres.takes(replace(wanted, user=other), "another") is (other == "_turns_a")


def test_role_that_is_ended_loses_its_sessions_and_no_other_does(server: Server) -> None:
    wanted = server.database("ending")
    server.make(wanted, "owner's")
    server.make(replace(wanted, user="_ending_a"), "another")
    with (
        closing(server.session("ending", "owner's")) as old,
        closing(server.session("ending", "another", role="_ending_a")) as new,
    ):
        with closing(server.own(MANAGER.name)) as manager:
            assert postgres.end_login(manager, "ending") == 1
            assert postgres.end_login(manager, "ending") == 0
            assert postgres.end_login(manager, "nobody") == 0
        with pytest.raises(psycopg.OperationalError):
            old.execute("SELECT 1")
        assert new.execute("SELECT current_user").fetchone() == ("ending",)
    assert postgres.takes(wanted, "owner's") is False
    server.make(replace(wanted, user="_ending_a"), "another")
    assert postgres.takes(wanted, "owner's") is False, (
        "making the database again lets nobody in who was shut out"
    )


def test_absent_database_is_told_from_a_silent_server(server: Server) -> None:
    assert postgres.takes(server.database("nobody"), "x") is False
    elsewhere = replace(server.database("nobody"), endpoint=Endpoint(server.endpoint.host, 1))
    assert postgres.takes(elsewhere, "x") is None


@pytest.mark.parametrize(
    ("collation", "asked"),
    [
        ("C", "SELECT datcollate FROM pg_database WHERE datname = current_database()"),
        ("C.UTF-8", "SELECT datlocale FROM pg_database WHERE datname = current_database()"),
    ],
)
def test_collation_is_the_vendors(server: Server, collation: str, asked: str) -> None:
    name = f"collated_{collation.lower().replace('.', '_').replace('-', '_')}"
    server.make(server.database(name, collation), "p")
    assert server.query(name, "p", asked) == collation
    server.make(server.database(name, collation), "p")


def test_other_collation_of_an_existing_database_is_refused(server: Server) -> None:
    server.make(server.database("fixed"), "p")
    with pytest.raises(PlatformError, match=r"collation C, not UTF8 and C\.UTF-8"):
        server.make(server.database("fixed", "C.UTF-8"), "p")


def test_missing_locale_is_named(server: Server) -> None:
    with pytest.raises(MachineError, match="xx_XX") as caught:
        server.make(server.database("foreign", "xx_XX.UTF-8"), "p")
    assert caught.value.remedy is not None
    assert "locale" in caught.value.remedy


@pytest.mark.parametrize("role", [SUPERUSER, *PASSWORDS])
def test_who_keeps_the_server_is_not_let_in_where_clients_are(server: Server, role: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="pg_hba"):
        psycopg.connect(
            host=server.endpoint.host,
            port=server.endpoint.port,
            user=role,
            dbname="postgres",
            password={**PASSWORDS, SUPERUSER: SUPERUSER_PASSWORD}[role],
        )


def test_superuser_makes_the_roles_alone_and_whatever_else_it_did_would_stand_in_the_log(
    server: Server,
) -> None:
    server.make(server.database("watched"), "p")
    told = list(statements(server.root))
    assert told
    assert strange(told) == []
    with closing(server.own(SUPERUSER)) as connection:
        connection.execute("SELECT 'something else'")
    assert strange(statements(server.root)) == ["SELECT 'something else'"]
    assert "SCRAM-SHA-256" not in (server.root / "log" / "database-0.log").read_text()


def test_no_password_reaches_the_log(server: Server) -> None:
    server.make(server.database("quiet"), "very-private-word")
    with pytest.raises(PlatformError):
        server.make(server.database("quiet", "C.UTF-8"), "very-private-word")
    assert "very-private-word" not in (server.root / "log" / "database-0.log").read_text()


def test_killed_server_starts_again_with_clients_attached(server: Server) -> None:
    server.make(server.database("kept"), "p")
    with ExitStack() as clients:
        for _ in range(5):
            clients.enter_context(closing(server.session("kept", "p")))
        server.query("kept", "p", "CREATE TABLE kept AS SELECT 7 AS n")
        strike(server.processes.seen()["database-0"].pid, signal.SIGKILL)
        until(lambda: server.processes.seen()["database-0"].exit == "signal 9")
        until(lambda: _starts(server))
        assert server.query("kept", "p", "SELECT n FROM kept") == "7"


def test_part_of_a_lost_server_that_hangs_is_ended(server: Server) -> None:
    server.make(server.database("frozen"), "p")
    folder = Path(server.desired.data)
    leader = server.processes.seen()["database-0"].pid
    with closing(server.session("frozen", "p")):
        parts = [pid for pid in procfs.pids() if pid != leader and procfs.is_descendant(pid, leader)]
        for pid in parts:
            strike(pid, signal.SIGSTOP)
        strike(leader, signal.SIGKILL)
        until(lambda: server.processes.seen()["database-0"].exit == "signal 9")
        server.processes.end_lost_database(folder)
        until(lambda: _starts(server))
    assert server.query("frozen", "p", "SELECT 1") == "1"


def _starts(server: Server) -> bool:
    try:
        server.start()
    except TemporaryError:
        return False
    return True


def test_lock_of_a_server_that_nobody_reaped_is_removed(server: Server, root: Path) -> None:
    child = os.fork()
    if child == 0:
        os._exit(0)
    until(lambda: (seen := procfs.stat(child)) is not None and seen.state == procfs.ZOMBIE)
    lock = root / "postmaster.pid"
    lock.write_text(f"{child}\n{root}\n")
    postgres.clear_stale_lock(root)
    assert not lock.exists()
    os.waitpid(child, 0)
    live = Path(server.desired.data) / "postmaster.pid"
    postgres.clear_stale_lock(live.parent)
    assert live.exists()


def test_data_of_another_release_is_refused(server: Server, root: Path) -> None:
    data = root / "data" / "postgres"
    data.mkdir(parents=True)
    (data / "PG_VERSION").write_text("12\n")
    with pytest.raises(PlatformError, match="PostgreSQL 12"):
        postgres.create(replace(server.desired, data=str(data)), "p", account=server.account)


def test_phases_of_a_server(server: Server) -> None:
    assert postgres.phase(server.endpoint) is Phase.RUNNING
    assert postgres.phase(Endpoint(server.endpoint.host, 1)) is Phase.UNREACHABLE
    with socket.socket() as silent:
        silent.bind((server.endpoint.host, 0))
        silent.listen(1)
        found = Endpoint(server.endpoint.host, silent.getsockname()[1])
        assert postgres.phase(found, timeout=0.2) is Phase.UNREACHABLE


def test_programs_that_its_user_cannot_reach_are_copied_once(
    server: Server, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def barred(path: Path, account: Account | None) -> Path | None:
        return None if path.is_relative_to(root) else path

    monkeypatch.setattr(machine, "barred_folder", barred)
    found = machine.database_programs(root, server.account)
    release = machine.database_release(found)
    assert found == root / "programs" / f"postgres-{release}" / "bin"
    made = (found / "initdb").stat().st_ino
    assert machine.database_programs(root, server.account) == found
    assert (found / "initdb").stat().st_ino == made
    monkeypatch.undo()
    assert machine.barred_folder(found, server.account) is None
    wanted = replace(server.desired, data=str(root / "data" / "postgres"), bin=str(found))
    postgres.create(wanted, "p", account=server.account)
    assert postgres.exists(wanted)
