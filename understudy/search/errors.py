"""What the search node answers when it refuses.

    SearchError                 any refusal; carries the HTTP status and the machine-readable type
    |-- IndexMissing            404 index_not_found_exception
    |-- IndexExists             400 resource_already_exists_exception
    |-- InvalidRequest          400 by default; the type says what was wrong
    |-- VersionConflict         409 version_conflict_engine_exception
    `-- StoreBroken             500 a folder of the node cannot be read or written

Source: OpenSearch REST error bodies, ``{"error": {"type", "reason", "root_cause"}, "status"}``.
"""

from __future__ import annotations

from typing import Any


class SearchError(Exception):
    """A request that is not carried out."""

    status = 500
    kind = "exception"

    def __init__(self, reason: str, *, kind: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        if kind is not None:
            self.kind = kind

    def body(self) -> dict[str, Any]:
        """The JSON body clients of OpenSearch parse."""
        cause = {"type": self.kind, "reason": self.reason}
        return {"error": {"root_cause": [cause], **cause}, "status": self.status}


class IndexMissing(SearchError):
    """The named index does not exist."""

    status = 404
    kind = "index_not_found_exception"

    def __init__(self, name: str) -> None:
        super().__init__(f"no such index [{name}]")


class IndexExists(SearchError):
    """An index of that name exists already."""

    status = 400
    kind = "resource_already_exists_exception"

    def __init__(self, name: str) -> None:
        super().__init__(f"index [{name}] already exists")


class InvalidRequest(SearchError):
    """The request cannot be understood, or asks for something that is not held."""

    status = 400
    kind = "illegal_argument_exception"


class VersionConflict(SearchError):
    """Somebody else changed the document first."""

    status = 409
    kind = "version_conflict_engine_exception"


class StoreBroken(SearchError):
    """The node's own files cannot be read or written."""

    status = 500
    kind = "engine_exception"
