"""What ``-o json`` prints: a class a verb, each attribute a key (in camel case).

``docs/reference/cli.md`` is made of these classes; a test holds both to each other and the verbs to them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from telamon.errors import Problem
    from telamon.stackfile.rehearsal import NotRehearsed


@dataclass(frozen=True)
class Version:
    """Answer of ``version``.

    Attributes:
        version: of Telamon.
        python: of the interpreter.
    """

    version: str
    python: str


@dataclass(frozen=True)
class Script:
    """Answer of ``completion``.

    Attributes:
        shell: for which shell.
        script: what it has to read.
    """

    shell: str
    script: str


@dataclass(frozen=True)
class MemberIndex:
    """A line of the answer of ``index status``.

    Attributes:
        member: whose index.
        component: it belongs to.
        state: of the member.
        readable: whether the member can read its index.
        behind: operations that the index lacks; null where the product does not tell.
    """

    member: str
    component: str
    state: str
    readable: bool
    behind: int | None


@dataclass(frozen=True)
class CostPart:
    """One line of a month's cost.

    Attributes:
        name: what it is.
        layer: where it is made.
        monthly: USD.
        published: whether every price in it was read in print, and none remembered.
    """

    name: str
    layer: str
    monthly: float
    published: bool


@dataclass(frozen=True)
class CostChoice:
    """What a setting would save (negative) or cost.

    Attributes:
        path: of the setting.
        now: what it says.
        instead: what it could say.
        monthly: difference, USD a month.
        meaning: what one gets or gives up.
    """

    path: str
    now: str
    instead: str
    monthly: float
    meaning: str


@dataclass(frozen=True)
class GroundLayer:
    """Where one layer of the ground stands.

    Attributes:
        layer: its name.
        place: how far it has come, in words.
        plan: id of its plan, or "".
        detail: what it lacks or waits for, or "".
    """

    layer: str
    place: str
    plan: str
    detail: str


@dataclass(frozen=True)
class GroundStatus:
    """Answer of ``infra status``, and of ``up`` on AWS.

    Attributes:
        stack: name of the stack.
        folder: of the layers.
        layers: each, in the order in which they are applied.
        cluster: where the cluster's API answers, or "" as long as not everything stands.
        next: what would help it on.
    """

    stack: str
    folder: str
    layers: tuple[GroundLayer, ...]
    cluster: str
    next: str


@dataclass(frozen=True)
class DriftedThing:
    """One difference.

    Attributes:
        layer: in which state.
        address: as Terraform names it; of a rule that was added, the address of its group. In a cluster namespace,
            kind and name.
        what: changed, gone, added, or not applied yet.
        severity: low, medium or high.
        told: what is otherwise.
        risk: what may come of it.
        rule: id of the rule that was added, or "".
    """

    layer: str
    address: str
    what: str
    severity: str
    told: str
    risk: str
    rule: str


@dataclass(frozen=True)
class Drifted:
    """Answer of ``drift``.

    Attributes:
        stack: name of the stack.
        severity: of the gravest difference: none, low, medium or high.
        looked: layers that were compared.
        left: layers that were not: nothing was applied from here, or they were not named.
        denied: what may not be looked at in the cluster: which verb on what.
        differences: the gravest first.
    """

    stack: str
    severity: str
    looked: tuple[str, ...]
    left: tuple[str, ...]
    denied: tuple[str, ...]
    differences: tuple[DriftedThing, ...]


@dataclass(frozen=True)
class Rendered:
    """Answer of ``render --terraform``.

    Attributes:
        stack: name of the stack.
        folder: that was written to.
        written: files that are new or differ now.
        same: files that were so already.
        removed: files of an earlier run that are no longer meant.
        monthly: USD a month, as far as it does not depend on use.
        prices: region and day of the price list.
        parts: what that is made of.
        choices: what single settings would save or cost, the largest saving first.
        not_counted: what depends on use.
    """

    stack: str
    folder: str
    written: tuple[str, ...]
    same: tuple[str, ...]
    removed: tuple[str, ...]
    monthly: float
    prices: str
    parts: tuple[CostPart, ...]
    choices: tuple[CostChoice, ...]
    not_counted: tuple[str, ...]


@dataclass(frozen=True)
class RoomChecked:
    """Whether every pod has a machine with room.

    Attributes:
        lost: group of which a machine is lost, with pods placed anew; "" for all machines.
        verdict: "fits", "cannot fit" (which is proven) or "no packing found" (which proves nothing).
        why: the proof that there is no room, or "".
        places: which pod could be where, as ``pod on machine``.
    """

    lost: str
    verdict: str
    why: str
    places: tuple[str, ...]


@dataclass(frozen=True)
class Validation:
    """Answer of ``validate`` for a file without problems.

    Attributes:
        file: its name.
        stack: name of the stack.
        valid: true; a file with problems ends in an error with all of them.
        warnings: what is allowed and doubtful.
        not_rehearsed: with ``--lab``, what a rehearsal does not show.
        room: where the file names machines, whether every pod has room: with all of them, and with one lost.
    """

    file: str
    stack: str
    valid: bool
    warnings: tuple[Problem, ...]
    not_rehearsed: tuple[NotRehearsed, ...]
    room: tuple[RoomChecked, ...]


@dataclass(frozen=True)
class PlanStep:
    """A step of a plan.

    Attributes:
        component: whose.
        member: the member it touches, or "".
        step: what would be done.
        because: why.
    """

    component: str
    member: str
    step: str
    because: str


@dataclass(frozen=True)
class PlanWait:
    """What would be left undone.

    Attributes:
        component: whose.
        reason: the guard or rule that holds it, as one word.
        message: the same for people.
    """

    component: str
    reason: str
    message: str


@dataclass(frozen=True)
class Plan:
    """Answer of ``plan``.

    Attributes:
        stack: name of the stack.
        steps: in the order in which they would be taken; components go side by side.
        waits: what would be left undone, and by which guard it is held.
        warnings: what is allowed and doubtful in the file.
        not_rehearsed: with ``--lab``, what a rehearsal does not show.
    """

    stack: str
    steps: tuple[PlanStep, ...]
    waits: tuple[PlanWait, ...]
    warnings: tuple[Problem, ...]
    not_rehearsed: tuple[NotRehearsed, ...]


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


@dataclass(frozen=True)
class JournalEntry:
    """A line of the journal.

    Attributes:
        sequence: its position, from 1.
        at: instant, in seconds since the epoch.
        component: whose.
        kind: intent, outcome, failure, healed, fact, retry, note or held.
        subject: the step, the fact or the member.
        detail: reason or outcome.
        member: the member concerned, or "".
    """

    sequence: int
    at: float
    component: str
    kind: str
    subject: str
    detail: str
    member: str


@dataclass(frozen=True)
class LogLine:
    """A line that a member wrote.

    Attributes:
        member: who.
        line: what, without the line end.
    """

    member: str
    line: str


@dataclass(frozen=True)
class Logs:
    """Answer of ``logs``. With ``--follow`` every entry or line is a document of its own, on one line.

    Attributes:
        entries: lines of the journal; empty where a member was named.
        lines: what the members wrote; empty where none was named.
    """

    entries: tuple[JournalEntry, ...]
    lines: tuple[LogLine, ...]


@dataclass(frozen=True)
class SecretKeys:
    """A secret without its values.

    Attributes:
        name: its name.
        keys: what it holds.
    """

    name: str
    keys: tuple[str, ...]


@dataclass(frozen=True)
class SecretList:
    """Answer of ``secret`` without a name.

    Attributes:
        secrets: every secret of the stack.
    """

    secrets: tuple[SecretKeys, ...]


@dataclass(frozen=True)
class SecretOne:
    """Answer of ``secret`` with a name.

    Attributes:
        name: of the secret.
        key: which of its values.
        value: the value itself.
    """

    name: str
    key: str
    value: str


@dataclass(frozen=True)
class Certificate:
    """Answer of ``trust``.

    Attributes:
        certificate: the authority's certificate (PEM).
    """

    certificate: str


def plain(value: Any) -> Any:
    """A document as plain data, its keys in camel case."""
    if is_dataclass(value) and not isinstance(value, type):
        return {camel(field.name): plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    return value


def camel(name: str) -> str:
    """The key of an attribute."""
    first, *others = name.split("_")
    return first + "".join(word.capitalize() for word in others)


@dataclass(frozen=True)
class Judged:
    """Answer of ``proof check``.

    Attributes:
        name: of the load run.
        void: why its figures prove nothing, or "".
        clean: whether nothing is wrong.
        operations: requests that say something about a thing.
        things: lists, pages, branches and the like that they are about.
        acknowledged: writes that were acknowledged.
        unknown: writes without an answer, which may have happened.
        read_back: acknowledged writes that a later request had the chance to show.
        faults: how often each fault was found, by name.
        anomalies: each with ``fault``, ``thing``, ``words`` and ``witness``, the operations that show it.
    """

    name: str
    void: str
    clean: bool
    operations: int
    things: int
    acknowledged: int
    unknown: int
    read_back: int
    faults: Mapping[str, int]
    anomalies: Sequence[Mapping[str, Any]]
