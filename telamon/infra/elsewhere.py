"""A plan that was made elsewhere and is looked at here: what it shows must be what was signed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from telamon.errors import RefusedError
from telamon.infra.approvers import Approvers, Attested
from telamon.infra.canonical import canonical_plan, digest
from telamon.infra.changes import read_changes
from telamon.infra.evidence import Evidence
from telamon.infra.policies import Policy, digest_of


def check_sealed(
    evidence: Evidence,
    attested: Attested,
    *,
    stack: str,
    approvers: Approvers,
    plan: Mapping[str, Any],
    policies: Sequence[Policy],
) -> None:
    """Hold a sealed plan against the signature that came with it.

    Args:
        evidence: what it says it rests on.
        attested: the signature under that, checked.
        stack: whose plans are looked at here.
        approvers: the list in force.
        plan: what it shows, as JSON.
        policies: what they say of that.

    Raises:
        RefusedError: something does not fit.
    """
    checks = (
        (not attested.guard, attested.guard, attested.problem),
        (attested.signer == evidence.planner, "plan-signed", f"{attested.signer} has signed as another"),
        (evidence.stack == stack, "this-stack", f"this is a plan of the stack {evidence.stack}"),
        (
            evidence.approvers == approvers.digest,
            "same-approvers",
            "it was made under another list of approvers",
        ),
        (
            digest(canonical_plan(plan)) == evidence.plan,
            "same-plan",
            "what is shown is not what was signed",
        ),
        (digest_of(policies) == evidence.verdicts, "same-verdicts", "the policies say something else"),
        (
            tuple(change.address for change in read_changes(plan) if change.destructive)
            == evidence.destructive,
            "same-evidence",
            "it destroys what it does not name",
        ),
    )
    for good, guard, problem in checks:
        if not good:
            raise RefusedError(f"the sealed plan is refused: {problem}", guard=guard)
