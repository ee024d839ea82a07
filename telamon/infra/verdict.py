"""May this plan be applied? Named guards in an ordered tuple; the same list answers "why not?".

What one approval lacks is said of that approval and holds nothing up while enough others are good; what the plan lacks
refuses it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from telamon.errors import RefusedError
from telamon.infra.approvers import Approvers, Attested
from telamon.infra.evidence import Evidence, Statement, moved_on
from telamon.infra.ledger import CLOCKS_DIFFER, Ledger
from telamon.infra.policies import Policy

USED: Final = frozenset({"begun", "applied", "failed"})


@dataclass(frozen=True)
class Case:
    """Everything that is decided on.

    Attributes:
        then: what the plan rested on when it was made.
        now: the same, derived again from what is there.
        planned: the signature under ``then``.
        approvals: every signature under a statement.
        approvers: the list in force.
        ledger: the audit log.
        policies: what the policies say now.
        stand_ins: inputs of the plan that only stand in for what is not there yet.
        at: now, in seconds since 1970.
    """

    then: Evidence
    now: Evidence
    planned: Attested
    approvals: tuple[Attested, ...]
    approvers: Approvers
    ledger: Ledger
    policies: tuple[Policy, ...]
    stand_ins: tuple[str, ...]
    at: int


@dataclass(frozen=True)
class Finding:
    """Why not.

    Attributes:
        guard: name of the guard.
        reason: in words.
    """

    guard: str
    reason: str

    def __str__(self) -> str:
        return f"{self.reason} [{self.guard}]"


@dataclass(frozen=True)
class Verdict:
    """What the guards said.

    Attributes:
        refusals: why the plan may not be applied; empty when it may.
        set_aside: approvals that do not count, and why.
        accepted: the statements that count, one a person.
    """

    refusals: tuple[Finding, ...]
    set_aside: tuple[Finding, ...]
    accepted: tuple[Statement, ...]

    @property
    def waiting(self) -> bool:
        """Whether nothing is wrong except that people have not signed yet."""
        return bool(self.refusals) and all(found.guard in WAITING for found in self.refusals)

    @property
    def _remedy(self) -> str:
        if self.waiting:
            return "Let others approve it: telamon infra approve."
        if self.refusals[0].guard == "policies":
            return "Mend the configuration, or let somebody answer for it: --waivers."
        return "Plan again: telamon infra plan."

    def enforce(self) -> None:
        """Raise what was found.

        Raises:
            RefusedError: the plan may not be applied; every reason is in the message.
        """
        if not self.refusals:
            return
        shown = [*self.refusals, *(self.set_aside if self.waiting else ())]
        raise RefusedError(
            "the plan is not applied: " + "; ".join(map(str, shown)),
            guard=self.refusals[0].guard,
            remedy=self._remedy,
        )


WAITING: Final = frozenset({"enough-approvals", "destruction-named"})


def hands_in(evidence: Evidence) -> frozenset[str]:
    """Everybody who had a hand in a change, whatever the case of their names.

    Args:
        evidence: of the plan.
    """
    return frozenset(name.casefold() for name in (evidence.planner, *evidence.authors))


def judge(case: Case) -> Verdict:
    """Ask every guard.

    Args:
        case: what is decided on.
    """
    accepted, set_aside = count(case)
    refusals = [Finding(name, reason) for name, guard in GUARDS if (reason := guard(case))]
    missing = case.approvers.threshold - len(accepted)
    if missing > 0:
        refusals.append(
            Finding("enough-approvals", f"{len(accepted)} of {case.approvers.threshold} approvals are there")
        )
    refusals += _unnamed(case, accepted)
    return Verdict(tuple(refusals), set_aside, accepted)


def count(case: Case) -> tuple[tuple[Statement, ...], tuple[Finding, ...]]:
    """The statements that count, one a person and by name, and why others do not.

    Args:
        case: what is decided on.
    """
    accepted: dict[str, Statement] = {}
    set_aside: list[Finding] = []
    for attested in case.approvals:
        found = _examine(case, attested)
        if isinstance(found, Finding):
            set_aside.append(found)
        elif found.approver in accepted:
            set_aside.append(
                Finding("counted-once", f"{found.approver} has approved already and counts once")
            )
        else:
            accepted[found.approver] = found
    return tuple(accepted[name] for name in sorted(accepted)), tuple(set_aside)


def _examine(case: Case, attested: Attested) -> Finding | Statement:
    if attested.guard:
        return Finding(attested.guard, attested.problem)
    try:
        statement = Statement.read(attested.content)
    except RefusedError as error:
        return Finding(error.guard, f"{attested.signer}: {error.message}")
    if statement.approver != attested.signer:
        reason = f"{attested.signer} has signed as {statement.approver}"
        return Finding("own-name", reason)
    for name, guard in APPROVAL_GUARDS:
        if reason := guard(case, statement):
            return Finding(name, f"{statement.approver}: {reason}")
    return statement


def _unnamed(case: Case, accepted: tuple[Statement, ...]) -> list[Finding]:
    needed = case.approvers.threshold
    return [
        Finding(
            "destruction-named",
            f"{address} is destroyed, replaced or forgotten, and {named} of {needed} approvals name it",
        )
        for address in case.now.destructive
        if (named := sum(address in statement.names for statement in accepted)) < needed
    ]


def _plan_signed(case: Case) -> str:
    if case.planned.guard:
        return case.planned.problem
    if case.planned.content != case.then.content() or case.planned.signer != case.then.planner:
        return f"the plan says it was made by {case.then.planner} and is signed by {case.planned.signer}"
    return ""


def _author_named(case: Case) -> str:
    if case.then.planner in case.approvers.approving or case.then.authors:
        return ""
    return f"{case.then.planner} makes plans for others, and no author is named"


def _log_goes_on(case: Case) -> str:
    if case.ledger.holds(case.then.ledger):
        return ""
    return "the audit log no longer holds what it ended with when the plan was made"


def _unused(case: Case) -> str:
    used = [line for line in case.ledger.steps_of(case.then.plan_id) if line.step in USED]
    return f"the plan was used already: its apply had {used[-1].step}" if used else ""


def _clock(case: Case) -> str:
    behind = max(case.ledger.latest, case.then.planned_at) - case.at
    return f"the clock is {behind} seconds behind the audit log or the plan" if behind > CLOCKS_DIFFER else ""


def _fresh(case: Case) -> str:
    age = case.at - case.then.planned_at
    return (
        f"the plan is {age} seconds old; {case.approvers.max_age} are allowed"
        if age > case.approvers.max_age
        else ""
    )


def _same_approvers(case: Case) -> str:
    return _same(case, "approvers", "the list of approvers has changed since the plan was made")


def _same_lineage(case: Case) -> str:
    return _same(case, "lineage", "the state is another one than the plan was made for")


def _same_serial(case: Case) -> str:
    moved = f"the state has moved on from serial {case.then.serial} to {case.now.serial}"
    return _same(case, "serial", moved)


def _same_lock(case: Case) -> str:
    return _same(case, "lock", "the provider lock has changed since the plan was made")


def _same_tree(case: Case) -> str:
    return _same(case, "tree", "the configuration has changed since the plan was made")


def _same_inputs(case: Case) -> str:
    return _same(case, "inputs", "the earlier layers tell something else than when the plan was made")


def _no_stand_ins(case: Case) -> str:
    names = ", ".join(case.stand_ins)
    return f"it was made with stand-ins for what is not there yet: {names}" if names else ""


def _same_file(case: Case) -> str:
    return _same(case, "plan_file", "the saved plan is another file than the one that was made")


def _same_plan(case: Case) -> str:
    return _same(case, "plan", "the saved plan does something else than what was approved")


def _same_verdicts(case: Case) -> str:
    return _same(case, "verdicts", "the policies say something else than when the plan was made")


def _same_rest(case: Case) -> str:
    names = sorted(moved_on(case.then, case.now).keys() - COMPARED)
    return f"{', '.join(names)} is not what the plan was made with" if names else ""


def _policies_agree(case: Case) -> str:
    today = datetime.fromtimestamp(case.at, UTC).date().isoformat()
    over = [
        policy
        for policy in case.policies
        if policy.passed and policy.waived_until and policy.waived_until < today
    ]
    refusing = [str(policy) for policy in case.policies if not policy.passed]
    refusing += [f"{policy} was waived until {policy.waived_until}" for policy in over]
    return "; ".join(refusing)


def _same(case: Case, name: str, reason: str) -> str:
    return reason if name in moved_on(case.then, case.now) else ""


COMPARED: Final = frozenset(
    {"approvers", "lineage", "serial", "lock", "tree", "inputs", "plan_file", "plan", "verdicts"}
)

GUARDS: Final[tuple[tuple[str, Callable[[Case], str]], ...]] = (
    ("plan-signed", _plan_signed),
    ("author-named", _author_named),
    ("log-goes-on", _log_goes_on),
    ("single-use", _unused),
    ("clock", _clock),
    ("fresh", _fresh),
    ("same-approvers", _same_approvers),
    ("same-lineage", _same_lineage),
    ("same-serial", _same_serial),
    ("same-lock", _same_lock),
    ("same-tree", _same_tree),
    ("same-inputs", _same_inputs),
    ("no-stand-ins", _no_stand_ins),
    ("same-plan-file", _same_file),
    ("same-plan", _same_plan),
    ("same-verdicts", _same_verdicts),
    ("same-evidence", _same_rest),
    ("policies", _policies_agree),
)
"""What a plan needs, whoever has approved it."""


def _this_stack(case: Case, statement: Statement) -> str:
    return "" if statement.stack == case.then.stack else f"this approves the stack {statement.stack}"


def _this_part(case: Case, statement: Statement) -> str:
    return "" if statement.part == case.then.part else f"this approves the state {statement.part}"


def _this_plan(case: Case, statement: Statement) -> str:
    return "" if statement.evidence == case.then.digest() else "this approves another plan"


def _may_approve(case: Case, statement: Statement) -> str:
    return "" if statement.approver in case.approvers.approving else "may make plans and approve none"


def _not_the_author(case: Case, statement: Statement) -> str:
    return "is an author of the change" if statement.approver.casefold() in hands_in(case.then) else ""


def _begun(case: Case, statement: Statement) -> str:
    ahead = statement.issued_at - case.at
    return f"this is good only in {ahead} seconds" if ahead > CLOCKS_DIFFER else ""


def _after_the_plan(case: Case, statement: Statement) -> str:
    early = case.then.planned_at - statement.issued_at
    return f"this was signed {early} seconds before the plan was made" if early > CLOCKS_DIFFER else ""


def _not_expired(case: Case, statement: Statement) -> str:
    over = case.at - statement.expires_at
    return f"this expired {over} seconds ago" if over >= 0 else ""


def _not_for_ever(case: Case, statement: Statement) -> str:
    wanted = statement.expires_at - statement.issued_at
    return (
        f"this would be good for {wanted} seconds; {case.approvers.max_age} are allowed"
        if wanted > case.approvers.max_age
        else ""
    )


def _names_what_is_there(case: Case, statement: Statement) -> str:
    strange = sorted(set(statement.names) - set(case.then.destructive))
    return f"this names {', '.join(strange)}, of which the plan destroys nothing" if strange else ""


APPROVAL_GUARDS: Final[tuple[tuple[str, Callable[[Case, Statement], str]], ...]] = (
    ("this-stack", _this_stack),
    ("this-part", _this_part),
    ("this-plan", _this_plan),
    ("may-approve", _may_approve),
    ("not-the-author", _not_the_author),
    ("not-yet-valid", _begun),
    ("after-the-plan", _after_the_plan),
    ("expired", _not_expired),
    ("not-for-ever", _not_for_ever),
    ("names-known", _names_what_is_there),
)
"""What an approval needs to count."""
