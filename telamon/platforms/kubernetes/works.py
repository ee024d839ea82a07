"""Long work on the data of a component, as jobs of the cluster: each outlives the operator that began it.

What a job came to is read from the job itself, by the name of its work. What has ended stays as it was, so that only
jobs that ran when they were seen last are looked at again. Where data change places, one job does so, and another for
each node takes its index away; they are one work, and its end is the end of all of them.

Sources: Kubernetes, "Jobs" (conditions ``Complete`` and ``Failed``, which stand once every pod has ended; the label
``batch.kubernetes.io/job-name``), "Determine the Reason for Pod Failure".
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from telamon.desired.kubernetes.clearing import clearing
from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.jobs import work_labels
from telamon.desired.kubernetes.saving import saving_job, too_large
from telamon.errors import ConflictError, TemporaryError
from telamon.naming import ANNOTATION_PART_OF, ANNOTATION_WORK, BACKUP, LABEL_COMPONENT, LABEL_MEMBER
from telamon.plan.work import Work
from telamon.plan.works.backup import PruneBackups, SwitchBack, SwitchData, TakeBackup, VerifyBackup
from telamon.platforms.kubernetes.api import POD, Api, Kind
from telamon.state.listing import read
from telamon.state.world import JobPhase, JobState

JOB: Final = Kind("batch/v1", "Job")
DONE: Final = "done"
JOB_NAME: Final = "batch.kubernetes.io/job-name"
LOOKS_AGAIN: Final = 0.5
"""Seconds in which a job that is taken away has gone."""
LONGEST_REASON: Final = 300
"""Characters of what a pod said last that are told; the rest is in its log."""


class Works:
    """The jobs of one stack.

    Args:
        api: the API server.
        image: of the jobs that take backups; "" where nobody has said which.
    """

    def __init__(self, api: Api, *, image: str = "") -> None:
        self._api = api
        self._image = image
        self._lock = threading.Lock()
        self._known: dict[str, Mapping[str, JobState]] = {}
        self._listings: dict[str, tuple[str, str]] = {}

    def clear_index(self, part: KubernetesComponent, member: str, *, job: str) -> None:
        """Begin to take the index of a member away that is down; one that was begun is left alone.

        Args:
            part: its component.
            member: whose index.
            job: name of the work.
        """
        self._begin(part, clearing(part, member, job=job))

    def cannot_save(self, part: KubernetesComponent) -> str:
        """Why no backup of a component can be taken; "" where one can.

        Args:
            part: the component.
        """
        if part.saving is None:
            return f"nobody has said where backups of {part.desired.name} go: name a claim in spec.backup.destination"
        if not self._image:
            return "this operator was not told of which image jobs are made: `telamon install` tells it"
        return too_large(part.saving)

    def save(self, part: KubernetesComponent, work: Work, *, job: str) -> None:
        """Begin to take a backup, to verify one or to put one back; one that was begun is left alone.

        Args:
            part: its component; where data change places every member of it is down.
            work: what is to be done.
            job: name of the work.
        """
        if isinstance(work, SwitchData | SwitchBack) and part.desired.index is not None:
            # An index that is newer than its rows finds what is no longer there. These come first: where the job that
            # the work is known by is there, all of them are.
            for member in part.desired.members:
                own = f"{job}/{member.name}"
                self._begin(part, clearing(part, member.name, job=own, part_of=job))
        writes = not isinstance(work, TakeBackup | VerifyBackup | PruneBackups)
        self._begin(part, saving_job(part, work.document(), job=job, image=self._image, writes=writes))

    def begin(self, part: KubernetesComponent, item: Object) -> None:
        """Begin a work; one that was begun is left alone.

        Args:
            part: its component.
            item: the job.
        """
        self._begin(part, item)

    def makes_room(self, item: Object) -> bool:
        """Whether there is no job of that name; one that has failed is taken away.

        Args:
            item: the job that is to be made.

        Raises:
            TemporaryError: one that has failed goes just now.
        """
        metadata = item["metadata"]
        live = self._api.get(JOB, str(metadata["name"]), namespace=str(metadata["namespace"]))
        if live is None:
            return True
        if _read(live).phase is JobPhase.FAILED:
            self._api.delete(live)
            raise TemporaryError(
                f"the job {metadata['name']} has failed, and is made anew", delay=LOOKS_AGAIN
            )
        return False

    def end(self, part: KubernetesComponent, job: str) -> None:
        """Ask a backup to end early: its pod is told to, and what it leaves behind is listed nowhere.

        Any other work takes a moment, and comes to its own end. What is ended stays as a job that has failed, so that
        nobody begins it again.

        Args:
            part: the component.
            job: name of the work.
        """
        for item in self._listed(part):
            found = _read(item)
            if _saves(item) and found.name == job and found.phase is JobPhase.RUNNING:
                self._api.change(item, {"spec": {"activeDeadlineSeconds": 1}})

    def jobs(self, part: KubernetesComponent) -> Mapping[str, JobState]:
        """Every work on a component, by name.

        Args:
            part: the component.
        """
        if part.desired.index is None and part.saving is None and part.logins is None:
            return {}
        name = part.desired.name
        with self._lock:
            known = self._known.get(name)
            if known is None or any(job.phase is JobPhase.RUNNING for job in known.values()):
                items = self._listed(part)
                self._note(name, items)
                known = self._known[name] = self._together(items)
            return known

    def listing(self, part: KubernetesComponent) -> str:
        """What the job on backups that ended last has told of what there is; "" where none has.

        Args:
            part: the component.
        """
        with self._lock:
            return self._listings.get(part.desired.name, ("", ""))[1]

    def is_busy(self, part: KubernetesComponent, member: str) -> bool:
        """Whether a job works on the volume of a member now.

        Args:
            part: its component.
            member: its name.
        """
        if part.desired.index is None:
            return False
        running = (item for item in self._listed(part) if _read(item).phase is JobPhase.RUNNING)
        return any(item["metadata"]["labels"].get(LABEL_MEMBER) == member for item in running)

    def forget(self, part: KubernetesComponent, job: str) -> None:
        """Let go of the jobs of an operation that have done their work; those that failed stay for whoever looks.

        Args:
            part: the component.
            job: name of any work of that operation.
        """
        operation = job.rpartition("/")[0]
        for item in self._listed(part):
            found = _read(item)
            if found.phase is JobPhase.SUCCEEDED and found.name.rpartition("/")[0] == operation:
                self._api.delete(item)

    def _note(self, name: str, items: Sequence[Object]) -> None:
        """Read what the last job on backups has left with its pod, once."""
        ended = [item for item in items if _saves(item) and _read(item).phase is JobPhase.SUCCEEDED]
        if not ended:
            return
        last = max(ended, key=lambda item: _read(item).ended or 0.0)
        uid = str(last["metadata"]["uid"])
        if self._listings.get(name, ("", ""))[0] != uid:
            said = [words for pod in self._pods(last) if read(words := _message(pod)) is not None]
            self._listings[name] = (uid, said[-1] if said else "")

    def _pods(self, item: Object) -> Sequence[Object]:
        metadata = item["metadata"]
        own = {JOB_NAME: str(metadata["name"])}
        return sorted(self._api.list(POD, namespace=str(metadata["namespace"]), labels=own), key=_made)

    def _together(self, items: Sequence[Object]) -> Mapping[str, JobState]:
        """How each work stands, by its name: with all that it is made of."""
        found: dict[str, JobState] = {}
        parts: dict[str, list[JobState]] = {}
        for item in items:
            told, whole = self._told(item), item["metadata"]["annotations"].get(ANNOTATION_PART_OF)
            if whole is None:
                found[told.name] = told
            else:
                parts.setdefault(str(whole), []).append(told)
        return {name: _whole(state, parts.get(name, ())) for name, state in found.items()}

    def _begin(self, part: KubernetesComponent, item: Object) -> None:
        with self._lock:
            # Whether it arrived or not: the next look sees what is there.
            self._known.pop(part.desired.name, None)
        with contextlib.suppress(ConflictError):
            self._api.create(item)
            return
        metadata = item["metadata"]
        found = self._api.get(JOB, str(metadata["name"]), namespace=str(metadata["namespace"]))
        if found is not None and _read(found).phase is JobPhase.FAILED:
            # Whoever begins it again means it. No pod of it is left: it has failed once every one of them has ended.
            self._api.delete(found)
            with contextlib.suppress(ConflictError):
                self._api.create(item)

    def _told(self, item: Object) -> JobState:
        """How a job stands; of one that failed also what its pod said last."""
        found = _read(item)
        if found.phase is not JobPhase.FAILED:
            return found
        said = [words for pod in self._pods(item) if (words := _last_words(pod))]
        return replace(found, detail=f"{said[-1]} ({found.detail})") if said else found

    def _listed(self, part: KubernetesComponent) -> tuple[Object, ...]:
        places = [part.part.namespace, *([part.logins.namespace] if part.logins is not None else [])]
        labels = work_labels(part)
        found = [item for place in places for item in self._api.list(JOB, namespace=place, labels=labels)]
        # Labels are anybody's to write; without a name it is none of ours.
        return tuple(item for item in found if ANNOTATION_WORK in (item["metadata"].get("annotations") or {}))


def _read(item: Object) -> JobState:
    metadata = item["metadata"]
    name = str(metadata["annotations"][ANNOTATION_WORK])
    for condition in item.get("status", {}).get("conditions") or ():
        if condition["status"] != "True" or condition["type"] not in {"Complete", "Failed"}:
            continue
        at = datetime.fromisoformat(str(condition["lastTransitionTime"])).timestamp()
        if condition["type"] == "Complete":
            return JobState(name, JobPhase.SUCCEEDED, ended=at, result=DONE)
        where = f"`kubectl --namespace {metadata['namespace']} logs job/{metadata['name']}` tells more"
        said = str(condition.get("message") or condition.get("reason") or "it failed")
        return JobState(name, JobPhase.FAILED, ended=at, detail=f"{said}; {where}")
    return JobState(name, JobPhase.RUNNING)


def _whole(state: JobState, parts: Sequence[JobState]) -> JobState:
    """How a work stands: it goes on while any part of it does, and has failed where any has."""
    for phase in (JobPhase.RUNNING, JobPhase.FAILED):
        other = next((each for each in (state, *parts) if each.phase is phase), None)
        if other is not None:
            return replace(other, name=state.name)
    return replace(state, ended=max(each.ended or 0.0 for each in (state, *parts)))


def _made(pod: Object) -> str:
    return str(pod["metadata"].get("creationTimestamp", ""))


def _saves(item: Object) -> bool:
    """Whether a job works on backups."""
    return bool(item["spec"]["template"]["metadata"]["labels"].get(LABEL_COMPONENT) == BACKUP)


def _last_words(pod: Object) -> str:
    """The last line that a pod wrote before it failed, where it was asked to leave that behind."""
    lines = _message(pod).splitlines()
    return lines[-1][:LONGEST_REASON] if lines else ""


def _message(pod: Object) -> str:
    """What a pod has left behind."""
    statuses = pod.get("status", {}).get("containerStatuses") or ()
    told = (each.get("state", {}).get("terminated", {}).get("message") for each in statuses)
    return next((str(text).strip() for text in told if text), "")
