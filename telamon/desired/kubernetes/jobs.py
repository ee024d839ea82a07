"""What the jobs that work on the data of a product have in common: their names, their labels, and how their pods run.

Such a pod runs where the product's nodes may run, as the user that they run as, without a token. Once it has ended, the
job stays for a day.

Source: Kubernetes, "Jobs" (``backoffLimit``, ``podReplacementPolicy``, ``ttlSecondsAfterFinished``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Meta, Object, digest, made, without_nothing
from telamon.naming import (
    ANNOTATION_PART_OF,
    ANNOTATION_WORK,
    LABEL_COMPONENT,
    LABEL_MANAGED_BY,
    LABEL_STACK,
    LABEL_WORKED_ON,
    MANAGER,
)

WORKER: Final = MANAGER
"""Component label of jobs and their pods: no component can be called so, so none of them is taken for a node."""
_KEPT: Final = 86_400
"""Seconds for which an ended job stays, for whoever wants to read its log."""
_AS_NODES: Final = ("imagePullSecrets", "nodeSelector", "tolerations", "priorityClassName")


def job_name(part: KubernetesComponent, job: str) -> str:
    """Name of the object that does a work.

    Args:
        part: the component that it is done for.
        job: name by which the planner knows the work.
    """
    return f"{part.desired.name}-work-{digest([job])[:10]}"


def work_labels(part: KubernetesComponent) -> dict[str, str]:
    """What every job for a component carries."""
    stack = str(part.stateful_set["metadata"]["labels"][LABEL_STACK])
    return {
        LABEL_MANAGED_BY: MANAGER,
        LABEL_STACK: stack,
        LABEL_COMPONENT: WORKER,
        LABEL_WORKED_ON: part.desired.name,
    }


def work_job(
    part: KubernetesComponent,
    job: str,
    *,
    labels: Mapping[str, str],
    template: Mapping[str, Any],
    spec: Mapping[str, Any],
    part_of: str = "",
) -> Object:
    """The object of a job.

    Args:
        part: the component that the work is done for.
        job: name by which the planner knows it.
        labels: of the job.
        template: of its pods.
        spec: how often it is tried, and for how long.
        part_of: the work that it does one part of; "" where it does all of it.
    """
    notes = {ANNOTATION_WORK: job} | ({ANNOTATION_PART_OF: part_of} if part_of else {})
    meta = Meta(job_name(part, job), part.part.namespace, labels, notes)
    # Two of its pods must never be at work on the same data, so one that goes is awaited.
    common = {"ttlSecondsAfterFinished": _KEPT, "podReplacementPolicy": "Failed"}
    return made("batch/v1", "Job", meta=meta, spec={**spec, **common, "template": template})


def work_pod(
    part: KubernetesComponent, container: Mapping[str, Any], *, volumes: Sequence[Mapping[str, Any]]
) -> dict[str, Any]:
    """How the pod of a job runs.

    Args:
        part: the component that the work is done for.
        container: that does it.
        volumes: that it mounts.
    """
    nodes = part.stateful_set["spec"]["template"]["spec"]
    return {
        **without_nothing(**{field: nodes.get(field) for field in _AS_NODES}),
        "serviceAccountName": nodes["serviceAccountName"],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": nodes["securityContext"],
        "containers": [container],
        "volumes": list(volumes),
    }
