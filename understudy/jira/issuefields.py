"""Fields of an issue as they come in requests: read, checked, and put over what is there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from understudy.jira.catalogue import ISSUE_TYPES, PRIORITIES, choose
from understudy.kit.errors import BadRequest

_SETTABLE = frozenset(
    {
        "summary",
        "description",
        "issuetype",
        "priority",
        "assignee",
        "reporter",
        "labels",
        "fixVersions",
        "project",
    }
)
INVALID = "The request is not valid."


@dataclass(frozen=True)
class IssueContent:
    """What a person can set on an issue; lists are by name."""

    summary: str
    description: str
    issue_type: str
    priority: str
    assignee: str | None
    reporter: str
    labels: tuple[str, ...]
    fix_versions: tuple[str, ...]


def read_fields(fields: Mapping[str, Any], content: IssueContent) -> IssueContent:
    """Put the fields of a request over a content.

    Raises:
        BadRequest: a field is unknown, or its value is wrong.
    """
    unknown = sorted(set(fields) - _SETTABLE)
    if unknown:
        message = "Field '{}' cannot be set. It is not on the appropriate screen, or unknown."
        raise BadRequest(INVALID, fields={name: message.format(name) for name in unknown})
    changes: dict[str, Any] = {}
    for name, value in fields.items():
        if name in {"summary", "description"}:
            changes[name] = _text(name, value)
        elif name == "issuetype":
            changes["issue_type"] = choose(ISSUE_TYPES, value, field=name).id
        elif name == "priority":
            changes[name] = choose(PRIORITIES, value, field=name).id
        elif name in {"assignee", "reporter"}:
            changes[name] = _person(name, value)
        elif name == "labels":
            changes[name] = _labels(value)
        elif name == "fixVersions":
            changes["fix_versions"] = tuple(_version_name(one) for one in value or ())
    if changes.get("reporter", content.reporter) is None:
        raise BadRequest(INVALID, fields={"reporter": "Reporter is required."})
    return replace(content, **changes)


def apply_updates(update: Mapping[str, Any], content: IssueContent) -> IssueContent:
    """Put the ``update`` part of a request over a content: ``set`` for all fields, more for labels.

    Raises:
        BadRequest: a field does not have such an operation.
    """
    for name, verbs in update.items():
        for verb in verbs if name != "comment" else ():
            for word, value in verb.items():
                if word == "set":
                    content = read_fields({name: value}, content)
                elif name == "labels" and word in {"add", "remove"}:
                    kept = tuple(label for label in content.labels if label != value)
                    content = read_fields({name: [*kept, value] if word == "add" else kept}, content)
                else:
                    raise BadRequest(
                        INVALID, fields={name: f"Field '{name}' does not support operation '{word}'"}
                    )
    return content


def comments_in(update: Mapping[str, Any]) -> list[str]:
    """The comments that an ``update`` part adds.

    Raises:
        BadRequest: one is empty.
    """
    bodies = [
        _text("comment", verb["add"].get("body")) for verb in update.get("comment", ()) if "add" in verb
    ]
    for body in bodies:
        check_comment(body)
    return bodies


def check_comment(body: str) -> None:
    """Refuse an empty comment.

    Raises:
        BadRequest: it is empty.
    """
    if not body.strip():
        raise BadRequest(INVALID, fields={"comment": "Comment body can not be empty!"})


def _text(name: str, value: Any) -> str:
    if value is None:
        return ""
    if not isinstance(value, str):
        raise BadRequest(INVALID, fields={name: "Operation value must be a string"})
    if name == "summary" and ("\n" in value or len(value) > 255):
        raise BadRequest(INVALID, fields={name: "The summary must be one line of at most 255 characters."})
    return value.replace("\0", "")


def _person(name: str, value: Any) -> str | None:
    if value is None:
        return None
    person = value.get("name") if isinstance(value, Mapping) else None
    if person is None or isinstance(person, str):
        return person.lower() if person else None
    raise BadRequest(INVALID, fields={name: "expected an object with a name"})


def _labels(value: Any) -> tuple[str, ...]:
    labels = value or ()
    if not isinstance(labels, (list, tuple)) or not all(isinstance(label, str) for label in labels):
        raise BadRequest(INVALID, fields={"labels": "data was not an array of strings"})
    if any(" " in label or not label for label in labels):
        raise BadRequest(INVALID, fields={"labels": "The label contains spaces which is invalid."})
    return tuple(dict.fromkeys(labels))


def _version_name(value: Any) -> str:
    name = (value.get("id") or value.get("name")) if isinstance(value, Mapping) else None
    if not isinstance(name, str):
        raise BadRequest(INVALID, fields={"fixVersions": "expected objects with an id or a name"})
    return name
