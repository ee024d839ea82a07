"""Members as numbers: a simulated platform that keeps the contract of :class:`telamon.ports.Platform`.

Time comes from the injected clock. A member moves through its phases by the time since its start; faults change what
it reports. Nothing is random here: whoever wants randomness draws it outside and says what to lose.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

from telamon.desired.component import ComponentDesired
from telamon.errors import PlatformError
from telamon.plan.step import Call
from telamon.plan.work import Work
from telamon.plan.works.backup import PrepareRestore
from telamon.plan.works.rotation import DisableLogin, EnableLogin
from telamon.platforms.memory.parts import (
    Behaviour,
    Fault,
    ServerJob,
    SimulatedComponent,
    SimulatedMember,
    put_in_force,
    switch_cdn,
)
from telamon.platforms.memory.servers import Servers
from telamon.ports import Clock
from telamon.state.phase import Phase
from telamon.state.world import (
    INTERRUPTED,
    ComponentKind,
    ComponentState,
    IndexState,
    JobPhase,
    JobState,
    Life,
    MemberState,
    UpgradePhase,
)


@dataclass
class MemoryPlatform:
    """The simulated platform.

    Args:
        clock: injected time.
        behaviours: by component; what is not named behaves as :class:`Behaviour` says.
    """

    clock: Clock
    behaviours: Mapping[str, Behaviour] = field(default_factory=dict)
    loads: dict[str, float] = field(default_factory=dict)
    """Requests per second by member, as the front door would tell them."""
    _doomed: set[str] = field(default_factory=set)
    _components: dict[str, SimulatedComponent] = field(default_factory=dict)
    _ended_logins: dict[str, float] = field(default_factory=dict)

    # ---------------------------------------------------------------------------------------------------- the verbs

    def apply(self, desired: ComponentDesired) -> None:
        """Put the component's objects in force."""
        self._of(desired).objects = desired.objects

    def withdraw(self, component: str) -> None:
        """Take its objects away."""
        if component in self._components:
            self._components[component].objects = None

    def make(self, desired: ComponentDesired) -> None:
        """Make its database."""
        self._of(desired).database = True

    def start(self, desired: ComponentDesired, member: str) -> None:
        """Start a member, unless it lives."""
        component, wanted = self._of(desired), desired.member(member)
        if wanted is None:
            raise PlatformError(f"{member} is not a member of {desired.name}")
        found = component.members.get(member)
        if found is not None and found.life in {Life.ALIVE, Life.ENDING}:
            return
        if desired.kind is ComponentKind.DATABASE:
            self.servers(desired).started(member)
        component.members[member] = SimulatedMember(
            wanted.ordinal,
            wanted.revision,
            wanted.release,
            self.clock.now(),
            since=self.clock.now(),
            login=desired.login,
        )
        if member in self._doomed:
            component.members[member].life = Life.EXITED
        if component.original is None and component.servers is None:
            # Outside of upgrade mode the first node of a newer release makes a product's data newer, for good.
            component.data_release = max(component.data_release, wanted.release)

    def stop(self, component: str, member: str, *, grace: float) -> None:
        """Ask a member to stop; it is gone after its own time or the grace, whichever is shorter."""
        found = self._member(component, member)
        if found is None or found.life is not Life.ALIVE:
            if found is not None and found.life is Life.EXITED:
                found.life = Life.ABSENT
            return
        takes = self._components[component].behaviour.stop
        if found.fault is Fault.HANG:
            takes = grace
        found.life = Life.ENDING
        found.ends = self.clock.now() + min(takes, grace)

    def remove(self, component: str, member: str) -> None:
        """Forget a member that does not run."""
        found = self._member(component, member)
        if found is None:
            return
        if found.life in {Life.ALIVE, Life.ENDING}:
            raise PlatformError(f"{member} still runs")
        del self._components[component].members[member]

    def admit(self, component: str, member: str) -> None:
        """Let traffic reach it."""
        found = self._member(component, member)
        if found is not None:
            found.admitted = True

    def drain(self, component: str, member: str) -> None:
        """Send no more traffic."""
        found = self._member(component, member)
        if found is not None:
            found.admitted = False

    def call(self, call: Call) -> None:
        """Start a job; a running one of the same name goes on."""
        component = self._components[call.component]
        running = component.jobs.get(call.job)
        if running is not None and self.clock.now() < running[1]:
            return
        component.jobs[call.job] = (call, self.clock.now() + component.behaviour.call)
        self._change_upgrade(call, component)
        switch_cdn(call, component)
        if call.call == "forget-node":
            component.registry.pop(call.argument, None)

    def hold(self, component: str, *, held: bool) -> None:
        """Show the maintenance page, or take it away."""
        if component in self._components:
            self._components[component].held = held

    def begin(self, component: str, job: str, *, work: Work) -> None:
        """Begin a work; a running one of the same name goes on."""
        found = self._components[component]
        running = found.jobs.get(job)
        if running is None or self.clock.now() >= running[1]:
            found.jobs[job] = (work, self.clock.now() + found.behaviour.call)
            found.broken_off.discard(job)
            # One place is kept for what a restore puts aside, and whatever lies there bars the next one.
            bars = isinstance(work, PrepareRestore) and found.kept_aside
            (found.barred.add if bars else found.barred.discard)(job)
            if work.kind not in found.behaviour.failing_works:
                put_in_force(work, found)
                self._change_logins(work)

    def _change_logins(self, work: Work) -> None:
        """Who may log in to the database; whoever is logged in as a role that ends loses it."""
        if isinstance(work, EnableLogin):
            self._ended_logins.pop(work.role, None)
        if isinstance(work, DisableLogin):
            self._ended_logins[work.role] = self.clock.now()

    def end(self, component: str, job: str) -> None:
        """Break a work off; one that does not run stays as it is."""
        found = self._components[component]
        work, ends = found.jobs.get(job, (None, 0.0))
        if isinstance(work, Work) and self.clock.now() < ends:
            found.jobs[job] = (work, self.clock.now())
            found.broken_off.add(job)

    def establish(self, desired: ComponentDesired, member: str) -> None:
        """Make an empty database server."""
        self.servers(desired).establish(member)

    def bootstrap(self, desired: ComponentDesired, member: str) -> None:
        """Make the roles that Telamon itself logs in as."""
        self.servers(desired).bootstrap(member)

    def fence(self, desired: ComponentDesired, member: str) -> None:
        """End a database server for certain."""
        found = self._of(desired).members.get(member)
        if found is not None:
            found.life, found.fault, found.ends = Life.ABSENT, None, None

    def promote(self, desired: ComponentDesired, member: str) -> None:
        """Let a standby take writes."""
        self.servers(desired).promote(member)

    def follow(self, desired: ComponentDesired, member: str, *, primary: str) -> None:
        """Make a server that does not run a standby."""
        component, servers = self._of(desired), self.servers(desired)
        if servers.lives(member):
            raise PlatformError(f"{member} still runs")
        job, ends = f"follow/{member}", self.clock.now() + component.behaviour.call
        component.server_jobs[job] = ServerJob(ends, partial(servers.follow, member, primary))

    def synchronise(self, desired: ComponentDesired, member: str, *, standby: str, term: int) -> None:
        """Let commits wait for a standby, or for none."""
        component, servers = self._of(desired), self.servers(desired)
        servers.synchronise(member, standby=standby, term=term)
        if standby:
            job = f"synchronise/{standby}"
            component.server_jobs[job] = ServerJob(self.clock.now(), lambda: True)

    def servers(self, desired: ComponentDesired) -> Servers:
        """The data of a database's servers: what clients write to, and what is lost with them."""
        component = self._of(desired)
        if component.servers is None:
            component.servers = Servers(
                self.clock.now,
                answers=partial(self._answers, component),
                lives=partial(self._lives, component),
            )
        return component.servers

    def _show_servers(self, desired: ComponentDesired, component: SimulatedComponent) -> None:
        """A server with data is seen also where nothing of it runs."""
        servers = self.servers(desired)
        for wanted in desired.members:
            if wanted.name not in component.members and servers.part(wanted.name) is not None:
                gone = SimulatedMember(wanted.ordinal, wanted.revision, wanted.release, 0.0, life=Life.ABSENT)
                component.members[wanted.name] = gone

    def _lives(self, component: SimulatedComponent, member: str) -> bool:
        found = component.members.get(member)
        if found is None:
            return False
        ends = found.ends if found.life is Life.ENDING else None
        return found.life is Life.ALIVE or (ends is not None and self.clock.now() < ends)

    def _server_job(self, name: str, job: ServerJob) -> JobState:
        if self.clock.now() < job.ends:
            return JobState(name, JobPhase.RUNNING)
        if job.state is None:
            phase = JobPhase.SUCCEEDED if job.end() else JobPhase.FAILED
            job.state = JobState(name, phase, ended=self.clock.now(), result="done")
        return job.state

    def _answers(self, component: SimulatedComponent, member: str) -> bool:
        found = component.members.get(member)
        if found is None or found.life is not Life.ALIVE or found.fault is Fault.HANG:
            return False
        return self.clock.now() - found.started >= component.behaviour.start

    # ------------------------------------------------------------------------------------------------------ the eyes

    def observe(self, desired: ComponentDesired) -> ComponentState:
        """The picture at this instant."""
        component, now = self._of(desired), self.clock.now()
        jobs = {
            name: self._job(name, asked, ends=ends, component=component)
            for name, (asked, ends) in component.jobs.items()
        }
        if desired.kind is ComponentKind.DATABASE:
            self._show_servers(desired, component)
            jobs |= {name: self._server_job(name, job) for name, job in component.server_jobs.items()}
        members = []
        for name, member in component.members.items():
            if member.life is Life.ENDING and member.ends is not None and now >= member.ends:
                member.life, member.fault = Life.ABSENT, None
            self._end_dead_release(member, component)
            members.append(self._state(name, member, component))
        self._beat(component)
        return ComponentState(
            desired.name,
            desired.kind,
            now,
            members=tuple(sorted(members, key=lambda found: found.ordinal)),
            objects=component.objects,
            database_ready=component.database if desired.database else None,
            jobs=jobs,
            registered={
                node: now - beat < component.behaviour.pulse for node, beat in component.registry.items()
            },
            held=component.held,
            upgrade=self._upgrade(desired, component),
            copies=component.copies(now) if desired.keeps_copies else None,
        )

    def leftovers(self) -> tuple[str, ...]:
        """Whatever was observed was desired: there are none."""
        return ()

    # ---------------------------------------------------------------------------------------------------- the faults

    def strike(self, component: str, member: str, *, fault: Fault) -> bool:
        """Let something happen to a living member. Returns whether there was one."""
        found = self._member(component, member)
        if found is None or found.life is not Life.ALIVE:
            return False
        found.since = self.clock.now()
        if fault is Fault.CRASH:
            found.life = Life.EXITED
        else:
            found.fault = fault
        return True

    def soothe(self, component: str, member: str, *, fault: Fault) -> None:
        """Let something that lasts be over; a member that suffers from something else goes on to."""
        found = self._member(component, member)
        if found is not None and found.fault is fault:
            found.fault, found.since = None, self.clock.now()

    def doom(self, member: str, *, doomed: bool) -> None:
        """Let a member end as soon as it was started, each time, or no more."""
        (self._doomed.add if doomed else self._doomed.discard)(member)

    def alive(self) -> tuple[tuple[str, str], ...]:
        """Every member that lives, after its component."""
        return tuple(
            (component, name)
            for component, found in self._components.items()
            for name, member in found.members.items()
            if member.life is Life.ALIVE
        )

    def behave(self, component: str, behaviour: Behaviour) -> None:
        """Let a component behave otherwise from now on."""
        self._components[component].behaviour = behaviour

    def living(self, component: str) -> tuple[SimulatedMember, ...]:
        """The members of a component that live, as they really are."""
        members = self._components[component].members.values()
        return tuple(member for member in members if member.life is Life.ALIVE)

    def may_log_in(self, role: str) -> bool:
        """Whether a role was not ended."""
        return role not in self._ended_logins

    def upgrade_mode(self, component: str) -> str | None:
        """The release at which upgrade mode was switched on; ``None`` while it is off."""
        return self._components[component].original

    def cdn(self, component: str) -> bool:
        """Whether static files of a component come from a content delivery network."""
        return self._components[component].cdn

    def use_cdn(self, component: str) -> None:
        """Have them come from one, as an administrator does at the product's own page."""
        self._components[component].cdn = True

    # -------------------------------------------------------------------------------------------------------- inside

    def _of(self, desired: ComponentDesired) -> SimulatedComponent:
        if desired.name not in self._components:
            behaviour = self.behaviours.get(desired.name, Behaviour())
            self._components[desired.name] = SimulatedComponent(
                behaviour, desired.kind, desired.rotates, desired.account
            )
        return self._components[desired.name]

    def _beat(self, component: SimulatedComponent) -> None:
        """Have every node that takes part leave a sign of life in the registry."""
        for name, member in component.members.items():
            age = self.clock.now() - member.started
            joined = self._joined(member, component.behaviour, age - component.behaviour.start)
            if component.behaviour.clustered and member.life is Life.ALIVE and joined:
                component.registry[name] = self.clock.now()

    def _member(self, component: str, member: str) -> SimulatedMember | None:
        found = self._components.get(component)
        return None if found is None else found.members.get(member)

    def _job(self, name: str, asked: Call | Work, *, ends: float, component: SimulatedComponent) -> JobState:
        if self.clock.now() < ends:
            return JobState(name, JobPhase.RUNNING)
        if name in component.broken_off:
            return JobState(name, JobPhase.FAILED, ended=ends, result=INTERRUPTED, detail="it was cut off")
        if name in component.barred:
            return JobState(name, JobPhase.FAILED, ended=ends, detail="earlier data are still kept aside")
        if isinstance(asked, Work) and asked.kind in component.behaviour.failing_works:
            return JobState(name, JobPhase.FAILED, ended=ends, detail=f"{asked.kind} failed")
        result = self._done(asked, component) if isinstance(asked, Call) else "done"
        return JobState(name, JobPhase.SUCCEEDED, ended=ends, result=result)

    def _done(self, call: Call, component: SimulatedComponent) -> str:
        """What a call that has run its time came to; its effect is there from its begin."""
        if call.call == "set-up":
            component.is_set_up = True
            return "complete"
        if call.call in component.behaviour.wrong_calls:
            return "wrong"
        if call.call == "smoke":
            asked = component.members.get(call.member)
            sick = asked is None or asked.release in component.behaviour.sick_releases
            return "wrong" if sick else "done"
        return "on" if call.call == "cdn-look" and component.cdn else "done"

    def _change_upgrade(self, call: Call, component: SimulatedComponent) -> None:
        releases = {member.release for member in component.members.values() if member.life is Life.ALIVE}
        match call.call:
            case "upgrade-start" if component.original is None and len(releases) == 1:
                component.original = next(iter(releases))
            case "upgrade-cancel" if releases == {component.original}:
                component.original = None
            case "upgrade-approve" | "upgrade-retryUpgrade" if releases != {component.original}:
                if component.tasks_failed < component.behaviour.stuck_tasks:
                    component.tasks_failed += 1
                elif len(releases) == 1:
                    component.original, component.tasks_failed = None, 0
                    component.data_release = max(releases)
            case _:
                return

    def _upgrade(self, desired: ComponentDesired, component: SimulatedComponent) -> UpgradePhase | None:
        tells = desired.tries_tasks_again or (desired.upgrade is not None and desired.upgrade.mode)
        if component.original is None:
            return UpgradePhase.STABLE if tells else None
        if component.tasks_failed:
            return UpgradePhase.UPGRADE_TASKS_FAILED
        releases = {member.release for member in component.members.values() if member.life is Life.ALIVE}
        if releases == {component.original}:
            return UpgradePhase.READY_TO_UPGRADE
        return UpgradePhase.READY_TO_RUN_UPGRADE_TASKS if len(releases) == 1 else UpgradePhase.MIXED

    def _state(self, name: str, member: SimulatedMember, component: SimulatedComponent) -> MemberState:
        behaviour = component.behaviour
        runs = member.life not in {Life.ABSENT, Life.EXITED}
        part = component.servers.part(name) if component.servers is not None else None
        admitted = member.admitted or (not component.rotates and member.life is Life.ALIVE)
        if component.servers is not None:
            admitted = part is not None and bool(part.writer)
        # Registry and index are asked in the name of the service account: before there is one, nobody answers.
        asked = runs and self._may_ask(component)
        running = self.clock.now() - member.started - behaviour.start if asked else -1.0
        phase, since = self._phase(member, component) if runs else (Phase.UNREACHABLE, 0.0)
        left = member.since if member.fault is Fault.LEAVE_CLUSTER else member.started
        return MemberState(
            name,
            member.ordinal,
            life=member.life,
            revision=member.revision if runs else None,
            release=member.release,
            phase=phase,
            phase_since=since,
            started=member.started if runs else None,
            joined=self._joined(member, behaviour, running) if behaviour.clustered else None,
            joined_since=left if runs else 0.0,
            index=self._index(member, behaviour, running) if behaviour.indexed else None,
            indexed=behaviour.indexed,
            clustered=behaviour.clustered,
            database_lost_since=self._lost_since(member) if runs else None,
            admitted=admitted,
            exit="signal 9" if member.life is Life.EXITED else None,
            replication=part,
            load=self.loads.get(name) if member.admitted else None,
        )

    def _lost_since(self, member: SimulatedMember) -> float | None:
        """Since when a member cannot reach its database."""
        if member.fault is Fault.LOSE_DATABASE:
            return member.since
        ended = self._ended_logins.get(member.login)
        return None if ended is None else max(ended, member.started)

    def _end_dead_release(self, member: SimulatedMember, component: SimulatedComponent) -> None:
        """A node that cannot run with its release or its data ends while it starts."""
        behaviour = component.behaviour
        refuses = behaviour.refuses_restored and component.restored
        newer_data = member.release < component.data_release
        dead = member.release in behaviour.dead_releases or member.login in behaviour.dead_logins
        dies = refuses or newer_data or dead
        if dies and member.life is Life.ALIVE and self.clock.now() - member.started >= behaviour.start / 2:
            member.life = Life.EXITED

    def _may_ask(self, component: SimulatedComponent) -> bool:
        made = component.jobs.get("service-account")
        return not component.account or (made is not None and self.clock.now() >= made[1])

    def _phase(self, member: SimulatedMember, component: SimulatedComponent) -> tuple[Phase, float]:
        behaviour, now = component.behaviour, self.clock.now()
        if member.fault is Fault.HANG:
            return Phase.UNREACHABLE, member.since
        if member.fault is Fault.ERROR:
            return Phase.ERROR, member.since
        if now - member.started < behaviour.start:
            return Phase.STARTING, member.started
        waits = behaviour.set_up and not component.is_set_up
        return (Phase.FIRST_RUN if waits else Phase.RUNNING), member.started + behaviour.start

    def _joined(self, member: SimulatedMember, behaviour: Behaviour, running: float) -> bool | None:
        if running < 0:
            return None
        return running >= behaviour.join and member.fault is not Fault.LEAVE_CLUSTER

    def _index(self, member: SimulatedMember, behaviour: Behaviour, running: float) -> IndexState | None:
        if running < 0:
            return None
        if member.fault is Fault.BREAK_INDEX:
            return IndexState(readable=False, behind=None)
        return IndexState(readable=True, behind=0 if running >= behaviour.catch_up else 100)
