"""The lab behind :class:`telamon.ports.Platform`: members are processes, objects are files, the rest is asked."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from telamon.desired.calls import WorkloadProbe
from telamon.desired.component import ComponentDesired
from telamon.desired.lab.data import DatabaseDesired, LabComponent, LabDesired, ProcessDesired, RunAs
from telamon.desired.lab.edge import LINGERS
from telamon.desired.lab.facts import LabFacts
from telamon.errors import NotReadyError, PlatformError, TelamonError
from telamon.model.stack import Stack
from telamon.plan.step import Call
from telamon.plan.work import Work
from telamon.platforms.calls import closely
from telamon.platforms.calls.credentials import Credentials
from telamon.platforms.calls.jobs import Jobs, Target
from telamon.platforms.calls.upgrades import UpgradeWatch
from telamon.platforms.files import make_folder
from telamon.platforms.lab import admin, logins, machine, postgres, tls, volumes
from telamon.platforms.lab.busyness import Busyness
from telamon.platforms.lab.facts import lab_id
from telamon.platforms.lab.objects import apply, fingerprint, withdraw
from telamon.platforms.lab.probes import Probes, Seen
from telamon.platforms.lab.processes import Launch, Processes
from telamon.platforms.lab.records import FileJobRecords
from telamon.platforms.lab.secrets import FileSecrets
from telamon.platforms.lab.servers import Servers, Tools
from telamon.platforms.lab.tracked import Identity, Process
from telamon.platforms.lab.traffic import Traffic
from telamon.platforms.lab.works.desk import NOBODY, WorkDesk
from telamon.ports import Clock
from telamon.products.base import Endpoint, HealthReport, IndexKeeper
from telamon.state.account import Account
from telamon.state.phase import Phase
from telamon.state.world import ComponentState, JobState, Life, MemberState, Replication, UpgradePhase

LOG = logging.getLogger("telamon.lab")

OPEN_FOLDERS = ("", "run", "data", "database", "programs")
"""Folders that the database's user passes through; what it must not read in them has rights of its own."""
OWN_FOLDERS = ("log", "homes", "shared", "edge")


