"""The job that takes the index of a node away while the node is down, so that it recovers one when it starts.

It runs in the product's own image, as the product's own user, and sees nothing but the node's own home. Nothing has to
be pulled for it, and it is let reach nobody: no flow leads to its pod or from it, and it gets no token.

Source: Kubernetes, "StatefulSets" (names of claims).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Final

from telamon.desired.kubernetes.components import KubernetesComponent
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.hardening import contained
from telamon.desired.kubernetes.jobs import work_job, work_labels, work_pod
from telamon.desired.kubernetes.pods import MAIN
from telamon.desired.kubernetes.scripts import CLEAR_INDEX
from telamon.desired.kubernetes.storage import LOCAL_HOME
from telamon.errors import InternalError
from telamon.naming import LABEL_MEMBER

_ENDS_WITHIN: Final = 900
"""Seconds for a volume to be attached, a pod to start, and a folder to be removed."""
_RESOURCES: Final[Mapping[str, Any]] = MappingProxyType(
    {
        "requests": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
        "limits": {"cpu": "500m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
    }
)


def clearing(part: KubernetesComponent, member: str, *, job: str, part_of: str = "") -> Object:
    """The job.

    Args:
        part: the component; its nodes keep an index.
        member: whose index it is; it is down.
        job: name by which the planner knows the work.
        part_of: the work that this is one part of; "" where it is all of it.

    Raises:
        InternalError: its nodes keep none.
    """
    ways = part.desired.index
    if ways is None:
        raise InternalError(f"the nodes of {part.desired.name} keep no index")
    labels = work_labels(part) | {LABEL_MEMBER: member}
    template = {
        "metadata": {"labels": labels},
        "spec": _pod(part, member, words=[ways.place.folder, *ways.place.positions]),
    }
    spec = {"backoffLimit": 2, "activeDeadlineSeconds": _ENDS_WITHIN}
    return work_job(part, job, labels=labels, template=template, spec=spec, part_of=part_of)


def _pod(part: KubernetesComponent, member: str, *, words: list[str]) -> dict[str, Any]:
    nodes = part.stateful_set["spec"]["template"]["spec"]
    main = next(each for each in nodes["containers"] if each["name"] == MAIN)
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
    return work_pod(part, container, volumes=[{"name": LOCAL_HOME, "persistentVolumeClaim": claim}])
