"""The bulk format: pairs of lines, an action and its source; a removal is one line alone.

Source: OpenSearch documentation, "Bulk" (index, create, delete; update is not held).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from understudy.search.errors import IndexMissing, InvalidRequest, SearchError
from understudy.search.index import PRIMARY_TERM, Index, Write, Written
from understudy.search.store import Store

STATUS_OF_RESULT = {"created": 201, "updated": 200, "deleted": 200, "not_found": 404}


@dataclass(frozen=True)
class Action:
    """One action of a bulk request: ``kind`` is index, create or delete."""

    kind: str
    index: str
    change: Write


def read_bulk(body: bytes, *, default_index: str | None) -> list[Action]:
    """Parse a bulk body.

    Args:
        body: lines of JSON, each ended by a line feed.
        default_index: the index of actions that name none.

    Raises:
        InvalidRequest: a line is malformed; then nothing at all is carried out.
    """
    if not body.endswith(b"\n"):
        raise InvalidRequest("The bulk request must be terminated by a newline [\\n]")
    lines = iter([line for line in body.split(b"\n") if line.strip()])
    actions = []
    for number, line in enumerate(lines, start=1):
        kind, options = read_action(line, number=number)
        name = options.get("_index", default_index)
        identity = options.get("_id")
        if not name or identity is None:
            raise InvalidRequest(
                f"line {number}: index and id are needed", kind="action_request_validation_exception"
            )
        source = None if kind == "delete" else read_line(next(lines, b""), number=number)
        actions.append(Action(kind, str(name), Write(str(identity), source, create=kind == "create")))
    return actions


def read_action(line: bytes, *, number: int) -> tuple[str, dict[str, Any]]:
    """Parse an action line."""
    action = read_line(line, number=number)
    if len(action) != 1:
        raise InvalidRequest(f"Malformed action/metadata line [{number}]")
    ((kind, options),) = action.items()
    if kind not in {"index", "create", "delete"} or not isinstance(options, dict):
        raise InvalidRequest(f"Malformed action/metadata line [{number}], [{kind}] is not held")
    return kind, options


def read_line(line: bytes, *, number: int) -> dict[str, Any]:
    """Parse one line as an object."""
    try:
        value = json.loads(line)
    except ValueError as problem:
        raise InvalidRequest(f"Malformed content near line [{number}]") from problem
    if not isinstance(value, dict):
        raise InvalidRequest(f"Malformed content near line [{number}]")
    return value


def run_bulk(store: Store, actions: list[Action]) -> tuple[list[dict[str, Any]], list[Index]]:
    """Carry out actions; runs of the same index share one ``fsync``.

    Returns:
        One item per action, in order, and the indices that were written.
    """
    items: list[dict[str, Any]] = [{} for _ in actions]
    touched: list[Index] = []
    for name in dict.fromkeys(action.index for action in actions):
        places = [place for place, action in enumerate(actions) if action.index == name]
        try:
            removals_only = all(actions[place].change.source is None for place in places)
            index = store.get(name) if removals_only else store.ensure(name)
            outcomes: list[Any] = list(index.write([actions[place].change for place in places]))
            touched.append(index)
        except (IndexMissing, InvalidRequest) as problem:
            outcomes = [problem] * len(places)
        for place, outcome in zip(places, outcomes, strict=True):
            action = actions[place]
            items[place] = {action.kind: shape_item(name, action.change.identity, outcome=outcome)}
    return items, touched


def shape_item(name: str, identity: str, *, outcome: Written | SearchError) -> dict[str, Any]:
    """One item of the answer."""
    if isinstance(outcome, SearchError):
        error = {"type": outcome.kind, "reason": outcome.reason}
        return {"_index": name, "_id": identity, "status": outcome.status, "error": error}
    return {
        "_index": name,
        "_id": identity,
        "_version": outcome.version,
        "result": outcome.result,
        "_seq_no": outcome.seq_no,
        "_primary_term": PRIMARY_TERM,
        "status": STATUS_OF_RESULT[outcome.result],
    }
