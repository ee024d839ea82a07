"""What is wrong with a cluster is told in its own words: no room, no image, a quota, a namespace that goes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.pods import MAIN
from telamon.model.stack import Stack
from telamon.platforms.kubernetes.api import POD, STATUS, Api, Kind
from telamon.platforms.kubernetes.store import OPERATION
from tests.cluster.harness import stack
from tests.cluster.operators import NAMESPACE, Installed
from tests.cluster.support import until

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive]

NODE: Final = Kind("v1", "Node")
LONG: Final = 150.0
"""Seconds that a loaded machine may take."""


def until_told(cluster: Installed, name: str, words: str) -> None:
    """Wait until a Stack that is not ready says why."""

    def told() -> bool:
        ready = cluster.condition(name, "Ready")
        return ready.get("status") == "False" and words in ready["message"]

    try:
        until(told, within=LONG)
    except AssertionError as error:
        raise AssertionError(f"{error}: {cluster.condition(name, 'Ready')}") from error


def test_a_quota_that_is_used_up_is_told_and_what_fits_it_goes_on(cluster: Installed) -> None:
    cluster.prepare("full")
    quota = {
        "apiVersion": "v1",
        "kind": "ResourceQuota",
        "metadata": {"name": "small", "namespace": "full-tiny"},
    }
    made = cluster.api.apply({**quota, "spec": {"hard": {"pods": "1"}}}, over=None)
    cluster.start()
    cluster.ask_for("full")
    until_told(cluster, "full", "exceeded quota: small")
    cluster.api.delete(made)
    cluster.until_ready("full", within=LONG)
    cluster.api.delete(cluster.stack("full"))
    until(lambda: not cluster.stack("full"), within=LONG)


def patient(name: str) -> Stack:
    """One node, that may take its time to start: whoever waits for a machine is not started anew."""
    document = stack(name, nodes=1).model_dump(
        mode="json", by_alias=True, exclude_unset=True, exclude_none=True
    )
    document["spec"]["products"]["tiny"]["profile"]["startTimeout"] = "60m"
    return Stack.model_validate(document)


class Kubelet:
    """Writes of a pod what scheduler, kubelet and volume controller would, while no machine takes pods.

    Args:
        api: the API server.
        name: of the stack.
    """

    def __init__(self, api: Api, name: str) -> None:
        self._api = api
        self._name = name

    def cordon(self, *, so: bool) -> None:
        """Have machines take new pods, or not."""
        for node in self._api.list(NODE, namespace="", labels={}):
            self._api.change(node, {"spec": {"unschedulable": so or None}})

    def pod(self) -> Object:
        """The pod, once it was let run and no machine has taken it."""

        def is_let() -> bool:
            found = self._api.get(POD, "tiny-0", namespace=f"{self._name}-tiny") or {}
            is_new = bool(found) and "deletionTimestamp" not in found["metadata"]
            return is_new and not {"schedulingGates", "nodeName"} & found["spec"].keys()

        until(is_let, within=LONG)
        return self._api.get(POD, "tiny-0", namespace=f"{self._name}-tiny") or {}

    def says(self, **status: Any) -> None:
        """Report the status of the pod."""
        self._api.change(self.pod(), {"status": status}, part=STATUS)

    def waits(self, reason: str, message: str = "") -> None:
        """Report that its container waits."""
        waiting = {"reason": reason} | ({"message": message} if message else {})
        container = {
            "name": MAIN,
            "image": "tiny",
            "imageID": "",
            "ready": False,
            "restartCount": 0,
            "state": {"waiting": waiting},
        }
        scheduled = {"type": "PodScheduled", "status": "True"}
        began = (datetime.now(UTC) - timedelta(seconds=120)).strftime("%Y-%m-%dT%H:%M:%SZ")
        self.says(startTime=began, conditions=[scheduled], containerStatuses=[container])

    def warns(self, reason: str, message: str) -> None:
        """Write an event about the pod."""
        pod = self.pod()
        about = {key: pod["metadata"][key] for key in ("name", "namespace", "uid")}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"tiny-0.{reason.lower()}", "namespace": about["namespace"]},
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", **about},
            "type": "Warning",
            "reason": reason,
            "message": message,
            "lastTimestamp": "2026-11-24T00:00:00Z",
        }
        self._api.create(event)


def test_what_keeps_a_pod_from_starting_is_told_of_each_in_its_own_words(cluster: Installed) -> None:
    wanted = patient("shut")
    cluster.prepare_for(wanted)
    cluster.start()
    cluster.write(wanted)
    cluster.until_ready("shut", within=LONG)
    kubelet = Kubelet(cluster.api, "shut")
    kubelet.cordon(so=True)
    try:
        running = cluster.api.get(POD, "tiny-0", namespace="shut-tiny")
        assert running is not None
        cluster.api.delete(running)
        full = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/2 nodes fit",
        }
        kubelet.says(conditions=[full])
        until_told(cluster, "shut", "no machine can take it: 0/2 nodes fit")
        kubelet.waits("ImagePullBackOff", "no such image")
        until_told(cluster, "shut", "its image cannot be pulled (ImagePullBackOff): no such image")
        kubelet.waits("CreateContainerConfigError", 'secret "tiny" not found')
        until_told(cluster, "shut", "its container cannot be made (CreateContainerConfigError)")
        kubelet.waits("ContainerCreating")
        until_told(cluster, "shut", "its volumes and its network are not there yet")
        kubelet.warns("FailedAttachVolume", "Multi-Attach error for volume pvc-1: already used")
        until_told(cluster, "shut", "its volume is in use on another machine")
    finally:
        kubelet.cordon(so=False)
    cluster.until_ready("shut", within=LONG)
    cluster.api.delete(cluster.stack("shut"))
    until(lambda: not cluster.stack("shut"), within=LONG)


def test_a_namespace_that_is_being_deleted_is_told_and_comes_back_with_what_is_applied(
    cluster: Installed,
) -> None:
    cluster.prepare("lost")
    cluster.start()
    cluster.ask_for("lost")
    cluster.until_ready("lost", within=LONG)
    # Something of somebody else's keeps it from going.
    held = cluster.operation("lost", "restart-tiny-1", verb="restart")
    until(lambda: cluster.phase("lost", "restart-tiny-1") == "Succeeded", within=LONG)
    live = cluster.api.get(OPERATION, "restart-tiny-1", namespace="lost-tiny") or held
    cluster.api.change(live, {"metadata": {"finalizers": ["example.com/held"]}})
    space = cluster.api.get(NAMESPACE, "lost-tiny")
    assert space is not None
    cluster.api.delete(space)
    until_told(cluster, "lost", "the namespace lost-tiny is being deleted")
    live = cluster.api.get(OPERATION, "restart-tiny-1", namespace="lost-tiny") or held
    cluster.api.change(live, {"metadata": {"finalizers": []}})
    until(lambda: cluster.api.get(NAMESPACE, "lost-tiny") is None, within=LONG)
    cluster.prepare("lost")
    cluster.until_ready("lost", within=LONG)
    cluster.api.delete(cluster.stack("lost"))
    until(lambda: not cluster.stack("lost"), within=LONG)