class LabPlatform:
    """One lab.

    Args:
        root: its state root, absolute; made where it is missing.
        clock: injected time.

    Raises:
        MachineError: the state root cannot be made.
    """

    def __init__(self, root: Path, clock: Clock) -> None:
        self._root = root
        self._clock = clock
        self._lab = LabDesired(stack="", parts=(), links=(), fronts={}, secrets=(), balancers={})
        self._facts: LabFacts | None = None
        for name in OPEN_FOLDERS:
            make_folder(root / name, mode=0o711)
        for name in OWN_FOLDERS:
            make_folder(root / name)
        machine.raise_file_limit()
        self.secrets = FileSecrets(root / "secrets")
        self._records = FileJobRecords(root / "jobs")
        self._records.interrupt()
        self._credentials = Credentials(self.secrets, self._records)
        self._jobs = Jobs(self._records, self._credentials, clock)
        self._traffic = Traffic(root)
        self._processes = Processes(root, lab_id(root), clock=clock)
        self._works = WorkDesk(root, self._processes, clock=clock)
        self._probes = Probes(self._credentials, clock, heard=self._processes.heard)
        self._upgrades = UpgradeWatch(clock)
        self._busyness = Busyness(clock)
        self._databases_seen: dict[str, tuple[int, int]] = {}
        tools = Tools(lab_id(root), self.secrets, self._processes, self._records, clock)
        self._servers = Servers(tools)
        found = self._processes.adopt(database_folders=sorted((root / "data").iterdir()))
        if found:
            LOG.info("found running: %s", ", ".join(found))

    def install(self, facts: LabFacts, desired: LabDesired) -> None:
        """Perform this from now on. Missing secrets are made.

        Raises:
            MachineError: a secret cannot be written.
        """
        self.secrets.ensure(desired.secrets)
        self._facts, self._lab = facts, desired
        for part in desired.parts:
            if part.servers:
                self._servers.install(part.servers, self._account())

    def close(self) -> None:
        """Let go. Every process goes on."""
        self._jobs.close()
        self._probes.close()
        self._servers.close()
        self._processes.close()

    def abandon(self) -> None:
        """End every process at once: the state folder is gone, and nobody will find them again."""
        self._processes.abandon()

    # ---------------------------------------------------------------------------------------------- what hosts ask for

    def running_components(self) -> frozenset[str]:
        """Components of which a process lives."""
        found = {process.identity.component for process in self._processes.seen().values() if process.pid}
        return frozenset(found - {NOBODY})

    def leftovers(self) -> tuple[str, ...]:
        """Components that run and are not desired: what an earlier stack file asked for."""
        known = {part.desired.name for part in self._lab.parts}
        return tuple(sorted(self.running_components() - known))

    def urls(self, stack: Stack) -> Mapping[str, str]:
        """Where to go on this machine: by product, and by ``product-listener`` for what is no web page."""
        found: dict[str, str] = {}
        for product in stack.spec.products:
            front = self._lab.fronts.get(product)
            if front is not None:
                found[product] = front.base.url
                found |= {f"{product}-{name}": f"{name}://{at}" for name, at in front.tcp.items()}
        return found

    def doctor(self) -> Sequence[tuple[str, str, HealthReport]]:
        """The products' own health checks: component, whom was asked, report. What cannot be asked counts as ill.

        Every product is asked through the front door, as its users come, and every node for itself.
        """
        return tuple(self._health())

    def _health(self) -> Iterator[tuple[str, str, HealthReport]]:
        for part in self._lab.parts:
            workload = part.workload
            if workload is None:
                continue
            credentials = self._credentials.for_work(part)
            for asked, probe, authority in self._doors(part):
                try:
                    if credentials is None:
                        raise NotReadyError("the service account is not made yet, or its log-in is refused")
                    reports = closely.health(
                        workload, probe=probe, credentials=credentials, authority=authority
                    )
                except TelamonError as error:
                    reports = (HealthReport("health checks", healthy=False, reason=str(error)),)
                for report in reports:
                    yield part.desired.name, asked, report

    def _doors(self, part: LabComponent) -> Iterator[tuple[str, WorkloadProbe, str | None]]:
        """Ways to ask a component: whom, where, and whom to trust there."""
        front = self._lab.fronts.get(part.desired.product)
        if front is not None and part.product is not None:
            door = front.by_address
            authority = tls.authority(self._root / "tls") if door.scheme == "https" else None
            yield "front door", WorkloadProbe(Endpoint(door.host, door.port), front.base), authority
        for process in part.processes:
            if isinstance(process.probe, WorkloadProbe):
                yield process.member, process.probe, None

    # --------------------------------------------------------------------------------------------------------- objects

    def apply(self, desired: ComponentDesired) -> None:
        """Write the component's files."""
        apply(self._root, self._part(desired.name).files, account=self._account())

    def withdraw(self, component: str) -> None:
        """Remove the component's files; data stays."""
        part = self._lab.part(component)
        if part is not None:
            withdraw(self._root, part.files)

    # --------------------------------------------------------------------------------------------------------- members

    def start(self, desired: ComponentDesired, member: str) -> None:
        """Start a member's process."""
        wanted = desired.member(member)
        if wanted is None:
            raise PlatformError(f"{member} is not a member of {desired.name}")
        process = self._process(desired.name, member, release=wanted.release)
        found = self._processes.seen().get(member)
        if found is not None and found.pid:
            return
        for folder in process.folders:
            owner = self._account() if folder.owner is RunAs.DATABASE else None
            if folder.size:
                volumes.ensure(self._root, folder.path, size=folder.size)
            make_folder(self._root / folder.path, mode=folder.mode, account=owner)
        if process.run_as is RunAs.DATABASE:
            self._servers.prepare_start(member)
        logins.settle(self._part(desired.name), process, secrets=self.secrets)
        self._processes.start(
            Launch(
                Identity(
                    member,
                    desired.name,
                    process.ordinal,
                    wanted.revision,
                    process.release,
                    process.stop_signal.value,
                ),
                process.argv,
                self.secrets.resolve(process.environment),
                process.cwd,
                self._account() if process.run_as is RunAs.DATABASE else None,
            )
        )

    def stop(self, component: str, member: str, *, grace: float) -> None:
        """Ask a member's process to end; a balancer first stops taking connections."""
        found = self._processes.seen().get(member)
        if found is None or found.identity.component != component:
            return
        socket = self._lab.balancers.get(member)
        lingers = 0.0
        if socket is not None and grace > LINGERS and found.life is Life.ALIVE:
            admin.stop_listening(socket)
            lingers = LINGERS
        self._processes.stop(member, grace=grace, lingers=lingers)

    def remove(self, component: str, member: str) -> None:
        """Forget a member whose process has ended, in the lists of the balancers as well."""
        self._processes.forget(member)
        part = self._lab.part(component)
        if part is not None and member in self._traffic.listed(part.rotations):
            self.drain(component, member)

    def call(self, call: Call) -> None:
        """Start a product flow as a job."""
        part, process = self._part(call.component), self._process(call.component, call.member)
        if part.product is None or not isinstance(process.probe, WorkloadProbe):
            raise PlatformError(f"{call.component} takes no calls")
        self._jobs.call(Target(part, part.product, process.probe, call.member), call)

    def begin(self, component: str, job: str, *, work: Work) -> None:
        """Begin a work in a process of its own."""
        self._part(component)
        self._works.begin(component, job, work=work)

    def end(self, component: str, job: str) -> None:
        """Ask a work's process to end."""
        self._works.end(component, job)

    # --------------------------------------------------------------------------------------------------------- traffic

    def admit(self, component: str, member: str) -> None:
        """Put a member on the balancers' lists."""
        self._process(component, member)
        self._traffic.admit(self._part(component).rotations, member)

    def drain(self, component: str, member: str) -> None:
        """Take a member off the balancers' lists, and return when each of them goes by the new ones."""
        part = self._lab.part(component)
        if part is not None:
            self._traffic.drain(part.rotations, member, balancers=self._lab.balancers.values())

    def hold(self, component: str, *, held: bool) -> None:
        """Show a component's users the maintenance page, or take it away, and return when every balancer does so."""
        part = self._lab.part(component)
        if part is not None:
            self._traffic.hold(part.rotations, held=held, balancers=self._lab.balancers.values())

    # -------------------------------------------------------------------------------------------------------- database

    def make(self, desired: ComponentDesired) -> None:
        """Make the component's role and database."""
        wanted = self._part(desired.name).database
        if wanted is None:
            return
        self._servers.make(wanted, self.secrets.get(wanted.password.secret, wanted.password.key))

    def establish(self, desired: ComponentDesired, member: str) -> None:
        """Make an empty database server."""
        self._part(desired.name)
        self._servers.establish(member)

    def bootstrap(self, desired: ComponentDesired, member: str) -> None:
        """Make the roles that Telamon itself logs in as."""
        self._part(desired.name)
        self._servers.bootstrap(member)

    def fence(self, desired: ComponentDesired, member: str) -> None:
        """End a database server for certain."""
        self._part(desired.name)
        self._servers.fence(member)

    def promote(self, desired: ComponentDesired, member: str) -> None:
        """Let a standby take writes."""
        self._part(desired.name)
        self._servers.promote(member)

    def follow(self, desired: ComponentDesired, member: str, *, primary: str) -> None:
        """Make a server that does not run a standby."""
        self._part(desired.name)
        self._servers.follow(member, primary)

    def synchronise(self, desired: ComponentDesired, member: str, *, standby: str, term: int) -> None:
        """Let commits wait for a standby, or for none."""
        self._part(desired.name)
        self._servers.synchronise(member, standby=standby, term=term)

    # -------------------------------------------------------------------------------------------------------- the eyes

    def observe(self, desired: ComponentDesired) -> ComponentState:
        """Look at one component now."""
        # Taken before looking: what the picture says is at least as new as this.
        at = self._clock.now()
        part = self._lab.part(desired.name)
        own = {
            member: process
            for member, process in self._processes.seen().items()
            if process.identity.component == desired.name
        }
        admitted = self._admitted(desired.name)
        looked = {} if part is None else self._probes.look(part, own, serving=admitted)
        loads = {} if part is None else self._busyness.look(part, balancers=self._lab.balancers.values())
        replication = self._servers.look() if part is not None and part.servers else {}
        # A server that does not run is seen by its data, unless nobody wants it any more.
        with_data = {name for name in replication if desired.member(name) is not None}
        names = sorted({*own, *admitted, *with_data})
        members = [
            _state(
                name,
                own.get(name),
                part=part,
                seen=looked.get(name),
                admitted=name in admitted or _admits_itself(desired, own.get(name), replication.get(name)),
                replication=replication.get(name),
            ).with_(load=loads.get(name))
            for name in names
        ]
        return ComponentState(
            desired.name,
            desired.kind,
            at,
            members=tuple(sorted(members, key=lambda member: (member.ordinal, member.name))),
            objects=None if part is None else self._objects(part),
            database_ready=self._database_ready(part.database) if part and part.database else None,
            copies=None if part is None else self._probes.copies(part, looked),
            # What is only to be ended needs no record, and a damaged one must not keep it running.
            jobs=self._jobs_of(desired.name) if desired.members else {},
            registered=self._probes.registered(desired.name),
            upgrade=None if part is None else self._upgrade(part, looked),
            held=part is not None and self._traffic.held(part.rotations),
        )

    # ---------------------------------------------------------------------------------------------------------- inside

    def _upgrade(self, part: LabComponent, looked: Mapping[str, Seen]) -> UpgradePhase | None:
        running = {
            process.member: process.probe
            for process in part.processes
            if isinstance(process.probe, WorkloadProbe)
            and process.member in looked
            and looked[process.member].phase is Phase.RUNNING
        }
        return self._upgrades.phase(part, running, credentials=self._credentials)

    def _jobs_of(self, component: str) -> Mapping[str, JobState]:
        return {**self._records.jobs(component), **self._works.jobs(component)}

    def _part(self, component: str) -> LabComponent:
        part = self._lab.part(component)
        if part is None:
            raise PlatformError(f"{component} is not a component of this lab")
        return part

    def _process(self, component: str, member: str, *, release: str | None = None) -> ProcessDesired:
        process = self._part(component).process(member, release)
        if process is None:
            raise PlatformError(f"{member} is not a member of {component}")
        return process

    def _account(self) -> Account | None:
        return self._facts.database_account if self._facts is not None else None

    def _admitted(self, component: str) -> frozenset[str]:
        part = self._lab.part(component)
        if part is None:
            return frozenset()
        return self._traffic.admitted(part.rotations, balancers=self._lab.balancers.values())

    def _objects(self, part: LabComponent) -> str | None:
        if not part.files:
            return part.desired.objects
        return fingerprint(self._root, part.files)

    def _database_ready(self, wanted: DatabaseDesired) -> bool:
        """Whether the product's role gets into its database: asked once for each life of the server."""
        writer = self._servers.writer()
        if writer is None:
            return wanted.user in self._databases_seen
        server = writer.pid, writer.ticks
        if self._databases_seen.get(wanted.user) == server:
            return True
        answer = postgres.takes(wanted, self.secrets.get(wanted.password.secret, wanted.password.key))
        if answer is None:
            return wanted.user in self._databases_seen
        if answer:
            self._databases_seen[wanted.user] = server
        else:
            self._databases_seen.pop(wanted.user, None)
        return answer


