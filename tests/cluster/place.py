"""A stack file with its lock, beside a cluster."""

from __future__ import annotations

import json
from pathlib import Path

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.wanted import wanted_secrets
from telamon.model.stack import Stack
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.stackfile.lock import lock_text
from testbed.control_plane import ControlPlane
from tests.cluster.harness import stack
from tests.support.desk import Desk, Result
from tests.support.manifests import digests, site_of


class Place:
    """A stack that is to live in a cluster, and somebody at a desk who looks after it."""

    def __init__(self, folder: Path, api: Api, plane: ControlPlane, name: str) -> None:
        self.api = api
        self.plane = plane
        self.desk = Desk(folder)
        self.file = folder / "stack.yaml"
        found = stack(name)
        document = found.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        self.file.write_text(json.dumps(document), encoding="utf-8")
        known = site_of(found)
        made = bundles(known)
        self.objects = [item for bundle in made for item in bundle.objects]
        self.secrets = wanted_secrets(known, made)
        (folder / "stack.lock.yaml").write_text(_lock(found), encoding="utf-8")

    def bring(self) -> None:
        """Apply everything, and bring the secrets."""
        for item in self.objects:
            self.api.apply(item, over=None)
        self.bring_secrets()

    def bring_secrets(self) -> None:
        """What no manifest holds."""
        for each in self.secrets:
            body = {
                "apiVersion": "v1",
                "kind": "Secret",
                "metadata": {"name": each.name, "namespace": each.namespace},
                "stringData": dict.fromkeys(each.keys, "value-that-nobody-reads"),
            }
            self.api.apply(body, over=None)

    def run(self, verb: str, *words: str, kubeconfig: Path | None = None) -> Result:
        """A verb about the stack, in the cluster."""
        where = kubeconfig or self.plane.kubeconfig()
        return self.desk.run(verb, str(self.file), "--kubeconfig", str(where), "-o", "json", *words)

    def live(self, kind: Kind, name: str, namespace: str) -> Object:
        """An object as it lives."""
        found = self.api.get(kind, name, namespace=namespace)
        assert found is not None
        return found

    def versions(self) -> list[object]:
        """In which version each object lives: a write would make another one."""
        found = []
        for item in self.objects:
            metadata = item["metadata"]
            live = self.api.get(Kind.of(item), metadata["name"], namespace=metadata.get("namespace", ""))
            # Workloads are reported on all the time by whoever makes their pods.
            moves = item["kind"] in {"StatefulSet", "Job", "PodDisruptionBudget"}
            found.append(None if live is None or moves else live["metadata"]["resourceVersion"])
        return found


def _lock(found: Stack) -> str:
    return lock_text(digests(found))
