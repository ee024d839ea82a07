"""The job that takes the index of a node away while the node is down, so that it recovers one when it starts.

It runs in the product's own image, as the product's own user, and sees nothing but the node's own home. Nothing has to
be pulled for it, and it is let reach nobody: no flow leads to its pod or from it, and it gets no token.

Sources: Kubernetes, "Jobs" (``backoffLimit``, ``podReplacementPolicy``, ``ttlSecondsAfterFinished``); "StatefulSets"
(names of claims).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Meta, Object, digest, made, without_nothing
from telamon.desired.kubernetes.hardening import contained
from telamon.desired.kubernetes.pods import MAIN
from telamon.desired.kubernetes.scripts import CLEAR_INDEX
from telamon.desired.kubernetes.storage import LOCAL_HOME
from telamon.errors import InternalError
from telamon.naming import (
    ANNOTATION_WORK,
    LABEL_COMPONENT,
    LABEL_MANAGED_BY,
    LABEL_MEMBER,
    LABEL_STACK,
    LABEL_WORKED_ON,
    MANAGER,
)

WORKER: Final = MANAGER
"""Component label of jobs and their pods: no component can be called so, so none of them is taken for a node."""
_ENDS_WITHIN: Final = 900
"""Seconds for a volume to be attached, a pod to start, and a folder to be removed."""
_KEPT: Final = 86_400
"""Seconds for which an ended job stays, for whoever wants to read its log."""
_RESOURCES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "requests": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
        "limits": {"cpu": "500m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
    }
)


def clearing(part: KubernetesComponent, member: str, *, job: str) -> Object:
    """The job.

    Args:
        part: the component; its nodes keep an index.
        member: whose index it is; it is down.
        job: name by which the planner knows the work.

    Raises:
        InternalError: its nodes keep none.
    """
    ways = part.desired.index
    if ways is None:
        raise InternalError(f"the nodes of {part.desired.name} keep no index")
    labels = work_labels(part) | {LABEL_MEMBER: member}
    spec = {
        "backoffLimit": 2,
        "activeDeadlineSeconds": _ENDS_WITHIN,
        "ttlSecondsAfterFinished": _KEPT,
        # Two of them must never be at work on one volume.
        "podReplacementPolicy": "Failed",
        "template": {
            "metadata": {"labels": labels},
            "spec": _pod(part, member, words=[ways.place.folder, *ways.place.positions]),
        },
    }
    meta = Meta(job_name(part, job), part.part.namespace, labels, {ANNOTATION_WORK: job})
    return made("batch/v1", "Job", meta=meta, spec=spec)


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


def _pod(part: KubernetesComponent, member: str, *, words: list[str]) -> dict[str, Any]:
    template = part.stateful_set["spec"]["template"]["spec"]
    main = next(each for each in template["containers"] if each["name"] == MAIN)
    home = part.part.container.home
    container = contained(
        "clear",
        image=str(main["image"]),
        resources=_RESOURCES,
        command=["sh", "-c", CLEAR_INDEX, "sh", *words],
        env=[{"name": "TELAMON_HOME", "value": home}],
        volumeMounts=[{"name": LOCAL_HOME, "mountPath": home}],
    )
    claim = {"claimName": f"{LOCAL_HOME}-{member}"}
    as_nodes = ("imagePullSecrets", "nodeSelector", "tolerations", "priorityClassName")
    return {
        **without_nothing(**{field: template.get(field) for field in as_nodes}),
        "serviceAccountName": template["serviceAccountName"],
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "restartPolicy": "Never",
        "securityContext": template["securityContext"],
        "containers": [container],
        "volumes": [{"name": LOCAL_HOME, "persistentVolumeClaim": claim}],
    }
