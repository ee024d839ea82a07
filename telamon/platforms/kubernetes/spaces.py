"""The namespaces of a stack, as the cluster has them: some may go before what is kept there has been ended.

Whoever takes a stack away often deletes its namespaces at the same time, or the roles in them. A namespace that is
being deleted loses its roles among the first things, so what the operator is refused there is no right that somebody
forgot: the cluster itself ends what is in it. Source: Kubernetes, "Namespaces" and ``namespacedResourcesDeleter`` of
the controller manager (kinds in no promised order; a namespace goes once nothing in it has a finalizer left).
"""

from __future__ import annotations

import threading
from typing import Final

from telamon.errors import DeniedError, PlatformError, TelamonError
from telamon.naming import LABEL_STACK
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.ports import Clock

NAMESPACE: Final = Kind("v1", "Namespace")
DENIED_FOR: Final = 60.0
"""Seconds after which a right that is missing in a namespace that stays counts as taken away for good: an API server
learns of a role within a second or two."""


class Spaces:
    """The namespaces of one stack.

    Args:
        api: the API server.
        stack: name of the stack.
        clock: injected time.
    """

    def __init__(self, api: Api, stack: str, clock: Clock) -> None:
        self._api = api
        self._stack = stack
        self._clock = clock
        self._lock = threading.Lock()
        self._denied: dict[str, float] = {}
        self._left: set[str] = set()

    def named(self) -> tuple[str, ...]:
        """The namespaces that carry the stack's label; none where the operator may not look."""
        try:
            found = self._api.list(NAMESPACE, namespace="", labels={LABEL_STACK: self._stack})
        except DeniedError:
            return ()
        return tuple(sorted(str(item["metadata"]["name"]) for item in found))

    def is_going(self, namespace: str) -> bool | None:
        """Whether a namespace is gone or being deleted; ``None`` where the operator may not look.

        Args:
            namespace: its name.
        """
        try:
            found = self._api.get(NAMESPACE, namespace)
        except DeniedError:
            return None
        return found is None or "deletionTimestamp" in found["metadata"]

    def counts_as_gone(self, namespace: str, error: TelamonError) -> bool:
        """Whether nothing is left there for the operator to end, by what it was answered.

        So it is where the namespace goes or is gone. Where it stays and the operator's role was taken away, nothing can
        be ended any more, and waiting for ever for it would keep the Stack from being deleted.

        Args:
            namespace: in which something was to be looked at or ended.
            error: that the API server answered.
        """
        if not isinstance(error, DeniedError):
            return False
        if self.is_going(namespace):
            return True
        with self._lock:
            since = self._denied.setdefault(namespace, self._clock.now())
            if self._clock.now() - since < DENIED_FOR:
                return False
            self._left.add(namespace)
        return True

    def left(self) -> tuple[str, ...]:
        """Namespaces that stay, and in which the operator was not let end what it kept there."""
        with self._lock:
            return tuple(sorted(self._left))

    def told(self, namespace: str, error: DeniedError) -> PlatformError:
        """A refusal in a namespace, in words that say why: where it is being deleted, no role helps.

        Args:
            namespace: in which something was refused.
            error: that the API server answered.
        """
        if not self.is_going(namespace):
            return error
        return PlatformError(
            f"the namespace {namespace} is being deleted, or gone",
            remedy="Wait until it is gone, and bring it back with what is applied: `telamon up`.",
        )
