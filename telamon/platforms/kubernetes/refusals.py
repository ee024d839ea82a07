"""What an answer of the API server that is no success means to whoever asked.

Sources: Kubernetes API conventions, "HTTP status codes"; "Dynamic Admission Control" (who is asked about a write may
deny it with any code, and 403 is what is taken where he names none).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from telamon.errors import (
    ConflictError,
    DeniedError,
    NotReadyError,
    PlatformError,
    TelamonError,
    TemporaryError,
    brief,
)

AGAIN: Final = 2.0
"""Seconds until a request is worth repeating that the API server was too busy for."""
LONGEST_WAIT: Final = 30.0
"""Seconds; an API server that asks for more is asked again all the same."""
UNDECLARED: Final = "field not declared in schema"
VETO: Final = "admission webhook "
ENDING: Final = "NamespaceTerminating"
"""Cause of the refusal of whatever is to be made in a namespace that is being deleted. Source: Kubernetes,
``NamespaceLifecycle`` (admission) and ``metav1.CauseType``."""


def refused(code: int, body: bytes, *, headers: Mapping[str, str], path: str) -> TelamonError:
    """The error that an answer means.

    Args:
        code: HTTP status, 400 or above.
        body: of the answer.
        headers: of the answer.
        path: that was asked for.
    """
    words = _words(code, body)
    if code == 404:
        return NotReadyError(
            f"the cluster has no {path}: {words}", remedy="`telamon install` installs what is missing."
        )
    if code == 409:
        return ConflictError(f"the object was written meanwhile: {words}")
    if words.startswith(VETO):
        # Whoever asks has the right to; who is asked about it has said why it is not to be, and what to do.
        return PlatformError(f"the cluster refuses: {words}")
    if code == 403 and _has_cause(body, ENDING):
        remedy = "Wait until the namespace is gone, and bring it back with what is applied: `telamon up`."
        return PlatformError(f"the namespace is being deleted: {words}", remedy=remedy)
    if code in {401, 403}:
        remedy = "`telamon render` writes the roles that are needed; somebody with more rights applies them."
        kind = DeniedError if code == 403 else PlatformError
        return kind(f"the cluster refuses: {words}", remedy=remedy)
    if UNDECLARED in words:
        # A key that no schema has, in a server-side apply: the code is 500, and it will never be another.
        return PlatformError(f"the API server refuses it: {words}")
    if code in {410, 429} or code >= 500:
        wait = headers.get("Retry-After", "")
        delay = min(float(wait), LONGEST_WAIT) if wait.isdecimal() else AGAIN
        return TemporaryError(f"the API server cannot now: {words}", delay=delay)
    return PlatformError(f"the API server refuses it: {words}")


def _has_cause(body: bytes, reason: str) -> bool:
    """Whether a cause of an answer is of a reason."""
    try:
        causes = json.loads(body)["details"]["causes"]
        return any(cause.get("reason") == reason for cause in causes)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _words(code: int, body: bytes) -> str:
    """What the API server says, cut to a sentence: an answer of 422 repeats the whole object."""
    try:
        said = str(json.loads(body).get("message", ""))
    except (ValueError, AttributeError):
        said = ""
    return brief(ValueError(said or f"HTTP {code}"), limit=400)
