"""From nothing to a ground that stands: what comes next for one layer, decided from a fresh look and nothing else.

The layers are gone through in order. Whoever does it may be ended anywhere: the next look finds what is there (an
apply that still runs, a plan that is approved, a layer that stands) and goes on from it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from telamon.infra.inputs import Standing
from telamon.infra.ledger import Line
from telamon.infra.verdict import USED, Verdict


@dataclass(frozen=True)
class Pending:
    """The last plan of a layer.

    Attributes:
        plan_id: of the plan.
        steps: what the audit log says was done with it.
        verdict: whether it may be applied; ``None`` where it was used and nobody needs to know.
    """

    plan_id: str
    steps: tuple[Line, ...]
    verdict: Verdict | None

    @property
    def cut_off(self) -> bool:
        """Whether its apply was begun and nothing is known of the end."""
        used = [line.step for line in self.steps if line.step in USED]
        return used[-1:] == ["begun"]

    @property
    def used(self) -> bool:
        """Whether its apply was begun at all."""
        return any(line.step in USED for line in self.steps)


@dataclass(frozen=True)
class View:
    """What is known of one layer.

    Attributes:
        layer: its name.
        stands: how its state stands to its files.
        pending: its last plan, if one was made.
        fresh: whether that plan was made in this very run, from what is there now.
    """

    layer: str
    stands: Standing
    pending: Pending | None
    fresh: bool = False


@dataclass(frozen=True)
class Plan:
    """Make a plan."""

    because: str


@dataclass(frozen=True)
class Finish:
    """See an apply to its end that somebody began."""

    plan_id: str


@dataclass(frozen=True)
class Apply:
    """Apply a plan that was approved."""

    plan_id: str


@dataclass(frozen=True)
class Await:
    """Wait for people."""

    plan_id: str
    lacks: str


@dataclass(frozen=True)
class Refuse:
    """Stop: planning again would not help."""

    plan_id: str
    verdict: Verdict


@dataclass(frozen=True)
class Stands:
    """Nothing is left to do."""


Act = Plan | Finish | Apply | Await | Refuse | Stands


def next_act(view: View) -> Act:
    """What comes next for a layer whose earlier layers stand.

    Args:
        view: what is known of it.
    """
    return next(act for rule in RULES if (act := rule(view)) is not None)


def _finish(view: View) -> Act | None:
    pending = view.pending
    return Finish(pending.plan_id) if pending is not None and pending.cut_off else None


def _stands(view: View) -> Act | None:
    return Stands() if view.stands is Standing.CURRENT else None


def _plan(view: View) -> Act | None:
    pending = view.pending
    if pending is None:
        return Plan("there is none yet")
    if pending.used or pending.verdict is None:
        return Plan("the last one was used")
    if not pending.verdict.refusals or pending.verdict.waiting or view.fresh:
        return None
    return Plan(f"the last one is no good any more: {pending.verdict.refusals[0]}")


def _judged(view: View) -> Act:
    pending = view.pending
    if pending is None or pending.verdict is None:
        return Plan("there is none that could be judged")
    if not pending.verdict.refusals:
        return Apply(pending.plan_id)
    if pending.verdict.waiting:
        return Await(pending.plan_id, "; ".join(map(str, pending.verdict.refusals)))
    return Refuse(pending.plan_id, pending.verdict)


RULES: Final[Sequence[Callable[[View], Act | None]]] = (_finish, _stands, _plan, _judged)
"""Asked in this order. An apply that still runs comes first: until it has ended, nothing that is seen will last."""
