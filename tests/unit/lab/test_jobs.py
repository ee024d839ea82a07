"""Calls to products: one at a time, remembered before they act, never lost with the controller."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from telamon.desired.calls import WorkloadProbe
from telamon.desired.lab.data import LabComponent
from telamon.errors import PlatformError, SetupRequired, TemporaryError
from telamon.plan.step import Call
from telamon.platforms.calls.credentials import Credentials
from telamon.platforms.calls.jobs import Jobs, Target
from telamon.platforms.lab.records import FileJobRecords
from telamon.platforms.lab.secrets import FileSecrets
from telamon.platforms.memory.clock import ManualClock
from telamon.platforms.rest import Password, Token
from telamon.products.base import AccountInputs, Flow, Identity, Note, SetupInputs, SetupOutcome
from telamon.state.world import JobPhase, JobState
from tests.unit.lab.nodes import Little, Pages, component, node

VALUES = {
    "license": "AAAB",
    "admin": "admin",
    "admin-password": "a",
    "email": "admin@example.com",
    "name": "Administrator",
    "account": "telamon",
    "account-password": "b",
}


@dataclass
class Desk:
    """Jobs, what they keep, and the node they speak to."""

    jobs: Jobs
    records: FileJobRecords
    secrets: FileSecrets
    credentials: Credentials
    part: LabComponent
    pages: Pages
    clock: ManualClock

    def target(self, product: Little | None = None) -> Target:
        probe = self.part.processes[0].probe
        assert isinstance(probe, WorkloadProbe)
        return Target(self.part, product or Little(), probe, "little-0")

    def call(self, name: str, product: Little | None = None) -> JobState:
        """Make a call and wait for its end."""
        self.jobs.call(self.target(product), Call("little", "little-0", name, "asked"))
        return self.ended(name)

    def ended(self, name: str) -> JobState:
        end = time.monotonic() + 60
        while time.monotonic() < end:
            job = self.records.jobs("little")[name]
            if job.phase is not JobPhase.RUNNING:
                return job
        raise AssertionError(f"{name} never ended")


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    pages: Pages = {}
    with node(pages) as endpoint:
        secrets = FileSecrets(tmp_path / "secrets")
        secrets.put("little", VALUES)
        records = FileJobRecords(tmp_path / "jobs")
        credentials, clock = Credentials(secrets, records), ManualClock()
        jobs = Jobs(records, credentials, clock)
        yield Desk(jobs, records, secrets, credentials, component(endpoint), pages, clock)
        jobs.close()


@pytest.mark.parametrize("verdict", ["complete", "waiting", "unknown-form", "rejected"])
def test_verdict_of_a_set_up_is_the_jobs_result(desk: Desk, verdict: str) -> None:
    desk.pages["/setup"] = lambda _: {"verdict": verdict}
    job = desk.call("set-up")
    assert (job.phase, job.result, job.ended) == (JobPhase.SUCCEEDED, verdict, desk.clock.now())
    assert job.url == f"http://{desk.part.processes[0].address}/setup"


def test_note_is_kept_before_the_request_and_told_to_the_next_pass(desk: Desk) -> None:
    kept: list[tuple[tuple[float, str], ...]] = []

    def page(_: object) -> object:
        kept.append(desk.records.notes("little"))
        return {"verdict": "waiting"}

    desk.pages["/setup"] = page
    assert desk.call("set-up").detail == "0 in doubt"
    assert [text for _, text in kept[0]] == ["posted:license"]
    assert desk.call("set-up").detail == "1 in doubt"


def test_account_is_made_as_administrator_and_its_token_kept(desk: Desk) -> None:
    seen: list[str] = []

    def page(headers: object) -> object:
        assert isinstance(headers, dict)
        seen.append(headers["Authorization"])
        return {"token": "t0ken"}

    desk.pages["/account"] = page
    assert desk.credentials.for_work(desk.part) is None
    assert desk.call("service-account").result == "done"
    assert seen == ["Basic " + base64.b64encode(b"admin:a").decode()]
    assert desk.credentials.for_work(desk.part) == {Identity.SERVICE_ACCOUNT: Token("t0ken")}


def test_account_without_a_token_logs_in_by_password(desk: Desk) -> None:
    assert desk.call("service-account").result == "done"
    assert desk.credentials.for_work(desk.part) == {Identity.SERVICE_ACCOUNT: Password("telamon", "b")}


@pytest.mark.parametrize(("done", "result"), [(True, "done"), (False, "waiting")])
def test_preparation_says_whether_it_is_done(desk: Desk, *, done: bool, result: str) -> None:
    desk.secrets.put("little", {"token": "t"})
    desk.pages["/snapshot"] = lambda _: {"done": done}
    assert desk.call("prepare-join").result == result


class Failing(Little):
    """A product whose set-up breaks off."""

    def __init__(self, error: Exception) -> None:
        self._error = error

    def set_up(self, inputs: SetupInputs) -> Flow[SetupOutcome]:
        """Break off."""
        yield Note("posted:license")
        raise self._error


@pytest.mark.parametrize(
    ("error", "detail"),
    [
        (TemporaryError("busy", delay=5.0), "busy"),
        (ZeroDivisionError("a defect"), "ZeroDivisionError: a defect"),
    ],
)
def test_failure_ends_the_job_and_says_why(desk: Desk, error: Exception, detail: str) -> None:
    job = desk.call("set-up", Failing(error))
    assert (job.phase, job.detail) == (JobPhase.FAILED, detail)


def test_page_for_a_person_is_a_result(desk: Desk) -> None:
    job = desk.call("set-up", Failing(SetupRequired("a new page", url="/setup/odd", form="odd")))
    assert (job.phase, job.result) == (JobPhase.SUCCEEDED, "unknown-form")
    assert job.url.endswith("/setup/odd")


def test_running_job_is_not_started_twice(desk: Desk) -> None:
    asked, go_on = [], threading.Event()

    def page(_: object) -> object:
        asked.append(1)
        go_on.wait(10)
        return {"verdict": "waiting"}

    desk.pages["/setup"] = page
    call = Call("little", "little-0", "set-up", "asked")
    for _ in range(3):
        desk.jobs.call(desk.target(), call)
    assert desk.records.jobs("little")["set-up"].phase is JobPhase.RUNNING
    go_on.set()
    desk.ended("set-up")
    assert len(asked) == 1


def test_unknown_call_is_refused_and_leaves_no_trace(desk: Desk) -> None:
    with pytest.raises(PlatformError, match="dance"):
        desk.jobs.call(desk.target(), Call("little", "little-0", "dance", "asked"))
    assert desk.records.jobs("little") == {}


def test_end_of_the_controller_gives_up_at_the_next_request(desk: Desk) -> None:
    desk.jobs.close()
    job = desk.call("set-up")
    assert job.phase is JobPhase.FAILED
    assert "given up" in job.detail


def test_a_renewed_token_takes_the_place_of_the_old_one(desk: Desk) -> None:
    class Renewing(Little):
        def renew_token(self, account: AccountInputs) -> Flow[str | None]:
            yield Note("login-accepted")
            return f"new-{account.refused_logins}"

    old = Token("old")
    desk.credentials.keep_token(desk.part, "old")
    desk.credentials.refused(desk.part, old, at=1.0)
    assert desk.credentials.for_work(desk.part) is None
    ended = desk.call("renew-token", Renewing())
    assert (ended.phase, ended.result) == (JobPhase.SUCCEEDED, "done")
    assert desk.credentials.for_work(desk.part) == {Identity.SERVICE_ACCOUNT: Token("new-0")}


def test_a_failed_call_tells_its_remedy(desk: Desk) -> None:
    class Failing(Little):
        def renew_token(self, account: AccountInputs) -> Flow[str | None]:
            yield Note("login-refused:service-account")
            raise TemporaryError(
                "the log-in was refused", delay=1.0, remedy="Put the new one into the secret."
            )

    ended = desk.call("renew-token", Failing())
    assert ended.detail == "the log-in was refused. Put the new one into the secret."
    desk.call("renew-token", Failing())
    assert notes_of(desk) == 2


def notes_of(desk: Desk) -> int:
    return len(desk.records.notes("little"))
