"""The database of the lab: a PostgreSQL primary and a synchronous standby, and in it a database for each product.

Clients write to one address, which never changes. Every server listens on an address of its own for its neighbour;
the primary alone listens on the writer's as well, and the kernel gives that to one process at a time.

Sources: PostgreSQL 17 documentation, chapters 18 (server set-up), 19 (configuration), 20 (client authentication),
26 (high availability).

Traps:
    * PostgreSQL refuses to run as root, so its folders may belong to another user than everything else.
    * ``fsync`` and ``synchronous_commit`` stay on: the lab proves that no acknowledged write is lost.
    * What depends on a server's role stands in files of their own, which the platform writes: nothing here does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from telamon.desired.component import ComponentDesired, MemberDesired, Policy
from telamon.desired.lab.data import (
    DatabaseProbe,
    FileDesired,
    FolderDesired,
    LabComponent,
    Link,
    Login,
    ProcessDesired,
    RunAs,
    ServerDesired,
    StopSignal,
)
from telamon.desired.lab.database_roles import MANAGER, OPERATOR, READER, REPLICATOR, SUPERUSER
from telamon.desired.lab.facts import LabFacts
from telamon.desired.lab.fingerprint import desired_fingerprint, process_revision
from telamon.desired.lab.needs import POSTGRES, POSTGRES_PORT, server_pairs
from telamon.desired.lab.secrets import cluster_secret
from telamon.naming import DATABASE, member_name
from telamon.products.base import Endpoint
from telamon.state.classify import Patience
from telamon.state.world import ComponentKind

ACCESS = "database/pg_hba.conf"
SOCKETS = "run/postgres"
"""Folder of the writer's unix socket, which the primary alone listens on."""
MAX_CONNECTIONS = 150

_SETTINGS = """\
# Written by telamon; changes are overwritten.
port = {port}
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
hot_standby = on
max_wal_senders = 6
# What a standby lacks after a restart is still there; one that was away for longer is copied anew.
wal_keep_size = '128MB'
# The primary hears of an idle standby every second, so that silence means something.
wal_receiver_status_interval = '1s'
wal_receiver_timeout = '5s'
wal_sender_timeout = '5s'
wal_retrieve_retry_interval = '200ms'
restart_after_crash = on
tcp_keepalives_idle = 30
tcp_keepalives_interval = 5
tcp_keepalives_count = 3
logging_collector = off
log_destination = 'stderr'
log_line_prefix = '%m [%p] %q%u@%d '
log_checkpoints = off
# What depends on the role of the server, and whom its commits wait for.
include_if_exists = '{role}'
include_if_exists = '{waits}'
"""

_ACCESS = """\
# Written by telamon; changes are overwritten.
# Everybody has a password. Who keeps the cluster comes in by the unix socket alone.
local postgres {superuser},"{operator}" scram-sha-256
local all "{manager}","{reader}" scram-sha-256
host  replication "{replicator}" 127.0.0.0/8 scram-sha-256
host  all {superuser},"{operator}","{manager}","{reader}","{replicator}" all reject
# Products come in by TCP, each to the database that is its own.
host  all all 127.0.0.0/8 scram-sha-256
"""


def endpoint(facts: LabFacts) -> Endpoint:
    """Where clients reach whoever takes writes."""
    return Endpoint(facts.address(DATABASE, 0), facts.port(DATABASE, POSTGRES, number=POSTGRES_PORT))


def server_endpoint(facts: LabFacts, ordinal: int) -> Endpoint:
    """Where one server listens whatever its role is; the first address of the component is the writer's."""
    return Endpoint(
        facts.address(DATABASE, ordinal + 1), facts.port(DATABASE, POSTGRES, number=POSTGRES_PORT)
    )


def replication_links(facts: LabFacts, count: int) -> Iterator[Link]:
    """Every server as every other one reaches it, over the relay between the two if there is one."""
    listening = {
        str(member_name(DATABASE, ordinal)): server_endpoint(facts, ordinal) for ordinal in range(count)
    }
    for source, target in server_pairs(count):
        beyond, relay = listening[target], facts.relay(source, target)
        reached = beyond if relay is None else Endpoint(relay, beyond.port)
        yield Link(source, target, POSTGRES, reached, beyond)


