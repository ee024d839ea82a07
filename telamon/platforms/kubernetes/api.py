"""The API server: reading and writing objects. The only module that knows the Kubernetes library.

Of the library it takes what is hard to get right alone (kubeconfig files, tokens that rotate, programs that log in);
requests are written here, because deletes need preconditions and applies strict validation, and the library sends
neither.

Source: Kubernetes API concepts (resourceVersion, strict field validation, preconditions of a delete).
"""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2
from lightkube.config.client_adapter import Client as Connection
from lightkube.config.client_adapter import ConnectionParams, verify_cluster
from lightkube.config.kubeconfig import KubeConfig, SingleConfig
from lightkube.core.exceptions import ConfigError

from telamon.desired.kubernetes.data import Object
from telamon.errors import (
    ConflictError,
    MachineError,
    NotReadyError,
    TelamonError,
    TemporaryError,
    brief,
)
from telamon.naming import MANAGER
from telamon.platforms.kubernetes.refusals import AGAIN, refused
from telamon.stackfile.nearest import nearest

TRIES: Final = 8
"""How often a write is tried while nothing but the status of its object moves on."""
APPLY: Final = "application/apply-patch+yaml"
MERGE: Final = "application/merge-patch+json"
METADATA: Final = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
METRICS: Final = "/metrics"
LOG_LINES: Final = 20_000
"""Lines of a log that are asked for at most."""
PAGE: Final = 500
"""Objects in one answer to a list."""
STATUS: Final = "status"
"""Subresource in which what is reported is written."""
PATIENCE: Final = 10.0
"""Seconds that an API server may keep silent."""
SLACK: Final = 10.0
"""Seconds by which the API server may end a watch late before it counts as broken."""


@dataclass(frozen=True)
class Kind:
    """A kind of objects.

    Attributes:
        version: ``apiVersion``.
        kind: its name.
    """

    version: str
    kind: str

    @classmethod
    def of(cls, item: Object) -> Kind:
        """The kind of an object."""
        return cls(str(item["apiVersion"]), str(item["kind"]))

    @property
    def plural(self) -> str:
        """The word in its path, which every kind of Kubernetes, Gateway API and Envoy Gateway forms as English does.

        Sources: apimachinery, ``UnsafeGuessKindToResource``; Gateway API, the definition of ``gateways``, where that
        guess is wrong.
        """
        word = self.kind.lower()
        if word.endswith("y") and word[-2] not in "aeiou":
            return f"{word[:-1]}ies"
        return f"{word}es" if word.endswith("s") else f"{word}s"

    def path(self, namespace: str, name: str = "") -> str:
        """Where its objects are.

        Args:
            namespace: "" for what has none.
            name: of one object; "" for all.
        """
        root = f"/apis/{self.version}" if "/" in self.version else f"/api/{self.version}"
        middle = f"/namespaces/{namespace}" if namespace else ""
        return f"{root}{middle}/{self.plural}" + (f"/{name}" if name else "")


POD: Final = Kind("v1", "Pod")
STATEFUL_SET: Final = Kind("apps/v1", "StatefulSet")
ENDPOINT_SLICE: Final = Kind("discovery.k8s.io/v1", "EndpointSlice")


