"""What checkov finds refuses, unless somebody answers for it, with a reason and until a day."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from telamon.errors import PlatformError, RefusedError
from telamon.infra.policies import Policy, derive
from telamon.infra.waivers import read_waivers, report_of

TODAY = date(2026, 11, 22)
WAIVER: dict[str, Any] = {
    "check": "CKV_AWS_18",
    "resources": ["network/aws_s3_bucket.logs"],
    "owner": "platform",
    "reason": "The bucket for logs cannot log into itself.",
    "expires": "2027-11-30",
}
PLAN = json.dumps(
    {"planned_values": {"root_module": {"resources": [{"type": "aws_s3_bucket", "address": "x"}]}}}
).encode()


def said(*, passed: tuple[str, ...] = (), failed: tuple[str, ...] = ()) -> bytes:
    def checks(resources: tuple[str, ...]) -> list[dict[str, Any]]:
        return [
            {"check_id": "CKV_AWS_18", "resource": resource, "check_name": "Ensure logging"}
            for resource in resources
        ]

    results = {"passed_checks": checks(passed), "failed_checks": checks(failed), "parsing_errors": []}
    return json.dumps({"results": results}).encode()


def waivers(**changed: Any) -> bytes:
    return json.dumps({"waivers": [WAIVER | changed]}).encode()


def judged(answer: bytes, *, waived: bytes | None = None, part: str = "network") -> tuple[Policy, ...]:
    known = read_waivers(waived) if waived is not None else ()
    report = report_of(answer, known, plan=PLAN, part=part, today=TODAY)
    return tuple(found for found in derive({}, report) if found.name == "CKV_AWS_18")


def test_what_passes_and_what_fails_is_told() -> None:
    good, bad = judged(said(passed=("aws_s3_bucket.a",), failed=("aws_s3_bucket.logs",)))
    assert (good.passed, bad.passed) == (True, False)
    assert bad.reason == "Ensure logging"


def test_a_waiver_counts_for_its_resource_alone_and_stays_visible() -> None:
    (waived,) = judged(said(failed=("aws_s3_bucket.logs",)), waived=waivers())
    assert (waived.passed, waived.waived_until) == (True, "2027-11-30")
    assert "platform answers for it until 2027-11-30" in waived.reason
    (other,) = judged(said(failed=("aws_s3_bucket.other",)), waived=waivers())
    (elsewhere,) = judged(said(failed=("aws_s3_bucket.logs",)), waived=waivers(), part="data")
    assert not other.passed
    assert not elsewhere.passed


def test_a_waiver_that_is_over_refuses_and_says_whose_it_was() -> None:
    (over,) = judged(said(failed=("aws_s3_bucket.logs",)), waived=waivers(expires="2026-11-21"))
    assert not over.passed
    assert "platform waived it until 2026-11-21" in over.reason
    (last_day,) = judged(said(failed=("aws_s3_bucket.logs",)), waived=waivers(expires="2026-11-22"))
    assert last_day.passed


@pytest.mark.parametrize(
    "changed",
    [
        {"owner": ""},
        {"reason": "because"},
        {"expires": "soon"},
        {"resources": []},
        {"check": ""},
        {"more": 1},
        {"resources": ["network/a.b", "network/a.b"]},
    ],
)
def test_a_waiver_without_owner_reason_or_day_is_none(changed: dict[str, Any]) -> None:
    with pytest.raises(RefusedError) as caught:
        read_waivers(waivers(**changed))
    assert caught.value.guard == "waivers"


def test_a_scanner_that_scanned_nothing_is_found_out() -> None:
    """It ends with 0 then, and says nothing of it."""
    nothing = json.dumps({"passed": 0, "failed": 0, "resource_count": 0}).encode()
    with pytest.raises(PlatformError, match="scanned nothing"):
        judged(nothing)
    bare = json.dumps({"planned_values": {"root_module": {}}}).encode()
    assert json.loads(report_of(nothing, (), plan=bare, part="network", today=TODAY)) == {"verdicts": []}


def test_a_plan_that_could_not_be_read_is_not_judged() -> None:
    broken = json.dumps({"results": {"parsing_errors": ["plan.json"], "passed_checks": []}}).encode()
    with pytest.raises(PlatformError, match="did not judge"):
        judged(broken)
