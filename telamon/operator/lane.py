"""A lane: the thread that keeps one component, and what it last came to."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from telamon.desired.component import ComponentDesired
from telamon.operator.report import Trouble
from telamon.plan.operation import Running
from telamon.plan.view import Standing
from telamon.run.executor import Executor, Outcome


@dataclass
class KeptLane:
    """What the host holds of one component; all of it but the thread can be had again from journal and store."""

    executor: Executor
    desired: ComponentDesired
    generation: int
    wake: threading.Event = field(default_factory=threading.Event)
    looked: threading.Event = field(default_factory=threading.Event)
    outcome: Outcome | None = None
    standing: Standing | None = None
    trouble: Trouble | None = None
    seen_generation: int = 0
    seen_desired: ComponentDesired | None = None
    thread: threading.Thread | None = None
    operation: Running | None = None
