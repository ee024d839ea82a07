"""What checkov finds in a plan, and what somebody answers for: one verdict a check and resource.

A waiver says which check, on which resources, who answers for it, why, and until when. It is no way round: what is
waived stands in the plan's report as such, is signed with it, and refuses the plan from the day after.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from telamon.errors import PlatformError, RefusedError
from telamon.infra.canonical import read_object


class _Waiver(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    check: Annotated[str, Field(min_length=1)]
    resources: Annotated[list[str], Field(min_length=1)]
    owner: Annotated[str, Field(min_length=1)]
    reason: Annotated[str, Field(min_length=20)]
    expires: date


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    waivers: list[_Waiver]


@dataclass(frozen=True)
class Waiver:
    """One check that somebody answers for.

    Attributes:
        check: id of the check.
        resources: layer, slash, address.
        owner: who answers for it.
        reason: why.
        expires: the last day on which it counts.
    """

    check: str
    resources: tuple[str, ...]
    owner: str
    reason: str
    expires: date


def read_waivers(content: bytes) -> tuple[Waiver, ...]:
    """Read a file of waivers.

    Args:
        content: ``{"waivers": [{"check", "resources", "owner", "reason", "expires"}, …]}``.

    Raises:
        RefusedError: it cannot be read, lacks something, or waives a check twice on one resource.
    """
    try:
        found = _Document.model_validate(read_object(content, what="the waivers")).waivers
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise RefusedError(
            f"the waivers cannot be read: {where}: {first['msg']}",
            guard="waivers",
            remedy="Each says check, resources, owner, reason (a sentence) and expires (a day).",
        ) from error
    pairs = [(waiver.check, resource) for waiver in found for resource in waiver.resources]
    twice = sorted(
        {f"{check} on {resource}" for check, resource in pairs if pairs.count((check, resource)) > 1}
    )
    if twice:
        raise RefusedError(f"waived twice: {', '.join(twice)}", guard="waivers", remedy="Keep one of them.")
    return tuple(
        Waiver(waiver.check, tuple(waiver.resources), waiver.owner, waiver.reason, waiver.expires)
        for waiver in found
    )


@dataclass(frozen=True)
class _Verdict:
    policy: str
    resource: str
    passed: bool
    reason: str


def report_of(said: bytes, waivers: Sequence[Waiver], *, plan: bytes, part: str, today: date) -> bytes:
    """What checkov said of a plan, as a report that goes into the plan's evidence.

    Args:
        said: what ``checkov --framework terraform_plan -o json`` printed.
        waivers: that may count.
        plan: that was judged, as JSON.
        part: the layer.
        today: by which waivers are judged.

    Raises:
        PlatformError: it did not judge the plan: nothing was scanned, or something could not be read.
    """
    known = {(waiver.check, resource): waiver for waiver in waivers for resource in waiver.resources}
    judged = tuple(_judged(said))
    if not judged and _has_resources(plan):
        raise PlatformError(
            "checkov scanned nothing of the plan",
            remedy="Look at it: checkov -f plan.json --framework terraform_plan.",
        )
    verdicts = [_waived(verdict, known, part=part, today=today) for verdict in judged]
    return json.dumps({"verdicts": verdicts}, indent=1, sort_keys=True).encode()


def _has_resources(plan: bytes) -> bool:
    """Whether there is anything in a plan that checkov knows."""
    document = read_object(plan, what="the plan")
    resources = document.get("planned_values", {}).get("root_module", {}).get("resources", ())
    return any(resource["type"].startswith("aws_") for resource in resources)


def _waived(
    verdict: _Verdict, known: Mapping[tuple[str, str], Waiver], *, part: str, today: date
) -> dict[str, Any]:
    found = asdict(verdict)
    waiver = None if verdict.passed else known.get((verdict.policy, f"{part}/{verdict.resource}"))
    if waiver is None:
        return found
    until = waiver.expires.isoformat()
    if waiver.expires < today:
        return found | {"reason": f"{verdict.reason}; {waiver.owner} waived it until {until}"}
    told = f"{verdict.reason}; {waiver.owner} answers for it until {until}: {waiver.reason}"
    return found | {"passed": True, "reason": told, "waivedUntil": until}


def _judged(said: bytes) -> Iterator[_Verdict]:
    document = read_object(said, what="what checkov said")
    # Where there was nothing to scan there are figures and no results.
    results = document.get("results", {})
    if results.get("parsing_errors") or document.get("parsing_errors"):
        raise PlatformError(
            "checkov did not judge the plan",
            remedy="Look at it: checkov -f plan.json --framework terraform_plan.",
        )
    for kind, passed in (("passed_checks", True), ("failed_checks", False)):
        for check in results.get(kind, ()):
            reason = "" if passed else str(check.get("check_name", ""))
            yield _Verdict(str(check["check_id"]), str(check["resource"]), passed, reason)
