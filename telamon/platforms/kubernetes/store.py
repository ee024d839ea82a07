"""Intent and reports of one stack as custom resources.

A ``Stack`` is written by people, so here only its status is; an ``Operation`` is written by people or by Telamon, lies
in the namespace of the product that it is about, and has a finalizer while it goes on: who deletes it cancels it.

Versions are resource versions. They are numbers that grow with every write of the cluster. Source: Kubernetes API
concepts, "Resource versions" (comparable as integers from 1.35 on, and in every release before as etcd counts them).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Protocol, TypeVar

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.written import agreed, document, left_to_drift, told_below
from telamon.errors import ConflictError, DeniedError, NotReadyError, PlatformError
from telamon.naming import (
    API_VERSION,
    GROUP,
    OPERATION_KIND,
    STACK_KIND,
    labels,
)
from telamon.platforms.kubernetes.api import STATUS, Api, Kind
from telamon.platforms.kubernetes.merging import merge
from telamon.ports import Stored

STACK: Final = Kind(API_VERSION, STACK_KIND)
OPERATION: Final = Kind(API_VERSION, OPERATION_KIND)
FINALIZER: Final = f"{GROUP}/operator"
"""Keeps an object until what it asks for has been ended."""
Found = TypeVar("Found")
ENDED: Final = frozenset({"Succeeded", "Failed", "Cancelled"})


class Telling(Protocol):
    """Tells people of an operation that has come to another phase."""

    def __call__(self, operation: Object, phase: str, *, note: str) -> None:
        """Tell it once; raises nothing, because what it tells is written already."""


class KubernetesStore:
    """The Stack of one name, and its operations.

    Args:
        api: the API server.
        namespace: of the Stack.
        stack: its name.
        told: is told of operations that come to another phase.
        visible: whether namespaces that may not be read are passed over, as long as one may be.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        stack: str,
        *,
        told: Telling | None = None,
        visible: bool = False,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._stack = stack
        self._told = told
        self._visible = visible
        self._spaces: dict[str, str] = {}

    def known(self, spaces: Mapping[str, str]) -> None:
        """Say in which namespace the operations of each component are."""
        self._spaces = dict(spaces)

    def namespace_of(self, component: str) -> str:
        """Where the operations of a component are. Raises NotReadyError where that is not known."""
        namespace = self._spaces.get(component)
        if namespace is None:
            raise NotReadyError(f"nobody knows yet where the operations of {component} are kept")
        return namespace

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
        # Of two of a name the older one counts; the other is turned away.
        kept = sorted(filter(self._keeps, self._listed()), key=_age, reverse=True)
        operations = {str(item["metadata"]["name"]): _stored(item) for item in kept}
        return tuple(sorted(operations.values(), key=lambda one: one.name))

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

    def misplaced(self, component: str | None, namespace: str) -> str:
        """Why an operation is not where those on its component are kept; "" where it is.

        Args:
            component: that it is on.
            namespace: in which it lies.
        """
        own = self._spaces.get(component or "")
        if own is None:
            known = ", ".join(sorted(self._spaces))
            what = f"there is no component {component}" if component else "it names no component"
            return f"{what}; components are: {known}"
        if own != namespace:
            return f"operations on {component} are kept in {own}, and this one lies in {namespace}"
        return ""

    def turn_away(self, instant: str) -> None:
        """Tell those whose operation lies where nobody looks for it, or is named like another, that it has failed.

        Args:
            instant: now; RFC 3339.
        """
        known: dict[str, str] = {}
        for item in sorted(self._listed(), key=_age):
            target, metadata = item["spec"]["target"], item["metadata"]
            namespace, name = str(metadata["namespace"]), str(metadata["name"])
            why = self.misplaced(target.get("component"), namespace)
            if target["stack"] != self._stack:
                why = f"{namespace} belongs to the stack {self._stack}, and it is on {target['stack']}"
            elif not why and known.setdefault(name, namespace) != namespace:
                why = f"there is another operation {name} of this stack in {known[name]}: choose another name"
            status = item.get("status") or {}
            if why and str(status.get("phase") or "Pending") == "Pending" and not status.get("started"):
                ended = {"phase": "Failed", "message": why, "started": instant, "finished": instant}
                self._reported(item, {**status, **ended})

    def break_off(self, instant: str, why: str, *, within: str = "") -> None:
        """End operations on the stack as cancelled, because nobody goes on with them.

        Args:
            instant: now; RFC 3339.
            why: for people.
            within: namespace in which they lie; "" for all, wherever they lie.
        """
        for item in self._api.list(OPERATION, namespace=within, labels={}):
            if item["spec"]["target"]["stack"] == self._stack:
                self._broken_off(item, instant, why=why)

    def leaving(self) -> Iterator[tuple[str, str]]:
        """Operations that were deleted and have not ended: name and namespace of each."""
        for item in self._listed() if self._spaces else self._api.list(OPERATION, namespace="", labels={}):
            metadata, status = item["metadata"], item.get("status") or {}
            is_own = item["spec"]["target"]["stack"] == self._stack
            if is_own and "deletionTimestamp" in metadata and status.get("phase") not in ENDED:
                yield str(metadata["name"]), str(metadata["namespace"])

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
        places = self._in_each(lambda namespace: self._api.get(OPERATION, name, namespace=namespace))
        return min(
            (item for item in places if item is not None and self._keeps(item)), key=_age, default=None
        )

    def _listed(self) -> Iterator[Object]:
        for found in self._in_each(
            lambda namespace: self._api.list(OPERATION, namespace=namespace, labels={})
        ):
            yield from found

    def _in_each(self, ask: Callable[[str], Found]) -> Iterator[Found]:
        """What each namespace answers, or those do that may be asked."""
        denied: list[DeniedError] = []
        for namespace in self.namespaces:
            try:
                yield ask(namespace)
            except DeniedError as error:
                if not self._visible:
                    raise
                denied.append(error)
        if denied and len(denied) == len(self.namespaces):
            raise denied[0]

    def _keeps(self, item: Object) -> bool:
        """Whether an operation is one of ours, and where it belongs: who may write elsewhere may not act here."""
        target = item["spec"]["target"]
        return target["stack"] == self._stack and not self.misplaced(
            target.get("component"), str(item["metadata"]["namespace"])
        )

    def _made(self, stored: Stored) -> Object:
        component = str(stored.spec["target"].get("component") or "")
        metadata = {
            "name": stored.name,
            "namespace": self.namespace_of(component),
            "labels": dict(labels(self._stack, component)),
            "finalizers": [FINALIZER],
        }
        spec = {key: value for key, value in stored.spec.items() if value is not None}
        return self._api.create(
            {"apiVersion": API_VERSION, "kind": OPERATION_KIND, "metadata": metadata, "spec": spec}
        )

    def _reported(self, found: Object, status: Mapping[str, Any]) -> Object:
        """Write the status where it has changed; one that goes on is kept from vanishing, and one that ended is not.

        One that begins is told by its uid from then on; one that an earlier Telamon has begun goes by its name.
        """
        before = found.get("status") or {}
        if found["kind"] == OPERATION_KIND and status.get("started") and not before.get("started"):
            status = {**status, "uid": str(found["metadata"]["uid"])}
        phase = str(status.get("phase", ""))
        if found["kind"] == OPERATION_KIND and phase and phase not in ENDED:
            found = self._finalized(found, kept=True)
        changes = merge(before, status)
        if changes:
            found = self._api.change(found, {"status": changes}, part=STATUS)
            goes_on = found["kind"] == OPERATION_KIND and changes.get("phase", "Pending") != "Pending"
            if self._told is not None and goes_on:
                self._told(found, phase, note=str(status.get("message", "")))
        if phase in ENDED:
            found = self._finalized(found, kept=False)
        return found

    def _broken_off(self, item: Object, instant: str, *, why: str) -> None:
        status = dict(item.get("status") or {})
        if status.get("phase") in ENDED:
            self._finalized(item, kept=False)
            return
        ended = {"phase": "Cancelled", "message": why, "finished": instant}
        self._reported(item, {"started": instant, **status, **ended})

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


