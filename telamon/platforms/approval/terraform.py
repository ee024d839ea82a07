"""What approvals ask of ``terraform``; :mod:`telamon.platforms.aws.approved` fulfils it with the real one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple, Protocol


class State(NamedTuple):
    """Which state, and how far on.

    Attributes:
        lineage: "" before the first apply.
        serial: counts its versions.
    """

    lineage: str
    serial: int


class Terraform(Protocol):
    """Verbs on the folder of one state."""

    def plan(self, folder: Path, *, out: Path) -> None:
        """Make a plan and save it to ``out``; initialises the folder first."""

    def show(self, folder: Path, *, plan: Path) -> bytes:
        """A saved plan as JSON."""

    def state(self, folder: Path) -> State:
        """Where the state stands, from its backend."""

    def apply(self, folder: Path, *, plan: Path) -> None:
        """Apply a saved plan, and nothing else."""
