"""The database of the lab: one PostgreSQL server, and in it a database and a role for each product.

Source: PostgreSQL 17 documentation, chapters 18 (server set-up), 19 (configuration), 20 (client authentication).

Traps:
    * PostgreSQL refuses to run as root, so its folders may belong to another user than everything else.
    * ``fsync`` and ``synchronous_commit`` stay on: the lab proves that no acknowledged write is lost.
"""

from __future__ import annotations

from telamon.desired.component import ComponentDesired, MemberDesired, Policy
from telamon.desired.lab.data import (
    DatabaseProbe,
    FileDesired,
    FolderDesired,
    LabComponent,
    ProcessDesired,
    RunAs,
    ServerDesired,
    StopSignal,
)
from telamon.desired.lab.facts import LabFacts
from telamon.desired.lab.fingerprint import desired_fingerprint, process_revision
from telamon.desired.lab.outline import POSTGRES_PORT
from telamon.naming import DATABASE, member_name, secret_name
from telamon.products.base import Endpoint, SecretValue
from telamon.state.classify import Patience
from telamon.state.world import ComponentKind

SUPERUSER = "telamon"
RELEASE = "17"
MEMBER = member_name(DATABASE, 0)
DATA = "data/postgres"
CONFIGURATION = "database/postgresql.conf"
ACCESS = "database/pg_hba.conf"
SOCKETS = "run/postgres"
MAX_CONNECTIONS = 150

_SETTINGS = """\
# Written by telamon; changes are overwritten.
listen_addresses = '{address}'
port = {port}
unix_socket_directories = '{sockets}'
unix_socket_permissions = 0700
hba_file = '{access}'
max_connections = {connections}
password_encryption = 'scram-sha-256'
shared_buffers = '64MB'
work_mem = '4MB'
maintenance_work_mem = '32MB'
max_worker_processes = 4
max_parallel_workers_per_gather = 0
jit = off
fsync = on
synchronous_commit = on
full_page_writes = on
# After a crash every file is synchronised first: one call for the file system instead of one for each of 2,000 files.
recovery_init_sync_method = 'syncfs'
# A server that was killed replays what was written since the last checkpoint: little, so that it is back soon.
checkpoint_timeout = '2min'
max_wal_size = '256MB'
min_wal_size = '64MB'
wal_level = 'replica'
restart_after_crash = on
tcp_keepalives_idle = 30
tcp_keepalives_interval = 5
tcp_keepalives_count = 3
logging_collector = off
log_destination = 'stderr'
log_line_prefix = '%m [%p] %q%u@%d '
log_checkpoints = off
"""

_ACCESS = """\
# Written by telamon; changes are overwritten.
# The superuser comes in by the unix socket alone, everybody else by TCP and with a password.
local all {superuser} scram-sha-256
host  all {superuser} all reject
host  all all 127.0.0.0/8 scram-sha-256
"""


def endpoint(facts: LabFacts) -> Endpoint:
    """Where the server listens."""
    port = facts.port(DATABASE, "postgres", number=POSTGRES_PORT)
    return Endpoint(facts.address(DATABASE, 0), port)


def database_component(stack: str, facts: LabFacts, *, required_by: tuple[str, ...]) -> LabComponent:
    """The database server as a component of one member.

    Args:
        stack: name of the stack.
        facts: of the machine.
        required_by: components that need it.
    """
    files = _files(facts)
    argv = (
        f"{facts.postgres_bin}/postgres",
        "-D",
        facts.path(DATA),
        "-c",
        f"config_file={facts.path(CONFIGURATION)}",
    )
    process = ProcessDesired(
        member=MEMBER,
        component=DATABASE,
        ordinal=0,
        release=RELEASE,
        argv=argv,
        environment={},
        cwd=facts.path(DATA),
        address=str(endpoint(facts)),
        probe=DatabaseProbe(endpoint(facts)),
        folders=(FolderDesired(SOCKETS, owner=RunAs.DATABASE),),
        run_as=RunAs.DATABASE,
        stop_signal=StopSignal.INT,
    )
    revision = process_revision(argv, {}, cwd=process.cwd, files=files)
    desired = ComponentDesired(
        name=DATABASE,
        kind=ComponentKind.DATABASE,
        product=DATABASE,
        members=(MemberDesired(MEMBER, 0, revision, RELEASE),),
        objects=desired_fingerprint(files),
        required_by=required_by,
        rotates=False,
        # A crash is healed by starting again at once: the server itself decides how long recovery takes.
        patience=Patience(hang=3.0, start=120.0),
        policy=Policy(min_serving=1, stop_grace=20.0),
    )
    return LabComponent(desired, (process,), files=files, server=_server(stack, facts))


def _server(stack: str, facts: LabFacts) -> ServerDesired:
    return ServerDesired(
        data=facts.path(DATA),
        bin=facts.postgres_bin,
        superuser=SUPERUSER,
        password=SecretValue(secret_name(stack, DATABASE, purpose="superuser"), "password"),
        socket_folder=facts.path(SOCKETS),
        port=endpoint(facts).port,
    )


def _files(facts: LabFacts) -> tuple[FileDesired, ...]:
    settings = _SETTINGS.format(
        address=endpoint(facts).host,
        port=endpoint(facts).port,
        sockets=facts.path(SOCKETS),
        access=facts.path(ACCESS),
        connections=MAX_CONNECTIONS,
    )
    access = _ACCESS.format(superuser=SUPERUSER)
    return (
        FileDesired(CONFIGURATION, settings, owner=RunAs.DATABASE),
        FileDesired(ACCESS, access, owner=RunAs.DATABASE),
    )
