"""Long work on the data of a component, as jobs of the cluster: each outlives the operator that began it.

What a job came to is read from the job itself, by the name of its work. What has ended stays as it was, so that only
jobs that ran when they were seen last are looked at again.

Source: Kubernetes, "Jobs" (conditions ``Complete`` and ``Failed``, which stand once every pod has ended).
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from telamon.desired.kubernetes.clearing import clearing, work_labels
from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.errors import ConflictError
from telamon.naming import ANNOTATION_WORK, LABEL_MEMBER
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.state.world import JobPhase, JobState

JOB: Final = Kind("batch/v1", "Job")
DONE: Final = "done"


class Works:
    """The jobs of one stack.

    Args:
        api: the API server.
    """

    def __init__(self, api: Api) -> None:
        self._api = api
        self._lock = threading.Lock()
        self._known: dict[str, Mapping[str, JobState]] = {}

    def clear_index(self, part: KubernetesComponent, member: str, *, job: str) -> None:
        """Begin to take the index of a member away that is down; one that was begun is left alone.

        Args:
            part: its component.
            member: whose index.
            job: name of the work.
        """
        with self._lock:
            # Whether it arrived or not: the next look sees what is there.
            self._known.pop(part.desired.name, None)
        with contextlib.suppress(ConflictError):
            self._api.create(clearing(part, member, job=job))

    def jobs(self, part: KubernetesComponent) -> Mapping[str, JobState]:
        """Every work on a component, by name.

        Args:
            part: the component.
        """
        if part.desired.index is None:
            return {}
        name = part.desired.name
        with self._lock:
            known = self._known.get(name)
            if known is None or any(job.phase is JobPhase.RUNNING for job in known.values()):
                known = self._known[name] = {job.name: job for job in map(_read, self._listed(part))}
            return known

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

    def _listed(self, part: KubernetesComponent) -> tuple[Object, ...]:
        found = self._api.list(JOB, namespace=part.part.namespace, labels=work_labels(part))
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