def database_component(
    stack: str,
    facts: LabFacts,
    *,
    required_by: tuple[str, ...],
    links: Iterable[Link],
    keeps_log: bool = False,
) -> LabComponent:
    """The database servers as a component.

    Args:
        stack: name of the stack.
        facts: of the machine.
        required_by: components that need it.
        links: from each server to each other one; none where there is a single server.
        keeps_log: whether what is written is kept as it is written.
    """
    reached = tuple(links)
    count = max(len({link.source for link in reached}), 1)
    access = _access()
    servers = tuple(_server(stack, facts, ordinal=ordinal, links=reached) for ordinal in range(count))
    settings = tuple(_settings(server, facts) for server in servers)
    processes = tuple(
        _process(server, facts, ordinal=ordinal, settings=settings[ordinal])
        for ordinal, server in enumerate(servers)
    )
    members = tuple(
        MemberDesired(
            process.member,
            process.ordinal,
            process_revision(
                # Where it reaches its neighbours is read at the start alone, like its settings. Programs are
                # replaced in place, so their release says more than their path.
                (
                    *process.argv,
                    process.release,
                    *(str(found) for found in servers[process.ordinal].sources.values()),
                ),
                {},
                cwd=process.cwd,
                files=(settings[process.ordinal], access),
            ),
            process.release,
        )
        for process in processes
    )
    files = (*settings, access)
    desired = ComponentDesired(
        name=DATABASE,
        kind=ComponentKind.DATABASE,
        product=DATABASE,
        members=members,
        objects=desired_fingerprint(files),
        required_by=required_by,
        rotates=False,
        keeps_log=keeps_log,
        # A crash is healed by starting again at once: the server itself decides how long recovery takes.
        patience=Patience(hang=3.0, start=120.0),
        policy=Policy(stop_grace=20.0),
    )
    return LabComponent(desired, processes, files=files, servers=servers)


def _process(
    server: ServerDesired, facts: LabFacts, *, ordinal: int, settings: FileDesired
) -> ProcessDesired:
    programs = facts.postgres_server or server.bin
    argv = (f"{programs}/postgres", "-D", server.data, "-c", f"config_file={facts.path(settings.path)}")
    return ProcessDesired(
        member=server.member,
        component=DATABASE,
        ordinal=ordinal,
        release=facts.postgres_release,
        argv=argv,
        environment={},
        cwd=server.data,
        address=str(server.endpoint),
        probe=DatabaseProbe(server.endpoint),
        folders=(
            FolderDesired(SOCKETS, owner=RunAs.DATABASE),
            FolderDesired(f"run/{server.member}", owner=RunAs.DATABASE),
        ),
        run_as=RunAs.DATABASE,
        stop_signal=StopSignal.INT,
    )


def _server(stack: str, facts: LabFacts, *, ordinal: int, links: Iterable[Link]) -> ServerDesired:
    member = member_name(DATABASE, ordinal)
    return ServerDesired(
        member=member,
        data=facts.path("data", member),
        bin=facts.postgres_bin,
        superuser=Login(SUPERUSER, cluster_secret(stack, "superuser")),
        replicator=Login(REPLICATOR.name, cluster_secret(stack, "replication")),
        operator=Login(OPERATOR.name, cluster_secret(stack, "operator")),
        manager=Login(MANAGER.name, cluster_secret(stack, "manager")),
        reader=Login(READER.name, cluster_secret(stack, "reader")),
        socket_folder=facts.path("run", member),
        endpoint=server_endpoint(facts, ordinal),
        writer=endpoint(facts),
        writer_sockets=facts.path(SOCKETS),
        role_file=facts.path("database", f"{member}.role.conf"),
        waits_file=facts.path("database", f"{member}.waits.conf"),
        password_file=facts.path("database", f"{member}.pass"),
        sources={link.target: link.endpoint for link in links if link.source == member},
    )


def _settings(server: ServerDesired, facts: LabFacts) -> FileDesired:
    text = _SETTINGS.format(
        port=server.endpoint.port,
        access=facts.path(ACCESS),
        connections=MAX_CONNECTIONS,
        role=server.role_file,
        waits=server.waits_file,
    )
    return FileDesired(f"database/{server.member}.conf", text, owner=RunAs.DATABASE)


def _access() -> FileDesired:
    """Who may come in, and where."""
    text = _ACCESS.format(
        superuser=SUPERUSER,
        operator=OPERATOR.name,
        manager=MANAGER.name,
        reader=READER.name,
        replicator=REPLICATOR.name,
    )
    return FileDesired(ACCESS, text, owner=RunAs.DATABASE)
