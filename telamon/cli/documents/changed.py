"""What ``-o json`` prints: what was done to a stack."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telamon.errors import Problem
    from telamon.stackfile.rehearsal import NotRehearsed


@dataclass(frozen=True)
class Changed:
    """Answer of ``up`` and ``apply``.

    Attributes:
        stack: name of the stack.
        generation: of the spec that is now in force.
        changed: whether the spec differs from the one before.
        changes: steps that were taken while the verb ran.
        ready: whether everything is as the file says; false with ``--no-wait`` where it is not so yet.
        seconds: how long it took.
        urls: where to go, by product, and by product-ssh for git.
        notes: what had to be settled differently on this machine, e.g. a port that was taken.
        warnings: what is allowed and doubtful in the file.
        not_rehearsed: with ``--lab``, what a rehearsal does not show.
    """

    stack: str
    generation: int
    changed: bool
    changes: int
    ready: bool
    seconds: float
    urls: Mapping[str, str]
    notes: tuple[str, ...]
    warnings: tuple[Problem, ...]
    not_rehearsed: tuple[NotRehearsed, ...]


@dataclass(frozen=True)
class Down:
    """Answer of ``down``.

    Attributes:
        stack: name of the stack.
        components: how many were asked to end; 0 where nothing ran.
        stopped: whether all of them have ended; false with ``--no-wait``.
        purged: with ``--purge``, what was removed.
    """

    stack: str
    components: int
    stopped: bool
    purged: tuple[str, ...]


@dataclass(frozen=True)
class Retried:
    """Answer of ``retry``.

    Attributes:
        components: whose failures and refusals are forgotten.
    """

    components: tuple[str, ...]
