"""What a work is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from telamon.desired.lab.data import LabComponent, LabDesired
from telamon.desired.lab.facts import LabFacts
from telamon.errors import PlatformError
from telamon.ports import Clock, Secrets


@dataclass(frozen=True)
class Context:
    """The lab as it was installed when the work began.

    Attributes:
        root: state root.
        component: in whose name the work is done.
        job: name of the job.
        facts: of the machine.
        lab: what should run.
        secrets: values by reference.
        clock: time.
        tell: says how far it is, in words for people; cheap, so it may be called often.
    """

    root: Path
    component: str
    job: str
    facts: LabFacts
    lab: LabDesired
    secrets: Secrets
    clock: Clock
    tell: Callable[[str], None]

    @property
    def part(self) -> LabComponent:
        """The component in whose name the work is done.

        Raises:
            PlatformError: it is not desired any more.
        """
        part = self.lab.part(self.component)
        if part is None:
            raise PlatformError(f"{self.component} is not a component of this lab")
        return part
