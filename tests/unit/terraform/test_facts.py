"""What the layers tell is read typed, or refused with what helps."""

from __future__ import annotations

import json
from typing import Any

import pytest

from telamon.desired.kubernetes.facts import facts_of
from telamon.desired.terraform.data import MARK, LayerName
from telamon.desired.terraform.facts import (
    TYPES,
    DataFacts,
    EfsHome,
    GroundFacts,
    OpenZfsHome,
    flat,
    read_facts,
    read_ground,
)
from telamon.desired.terraform.render import layers_on
from telamon.errors import NotReadyError, PlatformError
from tests.support.ground import example, ground_of

APPLIED = {MARK: {"configuration": "sha256:0", "inputs": {}}}
DATA: dict[str, Any] = {
    "backup_bucket": "backups",
    "database_host": "acme.rds.example",
    "database_port": 5432,
    "database_secret_arn": "arn:aws:secretsmanager:eu-central-1:123456789012:secret:x",
    "shared_homes": {
        "jira": {"kind": "efs", "file_system": "fs-1", "access_point": "fsap-1"},
        "bitbucket": {"kind": "openzfs", "server": "fs-2.fsx.example", "path": "/fsx"},
    },
}


def data(**changed: Any) -> dict[str, Any]:
    return DATA | APPLIED | changed


def test_every_output_of_the_examples_has_its_fact() -> None:
    """And every fact an output, so that neither is forgotten when the other changes."""
    told = {
        layer.name: {output.name for output in layer.outputs} for layer in layers_on(ground_of(example()))
    }
    assert told == {name: set(kind.model_fields) for name, kind in TYPES.items()}


def test_homes_are_of_their_kind() -> None:
    facts = read_facts(LayerName.DATA, data())
    assert isinstance(facts, DataFacts)
    assert isinstance(facts.shared_homes["jira"], EfsHome)
    assert isinstance(facts.shared_homes["bitbucket"], OpenZfsHome)
    assert facts.database_port == 5432


def test_a_database_elsewhere_is_no_gap() -> None:
    without = {name: value for name, value in data().items() if not name.startswith("database")}
    facts = read_facts(LayerName.DATA, without)
    assert isinstance(facts, DataFacts)
    assert facts.database_host is None


@pytest.mark.parametrize(
    ("outputs", "kind", "words"),
    [
        ({}, NotReadyError, "not applied yet"),
        (DATA, NotReadyError, "not applied yet"),
        (data(backup_bucket=None), NotReadyError, "does not tell backup_bucket"),
        (data(database_port="5432"), PlatformError, "database_port"),
        (data(database_port=0), PlatformError, "database_port"),
        (data(backup_bucket=""), PlatformError, "backup_bucket"),
        (data(shared_homes={"jira": {"kind": "nfs"}}), PlatformError, "shared_homes.jira"),
    ],
)
def test_what_is_missing_or_wrong_is_named(
    outputs: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        read_facts(LayerName.DATA, outputs)


def test_no_value_stands_in_a_refusal() -> None:
    with pytest.raises(PlatformError) as caught:
        read_facts(LayerName.DATA, data(database_secret_arn={"password": "hunter2"}))
    assert "hunter2" not in caught.value.message


def test_a_ground_with_a_hole_is_not_read() -> None:
    with pytest.raises(NotReadyError, match="layer state"):
        read_ground({LayerName.DATA: data()})
    assert set(GroundFacts.model_fields) == {str(name) for name in TYPES}


def test_manifests_are_rendered_with_what_the_ground_tells() -> None:
    told: dict[LayerName, dict[str, Any]] = {
        LayerName.STATE: {"state_bucket": "states"},
        LayerName.NETWORK: {
            "vpc_id": "vpc-1",
            "logs_bucket": "logs",
            "logs_key_arn": "arn:logs",
            **{f"{kind}_subnet_ids": ["subnet-1"] for kind in ("private", "public", "data")},
            "route_table_ids": ["rtb-1"],
        },
        LayerName.CLUSTER: {
            "cluster_name": "acme",
            "cluster_endpoint": "https://api.example",
            "cluster_authority": "QQ==",
            "cluster_version": "1.33",
            "machines_version": "1.33",
            "nodes_security_group_id": "sg-1",
            "cluster_key_arn": "arn:key",
            "registries": {"jira": "registry.example/jira"},
        },
        LayerName.DATA: DATA,
        LayerName.EDGE: {"name_servers": ["ns.example"], "web_target_group_arn": "arn:web"},
        LayerName.OPERATIONS: {"pager_topic_arn": "arn:pager"},
    }
    facts = read_ground({layer: outputs | APPLIED for layer, outputs in told.items()})
    known = facts_of([json.loads(json.dumps(flat(facts)))])
    assert (known.database_host, known.database_port) == (DATA["database_host"], 5432)
    assert known.shared_homes == DATA["shared_homes"]
    assert (known.web_target_group, known.certificate) == ("arn:web", "")
