"""Every example's manifests are judged by programs that others wrote."""

from __future__ import annotations

import fnmatch
import json
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML

from telamon.desired.kubernetes.holding import standing
from telamon.desired.kubernetes.render import bundles, files
from telamon.naming import EDGE, LABEL_COMPONENT
from tests.kube.conftest import ROOT, TOOLS, tool
from tests.support.manifests import EXAMPLES, example, objects

WAIVERS = ROOT / "examples" / "kubernetes-waivers.json"
FIELDS = {"tool", "check", "objects", "owner", "reason", "expires"}
VERSIONS = ("1.33", "1.34", "1.35", "1.36")

pytestmark = [pytest.mark.timeout(600), pytest.mark.xdist_group("judges")]


@pytest.fixture(scope="module", params=EXAMPLES)
def manifests(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the manifests of an example."""
    folder = tmp_path_factory.mktemp(str(request.param))
    known = example(str(request.param))
    for name, text in files(bundles(known), stack=known.stack).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def waivers(program: str) -> list[dict[str, Any]]:
    """Checks that are waived."""
    found = json.loads(WAIVERS.read_text(encoding="utf-8"))["waivers"]
    return [waiver for waiver in found if waiver["tool"] == program or not program]


def not_waived(program: str, failed: set[tuple[str, str]]) -> set[tuple[str, str]]:
    """Failures, as check and kind/name, that no waiver covers."""
    return {
        (check, name)
        for check, name in failed
        if not any(
            waiver["check"] == check and any(fnmatch.fnmatch(name, each) for each in waiver["objects"])
            for waiver in waivers(program)
        )
    }


def test_every_waiver_says_who_why_and_until_when() -> None:
    today = datetime.now(UTC).date()
    assert len({waiver["check"] for waiver in waivers("")}) == len(waivers("")) <= 5
    for waiver in waivers(""):
        assert set(waiver) == FIELDS
        assert waiver["owner"]
        assert len(waiver["reason"].split()) >= 8
        assert date.fromisoformat(waiver["expires"]) > today, f"{waiver['check']} has to be thought over"


@pytest.mark.exhaustive
def test_checkov_finds_nothing_that_is_not_waived(manifests: Path) -> None:
    command = [str(tool("checkov")), "-d", str(manifests), "--framework", "kubernetes", "--skip-download"]
    done = subprocess.run([*command, "-o", "json"], capture_output=True, text=True, check=False)
    results = json.loads(done.stdout)["results"]
    assert results["parsing_errors"] == []
    failed = set()
    for found in results["failed_checks"]:
        kind, _, name = found["resource"].split(".", 2)
        failed.add((found["check_id"], f"{kind}/{name}"))
    assert not_waived("checkov", failed) == set()
    assert len(results["passed_checks"]) > 100


def test_kube_score_finds_nothing_that_is_not_waived(manifests: Path) -> None:
    program = tool("kube-score")
    paths = sorted(map(str, manifests.rglob("*.yaml")))
    command = [str(program), "score", "--kubernetes-version", "v1.33", "-o", "json", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    scored = json.loads(done.stdout)
    failed = {
        (check["check"]["id"], f"{each['type_meta']['kind']}/{each['object_meta']['name']}")
        for each in scored
        for check in each["checks"]
        # 10 is "all is well", 7 is a remark, 5 a warning, 1 critical.
        if not check["skipped"] and check["grade"] <= 5
    }
    assert not_waived("kube-score", failed) == set()
    assert len(scored) >= 9


@pytest.mark.exhaustive
@pytest.mark.parametrize("version", VERSIONS)
def test_the_schemas_of_kubernetes_know_every_field(manifests: Path, version: str) -> None:
    program = tool("kubernetes-validate")
    paths = sorted(map(str, manifests.rglob("*.yaml")))
    command = [str(program), "--kubernetes-version", version, "--strict", *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if line]
    # A kind without a schema is a custom resource; those are judged by their own definitions.
    foreign = ("gateway.", "cert-manager.io", "cnpg.io", "projectcalico.org", "elbv2.k8s.aws")
    assert [line for line in lines if not line.startswith(("INFO", "WARN"))] == []
    for line in lines:
        if line.startswith("WARN"):
            assert any(group in line for group in foreign), line
    assert done.returncode == 0


@cache
def definitions() -> Mapping[tuple[str, str], Any]:
    """The schemas of the gateway's custom resources, by version and kind."""
    path = TOOLS / "crds" / "gateway.yaml"
    if not path.exists():
        pytest.skip("the definitions of the gateway are not there: `make kube-tools` gets them where Go is")
    loader = YAML(typ="safe")
    found: dict[tuple[str, str], Any] = {}
    for document in loader.load_all(path.read_text(encoding="utf-8")):
        if document is None or document["kind"] != "CustomResourceDefinition":
            continue
        spec = document["spec"]
        for version in spec["versions"]:
            schema = dict(_closed(version["schema"]["openAPIV3Schema"]))
            found[f"{spec['group']}/{version['name']}", spec["names"]["kind"]] = schema
    return found


def _closed(schema: Any) -> Iterator[tuple[str, Any]]:
    """A schema that refuses what it does not name, as a cluster with strict field validation does."""
    open_to_all = schema.get("x-kubernetes-preserve-unknown-fields") or "additionalProperties" in schema
    for key, value in schema.items():
        if key == "properties":
            yield key, {name: dict(_closed(item)) for name, item in value.items()}
        elif key in {"items", "additionalProperties"} and isinstance(value, dict):
            yield key, dict(_closed(value))
        elif not key.startswith("x-kubernetes") and key != "format":
            yield key, value
    if "properties" in schema and not open_to_all and schema.get("type") == "object":
        yield "additionalProperties", False


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_definitions_of_the_gateway_know_every_field(name: str) -> None:
    known = definitions()
    judged = 0
    everything = objects(example(name))
    # The routes as they are while users see the maintenance page, too.
    switched = [
        item for item in everything if item["metadata"].get("labels", {}).get(LABEL_COMPONENT) != EDGE
    ]
    for item in (*everything, *standing(switched, held=True)):
        version = item["apiVersion"]
        if version.partition("/")[0] not in {"gateway.networking.k8s.io", "gateway.envoyproxy.io"}:
            continue
        schema = dict(known[version, item["kind"]])
        # What every object has is the cluster's own to judge.
        given = {key: value for key, value in item.items() if key != "metadata"}
        schema["properties"] = {
            key: value for key, value in schema["properties"].items() if key != "metadata"
        }
        errors = list(Draft202012Validator(schema).iter_errors(given))
        assert errors == [], f"{item['kind']} {item['metadata']['name']}: {errors[0].message}"
        judged += 1
    assert judged > 0 or name == "nginx"
