"""Intent and reports of one stack as custom resources.

A ``Stack`` is written by people, so here only its status is; an ``Operation`` is written by people or by Telamon, lies
in the namespace of the product that it is about, and has a finalizer while it goes on: who deletes it cancels it.

Versions are resource versions. They are numbers that grow with every write of the cluster. Source: Kubernetes API
concepts, "Resource versions" (comparable as integers from 1.35 on, and in every release before as etcd counts them).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from telamon.desired.kubernetes.data import Object
from telamon.errors import ConflictError, NotReadyError, PlatformError
from telamon.naming import (
    API_VERSION,
    GROUP,
    OPERATION_KIND,
    STACK_KIND,
    VERSION,
    labels,
)
from telamon.platforms.kubernetes.api import STATUS, Api, Kind
from telamon.platforms.kubernetes.merging import merge
from telamon.ports import Stored

STACK: Final = Kind(API_VERSION, STACK_KIND)
OPERATION: Final = Kind(API_VERSION, OPERATION_KIND)
FINALIZER: Final = f"{GROUP}/operator"
"""Keeps an object until what it asks for has been ended."""
DOWNTIME: Final = f"{GROUP}/downtime"
"""Annotation: components, with commas, for which a planned interruption is agreed to."""
ENDED: Final = frozenset({"Succeeded", "Failed", "Cancelled"})


class KubernetesStore:
    """The Stack of one name, and its operations.

    Args:
        api: the API server.
        namespace: of the Stack.
        stack: its name.
    """

    def __init__(self, api: Api, namespace: str, stack: str) -> None:
        self._api = api
        self._namespace = namespace
        self._stack = stack
        self._spaces: dict[str, str] = {}

    def known(self, spaces: Mapping[str, str]) -> None:
        """Say in which namespace the operations of each component are."""
        self._spaces = dict(spaces)

    @property
    def namespaces(self) -> tuple[str, ...]:
        """Where operations are."""
        return tuple(sorted(set(self._spaces.values())))

    def get(self, kind: str, name: str) -> Stored | None:
        """The object, or ``None``."""
        found = self._find(kind, name)
        return None if found is None else _stored(found)

    def list(self, kind: str) -> tuple[Stored, ...]:
        """Every object of a kind, by name."""
        if kind == STACK_KIND:
            found = self.get(kind, self._stack)
            return () if found is None else (found,)
        operations = [
            _stored(item)
            for namespace in self.namespaces
            for item in self._api.list(OPERATION, namespace=namespace, labels={})
            if item["spec"]["target"]["stack"] == self._stack
        ]
        return tuple(sorted(operations, key=lambda one: one.name))

    def watch(self, kind: str, *, since: int) -> Iterator[Stored]:
        """Objects of a kind written after version ``since``, oldest first; ends when there is no more for now."""
        newer = [stored for stored in self.list(kind) if stored.version > since]
        yield from sorted(newer, key=lambda stored: stored.version)

    def put(self, stored: Stored) -> Stored:
        """Write if nobody wrote since; see :class:`telamon.ports.Store`.

        Raises:
            PlatformError: the spec of what is there already would change, and that is for people to write.
        """
        found = self._find(stored.kind, stored.name)
        if found is None:
            if stored.version or stored.kind != OPERATION_KIND:
                raise ConflictError(f"{stored.kind} {stored.name} is gone")
            found = self._made(stored)
        elif int(found["metadata"]["resourceVersion"]) != stored.version:
            raise ConflictError(f"{stored.kind} {stored.name} was changed by somebody else meanwhile")
        elif dict(stored.spec) != dict(_stored(found).spec):
            raise PlatformError(
                f"the spec of the {stored.kind} {stored.name} is not Telamon's to write",
                remedy="Change it with kubectl, or where it is kept in Git.",
            )
        return _stored(self._reported(found, stored.status))

    def delete(self, kind: str, name: str, *, version: int) -> None:
        """Delete if nobody wrote since; absent is no error."""
        found = self._find(kind, name)
        if found is None:
            return
        if int(found["metadata"]["resourceVersion"]) != version:
            raise ConflictError(f"{kind} {name} was changed by somebody else meanwhile")
        self._api.delete(found)

    def hold(self) -> bool:
        """See to it that the Stack stays until what it asked for has been ended; ``False`` where it is gone already."""
        found = self._find(STACK_KIND, self._stack)
        return found is not None and FINALIZER in self._finalized(found, kept=True)["metadata"].get(
            "finalizers", ()
        )

    def let_go(self) -> None:
        """Let a deleted Stack go."""
        found = self._find(STACK_KIND, self._stack)
        if found is not None:
            self._finalized(found, kept=False)

    def _find(self, kind: str, name: str) -> Object | None:
        if kind == STACK_KIND:
            return self._api.get(STACK, name, namespace=self._namespace)
        for namespace in self.namespaces:
            found = self._api.get(OPERATION, name, namespace=namespace)
            if found is not None and found["spec"]["target"]["stack"] == self._stack:
                return found
        return None

    def _made(self, stored: Stored) -> Object:
        component = str(stored.spec["target"].get("component") or "")
        namespace = self._spaces.get(component)
        if namespace is None:
            raise NotReadyError(f"nobody knows yet where the operations of {component} are kept")
        metadata = {
            "name": stored.name,
            "namespace": namespace,
            "labels": dict(labels(self._stack, component)),
            "finalizers": [FINALIZER],
        }
        spec = {key: value for key, value in stored.spec.items() if value is not None}
        return self._api.create(
            {"apiVersion": API_VERSION, "kind": OPERATION_KIND, "metadata": metadata, "spec": spec}
        )

    def _reported(self, found: Object, status: Mapping[str, Any]) -> Object:
        """Write the status where it has changed; one that goes on is kept from vanishing, and one that ended is not."""
        before = found.get("status") or {}
        phase = str(status.get("phase", ""))
        if found["kind"] == OPERATION_KIND and phase and phase not in ENDED:
            found = self._finalized(found, kept=True)
        changes = merge(before, status)
        if changes:
            found = self._api.change(found, {"status": changes}, part=STATUS)
        if phase in ENDED:
            found = self._finalized(found, kept=False)
        return found

    def _finalized(self, found: Object, *, kept: bool) -> Object:
        finalizers = list(found["metadata"].get("finalizers") or ())
        if (FINALIZER in finalizers) is kept or (kept and "deletionTimestamp" in found["metadata"]):
            return found
        others = [each for each in finalizers if each != FINALIZER]
        wanted = [*others, FINALIZER] if kept else others
        try:
            return self._api.change(found, {"metadata": {"finalizers": wanted}})
        except NotReadyError:
            if kept:
                raise
            return found


def _stored(item: Object) -> Stored:
    metadata = item["metadata"]
    leaving = "deletionTimestamp" in metadata
    status = dict(item.get("status") or {})
    if item["kind"] == STACK_KIND:
        agreed = str(metadata.get("annotations", {}).get(DOWNTIME, ""))
        spec: dict[str, Any] = {
            "stack": _document(item),
            "source": "cluster",
            "running": not leaving,
            "downtime": sorted(name.strip() for name in agreed.split(",") if name.strip()),
        }
    else:
        spec = dict(item["spec"])
        if leaving and status.get("phase") not in ENDED:
            status["cancelled"] = True
    return Stored(
        str(item["kind"]),
        str(metadata["name"]),
        int(metadata["resourceVersion"]),
        int(metadata.get("generation", 1)),
        spec,
        status,
    )


def _document(item: Object) -> dict[str, Any]:
    """The stack as its file would say it."""
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": STACK_KIND,
        "metadata": {"name": item["metadata"]["name"]},
        "spec": dict(item["spec"]),
    }
