"""What a job of a cluster says of the work that it does."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from telamon.desired.kubernetes.components import components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.saving import LARGEST
from telamon.errors import ConflictError
from telamon.plan.works.backup import PrepareRestore, SwitchData
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.works import JOB, Works
from telamon.state.listing import Listing
from telamon.state.world import JobPhase
from tests.support.manifests import rendered, small

COMPLETE = {"type": "Complete", "status": "True", "lastTransitionTime": "1970-01-01T00:00:10Z"}
FAILED = {
    "type": "Failed",
    "status": "True",
    "lastTransitionTime": "1970-01-01T00:00:20Z",
    "message": "Job has reached the specified backoff limit",
}
ENDING = {"type": "FailureTarget", "status": "True", "lastTransitionTime": "1970-01-01T00:00:19Z"}


class Cluster(Api):
    """An API server on which there are these jobs; it counts how often it is asked."""

    def __init__(self, *jobs: Object) -> None:
        self.jobs = jobs
        self.asked = 0

    def list(self, kind: Kind, *, namespace: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        self.asked += 1
        return self.jobs


class Empty(Cluster):
    """One on which jobs are made, in order; those that are there already are not made again."""

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        return next((item for item in self.jobs if item["metadata"]["name"] == name), None)

    def create(self, item: Object) -> Object:
        if self.get(JOB, str(item["metadata"]["name"])) is not None:
            raise ConflictError("it is there")
        made = {**item, "metadata": {**item["metadata"], "uid": f"uid-{len(self.jobs)}"}}
        self.jobs = (*self.jobs, made)
        return item

    def delete(self, item: Object, *, grace: float | None = None, alone: bool = False) -> None:
        self.jobs = tuple(each for each in self.jobs if each is not item)

    def end(self, name: str, *conditions: Mapping[str, Any]) -> None:
        """Let the job of a work end."""
        ended = {"status": {"conditions": list(conditions)}}
        self.jobs = tuple(
            {**item, **ended} if item["metadata"]["annotations"]["telamon.dev/work"] == name else item
            for item in self.jobs
        )


class Recorded(Cluster):
    """One that notes what is changed, and of whose pods it was asked."""

    def __init__(self, *jobs: Object, pods: tuple[Object, ...] = ()) -> None:
        super().__init__(*jobs)
        self.pods = pods
        self.changed: list[tuple[str, Any]] = []

    def list(self, kind: Kind, *, namespace: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        return self.pods if kind.kind == "Pod" else super().list(kind, namespace=namespace, labels=labels)

    def change(self, item: Object, changes: Mapping[str, Any], *, part: str = "") -> Object:
        self.changed.append((str(item["metadata"]["annotations"]["telamon.dev/work"]), changes))
        return item


def pod(made: str, *said: str) -> Object:
    """A pod of a job that has ended, with what it said last."""
    states = [{"state": {"terminated": {"exitCode": 1, "message": text}}} for text in said]
    return {"metadata": {"creationTimestamp": made}, "status": {"containerStatuses": states}}


def job(
    name: str,
    *conditions: Mapping[str, Any],
    member: str = "jira-1",
    component: str = "telamon",
    part_of: str = "",
) -> Object:
    """A job for a work of that name, or for one part of another."""
    metadata = {
        "name": "jira-work-1",
        "namespace": "acme-jira",
        "uid": f"uid-of-{name}",
        "labels": {"telamon.dev/member": member},
        "annotations": {"telamon.dev/work": name} | ({"telamon.dev/part-of": part_of} if part_of else {}),
    }
    template = {"metadata": {"labels": {"telamon.dev/component": component}}}
    status = {"conditions": list(conditions)}
    return {"metadata": metadata, "spec": {"template": template}, "status": status}


@pytest.fixture(scope="module")
def part() -> Any:
    """A component whose nodes keep an index."""
    known = small()
    return components(known, rendered(known))[0]


def test_a_job_has_ended_once_every_pod_of_it_has(part: Any) -> None:
    nameless = {"metadata": {"name": "other", "namespace": "acme-jira", "labels": {}}}
    works = Works(Cluster(job("a", COMPLETE), job("b", FAILED), job("c", ENDING), job("d"), nameless))
    found = works.jobs(part)
    assert {name: each.phase for name, each in found.items()} == {
        "a": JobPhase.SUCCEEDED,
        "b": JobPhase.FAILED,
        "c": JobPhase.RUNNING,
        "d": JobPhase.RUNNING,
    }
    assert (found["a"].ended, found["b"].ended, found["c"].ended) == (10.0, 20.0, None)
    assert "logs job/jira-work-1" in found["b"].detail


def test_a_stack_file_that_no_job_can_be_told_of_is_refused_and_says_where_and_how_much() -> None:
    known = small(more="  backup: {destination: {kind: claim, claim: backups}}")
    part = components(known, rendered(known))[0]
    assert part.saving is not None
    works = Works(Cluster(), image="telamon")
    assert works.cannot_save(part) == ""
    long = {**part.saving.stack_file, "spec": {"why": "w" * LARGEST}}
    refused = works.cannot_save(replace(part, saving=replace(part.saving, stack_file=long)))
    assert refused.startswith("spec takes 1024 KiB")
    assert "at most 1024 fit" in refused


def test_only_what_goes_on_is_looked_at_again(part: Any) -> None:
    cluster = Cluster(job("a"))
    works = Works(cluster)
    works.jobs(part)
    cluster.jobs = (job("a", COMPLETE),)
    assert works.jobs(part)["a"].phase is JobPhase.SUCCEEDED
    for _ in range(3):
        works.jobs(part)
    assert cluster.asked == 2


def test_a_member_is_busy_while_a_job_works_on_its_own_volume(part: Any) -> None:
    works = Works(Cluster(job("a", member="jira-0"), job("b", COMPLETE, member="jira-1")))
    assert works.is_busy(part, "jira-0")
    assert not works.is_busy(part, "jira-1")


def test_one_that_failed_tells_what_its_last_pod_said(part: Any) -> None:
    pods = (
        pod("2026-01-02T00:00:00Z", "storing: 1 of 2 MiB\nthe password does not fit\n"),
        pod("2026-01-01T00:00:00Z", "the database server refused"),
        pod("2026-01-03T00:00:00Z", ""),
    )
    found = Works(Recorded(job("b", FAILED), pods=pods)).jobs(part)["b"]
    assert found.detail.startswith("the password does not fit (")
    assert "logs job/jira-work-1" in found.detail


def test_only_a_backup_is_asked_to_end_early(part: Any) -> None:
    cluster = Recorded(
        job("clear"), job("save", component="backup"), job("done", COMPLETE, component="backup")
    )
    works = Works(cluster)
    for name in ("clear", "save", "done", "unknown"):
        works.end(part, name)
    assert cluster.changed == [("save", {"spec": {"activeDeadlineSeconds": 1}})]


def test_no_backup_is_taken_where_nobody_has_said_whereto_or_by_which_image(part: Any) -> None:
    assert "spec.backup.destination" in Works(Cluster()).cannot_save(part)
    saved = small(more="  backup: {destination: {kind: claim, claim: backups}}")
    saving = components(saved, rendered(saved))[0]
    assert "image" in Works(Cluster()).cannot_save(saving)
    assert Works(Cluster(), image="registry.acme.example/telamon:1").cannot_save(saving) == ""


@pytest.fixture(scope="module")
def saved() -> Any:
    """A component of two nodes that keep an index, whose backups have a place."""
    known = small(
        running="    jira: {version: 11.3.1, nodes: 2}",
        more="  backup: {destination: {kind: claim, claim: backups}}",
    )
    return components(known, rendered(known))[0]


def test_data_have_changed_places_when_every_index_is_away_too(saved: Any) -> None:
    cluster = Empty()
    works = Works(cluster, image="telamon:1")
    for _ in range(2):
        works.save(saved, SwitchData(), job="back/switch-data")
    # What the work is known by comes last: where it is, all the others are.
    names = [item["metadata"]["annotations"]["telamon.dev/work"] for item in cluster.jobs]
    assert names == ["back/switch-data/jira-0", "back/switch-data/jira-1", "back/switch-data"]
    cluster.end("back/switch-data", COMPLETE)
    cluster.end("back/switch-data/jira-0", COMPLETE)
    assert Works(cluster).jobs(saved)["back/switch-data"].phase is JobPhase.RUNNING
    assert works.is_busy(saved, "jira-1")
    cluster.end("back/switch-data/jira-1", {**COMPLETE, "lastTransitionTime": "1970-01-01T00:00:30Z"})
    found = Works(cluster).jobs(saved)
    assert list(found) == ["back/switch-data"]
    assert (found["back/switch-data"].phase, found["back/switch-data"].ended) == (JobPhase.SUCCEEDED, 30.0)


def test_one_index_that_stays_is_a_failure_of_the_whole(saved: Any) -> None:
    cluster = Empty()
    works = Works(cluster, image="telamon:1")
    works.save(saved, SwitchData(), job="back/switch-data")
    cluster.end("back/switch-data/jira-0", FAILED)
    cluster.end("back/switch-data/jira-1", COMPLETE)
    # Nobody turns back while the data are on the move.
    assert Works(cluster).jobs(saved)["back/switch-data"].phase is JobPhase.RUNNING
    cluster.end("back/switch-data", COMPLETE)
    failed = Works(cluster).jobs(saved)["back/switch-data"]
    assert (failed.name, failed.phase) == ("back/switch-data", JobPhase.FAILED)

    # Begun again, only what failed is done again.
    works.save(saved, SwitchData(), job="back/switch-data")
    assert works.jobs(saved)["back/switch-data"].phase is JobPhase.RUNNING
    cluster.end("back/switch-data/jira-0", COMPLETE)
    assert works.jobs(saved)["back/switch-data"].phase is JobPhase.SUCCEEDED


def test_an_index_whose_work_was_never_begun_whole_is_begun_again(saved: Any) -> None:
    alone = job("back/switch-data/jira-0", COMPLETE, part_of="back/switch-data")
    assert Works(Cluster(alone)).jobs(saved) == {}


def test_what_has_failed_is_done_again_when_it_is_begun_again(saved: Any) -> None:
    cluster = Empty()
    works = Works(cluster, image="telamon:1")
    works.save(saved, PrepareRestore("one"), job="back/prepare-restore")
    cluster.end("back/prepare-restore", FAILED)
    works.save(saved, PrepareRestore("one"), job="back/prepare-restore")
    assert works.jobs(saved)["back/prepare-restore"].phase is JobPhase.RUNNING
    cluster.end("back/prepare-restore", COMPLETE)
    works.save(saved, PrepareRestore("one"), job="back/prepare-restore")
    assert works.jobs(saved)["back/prepare-restore"].phase is JobPhase.SUCCEEDED


def test_the_list_of_backups_is_what_the_last_job_has_told(part: Any) -> None:
    told = Listing((), ("jira-1",)).told()
    later = {**COMPLETE, "lastTransitionTime": "1970-01-01T00:00:30Z"}
    pods = (pod("2026-01-01T00:00:00Z", told),)
    cluster = Recorded(job("a", COMPLETE, component="backup"), pods=pods)
    works = Works(cluster)
    assert works.listing(part) == ""
    works.jobs(part)
    assert works.listing(part) == told
    # A job that has nothing to tell, because it is of another version, leaves what is known unknown.
    cluster.pods = (pod("2026-01-02T00:00:00Z", "done"),)
    cluster.jobs = (*cluster.jobs, job("b", later, component="backup"))
    again = Works(cluster)
    again.jobs(part)
    assert again.listing(part) == ""
