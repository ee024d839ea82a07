"""A plan in people's words, for a terminal and for a pull request. No secret is in them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from telamon.desired.prices import AS_OF, REGION
from telamon.infra.changes import Change, Kind
from telamon.infra.cost import CostChange
from telamon.infra.policies import Policy
from telamon.infra.verdict import Verdict

SHOWN: Final = (Kind.CREATE, Kind.UPDATE, Kind.REPLACE, Kind.DESTROY, Kind.FORGET)
MOST_COSTS: Final = 8
"""Resources whose cost is shown one by one."""
SHORTEST_SECRET: Final = 4
"""Characters below which a sensitive value is too common a text to be searched for."""

STOPS: Final[Mapping[str, str]] = {
    "aws_db_instance": "the database: every product that uses it stops, and its data is gone without a snapshot",
    "aws_rds_cluster": "the database: every product that uses it stops, and its data is gone without a snapshot",
    "aws_efs_file_system": "a shared home: its products stop, and its files are gone without a backup",
    "aws_fsx_openzfs_file_system": "a shared home: its products stop, and its files are gone without a backup",
    "aws_eks_cluster": "the cluster: every product stops",
    "aws_eks_node_group": "nodes: their members move elsewhere first, if there is room",
    "aws_vpc": "the network: everything stops",
    "aws_subnet": "a subnet: everything in it stops",
    "aws_nat_gateway": "the way out of a zone: calls from the products to the outside fail",
    "aws_lb": "a load balancer: its address changes, and what is behind it cannot be reached",
    "aws_route53_record": "a name: it does not resolve until caches forget it",
    "aws_kms_key": "an encryption key: what it encrypted cannot be read any more",
    "aws_s3_bucket": "a bucket: its objects are gone",
    "aws_cloudfront_distribution": "the cache in front: static files come from the products, or not at all",
}
"""What is lost while a resource of this type is gone."""

RESTARTS: Final[Mapping[str, Mapping[str, str]]] = {
    "aws_db_instance": {
        "instance_class": "the database fails over once",
        "engine_version": "the database restarts",
        "parameter_group_name": "the database restarts before it takes effect",
        "multi_az": "the database slows down while its standby is made or lost",
    },
    "aws_eks_cluster": {"version": "the control plane is replaced; pods go on"},
    "aws_eks_node_group": {
        "version": "nodes are replaced one after another",
        "release_version": "nodes are replaced one after another",
        "launch_template": "nodes are replaced one after another",
    },
}
"""Changes in place that users may feel. Source: AWS, "Settings for DB instances", "Updating a managed node group"."""


@dataclass(frozen=True)
class Summary:
    """What is shown of a plan.

    Attributes:
        title: which plan.
        changes: what happens.
        outputs: names of the outputs that change.
        policies: what policies say.
        secrets: texts that must never be shown.
        cost: what a month costs before and after; ``None`` where nobody worked it out.
        notes: what people should know besides, e.g. of an upgrade of Kubernetes.
        stand_ins: inputs that only stand in for what is not there yet; such a plan is for reading.
    """

    title: str
    changes: tuple[Change, ...]
    outputs: tuple[str, ...]
    policies: tuple[Policy, ...]
    secrets: frozenset[str]
    cost: CostChange | None = None
    notes: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()


def scrub(text: str, secrets: Iterable[str]) -> str:
    """Take out secrets that slipped into a text, e.g. into an error message of a provider.

    Args:
        text: what would be shown.
        secrets: as :func:`telamon.infra.changes.secrets_in` finds them.
    """
    for secret in sorted(secrets, key=len, reverse=True):
        if len(secret) >= SHORTEST_SECRET:
            text = text.replace(secret, "(sensitive)")
    return text


def goes_down(changes: Sequence[Change]) -> tuple[str, ...]:
    """What users may feel, a sentence a resource.

    Args:
        changes: of a plan.
    """
    return tuple(sentence for change in changes for sentence in _felt(change))


def as_text(summary: Summary) -> str:
    """A plan as a terminal shows it.

    Args:
        summary: of the plan.
    """
    lines = [summary.title, *_preview(summary), "", counts(summary.changes)]
    for kind in SHOWN:
        for change in (change for change in summary.changes if change.kind is kind):
            lines += ["", f"  {kind.value:9} {_headline(change)}", *_details(change)]
    lines += [
        f"  {'moved':9} {change.moved_from} -> {change.address}"
        for change in summary.changes
        if change.moved_from
    ]
    if summary.outputs:
        lines += ["", f"outputs that change: {', '.join(summary.outputs)}"]
    lines += _listed("what goes down", goes_down(summary.changes))
    lines += _listed("to be known", summary.notes)
    if summary.cost is not None:
        lines += ["", *cost_lines(summary.cost)]
    lines += _listed("policies that refuse", [str(found) for found in summary.policies if not found.passed])
    lines += ["", policy_counts(summary.policies)]
    return scrub("\n".join(lines), summary.secrets)


def as_comment(summary: Summary, verdict: Verdict | None = None) -> str:
    """A plan as a comment of a pull request (Markdown).

    Args:
        summary: of the plan.
        verdict: how its approval stands, where it was kept.
    """
    lines = [f"### {summary.title}", "", *_preview(summary), f"**{counts(summary.changes)}**", ""]
    shown = [change for change in summary.changes if change.kind in SHOWN]
    if shown:
        lines += ["| what | address | values |", "|---|---|---|"]
        lines += [
            f"| {change.kind.value} | `{_cell(change.address)}` | {_cell(', '.join(_names(change)))} |"
            for change in shown
        ]
    down = goes_down(summary.changes)
    if down:
        lines += ["", "**What goes down**", "", *(f"- {_cell(sentence)}" for sentence in down)]
    lines += [line for note in summary.notes for line in ("", _cell(note))]
    if summary.cost is not None:
        lines += ["", f"{cost_lines(summary.cost)[0]}."]
    refusing = [str(found) for found in summary.policies if not found.passed]
    lines += ["", f"{policy_counts(summary.policies)}.", *(f"- {_cell(reason)}" for reason in refusing)]
    if verdict is not None:
        lines += ["", *_standing(verdict)]
    return scrub("\n".join(lines), summary.secrets)


def counts(changes: Sequence[Change]) -> str:
    """The figures in one sentence.

    Args:
        changes: of a plan.
    """
    found = Counter(change.kind for change in changes)
    told = [f"{found[kind]} {kind.value}" for kind in SHOWN if found[kind]]
    return ", ".join(told) or "nothing changes"


def policy_counts(policies: Sequence[Policy]) -> str:
    """How many policies agree.

    Args:
        policies: what they say.
    """
    refused = sum(not found.passed for found in policies)
    waived = sum(bool(found.waived_until) for found in policies)
    kept = f"policies: {len(policies) - refused - waived} kept, {refused} refuse"
    return f"{kept}, {waived} waived" if waived else kept


def cost_lines(cost: CostChange) -> list[str]:
    """What a month costs before and after, and what makes the difference.

    Args:
        cost: of a plan.
    """
    prices = f"list prices of {REGION}, {AS_OF.isoformat()}"
    if not cost.lines:
        return [f"a month costs USD {cost.before:,.2f} as before ({prices}; besides what is paid by use)"]
    difference = cost.after - cost.before
    head = (
        f"a month costs USD {cost.before:,.2f} -> {cost.after:,.2f} ({difference:+,.2f}; {prices}; "
        "besides what is paid by use)"
    )
    shown = [f"  {line.after - line.before:>+12,.2f}  {line.address}" for line in cost.lines[:MOST_COSTS]]
    rest = cost.lines[MOST_COSTS:]
    if rest:
        others = sum(line.after - line.before for line in rest)
        shown.append(f"  {others:>+12,.2f}  {len(rest)} others")
    return [head, *shown]


def _preview(summary: Summary) -> list[str]:
    if not summary.stand_ins:
        return []
    return [f"A preview: values stand in for what is not there yet: {', '.join(summary.stand_ins)}.", ""]


def _standing(verdict: Verdict) -> list[str]:
    approved = ", ".join(statement.approver for statement in verdict.accepted) or "nobody"
    lines = [f"Approved by {approved}."]
    lines += [f"- {_cell(str(found))}" for found in (*verdict.refusals, *verdict.set_aside)]
    return lines


def _felt(change: Change) -> list[str]:
    if change.destructive and change.kind is not Kind.FORGET:
        lost = STOPS.get(change.type)
        gap = (
            ""
            if change.kind is Kind.DESTROY or not change.successor_first
            else " (its successor is there first)"
        )
        return [f"{change.address}: {lost}{gap}"] if lost else []
    restarts = RESTARTS.get(change.type, {})
    names = {difference.path.partition(".")[0] for difference in change.differences}
    return [f"{change.address}: {restarts[name]}" for name in sorted(names & restarts.keys())]


def _headline(change: Change) -> str:
    why = f"  ({change.reason})" if change.reason else ""
    return f"{change.address}{why}"


def _details(change: Change) -> list[str]:
    return [
        f"            {found.path}: {found.before or 'none'} -> {found.after or 'none'}"
        + ("  (forces the replacement)" if found.forces else "")
        for found in change.differences
    ]


def _names(change: Change) -> list[str]:
    return [found.path for found in change.differences]


def _listed(title: str, sentences: Sequence[str]) -> list[str]:
    return ["", f"{title}:", *(f"  - {sentence}" for sentence in sentences)] if sentences else []


def _cell(text: str) -> str:
    """Text from a plan, so that it neither ends a cell nor calls anybody by name."""
    plain = text.replace("\n", " ").replace("|", "\\|").replace("`", "'").replace("<", "&lt;")
    return plain.replace("@", "@\u200b")
