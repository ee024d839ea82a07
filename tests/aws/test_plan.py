"""Every layer is validated and planned by the real terraform, with nothing in reach; checkov judges the plans."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from telamon.desired.cost import estimate
from telamon.desired.terraform.data import APPLIED, Layer
from telamon.desired.terraform.ground import Ground, efs_tenants
from telamon.desired.terraform.render import layers_on
from telamon.infra.canonical import read_object
from telamon.infra.cost import cost_of
from tests.aws.conftest import ROOT, give, prepare, previews, terraform, tool
from tests.aws.quirks import Reach
from tests.support.ground import example, ground_of, stack_of

WAIVERS = ROOT / "examples" / "waivers.json"
FIELDS = {"check", "resources", "owner", "reason", "expires"}
EXAMPLES = ("aws", "full")


pytestmark = pytest.mark.timeout(600)
"""Six plans of real size, two at a time, on a machine that may be small."""


def plans(folder: Path, ground: Ground) -> dict[str, Path]:
    """A plan of every layer as JSON, by layer."""

    def one(layer: Layer) -> Path:
        program = terraform()
        place = prepare(folder, ground, layer, reach=Reach(offline=True))
        give(place, previews(ground, layer))
        program.init(place)
        program.validate(place)
        assert program.plan(place, out=place / "tfplan")
        (place / "plan.json").write_bytes(program.show(place, plan=place / "tfplan"))
        return place / "plan.json"

    layers = layers_on(ground)
    terraform()
    with ThreadPoolExecutor(max_workers=2) as pool:
        return dict(zip((layer.name for layer in layers), pool.map(one, layers), strict=True))


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """The plans of the example."""
    return plans(tmp_path_factory.mktemp("plans"), ground_of(example()))


def test_every_resource_is_planned(planned: Mapping[str, Path]) -> None:
    for layer in layers_on(ground_of(example())):
        plan = json.loads(planned[layer.name].read_text(encoding="utf-8"))
        created = {
            change["address"]
            for change in plan["resource_changes"]
            if change["change"]["actions"] == ["create"]
        }
        assert created == {resource.address for resource in layer.resources} | {APPLIED}


def test_a_plan_costs_what_the_file_costs(planned: Mapping[str, Path]) -> None:
    """Two ways to the same figure: from the file, and from what the provider would make of it."""
    ground = ground_of(example())
    of_file: dict[str, float] = {}
    for part in estimate(ground).parts:
        # What lies on EFS is paid by use; the file says how much that will be, and a plan does not.
        if not any(f"home of {tenant.name}," in part.name for tenant in efs_tenants(ground)):
            of_file[part.layer] = of_file.get(part.layer, 0.0) + part.monthly
    of_plan = {
        layer: cost_of(read_object(plan.read_bytes(), what="a plan")).after for layer, plan in planned.items()
    }
    assert of_plan == {layer: pytest.approx(cost, abs=0.01) for layer, cost in of_file.items()}


def waivers() -> list[dict[str, Any]]:
    """Checks that are waived."""
    found: list[dict[str, Any]] = json.loads(WAIVERS.read_text(encoding="utf-8"))["waivers"]
    return found


def test_every_waiver_says_who_why_and_until_when() -> None:
    today = datetime.now(UTC).date()
    assert len({waiver["check"] for waiver in waivers()}) == len(waivers()) <= 8
    for waiver in waivers():
        assert set(waiver) == FIELDS
        assert waiver["owner"]
        assert len(waiver["reason"].split()) >= 8
        assert date.fromisoformat(waiver["expires"]) > today, f"{waiver['check']} has to be thought over"


def judged(plan: Path) -> Iterator[tuple[str, str, bool]]:
    """Check, resource and whether it passed."""
    program = tool("checkov")
    command = [
        str(program),
        "-f",
        str(plan),
        "--framework",
        "terraform_plan",
        "--skip-download",
        "-o",
        "json",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    results = json.loads(done.stdout)["results"]
    assert results["parsing_errors"] == []
    for kind, passed in (("passed_checks", True), ("failed_checks", False)):
        for check in results[kind]:
            yield check["check_id"], check["resource"], passed


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", EXAMPLES)
def test_checkov_finds_nothing_that_is_not_waived(name: str, tmp_path: Path) -> None:
    tool("checkov")
    text = (ROOT / "examples" / f"{name}.yaml").read_text(encoding="utf-8")
    answers = [
        (check, f"{layer}/{resource}", passed)
        for layer, plan in plans(tmp_path, ground_of(stack_of(text))).items()
        for check, resource, passed in judged(plan)
    ]
    failed = {(check, resource) for check, resource, passed in answers if not passed}
    waived = {(waiver["check"], resource) for waiver in waivers() for resource in waiver["resources"]}
    assert failed - waived == set()
    if name == "aws":
        assert waived - failed == set(), "waived, and there is nothing to waive any more"
    assert sum(passed for _, _, passed in answers) > 150