def _state(
    name: str,
    process: Process | None,
    *,
    part: LabComponent | None,
    seen: Seen | None,
    admitted: bool,
    replication: Replication | None,
) -> MemberState:
    wanted = part.process(name) if part is not None else None
    workload = part.workload if part is not None else None
    ordinal = process.identity.ordinal if process is not None else wanted.ordinal if wanted else 0
    base = MemberState(
        name,
        ordinal,
        indexed=workload is not None and workload.index is IndexKeeper.NODE,
        clustered=workload is not None and workload.clustered,
        admitted=admitted,
        address=wanted.address if wanted is not None else "",
        replication=replication,
    )
    if process is None:
        return base
    base = base.with_(life=process.life, release=process.identity.release, exit=process.exit)
    if not process.pid:
        return base
    look = seen or Seen(Phase.UNREACHABLE, process.started)
    return base.with_(
        revision=process.identity.revision,
        started=process.started,
        phase=look.phase,
        phase_since=look.phase_since,
        joined=look.joined,
        joined_since=look.joined_since,
        index=look.index,
        database_lost_since=look.database_lost_since,
    )


def _admits_itself(
    desired: ComponentDesired, process: Process | None, replication: Replication | None
) -> bool:
    """Whether a member serves as soon as it lives, because nobody sends it requests through the front door."""
    lives = not desired.rotates and process is not None and process.life is Life.ALIVE
    return lives and (replication is None or bool(replication.writer))
