"""Speaks to the search companion: the few calls of OpenSearch that code search needs.

Source: OpenSearch documentation, "REST API reference"; which server it is: ``plugin.search.config.baseurl``.
"""

from __future__ import annotations

import base64
import http.client
import json
import ssl
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlsplit

from understudy.bitbucket.errors import CompanionUnavailable
from understudy.bitbucket.settings import CompanionSettings

CODE_INDEX = "bitbucket-search"
REPOSITORY_INDEX = "bitbucket-repository"

_PATIENCE_SECONDS = 10.0
_MAPPINGS: dict[str, dict[str, Any]] = {
    CODE_INDEX: {
        "repositoryId": {"type": "long"},
        "projectKey": {"type": "keyword"},
        "repositorySlug": {"type": "keyword"},
        "path": {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 4096}}},
        "extension": {"type": "keyword"},
        "language": {"type": "keyword"},
        "content": {"type": "text"},
    },
    REPOSITORY_INDEX: {
        "repositoryId": {"type": "long"},
        "projectKey": {"type": "keyword"},
        "name": {"type": "text"},
        "description": {"type": "text"},
    },
}


class Companion:
    """A client; safe to use from every thread, one connection for each call.

    Args:
        settings: where it is and who we are.
    """

    def __init__(self, settings: CompanionSettings) -> None:
        self._settings = settings
        self._address = urlsplit(settings.base_url)
        secure = self._address.scheme == "https"
        self._trusted = ssl.create_default_context(cafile=settings.authorities) if secure else None

    @property
    def configured(self) -> bool:
        """Whether there is one at all."""
        return bool(self._settings.base_url)

    def identity(self) -> str:
        """The id of the code index, made where it is missing: another id means that everything was lost.

        Raises:
            CompanionUnavailable: it cannot be reached.
        """
        for name, properties in _MAPPINGS.items():
            status, _ = self._call("HEAD", f"/{name}")
            if status == 404:
                settings = {"index": {"number_of_replicas": 0}}
                body = {"settings": settings, "mappings": {"properties": properties}}
                self._expect("PUT", f"/{name}", body, accept=(200, 400))
        answer = self._expect("GET", f"/{CODE_INDEX}")
        return str(answer[CODE_INDEX]["settings"]["index"]["uuid"])

    def health(self) -> str:
        """``green``, ``yellow`` or ``red``.

        Raises:
            CompanionUnavailable: it cannot be reached.
        """
        return str(self._expect("GET", "/_cluster/health").get("status", ""))

    def bulk(self, index: str, lines: Sequence[dict[str, Any]]) -> None:
        """Write many documents.

        Args:
            index: where to.
            lines: actions and sources as the bulk format has them.

        Raises:
            CompanionUnavailable: it cannot be reached, or refused one of them.
        """
        body = b"".join(json.dumps(line, separators=(",", ":")).encode() + b"\n" for line in lines)
        answer = self._expect("POST", f"/{index}/_bulk", body)
        if answer.get("errors"):
            raise CompanionUnavailable("the search server refused documents")

    def refresh(self) -> None:
        """Make what was written visible."""
        self._expect("POST", f"/{CODE_INDEX},{REPOSITORY_INDEX}/_refresh")

    def remove_by_query(self, index: str, query: dict[str, Any]) -> None:
        """Remove what a query finds."""
        self._expect("POST", f"/{index}/_delete_by_query", {"query": query})

    def search(self, index: str, body: dict[str, Any]) -> dict[str, Any]:
        """Search; gives ``hits`` of the answer.

        Raises:
            CompanionUnavailable: it cannot be reached, or refused.
        """
        hits = self._expect("POST", f"/{index}/_search", body)["hits"]
        if not isinstance(hits, dict):
            raise CompanionUnavailable("the search server gave no hits")
        return hits

    def _expect(
        self, method: str, path: str, body: Any = None, *, accept: Sequence[int] = (200, 201)
    ) -> dict[str, Any]:
        status, answer = self._call(method, path, body)
        if status not in accept or not isinstance(answer, dict):
            raise CompanionUnavailable(f"the search server answered {status} to {method} {path}")
        return answer

    def _call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        if not self.configured:
            raise CompanionUnavailable("no search server is configured")
        payload = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        connection = self._connection()
        headers = {"Content-Type": "application/json"}
        if self._settings.user:
            pair = f"{self._settings.user}:{self._settings.password}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        try:
            connection.request(method, self._address.path + quote(path, safe="/,_"), payload, headers)
            response = connection.getresponse()
            content = response.read()
            return response.status, json.loads(content) if content else {}
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise CompanionUnavailable(
                f"the search server cannot be reached: {type(error).__name__}"
            ) from error
        finally:
            connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._address.hostname or "", self._address.port
        if self._trusted is None:
            return http.client.HTTPConnection(host, port, timeout=_PATIENCE_SECONDS)
        return http.client.HTTPSConnection(host, port, timeout=_PATIENCE_SECONDS, context=self._trusted)
