"""Product flows as jobs: one thread each, with a record that outlives the controller.

A job that the controller did not live to end counts as failed; it may be called again, and the flow's notes keep it
from repeating what may have happened.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

from telamon.desired.calls import SetupDesired, WorkloadProbe
from telamon.errors import PlatformError, SetupRequired, TelamonError, brief
from telamon.plan.cloning import QUIETEN
from telamon.plan.step import Call
from telamon.platforms.calls.credentials import Credentials
from telamon.platforms.calls.parts import JobRecords, Spoken
from telamon.platforms.rest import Credential, perform
from telamon.ports import Clock
from telamon.products import notes
from telamon.products.base import AccountInputs, Flow, Identity, Product, SetupInputs, SetupVerdict
from telamon.products.release import Act
from telamon.state.world import JobPhase, JobState

LOG = logging.getLogger("telamon.calls")

T = TypeVar("T")

DONE = "done"
UNDER_WAY = "waiting"
WRONG = "wrong"
ON = "on"
UPGRADE = "upgrade-"
"""Begin of the calls that lead a cluster through a rolling upgrade."""
ENDS_WITHIN = 2.0
"""Seconds to leave running jobs when the controller ends; a request under way is not cut off."""


@dataclass(frozen=True)
class Target:
    """The member that a call goes to.

    Attributes:
        part: its component.
        product: of that component.
        probe: how it is reached.
        member: its name.
    """

    part: Spoken
    product: Product
    probe: WorkloadProbe
    member: str

    @property
    def component(self) -> str:
        """Name of its component."""
        return self.part.desired.name

    def url(self, place: str) -> str:
        """Where a person would go on: the node itself, because the front door does not lead to it yet."""
        if not place.startswith("/"):
            return place
        return f"http://{self.probe.endpoint}{self.probe.front.context_path}{place}"


class Jobs:
    """Runs calls.

    Args:
        records: kept over restarts.
        credentials: log-ins.
        clock: injected time.
    """

    def __init__(self, records: JobRecords, credentials: Credentials, clock: Clock) -> None:
        self._records = records
        self._credentials = credentials
        self._clock = clock
        self._lock = threading.Lock()
        self._running: dict[tuple[str, str], threading.Thread] = {}
        self._closing = threading.Event()

    def call(self, target: Target, call: Call) -> None:
        """Start a job, unless one of its name runs.

        Raises:
            PlatformError: there is no such call.
            MachineError: the record cannot be written.
        """
        runner = self._runner(target, call)
        key = (target.component, call.job)
        with self._lock:
            thread = self._running.get(key)
            if thread is not None and thread.is_alive():
                return
            self._records.put(target.component, JobState(call.job, JobPhase.RUNNING))
            thread = threading.Thread(
                target=self._run, args=(target, call.job, runner), name=f"job-{call.job}", daemon=True
            )
            self._running[key] = thread
            thread.start()

    def close(self) -> None:
        """Give up what runs, at its next request."""
        self._closing.set()
        with self._lock:
            threads = list(self._running.values())
        for thread in threads:
            thread.join(ENDS_WITHIN)

    def _run(self, target: Target, job: str, /, runner: Callable[[], JobState]) -> None:
        try:
            ended = runner()
        except SetupRequired as error:
            result = SetupVerdict.UNKNOWN_FORM.value
            ended = JobState(
                job, JobPhase.SUCCEEDED, result=result, detail=str(error), url=target.url(error.url)
            )
        except TelamonError as error:
            words = f"{error}. {error.remedy}" if error.remedy else str(error)
            ended = JobState(job, JobPhase.FAILED, detail=words)
        except Exception as error:
            LOG.exception("%s on %s met a defect", job, target.member)
            ended = JobState(job, JobPhase.FAILED, detail=f"{type(error).__name__}: {brief(error)}")
        try:
            self._records.put(target.component, replace(ended, ended=self._clock.now()))
        except TelamonError as error:
            LOG.error("the end of %s on %s is not kept: %s", job, target.member, error)  # noqa: TRY400

    def _runner(self, target: Target, call: Call) -> Callable[[], JobState]:
        flows: Mapping[str, Callable[[Target, Call], JobState]] = {
            "set-up": self._set_up,
            "service-account": self._service_account,
            "renew-token": self._renew_token,
            QUIETEN: self._quieten,
            "prepare-join": self._prepare_join,
            "share-index": self._share_index,
            "index-settled": self._settle_index,
            "rebuild-index": self._rebuild_index,
            "await-index": self._await_index,
            "forget-node": self._forget_node,
            "smoke": self._smoke,
            "cdn-look": self._look_at_cdn,
            "cdn-off": partial(self._switch_cdn, on=False),
            "cdn-on": partial(self._switch_cdn, on=True),
            **{f"{UPGRADE}{act}": partial(self._change_upgrade, act=act) for act in Act},
        }
        if call.call not in flows:
            raise PlatformError(f"{call.component} knows no call {call.call}")
        return partial(flows[call.call], target, call)

    # ---------------------------------------------------------------------------------------------------------- flows

    def _set_up(self, target: Target, call: Call) -> JobState:
        wanted = _wanted(target)
        value = self._credentials.value
        kept = self._records.notes(call.component)
        now, patience = self._clock.now(), target.product.setup_patience
        inputs = SetupInputs(
            title=wanted.title,
            base_url=wanted.base_url,
            license=value(wanted.license),
            admin_username=value(wanted.admin_username),
            admin_password=value(wanted.admin_password),
            admin_email=value(wanted.admin_email),
            admin_name=value(wanted.admin_name),
            posted=notes.standing(kept, now=now, patience=patience, since=call.since),
        )
        outcome = self._perform(target, target.product.set_up(inputs), credentials={})
        return JobState(
            call.job,
            JobPhase.SUCCEEDED,
            result=outcome.verdict.value,
            detail=outcome.detail or outcome.step,
            url=target.url(outcome.url),
        )

    def _service_account(self, target: Target, call: Call) -> JobState:
        flow = target.product.make_service_account(self._account(target, call))
        token = self._perform(target, flow, credentials=self._credentials.for_account(target.part))
        if token is not None:
            self._credentials.keep_token(target.part, token)
        return JobState(call.job, JobPhase.SUCCEEDED, result=DONE)

    def _renew_token(self, target: Target, call: Call) -> JobState:
        flow = target.product.renew_token(self._account(target, call))
        token = self._perform(target, flow, credentials=self._credentials.for_renewal(target.part))
        self._credentials.renewed(target.part, token, at=self._clock.now())
        return JobState(call.job, JobPhase.SUCCEEDED, result=DONE)

    def _account(self, target: Target, call: Call) -> AccountInputs:
        wanted = _wanted(target)
        return AccountInputs(
            username=self._credentials.value(wanted.account_username),
            password=self._credentials.value(wanted.account_password),
            email=self._credentials.value(wanted.account_email),
            name="Telamon",
            refused_logins=notes.refused_logins(self._records.notes(call.component), since=call.since),
        )

    def _quieten(self, target: Target, call: Call) -> JobState:
        self._perform(target, target.product.quieten(target.part.banner), credentials=self._work(target))
        return JobState(call.job, JobPhase.SUCCEEDED, result=DONE)

    def _prepare_join(self, target: Target, call: Call) -> JobState:
        done = self._perform(target, target.product.prepare_join(), credentials=self._work(target))
        return JobState(call.job, JobPhase.SUCCEEDED, result=DONE if done else UNDER_WAY)

    def _share_index(self, target: Target, call: Call) -> JobState:
        done = self._perform(target, target.product.share_index(), credentials=self._work(target))
        return JobState(call.job, JobPhase.SUCCEEDED, result=DONE if done else UNDER_WAY)

    def _settle_index(self, target: Target, call: Call) -> JobState:
        done = self._perform(target, target.product.index_settled(), credentials=self._work(target))
        return JobState(call.job, JobPhase.SUCCEEDED, result=DONE if done else UNDER_WAY)

    def _rebuild_index(self, target: Target, call: Call) -> JobState:
        self._perform(target, target.product.rebuild_index(), credentials=self._work(target))
        return JobState(call.job, JobPhase.SUCCEEDED, result=DONE)

    def _await_index(self, target: Target, call: Call) -> JobState:
        found = self._perform(target, target.product.index_rebuilt(), credentials=self._work(target))
        if found.fault:
            return JobState(call.job, JobPhase.SUCCEEDED, result=WRONG, detail=found.fault)
        result = DONE if found.finished else UNDER_WAY
        return JobState(call.job, JobPhase.SUCCEEDED, result=result, detail=found.words)

    def _forget_node(self, target: Target, call: Call) -> JobState:
        self._perform(target, target.product.forget_node(call.argument), credentials=self._work(target))
        return JobState(call.job, JobPhase.SUCCEEDED, result=DONE)

    def _change_upgrade(self, target: Target, call: Call, *, act: Act) -> JobState:
        self._perform(target, target.product.change_upgrade(act), credentials=self._work(target))
        return JobState(call.job, JobPhase.SUCCEEDED, result=DONE)

    def _smoke(self, target: Target, call: Call) -> JobState:
        wrong = self._perform(target, target.product.smoke(), credentials=self._work(target))
        return JobState(call.job, JobPhase.SUCCEEDED, result=WRONG if wrong else DONE, detail=wrong)

    def _look_at_cdn(self, target: Target, call: Call) -> JobState:
        used = self._perform(target, target.product.cdn_in_use(), credentials=self._work(target))
        return JobState(call.job, JobPhase.SUCCEEDED, result=ON if used else DONE)

    def _switch_cdn(self, target: Target, call: Call, *, on: bool) -> JobState:
        self._perform(target, target.product.switch_cdn(on=on), credentials=self._work(target))
        return JobState(call.job, JobPhase.SUCCEEDED, result=DONE)

    def _work(self, target: Target) -> Mapping[Identity, Credential]:
        return self._credentials.for_work(target.part) or {}

    def _perform(self, target: Target, flow: Flow[T], *, credentials: Mapping[Identity, Credential]) -> T:
        return perform(
            flow,
            endpoint=target.probe.endpoint,
            front=target.probe.front,
            credentials=credentials,
            on_note=lambda text: self._records.note(target.component, self._clock.now(), text=text),
            cancelled=self._closing.is_set,
        )


def _wanted(target: Target) -> SetupDesired:
    if target.part.set_up is None:
        raise PlatformError(f"{target.component} has no set-up")
    return target.part.set_up
