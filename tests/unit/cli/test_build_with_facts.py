"""A stack file for an operator that others bring it to, with what lies below its cluster."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from telamon.desired.kubernetes.facts import from_text
from telamon.desired.kubernetes.written import FACTS
from telamon.desired.terraform.data import MANIFEST, MARK, LayerName
from telamon.desired.terraform.render import layer_files, layers_on
from tests.support.desk import Desk, Result
from tests.support.ground import SMALL, ground_of, stack_of

TEXT = SMALL.replace("ENVIRONMENT", "dev").replace("REGION", "eu-central-1").replace("MORE", "")
SUBNETS = ["subnet-1", "subnet-2"]
TOLD: Mapping[LayerName, Mapping[str, Any]] = {
    LayerName.STATE: {"state_bucket": "states"},
    LayerName.NETWORK: {
        "vpc_id": "vpc-1",
        "private_subnet_ids": SUBNETS,
        "public_subnet_ids": SUBNETS,
        "data_subnet_ids": SUBNETS,
        "route_table_ids": ["rtb-1"],
        "logs_bucket": "logs",
        "logs_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/1",
    },
    LayerName.CLUSTER: {
        "cluster_name": "acme",
        "cluster_endpoint": "https://acme.eks.example",
        "cluster_authority": "Y2E=",
        "cluster_version": "1.35",
        "machines_version": "1.35",
        "nodes_security_group_id": "sg-1",
        "cluster_key_arn": "arn:aws:kms:eu-central-1:123456789012:key/2",
        "registries": {"jira": "123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme/jira"},
    },
    LayerName.DATA: {
        "backup_bucket": "backups",
        "database_host": "acme.rds.example",
        "database_port": 5432,
        "shared_homes": {"jira": {"kind": "efs", "file_system": "fs-1", "access_point": "fsap-1"}},
    },
    LayerName.EDGE: {
        "name_servers": ["ns.example"],
        "web_target_group_arn": "arn:aws:elasticloadbalancing:eu-central-1:123456789012:targetgroup/web/1",
    },
    LayerName.OPERATIONS: {"pager_topic_arn": "arn:aws:sns:eu-central-1:123456789012:pager"},
}
PROGRAM = """\
#!/bin/sh
exec cat "${1#-chdir=}/told.json"
"""
"""Stands for Terraform as far as it tells what a state holds."""


def applied(folder: Path) -> None:
    """A ground that was applied as the file says."""
    below = ground_of(stack_of(TEXT))
    for layer in layers_on(below):
        manifest = layer_files(below, layer)[MANIFEST]
        inputs = {name: TOLD[LayerName(source)][name] for name, source in manifest["inputs"].items()}
        mark = {"configuration": manifest["configuration"], "inputs": inputs}
        tell(folder, layer.name, {**TOLD[layer.name], MARK: mark})


def tell(folder: Path, layer: LayerName, outputs: Mapping[str, Any]) -> None:
    """Have a layer tell something."""
    place = folder / layer
    place.mkdir(parents=True, exist_ok=True)
    values = {name: {"value": value} for name, value in outputs.items()}
    (place / "told.json").write_text(json.dumps(values), encoding="utf-8")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ground that stands."""
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "terraform").write_text(PROGRAM, encoding="utf-8")
    (programs / "terraform").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.delenv("TELAMON_GROUND", raising=False)
    applied(tmp_path / "deploy")
    return tmp_path / "deploy"


def built(folder: Path, *, text: str = TEXT) -> Result:
    folder.parent.mkdir(exist_ok=True)
    file = folder.parent / "stack.yaml"
    file.write_text(text, encoding="utf-8")
    words = ("build", str(file), "--with-facts", "--ground", str(folder), "-o", "json")
    return Desk(folder.parent / "states").run(*words)


def test_it_holds_what_the_operator_needs_of_the_ground(folder: Path) -> None:
    found = built(folder)
    assert found.code == 0, found.err
    facts = from_text(found.document["metadata"]["annotations"][FACTS])
    assert (facts.database_host, facts.database_port) == ("acme.rds.example", 5432)
    assert facts.shared_homes["jira"]["file_system"] == "fs-1"
    assert facts.web_target_group.endswith("targetgroup/web/1")


def test_annotations_of_others_stay(folder: Path) -> None:
    named = TEXT.replace("{name: acme}", "{name: acme, annotations: {acme.example/team: tools}}")
    assert built(folder, text=named).document["metadata"]["annotations"]["acme.example/team"] == "tools"


def test_a_layer_that_was_applied_from_another_file_is_refused(folder: Path) -> None:
    found = built(folder, text=TEXT.replace("domain: acme.example", "domain: other.example"))
    assert found.code == 9
    assert "was applied from another file" in found.document["error"]
    assert "telamon up FILE" in found.document["remedy"]


def test_a_layer_that_rests_on_another_network_than_stands_is_refused(folder: Path) -> None:
    told = json.loads((folder / "network" / "told.json").read_text(encoding="utf-8"))
    tell(
        folder, LayerName.NETWORK, {name: each["value"] for name, each in told.items()} | {"vpc_id": "vpc-2"}
    )
    found = built(folder)
    assert found.code == 9
    assert "the layer cluster was applied from another file, or from other inputs" in found.document["error"]


def test_a_layer_that_was_never_applied_is_named(folder: Path) -> None:
    tell(folder, LayerName.DATA, {})
    found = built(folder)
    assert found.code == 9
    assert "the layer data was not applied yet" in found.document["error"]


def test_it_says_where_it_looked(folder: Path) -> None:
    found = built(folder.parent / "elsewhere" / "deploy")
    assert found.code == 9
    assert "elsewhere/deploy/state is not there" in found.document["error"]


def test_a_stack_on_a_cluster_of_others_has_no_ground(folder: Path) -> None:
    found = built(folder, text=TEXT.partition("  platform")[0])
    assert found.code == 4
    assert found.document["guard"] == "has-ground"
