"""The operator has a distribution forget what it keeps: once, whoever dies meanwhile, and never for ever."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from telamon.errors import DeniedError, MachineError, TelamonError, TemporaryError
from telamon.plan.works.cdn import InvalidateDistribution
from telamon.platforms.kubernetes.invalidating import WITHIN, Invalidations
from telamon.state.world import JobPhase, JobState
from tests.support.approval import SetClock
from tests.support.hosting import eventually

WORK = InvalidateDistribution("E2TRACKER", reference="upgrade-tracker-1")
JOB = "upgrade-tracker-1/invalidate-distribution"


@dataclass
class Network:
    """Knows invalidations by reference, as CloudFront does."""

    looks: int = 0
    troubles: list[TelamonError] = field(default_factory=list)
    begun: dict[str, str] = field(default_factory=dict)
    regions: list[str] = field(default_factory=list)

    def forget(self, distribution: str, *, reference: str) -> str:
        if self.troubles:
            raise self.troubles.pop(0)
        return self.begun.setdefault(reference, f"I{len(self.begun) + 1}")

    def forgotten(self, distribution: str, invalidation: str) -> bool:
        self.looks -= 1
        return self.looks < 0

    def of(self, region: str) -> Network:
        self.regions.append(region)
        return self


@dataclass
class Records:
    """How jobs ended."""

    kept: dict[str, JobState] = field(default_factory=dict)
    full: bool = False

    def jobs(self, component: str) -> Mapping[str, JobState]:
        return dict(self.kept)

    def put(self, component: str, job: JobState) -> None:
        if self.full:
            raise MachineError("no room is left")
        self.kept[job.name] = job

    def notes(self, component: str) -> tuple[tuple[float, str], ...]:
        return ()

    def note(self, component: str, at: float, *, text: str) -> None:
        raise AssertionError("an invalidation is no call to a product")


def ended(invalidations: Invalidations, records: Records) -> JobState:
    """How the invalidation ended, as a look at the component tells it."""

    def seen() -> JobState:
        return {**records.jobs("tracker"), **invalidations.jobs("tracker")}[JOB]

    eventually(lambda: seen().phase is not JobPhase.RUNNING, "the end of an invalidation")
    return seen()


def invalidated(network: Network, records: Records, clock: SetClock) -> JobState:
    """Begin it, and wait for its end."""
    made = Invalidations(records, clock, network.of)
    made.begin("tracker", JOB, region="eu-central-1", work=WORK)
    return ended(made, records)


def test_it_is_done_once_every_edge_has_forgotten() -> None:
    network, records, clock = Network(looks=3), Records(), SetClock()
    began = clock.now()
    found = invalidated(network, records, clock)
    assert (found.phase, found.result) == (JobPhase.SUCCEEDED, "done")
    assert network.begun == {"upgrade-tracker-1": "I1"}
    assert network.regions == ["eu-central-1"]
    assert clock.now() - began == 15.0, "it was looked at again every five seconds"
    assert records.kept[JOB] == found


def test_who_comes_after_an_operator_that_died_begins_nothing_new() -> None:
    network, clock = Network(), SetClock()
    died = Records(full=True)
    invalidated(network, died, clock)
    assert died.kept == {}, "what is not over was written down nowhere"
    assert invalidated(network, Records(), clock).phase is JobPhase.SUCCEEDED
    assert network.begun == {"upgrade-tracker-1": "I1"}


def test_an_end_that_cannot_be_kept_is_known_all_the_same() -> None:
    assert invalidated(Network(), Records(full=True), SetClock()).phase is JobPhase.SUCCEEDED


def test_patience_is_given_where_it_is_asked_for() -> None:
    network = Network(troubles=[TemporaryError("AWS asks to be called less often", delay=1.0)] * 3)
    assert invalidated(network, Records(), SetClock()).phase is JobPhase.SUCCEEDED


def test_what_is_refused_is_told_with_its_remedy() -> None:
    refused = DeniedError("AWS does not let this role do it", remedy="Apply the layer edge.")
    found = invalidated(Network(troubles=[refused]), Records(), SetClock())
    assert found.phase is JobPhase.FAILED
    assert found.detail == "AWS does not let this role do it. Apply the layer edge."


def test_nobody_waits_for_ever() -> None:
    network, clock = Network(looks=100_000), SetClock()
    began = clock.now()
    found = invalidated(network, Records(), clock)
    assert found.phase is JobPhase.FAILED
    assert "I1 is still under way after 20 min" in found.detail
    assert WITHIN < clock.now() - began < WITHIN + 60
