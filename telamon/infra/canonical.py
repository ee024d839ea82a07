"""One digest for one plan, however often it is made.

Two plans of an unchanged configuration differ in ``timestamp`` and in the order of ``relevant_attributes``; nothing
else is taken out, so that whatever a later release of Terraform adds is signed too. Source: measured on plans of
Terraform 1.11.4; the keys are those of the Terraform documentation, "JSON Output Format".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any, Final, NewType, cast

from telamon.errors import RefusedError, brief

Digest = NewType("Digest", str)
"""``sha256:`` and 64 hexadecimal digits."""

NUMBER: Final = "\x00number"
"""Key under which a number with a fraction is kept as it was written: reading it as a float would let two numbers
that differ have the same digest."""


def digest(content: bytes) -> Digest:
    """The SHA-256 of some bytes."""
    return Digest(f"sha256:{hashlib.sha256(content).hexdigest()}")


def canonical_json(value: object) -> bytes:
    """JSON in the one form that is signed: keys sorted, no spaces, UTF-8.

    Args:
        value: plain data.
    """
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def read_json(content: bytes, *, what: str) -> Any:
    """Read JSON so that nothing of it is lost: exact numbers, and no key twice.

    Args:
        content: UTF-8.
        what: how the text is called in a refusal.

    Raises:
        RefusedError: it is no JSON, or a key stands twice in one object.
    """
    try:
        return json.loads(
            content, parse_float=_exact, parse_constant=_no_constant, object_pairs_hook=_no_key_twice
        )
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"{what} cannot be read: {brief(error)}", guard="readable") from error


def read_object(content: bytes, *, what: str) -> dict[str, Any]:
    """Read a JSON object; see :func:`read_json`, whose refusals it shares.

    Args:
        content: UTF-8.
        what: how the text is called in a refusal.
    """
    found = read_json(content, what=what)
    if not isinstance(found, dict):
        raise RefusedError(f"{what} is no JSON object", guard="readable")
    return cast("dict[str, Any]", found)


def canonical_plan(document: Mapping[str, Any]) -> bytes:
    """A plan without what differs between two identical ones.

    Args:
        document: what ``terraform show -json PLAN`` prints, read by :func:`read_object`.
    """
    kept = {key: value for key, value in document.items() if key != "timestamp"}
    if isinstance(kept.get("relevant_attributes"), list):
        kept["relevant_attributes"] = sorted(kept["relevant_attributes"], key=canonical_json)
    return canonical_json(kept)


def tree_digest(files: Mapping[str, bytes]) -> Digest:
    """The digest of a folder.

    Args:
        files: content by path, relative to the folder, with forward slashes.
    """
    return digest(canonical_json({path: digest(content) for path, content in files.items()}))


def _exact(text: str) -> dict[str, str]:
    return {NUMBER: text}


def _no_constant(text: str) -> object:
    raise ValueError(f"{text} is no JSON")


def _no_key_twice(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return found
