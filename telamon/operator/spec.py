"""The spec of a host: how it is compiled, what comes of giving one, and how it is read from the store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from pydantic import ValidationError

from telamon.desired.component import ComponentDesired
from telamon.desired.in_force import InForce
from telamon.errors import PlatformError, brief
from telamon.model.stack import Stack
from telamon.ports import Stored
from telamon.state.world import ComponentKind


class Compiler(Protocol):
    """Turns a stack into desired components, and lets the platform know what they are made of."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What people should know of the last answer, e.g. a port that had to move."""

    def components(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """Compile, changing nothing. Raises TelamonError where the stack cannot be built here.

        Args:
            stack: what is wanted.
            in_force: beside what it says.
        """

    def install(self, stack: Stack, in_force: InForce) -> Sequence[ComponentDesired]:
        """Compile, and let the platform perform the result from now on."""


@dataclass(frozen=True)
class Accepted:
    """A spec that was taken.

    Attributes:
        generation: in force.
        changed: whether it differs from the one before.
        notes: what people should know, e.g. a port that had to move.
    """

    generation: int
    changed: bool
    notes: tuple[str, ...]


def unwanted(name: str) -> ComponentDesired:
    """A component of which something runs, and nothing should."""
    return ComponentDesired(name, ComponentKind.PRODUCT, name, members=())


def stack_of(stored: Stored) -> Stack:
    """Read the stack that the store keeps.

    Raises:
        PlatformError: it was written by a version that this one does not understand.
    """
    try:
        return Stack.model_validate(stored.spec["stack"], strict=False)
    except (KeyError, TypeError, ValidationError) as error:
        raise PlatformError(
            f"the stack {stored.name} is kept in a form that this version cannot read: {brief(error)}",
            remedy="run `telamon up FILE` with its file, or the version of Telamon that wrote it",
        ) from error
