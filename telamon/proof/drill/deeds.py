"""What somebody asks for in the middle of a drill, as at the command line; it is no fault, and may go wrong."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

QUARANTINE: Final = "quarantine"
RELEASE: Final = "release"
"""Verbs of which the second makes the first good again."""
REFUSED: Final = "Refused"
"""How a deed ends that a guard did not let begin."""


@dataclass(frozen=True)
class Operate:
    """An operation is asked for.

    Attributes:
        verb: which.
        component: in whose lane.
        ends: how it must end: ``Succeeded``, ``Failed`` or :data:`REFUSED`.
        member: whom it is about; "" for every member.
    """

    verb: str
    component: str
    ends: str = "Succeeded"
    member: str = ""


@dataclass(frozen=True)
class AskForRelease:
    """The stack file asks for another release of a product, until the drill is over.

    Attributes:
        product: which.
        release: that is asked for.
        ends: how the operation must end.
    """

    product: str
    release: str
    ends: str


Deed = Operate | AskForRelease


def describe(deed: Deed) -> str:
    """The deed in plain words."""
    match deed:
        case Operate():
            return f"{deed.verb} {deed.member or deed.component}"
        case AskForRelease():
            return f"ask for {deed.product} {deed.release}"
