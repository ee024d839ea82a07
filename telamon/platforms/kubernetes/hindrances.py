"""What events tell of why a pod is not made, or is made and does not start.

A pod itself says that no machine has room for it, or that an image cannot be pulled. That its volume is on another
machine still, or that a quota lets nobody make it, stands in events alone.

Sources: Kubernetes, ``pkg/kubelet/events/event.go`` (``FailedMount``, ``FailedAttachVolume``, ``FailedMapVolume``,
``FailedCreatePodSandBox``), ``pkg/controller/volume/attachdetach`` ("Multi-Attach error"),
``pkg/controller/statefulset/stateful_pod_control.go`` (``FailedCreate``, ``SuccessfulCreate``).
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.errors import DeniedError, brief
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.pods import is_gated, waits
from telamon.ports import Clock

EVENT: Final = Kind("v1", "Event")
LASTS: Final = 10.0
"""Seconds for which the events of a namespace are not read again."""
PREPARED_WITHIN: Final = 15.0
"""Seconds in which a kubelet brings volumes; a failure before that is often over with the next try."""
LONGEST: Final = 300
"""Characters of what an event says that are told."""
IN_USE: Final = "Multi-Attach error"
_VOLUMES: Final = frozenset({"FailedAttachVolume", "FailedMount", "FailedMapVolume"})
_UNMADE: Final = "FailedCreate"
_MADE: Final = "SuccessfulCreate"


class Hindrances:
    """What keeps the pods of one stack from being made, or from starting.

    Args:
        api: the API server.
        clock: injected time.
    """

    def __init__(self, api: Api, clock: Clock) -> None:
        self._api = api
        self._clock = clock
        self._lock = threading.Lock()
        self._read: dict[str, tuple[float, Sequence[Object]]] = {}

    def of_pod(self, pod: Object, at: float) -> str:
        """What keeps a pod from being given its volumes or its network, for people; "" where nothing is told.

        Args:
            pod: as it is.
            at: instant of the look, seconds since the epoch.
        """
        since = pod.get("status", {}).get("startTime")
        if is_gated(pod) or "deletionTimestamp" in pod["metadata"] or since is None:
            return ""
        begun = datetime.fromisoformat(str(since)).timestamp()
        if not waits(pod, "ContainerCreating", "PodInitializing") or at - begun < PREPARED_WITHIN:
            return ""
        about = [each for each in self._about(pod) if each.get("type") == "Warning"]
        for event in reversed(about):
            reason, said = str(event.get("reason", "")), _said(event)
            if IN_USE in said:
                return (
                    f"its volume is in use on another machine ({reason}): {said}; it is let go once the pod that has"
                    " it, or that machine, is gone"
                )
            if reason in _VOLUMES:
                return f"its volumes cannot be mounted ({reason}): {said}"
            if reason == "FailedCreatePodSandBox":
                return f"its network cannot be made ({reason}): {said}"
        return ""

    def of_set(self, made_by: Object, member: str) -> str:
        """Why a pod of a StatefulSet is not made, for people; "" where nothing is told.

        Args:
            made_by: the StatefulSet.
            member: name of the pod.
        """
        told = [each for each in self._about(made_by) if f"Pod {member} in" in str(each.get("message", ""))]
        last = told[-1] if told else {}
        if last.get("reason") != _UNMADE:
            return ""
        said = _said(last)
        namespace = made_by["metadata"]["namespace"]
        if "exceeded quota" in said:
            return f"{said}; `telamon render` writes a quota that fits the nodes of the file: apply it to {namespace}"
        return said

    def _about(self, item: Object) -> list[Object]:
        """The events of an object, the oldest first."""
        uid, namespace = item["metadata"]["uid"], str(item["metadata"]["namespace"])
        found = [each for each in self._listed(namespace) if each.get("involvedObject", {}).get("uid") == uid]
        return sorted(found, key=_last)

    def _listed(self, namespace: str) -> Sequence[Object]:
        now = self._clock.now()
        with self._lock:
            at, found = self._read.get(namespace, (now - LASTS, ()))
            if now - at >= LASTS:
                try:
                    found = self._api.list(EVENT, namespace=namespace, labels={})
                except DeniedError:
                    found = ()
                self._read[namespace] = (now, found)
            return found


def _said(event: Object) -> str:
    return brief(ValueError(str(event.get("message", ""))), limit=LONGEST)


def _last(event: Object) -> tuple[float, int]:
    """When it happened last; of two in one second the one that was written last."""
    times = [datetime.fromisoformat(each).timestamp() for each in _times(event)]
    return max(times, default=0.0), int(event["metadata"].get("resourceVersion") or 0)


def _times(event: Object) -> Iterator[str]:
    series: Any = event.get("series") or {}
    known = (event.get("lastTimestamp"), event.get("eventTime"), series.get("lastObservedTime"))
    yield from (str(each) for each in known if each)
