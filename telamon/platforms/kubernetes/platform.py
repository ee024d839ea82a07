"""A cluster behind :class:`telamon.ports.Platform`: members are pods, objects are manifests, traffic is a label.

What a cluster does not perform is refused by :class:`telamon.platforms.kubernetes.refused.Refused`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Final

from telamon.desired.component import ComponentDesired
from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.errors import DeniedError, PlatformError, TelamonError, TemporaryError
from telamon.naming import LABEL_SERVING, LABEL_STACK
from telamon.plan.step import Call
from telamon.plan.work import Work
from telamon.plan.works.backup import ON_DATA, SwitchBack, SwitchData
from telamon.plan.works.cdn import InvalidateDistribution
from telamon.plan.works.evidence import GatherEvidence
from telamon.plan.works.index import ClearIndex, TidyIndex
from telamon.plan.works.rotation import DisableLogin, EnableLogin, RenewClusterSecret
from telamon.platforms.calls.looks import Known
from telamon.platforms.kubernetes.api import ENDPOINT_SLICE, Api, Kind
from telamon.platforms.kubernetes.eyes import Eyes, Said
from telamon.platforms.kubernetes.gathering import Gatherings
from telamon.platforms.kubernetes.hindrances import Hindrances
from telamon.platforms.kubernetes.invalidating import Invalidations
from telamon.platforms.kubernetes.looking import Look, Looks
from telamon.platforms.kubernetes.members import member_of_pod
from telamon.platforms.kubernetes.objects import Manifests
from telamon.platforms.kubernetes.pods import (
    is_gated,
    life,
    ordinal,
    revision,
    serves,
)
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.platforms.kubernetes.refused import Refused, why_not
from telamon.platforms.kubernetes.remains import Remains
from telamon.platforms.kubernetes.renewing import Renewals
from telamon.platforms.kubernetes.routing import Routes
from telamon.platforms.kubernetes.spaces import Spaces
from telamon.platforms.kubernetes.speech import Speech
from telamon.platforms.kubernetes.works import Works
from telamon.ports import Clock, StaticNetwork
from telamon.state.phase import Phase
from telamon.state.world import ComponentState, Copies, JobPhase, JobState, Life, MemberState, UpgradePhase

DRAINED_WITHIN: Final = 15.0
"""Seconds in which the endpoints of a service follow a label; on a cluster that is well it is a few milliseconds."""
LOOKS_AGAIN: Final = 0.05
CONTROLLER_REVISION: Final = Kind("apps/v1", "ControllerRevision")
MADE_AGAIN: Final = 5.0
"""Seconds until it is worth looking again whether a pod is made that could not be."""
NOT_MADE_YET: Final = 0.5
"""Seconds that a StatefulSet may take to make a pod."""


class KubernetesPlatform(Refused):
    """One stack on a cluster.

    Args:
        api: the API server.
        stack: name of the stack.
        clock: injected time.
        records: what must be remembered of calls to products.
        network: gives what delivers static files in a region.
        parts: what is kept.
        image: of the jobs that take backups; "" where nobody has said which.
    """

    def __init__(
        self,
        api: Api,
        stack: str,
        clock: Clock,
        *,
        records: KubernetesRecords,
        network: Callable[[str], StaticNetwork],
        parts: Sequence[KubernetesComponent] = (),
        image: str = "",
    ) -> None:
        self._api = api
        self._stack = stack
        self._clock = clock
        self._parts = {part.desired.name: part for part in parts}
        self._manifests = Manifests(api, stack)
        self._eyes = Eyes(clock)
        self._speech = Speech(api, records, clock)
        self._works = Works(api, image=image)
        self._renewals = Renewals(api, self._works, clock)
        self._records = records
        self._gatherings = Gatherings(api, records, clock)
        self._invalidations = Invalidations(records, clock, network)
        self._routes = Routes(self._manifests, clock)
        self._looks = Looks(self._manifests, self._routes, clock)
        self._spaces = Spaces(api, stack, clock)
        self._remains = Remains(api, stack, self._spaces, clock)
        self._hindrances = Hindrances(api, clock)

    def install(self, parts: Sequence[KubernetesComponent]) -> None:
        """Keep these from now on.

        Of one that is not among them any more no member is desired, and it stays known, so that it can be taken away.
        """
        left = {
            name: replace(part, desired=replace(part.desired, members=()))
            for name, part in self._parts.items()
        }
        self._parts = {**left, **{part.desired.name: part for part in parts}}
        self._looks.forget()

    def judge(self, parts: Sequence[KubernetesComponent]) -> None:
        """Say nothing where what is there can become what is asked for; nothing is changed.

        Raises:
            RefusedError: a volume would have to shrink, or to be on other disks.
        """
        for part in parts:
            self._manifests.judge(part)

    @property
    def parts(self) -> tuple[KubernetesComponent, ...]:
        """Everything that is kept, and what is only to be ended."""
        return tuple(self._parts.values())

    def watched(self, is_whole: Callable[[str], bool]) -> None:
        """Say that somebody watches pods and StatefulSets, and calls :meth:`changed`.

        Args:
            is_whole: tells of a namespace whether nothing that happens there is missed.
        """
        self._looks.watched(is_whole)

    def changed(self, component: str) -> None:
        """Say that something of a component has changed: the next look at it asks the API server."""
        self._looks.forget(component)

    def close(self) -> None:
        """Let go. Every pod goes on."""
        self._eyes.close()
        self._speech.close()
        self._invalidations.close()
        self._gatherings.close()
        self._api.close()

    # --------------------------------------------------------------------------------------------------------- objects

    def apply(self, desired: ComponentDesired) -> None:
        """Apply the component's manifests."""
        self._manifests.apply(self._acting(desired.name))

    def withdraw(self, component: str) -> None:
        """Delete the component's manifests; volumes stay, and what goes with its namespace is left to that."""
        if component not in self._parts:
            self._remains.withdraw(component)
            return
        part = self._acting(component)
        try:
            self._manifests.withdraw(part)
        except TelamonError as error:
            if not self._spaces.counts_as_gone(part.part.namespace, error):
                raise

    def make(self, desired: ComponentDesired) -> None:
        """Apply the job that makes the component's role and database."""
        for item in self._acting(desired.name).preparing:
            self._manifests.bring(item)

    # --------------------------------------------------------------------------------------------------------- members

    def start(self, desired: ComponentDesired, member: str) -> None:
        """Let a pod run. One that runs, or that the kubelet is about to start again, is left alone."""
        part = self._acting(desired.name)
        wanted = desired.member(member)
        if wanted is None:
            raise PlatformError(f"{member} is not a member of {desired.name}")
        pods = self._manifests.pods(part)
        pod = _named(pods, member)
        if pod is None:
            made_by = self._manifests.find(part.stateful_set)
            why = self._hindrances.of_set(made_by, member) if made_by is not None else ""
            if why:
                raise TemporaryError(f"the pod {member} cannot be made: {why}", delay=MADE_AGAIN)
            raise TemporaryError(f"the pod {member} is not made yet", delay=NOT_MADE_YET)
        if is_gated(pod):
            if self._works.is_busy(part, member):
                raise TemporaryError(f"a job works on the volume of {member}", delay=NOT_MADE_YET)
            if revision(pod) != wanted.revision:
                # It was made of another template, and has never run.
                self._manifests.make_pods_of(part, wanted.release)
                self._api.delete(pod)
                raise TemporaryError(f"the pod {member} is made anew", delay=NOT_MADE_YET)
            # Out of rotation until it is fit: a node that starts must not serve before its index is whole.
            labels = {LABEL_SERVING: None} if part.part.outline.rotates else {}
            self._api.change(pod, {"metadata": {"labels": labels}, "spec": {"schedulingGates": []}})
        others = [each for each in pods if each is not pod]
        if len(pods) >= len(desired.members) and not any(is_gated(each) for each in others):
            self._manifests.let_come(part)

    def stop(self, component: str, member: str, *, grace: float) -> None:
        """Delete a pod, and keep the one that takes its place from running."""
        if component not in self._parts:
            self._remains.end(component)
            return
        part = self._acting(component)
        pod = _named(self._manifests.pods(part), member)
        if pod is None or life(pod) is Life.ABSENT:
            return
        self._manifests.hold_down(part)
        if life(pod) is not Life.ENDING or grace < _left(pod):
            self._api.delete(pod, grace=grace)

    def remove(self, component: str, member: str) -> None:
        """Let go of a stopped pod beyond what is desired; one that is desired is only a pod that is not started."""
        if component not in self._parts:
            self._remains.end(component)
            return
        part = self._acting(component)
        pods = self._manifests.pods(part)
        pod = _named(pods, member)
        if pod is None:
            return
        if not is_gated(pod):
            raise PlatformError(f"{member} runs", remedy=f"Stop {member} first.")
        if ordinal(pod) >= len(part.desired.members):
            self._manifests.shrink(part, pods)

    def call(self, call: Call) -> None:
        """Start a product flow against a pod as a job."""
        part = self._part(call.component)
        self._speech.call(part, self._running(call.component, call.member), call=call)

    def begin(self, component: str, job: str, *, work: Work) -> None:
        """Begin long work: as a job of the cluster, or as a chore of the operator itself.

        What nobody does there has failed at once, so that whoever asked for it goes on.

        Raises:
            TemporaryError: the member whose volume it works on is not down yet.
        """
        part = self._acting(component)
        if isinstance(work, ClearIndex):
            self._keep_down(part, work.member)
            self._works.clear_index(part, work.member, job=job)
        elif isinstance(work, InvalidateDistribution):
            self._invalidations.begin(component, job, region=part.region, work=work)
        elif isinstance(work, ON_DATA):
            self._save(part, work, job=job)
        elif isinstance(work, EnableLogin | DisableLogin | RenewClusterSecret):
            ended = self._renewals.begin(part, work, job=job)
            if ended is not None:
                self._speech.keep(component, ended)
        elif isinstance(work, GatherEvidence):
            self._gatherings.begin(part, work.member, job=job)
        elif isinstance(work, TidyIndex):
            self._works.forget(part, job)
            self._speech.keep(component, _ended(self._clock, job, JobPhase.SUCCEEDED, result="done"))
        else:
            self._speech.keep(component, _ended(self._clock, job, JobPhase.FAILED, detail=why_not(work)))

    def end(self, component: str, job: str) -> None:
        """Ask long work to end early: a backup does, all else takes a moment and comes to its own end."""
        self._works.end(self._acting(component), job)

    # --------------------------------------------------------------------------------------------------------- traffic

    def admit(self, component: str, member: str) -> None:
        """Put the label of serving pods on a pod."""
        pod = self._running(component, member)
        if not serves(pod):
            self._api.change(pod, {"metadata": {"labels": {LABEL_SERVING: "true"}}})

    def drain(self, component: str, member: str) -> None:
        """Take the label of serving pods off a pod, and return when no endpoint leads there.

        Raises:
            TemporaryError: the cluster still sends requests there after a few seconds.
        """
        part = self._acting(component)
        pod = _named(self._manifests.pods(part), member)
        if pod is None:
            return
        if LABEL_SERVING in pod["metadata"].get("labels", {}):
            pod = self._api.change(pod, {"metadata": {"labels": {LABEL_SERVING: None}}})
        ends = self._clock.now() + DRAINED_WITHIN
        while self._leads_to(part, str(pod["metadata"]["uid"])):
            if self._clock.now() > ends:
                raise TemporaryError(f"the endpoints of {component} still list {member}", delay=NOT_MADE_YET)
            self._clock.sleep(LOOKS_AGAIN)

    def hold(self, component: str, *, held: bool) -> None:
        """Have the gateway answer every user with the maintenance page, or let them in; return when it does.

        Raises:
            PlatformError: this front door shows no page, or the gateway refuses the route.
            TemporaryError: the gateway has not taken it yet.
        """
        self._routes.switch(self._acting(component), held=held)

    # -------------------------------------------------------------------------------------------------------- the eyes

    def observe(self, desired: ComponentDesired) -> ComponentState:
        """Look at one component now.

        Of one that is to be ended nothing is left where its namespace goes, or is gone.

        Raises:
            PlatformError: its namespace is being deleted, though it is desired, or a right is missing there.
        """
        if desired.name not in self._parts and not desired.members:
            return self._remains.observe(desired)
        at = self._clock.now()
        try:
            return self._observe(desired)
        except DeniedError as error:
            namespace = self._part(desired.name).part.namespace
            if not desired.members and self._spaces.counts_as_gone(namespace, error):
                return ComponentState(desired.name, desired.kind, at)
            raise self._spaces.told(namespace, error) from error

    def _observe(self, desired: ComponentDesired) -> ComponentState:
        # Taken before looking: what the picture says is at least as new as this.
        at = self._clock.now()
        part = self._part(desired.name)
        found = self._looks.look(part)
        said = self._asked(part, found)
        phases = {name: each.phase for name, each in said.items()}
        if not self._looks.holds(part, found, phases=phases):
            # Something is otherwise than when this was seen: what is decided now rests on a fresh look.
            self._looks.forget(desired.name)
            found = self._looks.look(part)
            said = self._asked(part, found)
            self._looks.holds(part, found, phases={name: each.phase for name, each in said.items()})
        pods = found.pods
        alive = [pod for pod in pods if life(pod) is Life.ALIVE]
        known = self._known(part, alive, said=said)
        surplus = len(desired.members)
        members = [
            member_of_pod(
                part,
                pod,
                said=said,
                known=known,
                at=at,
                found=found,
                hindered=self._hindrances.of_pod(pod, at),
            )
            for pod in pods
            if life(pod) is not Life.ABSENT or ordinal(pod) >= surplus
        ]
        return ComponentState(
            desired.name,
            desired.kind,
            at,
            members=tuple(members),
            objects=found.objects,
            held=found.held,
            database_ready=self._database_ready(part, members) if desired.database else None,
            # What is only to be ended needs no record, and a damaged one must not keep it running.
            jobs=self._jobs(part) if desired.members else {},
            registered=self._speech.registered(desired.name),
            upgrade=self._upgrading(part, alive, said=said),
            copies=self._copies(part, said),
        )

    def images(self, namespace: str) -> frozenset[str]:
        """The images of every release that pods of the stack in a namespace have been made of, as far as is known.

        Source: Kubernetes, "StatefulSets" (a ControllerRevision holds the template of each update).

        Args:
            namespace: of a product.
        """
        try:
            found = self._api.list(
                CONTROLLER_REVISION, namespace=namespace, labels={LABEL_STACK: self._stack}
            )
        except DeniedError:
            if self._spaces.is_going(namespace):
                return frozenset()
            raise
        specs = [item["data"]["spec"]["template"]["spec"] for item in found]
        return frozenset(str(container["image"]) for spec in specs for container in spec["containers"])

    def leftovers(self) -> tuple[str, ...]:
        """Components of which a StatefulSet is there, in a namespace of the stack, though nobody asks for it."""
        return tuple(sorted(self._remains.components() - set(self._parts)))

    @property
    def spaces(self) -> Spaces:
        """The namespaces of the stack, as they are."""
        return self._spaces

    # ---------------------------------------------------------------------------------------------------------- inside

    def _asked(self, part: KubernetesComponent, found: Look) -> Mapping[str, Said]:
        return self._eyes.look(part.part, [pod for pod in found.pods if life(pod) is Life.ALIVE])

    def _known(
        self, part: KubernetesComponent, alive: Sequence[Object], *, said: Mapping[str, Said]
    ) -> Mapping[str, Known]:
        return self._speech.look(part, alive, said=said)

    def _upgrading(
        self, part: KubernetesComponent, alive: Sequence[Object], *, said: Mapping[str, Said]
    ) -> UpgradePhase | None:
        return self._speech.upgrade(part, alive, said=said)

    def _copies(self, part: KubernetesComponent, said: Mapping[str, Said]) -> Copies | None:
        return self._speech.copies(part, said)

    def _acting(self, component: str) -> KubernetesComponent:
        """The component that something is done to now; what was seen of it before is forgotten."""
        part = self._part(component)
        self._looks.forget(component)
        return part

    def _part(self, component: str) -> KubernetesComponent:
        part = self._parts.get(component)
        if part is None:
            raise PlatformError(f"{component} is not a component of this stack")
        return part

    def _jobs(self, part: KubernetesComponent) -> Mapping[str, JobState]:
        name, works = part.desired.name, self._works.jobs(part)
        listing = self._works.listing(part)
        if listing and listing != self._records.backups(name):
            # The pod that has told it goes away a day later.
            self._records.list_backups(name, listing)
        own = {**self._gatherings.jobs(name), **self._invalidations.jobs(name)}
        return {**self._speech.jobs(name), **works, **own}

    def _save(self, part: KubernetesComponent, work: Work, *, job: str) -> None:
        """Begin to work on backups; where that is not possible it has failed at once, and says why."""
        why = self._works.cannot_save(part)
        if why:
            self._speech.keep(part.desired.name, _ended(self._clock, job, JobPhase.FAILED, detail=why))
            return
        if isinstance(work, SwitchData | SwitchBack):
            for member in part.desired.members:
                self._keep_down(part, member.name)
        self._works.save(part, work, job=job)

    def _keep_down(self, part: KubernetesComponent, member: str) -> None:
        """See that a member is down, and that nothing but us starts it; one that ends again and again is stopped."""
        pod = _named(self._manifests.pods(part), member)
        if pod is not None and is_gated(pod):
            return
        if pod is not None and life(pod) is Life.EXITED:
            self.stop(part.desired.name, member, grace=1.0)
        raise TemporaryError(f"the pod {member} is not down yet", delay=NOT_MADE_YET)

    def _running(self, component: str, member: str) -> Object:
        pod = _named(self._manifests.pods(self._acting(component)), member)
        if pod is None or life(pod) is Life.ABSENT:
            raise PlatformError(f"{member} does not run", remedy=f"Start {member} first.")
        return pod

    def _leads_to(self, part: KubernetesComponent, uid: str) -> bool:
        """Whether the service that carries traffic lists a pod as one to send requests to."""
        labels = {"kubernetes.io/service-name": part.part.name}
        slices = self._api.list(ENDPOINT_SLICE, namespace=part.part.namespace, labels=labels)
        return any(
            endpoint.get("targetRef", {}).get("uid") == uid
            for each in slices
            for endpoint in each.get("endpoints") or ()
        )

    def _database_ready(self, part: KubernetesComponent, members: Sequence[MemberState]) -> bool:
        """Whether the job that makes the database is done; a member that answers has its database.

        The job goes away a day after its end, so it cannot be asked for ever.
        """
        if any(member.phase is not Phase.UNREACHABLE for member in members):
            return True
        jobs = [self._manifests.find(item) for item in part.preparing if item["kind"] == "Job"]
        return all(job is not None and bool(job.get("status", {}).get("succeeded")) for job in jobs)


def _named(pods: Sequence[Object], member: str) -> Object | None:
    return next((pod for pod in pods if pod["metadata"]["name"] == member), None)


def _ended(clock: Clock, job: str, phase: JobPhase, *, result: str = "", detail: str = "") -> JobState:
    return JobState(job, phase, ended=clock.now(), result=result, detail=detail)


def _left(pod: Object) -> float:
    """Seconds of grace that an ending pod was given."""
    return float(pod["metadata"].get("deletionGracePeriodSeconds") or 0)
