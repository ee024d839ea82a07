"""What a fresh instance has without anybody making it: issue types, priorities, statuses, fields.

Names and ids are those of the product's default schemes; every status can be reached from every other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from understudy.kit.errors import BadRequest


@dataclass(frozen=True)
class Choice:
    """One value of a list: id and name, as scripts may give either."""

    id: str
    name: str


ChoiceT = TypeVar("ChoiceT", bound=Choice)


@dataclass(frozen=True)
class Status(Choice):
    """A status with its category and the id of the transition that leads to it."""

    category_id: int
    category_key: str
    category_name: str
    transition_id: str


ISSUE_TYPES = (
    Choice("10002", "Task"),
    Choice("10004", "Bug"),
    Choice("10001", "Story"),
    Choice("10000", "Epic"),
)
PRIORITIES = (
    Choice("1", "Highest"),
    Choice("2", "High"),
    Choice("3", "Medium"),
    Choice("4", "Low"),
    Choice("5", "Lowest"),
)
STATUSES = (
    Status("10000", "To Do", 2, "new", "To Do", "11"),
    Status("3", "In Progress", 4, "indeterminate", "In Progress", "21"),
    Status("10001", "Done", 3, "done", "Done", "31"),
)
DEFAULT_PRIORITY = PRIORITIES[2]
FIRST_STATUS, LAST_STATUS = STATUSES[0], STATUSES[-1]
RESOLUTION = Choice("10000", "Done")
FIELDS = (
    ("summary", "Summary", "string"),
    ("description", "Description", "string"),
    ("issuetype", "Issue Type", "issuetype"),
    ("project", "Project", "project"),
    ("priority", "Priority", "priority"),
    ("status", "Status", "status"),
    ("resolution", "Resolution", "resolution"),
    ("assignee", "Assignee", "user"),
    ("reporter", "Reporter", "user"),
    ("creator", "Creator", "user"),
    ("labels", "Labels", "array"),
    ("fixVersions", "Fix Version/s", "array"),
    ("comment", "Comment", "comments-page"),
    ("attachment", "Attachment", "array"),
    ("created", "Created", "datetime"),
    ("updated", "Updated", "datetime"),
)


def find_choice(choices: Sequence[ChoiceT], text: str) -> ChoiceT | None:
    """The value with that id, or with that name whatever the case."""
    for choice in choices:
        if text == choice.id or text.lower() == choice.name.lower():
            return choice
    return None


def choose(choices: Sequence[ChoiceT], value: object, *, field: str) -> ChoiceT:
    """Read ``{"id": …}`` or ``{"name": …}`` out of a request.

    Raises:
        BadRequest: neither, or no such value.
    """
    if isinstance(value, Mapping):
        text = value.get("id") or value.get("name")
        if isinstance(text, str) and (found := find_choice(choices, text)) is not None:
            return found
    raise BadRequest("The request is not valid.", fields={field: f"The {field} selected is invalid."})