class Api:
    """The API server, as one user.

    Args:
        kubeconfig: file; ``None``: ``KUBECONFIG``, the service account of the pod, or the user's own file.
        context: of the kubeconfig; ``None`` for the one in use.
        asked: is called with method and HTTP status of every answer; the status is 0 where there was none.
        patience: seconds that the API server may keep silent before it counts as not there.

    Raises:
        MachineError: there is no kubeconfig, it cannot be read, or it has no such context.
    """

    def __init__(
        self,
        kubeconfig: Path | None = None,
        *,
        context: str | None = None,
        asked: Callable[[str, int], None] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self._asked = asked or _nobody
        try:
            known = KubeConfig.from_env() if kubeconfig is None else KubeConfig.from_file(kubeconfig)
            if context is not None and context not in known.contexts:
                raise _no_context(context, list(known.contexts))
            chosen = known.get(context)
            if chosen is None:
                raise ConfigError("it names no context")
            self._connection = Connection(chosen, ConnectionParams(timeout=httpx2.Timeout(patience)))
            # Watches are held open for minutes: they must not take the place of requests, nor of one another. It ends
            # with the last of them, for one that is ended while it listens would not know why.
            unbounded = httpx2.Limits(max_connections=None, max_keepalive_connections=None)
            transport = httpx2.HTTPTransport(verify=_trust(chosen), limits=unbounded)
            self._watching = Connection(chosen, ConnectionParams(transport=transport))
        except (ConfigError, OSError, ValueError, KeyError) as error:
            raise MachineError(
                f"the kubeconfig cannot be used: {brief(error)}",
                remedy="Name one with KUBECONFIG; `kubectl config get-contexts` lists what is in it.",
            ) from error

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        """An object, or ``None``."""
        try:
            return self._ask("GET", kind.path(namespace, name))
        except NotReadyError:
            return None

    def list(self, kind: Kind, *, namespace: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        """The objects of a kind that carry these labels."""
        return self.listed(kind, namespace=namespace, labels=labels)[0]

    def listed(
        self, kind: Kind, *, namespace: str, labels: Mapping[str, str]
    ) -> tuple[tuple[Object, ...], str]:
        """The objects of a kind that carry these labels, and the version from which a watch goes on."""
        found: list[Object] = []
        chosen = ",".join(f"{key}={value}" for key, value in labels.items())
        query: dict[str, str] = {"labelSelector": chosen, "limit": str(PAGE)}
        while True:
            answer = self._ask("GET", kind.path(namespace), query=query)
            about = {"apiVersion": kind.version, "kind": kind.kind}
            found += [about | item for item in answer.get("items") or ()]
            more = str(answer.get("metadata", {}).get("continue", ""))
            if not more:
                return tuple(found), str(answer.get("metadata", {}).get("resourceVersion", ""))
            query["continue"] = more

    def names(self, kind: Kind, *, namespace: str) -> tuple[Object, ...]:
        """What there is of a kind, its metadata alone: nobody reads a secret to know that it is there.

        Source: Kubernetes API concepts, "Receiving resources as Tables", ``PartialObjectMetadataList``.

        Args:
            kind: of the objects.
            namespace: in which they are.

        Raises:
            NotReadyError: the cluster does not know the kind.
            DeniedError: they may not be listed.
        """
        found: list[Object] = []
        query = {"limit": str(PAGE)}
        while True:
            answer = self._ask("GET", kind.path(namespace), query=query, accept=METADATA)
            about = {"apiVersion": kind.version, "kind": kind.kind}
            found += [{"metadata": item["metadata"], **about} for item in answer.get("items") or ()]
            more = str(answer.get("metadata", {}).get("continue", ""))
            if not more:
                return tuple(found)
            query["continue"] = more

    def serves(self, version: str) -> bool:
        """Whether the cluster knows a group and version. Source: Kubernetes, "The Kubernetes API", discovery."""
        try:
            self._ask("GET", f"/apis/{version}")
        except NotReadyError:
            return False
        return True

    def metrics(self) -> str:
        """What the API server counts of itself, one line a figure.

        Source: Kubernetes, "Metrics For Kubernetes System Components".

        Raises:
            DeniedError: it may not be read.
        """
        with _translated():
            answer = self._connection.request("GET", METRICS)
        if answer.status_code >= 400:
            raise _refused(answer, METRICS)
        return answer.text

    def rehearse(self, item: Object) -> Object:
        """What an object would be if it were applied now; nothing is written.

        Source: Kubernetes API concepts, "Dry-run".

        Args:
            item: as it was rendered.

        Raises:
            DeniedError: it may not be patched.
            PlatformError: the API server would refuse it.
        """
        query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict", "dryRun": "All"}
        return self._ask("PATCH", _path(item), query=query, body=item, form=APPLY)

    def watch(
        self, kind: Kind, *, namespace: str, labels: Mapping[str, str], since: str, seconds: int
    ) -> Iterator[tuple[str, Object]]:
        """What happens to the objects of a kind, as it happens: ``ADDED``, ``MODIFIED``, ``DELETED``, ``BOOKMARK``.

        Args:
            kind: of the objects.
            namespace: in which they are.
            labels: that they carry.
            since: version after which to begin.
            seconds: after which the API server ends it; then another one goes on.

        Raises:
            NotReadyError: the cluster does not know the kind.
            TemporaryError: it broke off, or the version is too old to begin at; then everything is listed anew.
            PlatformError: it is refused.
        """
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": since,
            "timeoutSeconds": str(seconds),
            "labelSelector": ",".join(f"{key}={value}" for key, value in labels.items()),
        }
        path = kind.path(namespace)
        timeout = httpx2.Timeout(AGAIN * 5, read=seconds + SLACK)
        with _translated(), self._watching.stream("GET", path, params=query, timeout=timeout) as answer:
            if answer.status_code >= 400:
                answer.read()
                raise _refused(answer, path)
            for line in answer.iter_lines():
                event = json.loads(line)
                item = dict(event["object"])
                if event["type"] == "ERROR":
                    words = brief(ValueError(str(item.get("message", ""))))
                    raise TemporaryError(f"the watch of {path} ends: {words}", delay=AGAIN)
                yield str(event["type"]), {"apiVersion": kind.version, "kind": kind.kind} | item

    def log(self, pod: Object, container: str, *, previous: bool, most: int) -> bytes:
        """The end of what a container has written.

        Source: Kubernetes API, ``read log of the specified Pod`` (``previous``: of the container that ended before it).

        Args:
            pod: as it was seen.
            container: of it.
            previous: whether that one is meant.
            most: bytes that are taken, from the end.

        Raises:
            TelamonError: it cannot be read.
        """
        query = {"container": container, "previous": str(previous).lower(), "tailLines": str(LOG_LINES)}
        path, kept = f"{_path(pod)}/log", b""
        with _translated(), self._connection.stream("GET", path, params=query) as answer:
            if answer.status_code >= 400:
                answer.read()
                raise _refused(answer, path)
            for piece in answer.iter_bytes():
                kept = (kept + piece)[-most:]
        return kept

    def create(self, item: Object) -> Object:
        """Make an object that is not there.

        Raises:
            ConflictError: it is there.
        """
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict"}
        path = Kind.of(item).path(str(item["metadata"].get("namespace", "")))
        return self._ask("POST", path, query=query, body=item)

    def whoami(self) -> Mapping[str, Any]:
        """As whom the API server knows us: ``username``, ``groups``, ``extra``.

        Source: Kubernetes, "Authenticating", SelfSubjectReview.
        """
        review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
        answer = self._ask("POST", "/apis/authentication.k8s.io/v1/selfsubjectreviews", body=review)
        return dict(answer.get("status", {}).get("userInfo", {}))

    def apply(self, item: Object, *, over: Object | None) -> Object:
        """Bring an object to what is desired, by server-side apply with our field manager.

        Args:
            item: the object.
            over: the one that was seen when this was decided; ``None`` where there was none.

        Raises:
            ConflictError: it is another one by now.
            PlatformError: the API server refuses it.
        """
        query = {"fieldManager": MANAGER, "force": "true", "fieldValidation": "Strict"}

        def send(seen: Object | None) -> Object:
            metadata = dict(item["metadata"])
            if seen is not None:
                metadata["resourceVersion"] = seen["metadata"]["resourceVersion"]
            body = {**item, "metadata": metadata}
            return self._ask("PATCH", _path(item), query=query, body=body, form=APPLY)

        return send(None) if over is None else self._decided(over, send)

    def change(self, item: Object, changes: Mapping[str, Any], *, part: str = "") -> Object:
        """Change some fields of an object that was seen.

        Args:
            item: as it was seen.
            changes: as a JSON merge patch; RFC 7396.
            part: the subresource that is changed, e.g. :data:`STATUS`.

        Raises:
            ConflictError: it is another one by now.
        """
        query = {"fieldManager": MANAGER, "fieldValidation": "Strict"}

        def send(seen: Object) -> Object:
            about = {
                **changes.get("metadata", {}),
                "resourceVersion": seen["metadata"]["resourceVersion"],
                "uid": seen["metadata"]["uid"],
            }
            path = f"{_path(item)}/{part}" if part else _path(item)
            return self._ask("PATCH", path, query=query, body={**changes, "metadata": about}, form=MERGE)

        return self._decided(item, send)

    def _decided(self, over: Object, send: Callable[[Object], Object]) -> Object:
        """Write what was decided on one version of an object; again only where nothing but its status has moved on.

        Whoever runs a pod, or makes it, reports all the time. Such a report changes the version, and nothing that the
        decision rests on. Any other change does, and then the write of one who decided before it must not come through.
        """
        seen = over
        for _ in range(TRIES):
            try:
                return send(seen)
            except ConflictError:
                found = self._ask("GET", _path(seen))
                if _wish(found) != _wish(over):
                    raise
                seen = found
        raise TemporaryError(f"{_path(over)} changes faster than it can be written", delay=AGAIN)

    def delete(self, item: Object, *, grace: float | None = None, alone: bool = False) -> None:
        """Delete an object that was seen; another one of that name is left alone, and one that is gone is no error.

        Args:
            item: as it was seen.
            grace: seconds that a pod has to end; ``None`` for its own.
            alone: whether what it has made stays. Source: Kubernetes, "Garbage Collection", orphaned dependents.

        Raises:
            ConflictError: there is another one of that name by now.
        """
        metadata = item["metadata"]
        options: dict[str, Any] = {
            "preconditions": {"uid": metadata["uid"]},
            "propagationPolicy": "Orphan" if alone else "Background",
        }
        if grace is not None:
            options["gracePeriodSeconds"] = max(1, round(grace))
        try:
            self._ask("DELETE", _path(item), body=options)
        except NotReadyError:
            return

    def minor(self) -> int | None:
        """Its minor version, e.g. 35, where it tells one. Source: ``/version``; clouds write ``35+``."""
        told = str(self._ask("GET", "/version").get("minor", "")).rstrip("+")
        return int(told) if told.isdecimal() else None

    def evict(self, pod: Object) -> None:
        """Ask a pod that was seen to leave its machine; one that is gone is no error.

        Source: Kubernetes, "API-initiated Eviction".

        Raises:
            TemporaryError: a disruption budget does not allow it now.
            ConflictError: there is another pod of that name by now.
        """
        named = {key: pod["metadata"][key] for key in ("name", "namespace")}
        options = {"preconditions": {"uid": pod["metadata"]["uid"]}}
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": named, "deleteOptions": options}
        with suppress(NotReadyError):
            self._ask("POST", f"{_path(pod)}/eviction", body=body)

    def _ask(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        body: Object | None = None,
        form: str = "application/json",
        accept: str = "application/json",
    ) -> dict[str, Any]:
        headers = {"Accept": accept} | ({"Content-Type": form} if body is not None else {})
        code = 0
        try:
            with _translated():
                answer = self._connection.request(method, path, params=query, json=body, headers=headers)
            code = answer.status_code
        finally:
            self._asked(method, code)
        if answer.status_code >= 400:
            raise _refused(answer, path)
        return dict(answer.json())


def _trust(chosen: SingleConfig) -> ssl.SSLContext:
    """How the server is known, and how we are to it."""
    if chosen.user is None:
        raise ConfigError("it names no user")
    return verify_cluster(chosen.cluster, chosen.user, chosen.abs_file)


def _nobody(_method: str, _code: int) -> None:
    """Where nobody counts."""


def _no_context(name: str, known: Sequence[str]) -> MachineError:
    near = nearest(name, known)
    hint = f"Did you mean {near}? " if near else ""
    there = f"There are: {', '.join(known)}." if known else "There is none at all."
    return MachineError(f'the kubeconfig has no context "{name}"', remedy=f"{hint}{there}")


@contextmanager
def _translated() -> Iterator[None]:
    """Tell in our own words what keeps a request from being answered."""
    try:
        yield
    except (httpx2.HTTPError, json.JSONDecodeError) as error:
        raise TemporaryError(
            f"the API server does not answer: {brief(error)}",
            delay=AGAIN,
            remedy="`kubectl version` tells whether it can be reached from here.",
        ) from error
    except ConfigError as error:
        raise MachineError(
            f"nobody can log in to the cluster: {brief(error)}", remedy="Log in, as with kubectl."
        ) from error


def _path(item: Object) -> str:
    metadata = item["metadata"]
    return Kind.of(item).path(str(metadata.get("namespace", "")), str(metadata["name"]))


def _wish(item: Object) -> Object:
    """An object without what is only reported of it, and without what counts its versions."""
    counted = ("resourceVersion", "managedFields")
    metadata = {key: value for key, value in item["metadata"].items() if key not in counted}
    return {**item, "metadata": metadata, "status": None}


def _refused(answer: httpx2.Response, path: str) -> TelamonError:
    return refused(answer.status_code, answer.content, headers=answer.headers, path=path)
