"""As little of a client of the API server as the testbed itself needs."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from testbed.certificates import Pair

_PLURALS: Final = {"StorageClass": "storageclasses", "NetworkPolicy": "networkpolicies"}
"""Of kinds that take more than an s."""

SILENT_FOR: Final = 180.0
"""Seconds after which a watch is taken for dead; the API server tells of each every minute that it lives."""


class RefusedError(Exception):
    """The API server refused a request.

    Attributes:
        code: HTTP status.
    """

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class Client:
    """The API server, as one user, over one kept connection.

    Args:
        server: URL.
        authority: certificate authority, PEM.
        pair: the user's certificate.
    """

    def __init__(self, server: str, authority: str, *, pair: Pair) -> None:
        trusted = ssl.create_default_context(cafile=authority)
        trusted.load_cert_chain(pair.certificate, pair.key)
        where = urlsplit(server)
        self._connection = http.client.HTTPSConnection(
            where.hostname or "", where.port, timeout=10, context=trusted
        )

    @classmethod
    def by(cls, kubeconfig: Path) -> Client:
        """The API server, as the user of a kubeconfig that the testbed has written.

        Args:
            kubeconfig: the file.
        """
        document = json.loads(kubeconfig.read_text(encoding="utf-8"))
        cluster, user = document["clusters"][0]["cluster"], document["users"][0]["user"]
        pair = Pair(Path(user["client-certificate"]), Path(user["client-key"]))
        return cls(cluster["server"], cluster["certificate-authority"], pair=pair)

    @property
    def known_as(self) -> dict[str, str]:
        """The variables by which every pod knows of the API server. Source: "Accessing the API from a Pod"."""
        connection = self._connection
        return {"KUBERNETES_SERVICE_HOST": connection.host, "KUBERNETES_SERVICE_PORT": str(connection.port)}

    def close(self) -> None:
        """End the connection."""
        self._connection.close()

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        form: str = "application/json",
    ) -> dict[str, Any]:
        """Send one request.

        Args:
            method: of HTTP.
            path: with its query.
            body: JSON.
            form: its media type.

        Raises:
            RefusedError: the answer is not a success.
            OSError: there is no answer.
        """
        text = None if body is None else json.dumps(body)
        try:
            self._connection.request(method, path, body=text, headers={"Content-Type": form})
            answer = self._connection.getresponse()
            said = json.loads(answer.read() or b"{}")
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        if answer.status >= 400:
            raise RefusedError(answer.status, str(said.get("message", "")))
        return dict(said)

    def watch(self, path: str) -> Iterator[dict[str, Any]]:
        """Follow changes until the API server breaks off.

        Args:
            path: with the query that asks for it.

        Raises:
            RefusedError: it is refused.
            OSError: there is no answer any more.
        """
        try:
            self._connection.request("GET", path)
            if self._connection.sock is not None:
                self._connection.sock.settimeout(SILENT_FOR)
            answer = self._connection.getresponse()
            if answer.status >= 400:
                raise RefusedError(answer.status, answer.read().decode("utf-8", errors="replace")[:500])
            for line in answer:
                yield json.loads(line)
        finally:
            self._connection.close()

    def apply(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Let an object be as it is said, by server-side apply.

        Args:
            item: the object, of a kind that is served.

        Returns:
            It, as it is now.

        Raises:
            RefusedError: the API server refuses it.
            OSError: there is no answer.
        """
        path = _path(item)
        form = "application/apply-patch+yaml"
        return self.ask("PATCH", f"{path}?fieldManager=testbed&force=true", body=item, form=form)


def _path(item: Mapping[str, Any]) -> str:
    version, kind, metadata = item["apiVersion"], str(item["kind"]), item["metadata"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    space = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"{root}{space}/{_PLURALS.get(kind, kind.lower() + 's')}/{metadata['name']}"
