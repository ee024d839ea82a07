"""What somebody asks for in the middle of a drill, as at the command line; it is no fault, and may go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

COUNTERPARTS: Final[Mapping[str, str]] = MappingProxyType(
    {"quarantine": "release", "maintenance-on": "maintenance-off"}
)
"""Verbs, and those that make them good again."""
SUCCEEDED: Final = "Succeeded"
REFUSED: Final = "Refused"
"""How a deed ends that a guard did not let begin."""


@dataclass(frozen=True)
class Operate:
    """An operation is asked for.

    Attributes:
        verb: which.
        component: in whose lane.
        ends: how it must end: :data:`SUCCEEDED`, ``Failed`` or :data:`REFUSED`.
        member: whom it is about; "" for every member.
        params: particulars of the verb.
    """

    verb: str
    component: str
    ends: str = SUCCEEDED
    member: str = ""
    params: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class AskForRelease:
    """The stack file asks for another release of a product, until the drill is over, or for good where it gets there.

    Attributes:
        product: which.
        release: that is asked for.
        ends: how the operation must end.
        downtime: whether an interruption is agreed to.
    """

    product: str
    release: str
    ends: str
    downtime: bool = False


@dataclass(frozen=True)
class Grow:
    """The stack file asks for one more node of a product; once that serves, for as many as before.

    Attributes:
        product: which.
        ends: how it must end.
    """

    product: str
    ends: str = SUCCEEDED


@dataclass(frozen=True)
class GoBack:
    """A backup of a product is taken; once it is there, the product's data are put back to it.

    Attributes:
        product: which.
        ends: how it must end.
    """

    product: str
    ends: str = SUCCEEDED


Deed = Operate | AskForRelease | Grow | GoBack


def describe(deed: Deed) -> str:
    """The deed in plain words."""
    match deed:
        case Operate():
            return f"{deed.verb} {deed.member or deed.component}"
        case AskForRelease():
            return f"ask for {deed.product} {deed.release}"
        case Grow():
            return f"ask for another node of {deed.product}, and take it away again"
        case GoBack():
            return f"back up {deed.product}, and put that back"
