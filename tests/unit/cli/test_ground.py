"""The ground on AWS from the command line, as far as it needs no AWS: what is asked for, and what is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.desk import Desk

AWS = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  domain: acme.example
  products:
    jira: {version: 11.3.1}
  platform: {kind: aws, region: eu-central-1, account: "123456789012"}
"""


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    for name in ("TELAMON_APPROVERS", "TELAMON_SSH_KEY", "TELAMON_GROUND", "TELAMON_WAIVERS"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "aws.yaml"
    path.write_text(AWS, encoding="utf-8")
    return str(path)


def test_up_on_aws_wants_to_know_who_may_approve(file: str, tmp_path: Path) -> None:
    desk = Desk(tmp_path / "states")
    found = desk.run("up", file)
    assert found.code == 2
    assert "TELAMON_APPROVERS" in found.err
    assert desk.wiring.started == [], "no controller of the lab is started for it"


def test_plan_on_aws_wants_to_know_it_too(file: str, tmp_path: Path) -> None:
    found = Desk(tmp_path / "states").run("plan", file)
    assert found.code == 2
    assert "TELAMON_APPROVERS" in found.err


def test_status_wants_to_know_it_too(file: str, tmp_path: Path) -> None:
    assert Desk(tmp_path / "states").run("infra", "status", file).code == 2


def test_drift_says_that_nothing_was_applied_from_here(file: str, tmp_path: Path) -> None:
    found = Desk(tmp_path / "states").run("drift", file, "-o", "json")
    assert found.code == 9
    assert "nothing was applied" in found.document["error"]
    assert "--ground" in found.document["remedy"]


def test_a_lab_does_not_drift(tmp_path: Path) -> None:
    path = tmp_path / "lab.yaml"
    path.write_text(AWS.partition("  platform")[0], encoding="utf-8")
    found = Desk(tmp_path / "states").run("drift", str(path))
    assert found.code == 4
    assert "guard: platform-drifts" in found.err


def test_invalidating_needs_a_network_in_the_file(file: str, tmp_path: Path) -> None:
    found = Desk(tmp_path / "states").run("infra", "invalidate", file)
    assert found.code == 4
    assert "guard: has-cdn" in found.err


def test_invalidating_says_where_it_looked_for_what_the_edge_tells(file: str, tmp_path: Path) -> None:
    Path(file).write_text(AWS + "  edge: {cdn: {kind: cloudfront}}\n", encoding="utf-8")
    found = Desk(tmp_path / "states").run("infra", "invalidate", file, "--ground", str(tmp_path / "deploy"))
    assert found.code == 9
    assert f"{tmp_path}/deploy/edge is not there" in found.err


def test_a_layer_that_is_none_is_named_with_those_that_are(file: str, tmp_path: Path) -> None:
    found = Desk(tmp_path / "states").run("drift", file, "--layer", "netwrok")
    assert found.code == 2
    assert "network" in found.err
