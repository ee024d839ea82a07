"""Makes volumes as they are claimed: a folder on this machine for each, which every node sees, being the same machine.

A volume of one node is tied to the node that the scheduler has chosen; a shared one may be used on all of them at once.
Locks taken in a shared one are seen everywhere because there is one kernel underneath: nothing follows from that for
NFS. What is claimed is not held to its size.

Sources: Kubernetes, "Persistent Volumes" (``local``, node affinity, phases, reclaiming), annotation
``volume.kubernetes.io/selected-node`` in "Well-Known Labels, Annotations and Taints".
"""

from __future__ import annotations

import contextlib
import http.client
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from testbed.addons import LOCAL, SHARED
from testbed.client import Client, RefusedError

SELECTED: Final = "volume.kubernetes.io/selected-node"
_VOLUMES: Final = "/api/v1/persistentvolumes"


class Volumes:
    """The maker of volumes.

    Args:
        client: of the API server, with every right.
        folder: for the volumes.
        nodes: names of all nodes.
    """

    def __init__(self, client: Client, folder: Path, *, nodes: Sequence[str]) -> None:
        self._client = client
        self._folder = folder
        self._nodes = tuple(nodes)

    def look(self) -> None:
        """Make what is claimed and not there, and remove what nobody claims any more."""
        # A request that is refused or not answered now is made again: every look starts from what is there.
        with contextlib.suppress(RefusedError, OSError, http.client.HTTPException):
            volumes = self._client.ask("GET", _VOLUMES).get("items") or []
            there = {str(each["metadata"]["name"]) for each in volumes}
            for claim in self._client.ask("GET", "/api/v1/persistentvolumeclaims").get("items") or []:
                if claim.get("status", {}).get("phase") == "Pending":
                    self._make(claim, there)
            for volume in volumes:
                if volume.get("status", {}).get("phase") == "Released":
                    self._remove(volume)

    def _make(self, claim: Mapping[str, Any], there: set[str]) -> None:
        # Named after the claim's uid: a claim may be looked at twice before it is bound.
        name = f"pv-{claim['metadata']['uid']}"
        nodes = self._nodes_of(claim)
        if not nodes or name in there:
            return
        folder = self._folder / name
        folder.mkdir(parents=True, exist_ok=True)
        self._client.apply(_volume(claim, folder, nodes=nodes))

    def _nodes_of(self, claim: Mapping[str, Any]) -> tuple[str, ...]:
        """Nodes on which the volume of a claim may be used; none while that is not known, or it is not ours."""
        chosen = (claim["metadata"].get("annotations") or {}).get(SELECTED)
        match claim["spec"].get("storageClassName"):
            case str(name) if name == SHARED:
                return self._nodes
            case str(name) if name == LOCAL and chosen:
                return (str(chosen),)
        return ()

    def _remove(self, volume: Mapping[str, Any]) -> None:
        if volume["spec"].get("persistentVolumeReclaimPolicy") != "Delete":
            return
        name = str(volume["metadata"]["name"])
        self._client.ask("DELETE", f"{_VOLUMES}/{name}")
        shutil.rmtree(self._folder / name, ignore_errors=True)


def _volume(claim: Mapping[str, Any], folder: Path, *, nodes: Sequence[str]) -> dict[str, Any]:
    metadata, spec = claim["metadata"], claim["spec"]
    here = {"key": "kubernetes.io/hostname", "operator": "In", "values": list(nodes)}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": folder.name},
        "spec": {
            "storageClassName": spec["storageClassName"],
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": spec["accessModes"],
            "persistentVolumeReclaimPolicy": "Delete",
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                "name": metadata["name"],
                "namespace": metadata["namespace"],
                "uid": metadata["uid"],
            },
            # Not hostPath: a kubelet gives the group of a pod no rights in one of those.
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [here]}]}},
        },
    }