def break_off_orphans(api: Api, namespace: str, *, instant: str) -> tuple[str, ...]:
    """End the operations whose Stack is gone without having been ended; returns the names of those Stacks.

    Args:
        api: the API server.
        namespace: of the Stacks.
        instant: now; RFC 3339.
    """
    held = [
        str(item["spec"]["target"]["stack"])
        for item in api.list(OPERATION, namespace="", labels={})
        if FINALIZER in (item["metadata"].get("finalizers") or ())
    ]
    # Asked after them: a Stack that is written in between is known.
    known = (
        {str(item["metadata"]["name"]) for item in api.names(STACK, namespace=namespace)} if held else set()
    )
    gone = tuple(sorted(set(held) - known))
    for name in gone:
        KubernetesStore(api, namespace, name).break_off(instant, "its stack is gone")
    return gone


def _stored(item: Object) -> Stored:
    metadata = item["metadata"]
    leaving = "deletionTimestamp" in metadata
    status = dict(item.get("status") or {})
    if item["kind"] == STACK_KIND:
        spec: dict[str, Any] = {
            "stack": document(item),
            "source": "cluster",
            "running": not leaving,
            "downtime": agreed(item),
            "facts": told_below(item),
            "drift": list(left_to_drift(item)),
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


def _age(item: Object) -> tuple[str, str]:
    """By which the oldest comes first."""
    metadata = item["metadata"]
    return str(metadata.get("creationTimestamp", "")), str(metadata["namespace"])
