"""Ask one node for its status, twice a second for as long as it lives.

With the client of the standard library over one kept connection: a node is asked so often that a larger client would
take more of the processor than everything else that a controller does.

Where a node speaks TLS its certificate is not looked at, as a kubelet does not: nothing that is secret is sent, and no
more is learned than whether the node is up. Source: Kubernetes, "Configure Liveness, Readiness and Startup Probes"
(HTTP probes with the scheme HTTPS).
"""

from __future__ import annotations

import http.client
import ssl
import time
from types import TracebackType
from typing import Self

from telamon.platforms.rest import forwarded
from telamon.products.base import Endpoint, FrontAddress, Response, Workload
from telamon.state.phase import Phase

LARGEST_STATUS = 1 << 16
BLOCK = 1 << 13
TIMEOUT = 0.5
"""Seconds within which a node that is well answers for its status."""


class StatusProbe:
    """Asks one node for its status, again and again.

    Args:
        workload: says which page to ask, and reads the answer.
        endpoint: where the node listens for HTTP.
        front: the address that users type.
        timeout: seconds for one answer.
        encrypted: whether the node speaks TLS.
    """

    def __init__(
        self,
        workload: Workload,
        *,
        endpoint: Endpoint,
        front: FrontAddress,
        timeout: float = TIMEOUT,
        encrypted: bool = False,
    ) -> None:
        self._workload = workload
        self._target = f"{front.context_path}{workload.health.path}"
        self._headers = forwarded(front)
        self._timeout = timeout
        self._connection = _connection(endpoint, timeout, encrypted=encrypted)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def phase(self) -> Phase:
        """What the node says it is, now. Redirects are not followed, and nothing is raised."""
        kept = self._connection.sock is not None
        answer = self._ask()
        if answer is None and kept:
            # The node was restarted, or closed the idle connection: that says nothing of the node as it is now.
            answer = self._ask()
        return self._workload.read_status(answer or Response(status=0, url=self._workload.health.path))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def _ask(self) -> Response | None:
        """One answer, with status 0 where there was none in time; ``None`` where the connection broke off."""
        try:
            return self._exchange()
        except TimeoutError:
            self.close()
            return Response(status=0, url=self._workload.health.path, error="no answer in time")
        except (OSError, http.client.HTTPException):
            self.close()
            return None

    def _exchange(self) -> Response:
        ends = time.monotonic() + self._timeout
        self._connection.request("GET", self._target, headers=self._headers)
        raw = self._connection.getresponse()
        body = bytearray()
        while len(body) < LARGEST_STATUS and (block := raw.read1(BLOCK)):
            body += block
            if time.monotonic() > ends:
                raise TimeoutError("the body came too slowly")
        # Reading piece by piece does not notice the end of a body whose length was told; asking for nothing does.
        raw.read(0)
        if not raw.isclosed():
            # What is left of a longer body would be taken for the next answer.
            self.close()
        headers = {name.lower(): value for name, value in raw.getheaders()}
        text = bytes(body).decode("utf-8", errors="replace")
        return Response(raw.status, self._workload.health.path, headers, text)


def _connection(endpoint: Endpoint, timeout: float, *, encrypted: bool) -> http.client.HTTPConnection:
    if not encrypted:
        return http.client.HTTPConnection(endpoint.host, endpoint.port, timeout=timeout)
    anybody = ssl.create_default_context()
    anybody.check_hostname = False
    anybody.verify_mode = ssl.CERT_NONE
    return http.client.HTTPSConnection(endpoint.host, endpoint.port, timeout=timeout, context=anybody)
