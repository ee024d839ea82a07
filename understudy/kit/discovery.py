"""The other nodes of a cluster, as the API server of Kubernetes lists them: pods behind a service.

Hazelcast asks for the endpoints of the service that it is told, with the token of the pod's own account, and takes pods
that are not ready as well, because a node that starts is none yet. One who may not ask starts alone. Sources: Hazelcast
documentation, "Kubernetes Auto Discovery" (``service-name``, ``resolve-not-ready-addresses``, rights that are needed);
Kubernetes, "Accessing the Kubernetes API from a Pod" (``KUBERNETES_SERVICE_HOST``, folder of the token), "Endpoints".
"""

from __future__ import annotations

import http.client
import json
import logging
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

from understudy.kit.errors import LinkError
from understudy.kit.settings import Endpoint, Environment

_LOG = logging.getLogger("understudy.discovery")
_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount"
_ASKS_EVERY_SECONDS = 2.0
_PATIENCE_SECONDS = 5.0


@dataclass(frozen=True)
class Discovery:
    """Whom to ask, and for what.

    Attributes:
        server: the API server.
        account: folder of the token and of the certificate authority.
        namespace: of the service.
        service: its name.
        port: on which each of its pods listens for the others.
    """

    server: Endpoint
    account: Path
    namespace: str
    service: str
    port: int

    @classmethod
    def read(cls, environment: Environment, *, port: int) -> Discovery:
        """Read it from the variables of an image; problems stay with the environment until its check.

        Args:
            environment: where to read from.
            port: of the cluster.
        """
        server = Endpoint(
            environment.required("KUBERNETES_SERVICE_HOST"),
            environment.integer("KUBERNETES_SERVICE_PORT", 443, low=1),
        )
        return cls(
            server=server,
            account=environment.folder("UNDERSTUDY_ACCOUNT", _FOLDER),
            namespace=environment.required("KUBERNETES_NAMESPACE"),
            service=environment.required("HAZELCAST_KUBERNETES_SERVICE_NAME"),
            port=environment.integer("HAZELCAST_KUBERNETES_SERVICE_PORT", port, low=1),
        )


class Neighbours:
    """Where the other nodes listen: those that were listed, and those that are found.

    Args:
        listed: whoever is named in the settings.
        discovery: whom to ask for others; ``None`` where the list is all.
    """

    def __init__(self, listed: frozenset[Endpoint], discovery: Discovery | None) -> None:
        self._listed = listed
        self._discovery = discovery
        self._lock = threading.Lock()
        self._found: frozenset[Endpoint] = frozenset()
        self._asks_at = 0.0

    def lonely(self, own: Endpoint) -> bool:
        """Whether nobody else is meant to be there.

        Args:
            own: where this node listens.
        """
        return self._discovery is None and self._listed <= {own}

    def endpoints(self) -> frozenset[Endpoint]:
        """All of them, this node among them; asked again every two seconds.

        Raises:
            LinkError: the API server does not answer, or gives no list.
        """
        with self._lock:
            if self._discovery is not None and time.monotonic() >= self._asks_at:
                self._asks_at = time.monotonic() + _ASKS_EVERY_SECONDS
                self._found = frozenset(_ask(self._discovery))
            return self._listed | self._found


def _ask(discovery: Discovery) -> Iterator[Endpoint]:
    """Every pod behind the service, ready or not."""
    path = f"/api/v1/namespaces/{discovery.namespace}/endpoints/{discovery.service}"
    try:
        token = (discovery.account / "token").read_text(encoding="ascii").strip()
        trusted = ssl.create_default_context(cafile=discovery.account / "ca.crt")
        connection = http.client.HTTPSConnection(
            discovery.server.address, discovery.server.port, timeout=_PATIENCE_SECONDS, context=trusted
        )
        try:
            connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
    except (OSError, http.client.HTTPException) as error:
        raise LinkError(f"the API server at {discovery.server} cannot be asked: {error}") from error
    if answer.status == HTTPStatus.FORBIDDEN:
        _LOG.warning("this node may not ask who else is there, so it starts alone")
    elif answer.status == HTTPStatus.OK:
        yield from _pods(json.loads(text), discovery.port)
    elif answer.status != HTTPStatus.NOT_FOUND:
        raise LinkError(f"the API server at {discovery.server} answers {answer.status}")


def _pods(endpoints: Mapping[str, Any], port: int) -> Iterator[Endpoint]:
    for subset in endpoints.get("subsets") or ():
        for address in (*(subset.get("addresses") or ()), *(subset.get("notReadyAddresses") or ())):
            yield Endpoint(str(address["ip"]), port)
