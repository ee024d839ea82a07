"""Secrets of a product's namespace, read by name.

Nothing is watched or listed: the operator may read the secrets that a stack names, and no others. A value is asked for
again after a while, because somebody may have written another one.
"""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping
from typing import Final

from telamon.desired.kubernetes.data import Object
from telamon.errors import PlatformError
from telamon.naming import MANAGER
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.ports import Clock
from telamon.products.base import SecretValue

SECRET: Final = Kind("v1", "Secret")
ASKED_AGAIN: Final = 30.0
"""Seconds after which a secret is read anew."""


class KubernetesSecrets:
    """The secrets of one namespace.

    Args:
        api: the API server.
        namespace: where they are.
        clock: injected time.
    """

    def __init__(self, api: Api, namespace: str, clock: Clock) -> None:
        self._api = api
        self._namespace = namespace
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[str, tuple[float, Mapping[str, str]]] = {}

    def get(self, name: str, key: str) -> str:
        """The value.

        Raises:
            PlatformError: it is missing, or the operator may not read it.
        """
        found = self.find(SecretValue(name, key))
        if found is None:
            raise PlatformError(
                f"the secret {name} in {self._namespace} has no key {key}",
                remedy=f"Bring it: `kubectl --namespace {self._namespace} create secret generic {name}"
                f" --from-literal {key}=…`.",
            )
        return found

    def find(self, value: SecretValue) -> str | None:
        """The value, or ``None`` where it is missing."""
        now = self._clock.now()
        with self._lock:
            known = self._known.get(value.secret)
            if known is None or not 0 <= now - known[0] < ASKED_AGAIN:
                known = self._known[value.secret] = now, self._read(value.secret)
            return known[1].get(value.key)

    def values(self, name: str) -> Mapping[str, str]:
        """All values of a secret by their keys; none where it is missing.

        Raises:
            PlatformError: the operator may not read it.
        """
        return self._read(name)

    def put(self, name: str, values: Mapping[str, str]) -> None:
        """Store values of a secret that Telamon keeps itself; keys not named stay as they are."""
        with self._lock:
            live = self._api.get(SECRET, name, namespace=self._namespace)
            kept = {key: str(text) for key, text in ((live or {}).get("data") or {}).items()}
            data = {key: base64.b64encode(text.encode()).decode() for key, text in values.items()}
            item = opaque(name, self._namespace, data={**kept, **data})
            self._api.apply(item, over=live)
            self._known.pop(name, None)

    def _read(self, name: str) -> Mapping[str, str]:
        found = self._api.get(SECRET, name, namespace=self._namespace)
        try:
            data = ((found or {}).get("data") or {}).items()
            return {key: base64.b64decode(text, validate=True).decode() for key, text in data}
        except ValueError as error:
            raise PlatformError(
                f"the secret {name} in {self._namespace} holds something else than text",
                remedy="Write it anew, e.g. with `kubectl create secret generic`.",
            ) from error


def opaque(name: str, namespace: str, *, data: Mapping[str, str]) -> Object:
    """A secret that Telamon keeps itself.

    Args:
        name: of the secret.
        namespace: where it is.
        data: values by key, in base64.
    """
    return {
        "apiVersion": SECRET.version,
        "kind": SECRET.kind,
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": {"app.kubernetes.io/managed-by": MANAGER},
        },
        "type": "Opaque",
        "data": dict(data),
    }
