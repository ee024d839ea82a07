"""What a pod says about the member that it is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.pods import MAIN
from telamon.naming import ANNOTATION_RELEASE, ANNOTATION_REVISION, GROUP, LABEL_SERVING
from telamon.state.world import Life

GATE: Final = f"{GROUP}/stopped"
"""Scheduling gate of a pod that is to stay down."""
OVERDUE: Final = 30.0
"""Seconds beyond its grace after which a pod's kubelet has no excuse, and clocks that differ are none."""
_PREPARED_WITHIN: Final = 60.0
"""Seconds in which a machine has a pod's volumes and network ready, and pulls its images, without anybody wondering."""
_UNPULLED: Final = frozenset({"ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull"})
_UNMADE: Final = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})
"""Reasons for which a container waits. Source: Kubernetes, ``pkg/kubelet/images/types.go``, ``kuberuntime``."""
GONE: Final = "node.kubernetes.io/out-of-service=nodeshutdown:NoExecute"


def is_gated(pod: Object) -> bool:
    """Whether a pod is kept from running by us."""
    return any(gate["name"] == GATE for gate in pod["spec"].get("schedulingGates", ()))


def ordinal(pod: Object) -> int:
    """Which of its StatefulSet's pods it is."""
    return int(str(pod["metadata"]["name"]).rpartition("-")[2])


def revision(pod: Object) -> str | None:
    """Fingerprint of the template that it was made of."""
    found = pod["metadata"].get("annotations", {}).get(ANNOTATION_REVISION)
    return None if found is None else str(found)


def release(pod: Object) -> str | None:
    """The version that it was made to run; ``None`` for a pod of a Telamon that did not say so yet."""
    found = pod["metadata"].get("annotations", {}).get(ANNOTATION_RELEASE)
    return None if found is None else str(found)


def serves(pod: Object) -> bool:
    """Whether new requests may reach it."""
    carries = pod["metadata"].get("labels", {}).get(LABEL_SERVING) == "true"
    return carries and "deletionTimestamp" not in pod["metadata"]


def life(pod: Object) -> Life:
    """Whether it runs.

    A pod that waits for a machine, or for its image, counts as alive: nobody needs to start it, and it is shown as
    starting. Source: Kubernetes, "Pod Lifecycle".
    """
    if is_gated(pod):
        return Life.ABSENT
    if "deletionTimestamp" in pod["metadata"]:
        return Life.ENDING
    status = _container(pod)
    waits = status.get("state", {}).get("waiting", {}).get("reason") == "CrashLoopBackOff"
    if waits or "terminated" in status.get("state", {}) or pod.get("status", {}).get("phase") == "Failed":
        return Life.EXITED
    return Life.ALIVE


def started(pod: Object) -> float | None:
    """Instant at which its process began, or the machine took the pod; seconds since the epoch.

    ``None`` before a machine has taken it: a pod may have existed for long without being let run.
    """
    running = _container(pod).get("state", {}).get("running", {}).get("startedAt")
    known = running or pod.get("status", {}).get("startTime")
    return None if known is None else datetime.fromisoformat(str(known)).timestamp()


def ended(pod: Object) -> str | None:
    """How its process ended, where it has, in words."""
    if life(pod) is not Life.EXITED:
        return None
    status = _container(pod)
    for state in (status.get("state", {}), status.get("lastState", {})):
        found = state.get("terminated")
        if found:
            signal = found.get("signal")
            return f"signal {signal}" if signal else f"exit {found.get('exitCode', 0)}"
    return str(pod.get("status", {}).get("reason") or "gone")


def held(pod: Object, at: float) -> str:
    """What keeps a pod from starting, or one that was asked to end from ending, for people; "" where it has time left.

    Whether a machine has room, an image can be pulled and a container be made, the pod itself says. Its kubelet lets a
    pod go when its grace is over. One whose kubelet is silent stays, and its volume with it, until somebody says that
    the machine is gone: whatever else is done by force may have two programs on one volume.
    Sources: Kubernetes, "Pod Lifecycle" (``PodScheduled``, containers that wait), "Non-graceful node shutdown handling"
    (``node.kubernetes.io/out-of-service``), "Force Delete StatefulSet Pods".

    Args:
        pod: as it is.
        at: instant of the look, seconds since the epoch.
    """
    due = pod["metadata"].get("deletionTimestamp")
    if due is None:
        return _kept_from_starting(pod, at)
    if at < datetime.fromisoformat(str(due)).timestamp() + OVERDUE:
        return ""
    machine = pod["spec"].get("nodeName")
    if machine is None:
        return ""
    return (
        f"the machine {machine} does not say that it has ended; once it is certain that the machine is gone, delete "
        f"the node, or give it the taint {GONE}"
    )


def _kept_from_starting(pod: Object, at: float) -> str:
    if is_gated(pod):
        return ""
    status = pod.get("status", {})
    for condition in status.get("conditions", ()):
        if condition["type"] == "PodScheduled" and condition.get("reason") == "Unschedulable":
            return f"no machine can take it: {condition.get('message', '')}"
    containers = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    for waiting in (each.get("state", {}).get("waiting", {}) for each in containers):
        reason, message = str(waiting.get("reason", "")), str(waiting.get("message", ""))
        if reason in _UNPULLED:
            return f"its image cannot be pulled ({reason}): {message}"
        if reason in _UNMADE:
            return f"its container cannot be made ({reason}): {message}"
        since = status.get("startTime")
        if reason == "ContainerCreating" and since is not None:
            late = at - datetime.fromisoformat(str(since)).timestamp() > _PREPARED_WITHIN
            name, namespace = pod["metadata"]["name"], pod["metadata"].get("namespace", "")
            where = f"`kubectl describe pod {name} --namespace {namespace}` tells what it waits for"
            return f"its volumes and its network are not there yet; {where}" if late else ""
    return ""


def waits(pod: Object, *reasons: str) -> bool:
    """Whether a container of a pod waits for one of these reasons.

    Args:
        pod: as it is.
        reasons: as a kubelet names them.
    """
    status = pod.get("status", {})
    containers = (*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ()))
    return any(each.get("state", {}).get("waiting", {}).get("reason") in reasons for each in containers)


def address(pod: Object) -> str:
    """Its IP address, or "" while it has none."""
    return str(pod.get("status", {}).get("podIP", ""))


def incarnation(pod: Object) -> tuple[str, str]:
    """What tells one life of a member from the next: the pod, and the container in it."""
    return str(pod["metadata"]["uid"]), str(_container(pod).get("containerID", ""))


def _container(pod: Object) -> Mapping[str, Any]:
    found = pod.get("status", {}).get("containerStatuses", ())
    return next((status for status in found if status.get("name") == MAIN), {})
