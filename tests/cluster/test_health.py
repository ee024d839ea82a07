"""Argo CD tells from what the operator writes whether a Stack and an Operation are well, by the Lua that it runs."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from telamon.platforms.kubernetes.store import OPERATION
from testbed.parts import Cache, PartMissingError
from tests.cluster.operators import Installed
from tests.cluster.support import until
from tests.support.manifests import ROOT

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

NAME = "healthy"
SPACE = f"{NAME}-tiny"


def health(item: Mapping[str, Any], folder: Path) -> tuple[str, str]:
    """What Argo CD would show of an object, and why."""
    try:
        lua = Cache.of().find("glua")
    except PartMissingError as error:
        pytest.skip(str(error))
    given = YAML(typ="safe").load((ROOT / "docs/argocd/argocd-cm.yaml").read_text(encoding="utf-8"))
    script = given["data"][f"resource.customizations.health.telamon.dev_{item['kind']}"]
    file = folder / "health.lua"
    file.write_text(
        f"obj = {_table(item)}\nlocal function check()\n{script}\nend\n"
        "local found = check()\nprint(found.status)\nprint(found.message)\n",
        encoding="utf-8",
    )
    done = subprocess.run([lua, file], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stderr
    status, _, message = done.stdout.strip().partition("\n")
    return status, message


def _table(value: Any) -> str:
    """A value as Lua writes it."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"[{json.dumps(key)}] = {_table(each)}" for key, each in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"{{{', '.join(map(_table, value))}}}"
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)


def test_health_of_what_an_operator_writes(cluster: Installed, tmp_path: Path) -> None:
    cluster.prepare(NAME)
    cluster.ask_for(NAME)
    assert health(cluster.stack(NAME), tmp_path) == ("Progressing", "no operator has looked at it yet")

    cluster.start()
    cluster.until_ready(NAME)
    assert health(cluster.stack(NAME), tmp_path)[0] == "Healthy"

    asked = {
        "apiVersion": "telamon.dev/v1alpha1",
        "kind": "Operation",
        "metadata": {"name": "restart-tiny-1", "namespace": SPACE},
        "spec": {
            "verb": "restart",
            "target": {"stack": NAME, "component": "tiny"},
            "generation": cluster.stack(NAME)["metadata"]["generation"],
        },
    }
    made = cluster.api.create(asked)
    assert health(made, tmp_path) == ("Progressing", "nobody has begun")
    until(lambda: _operation(cluster).get("status", {}).get("phase") == "Succeeded", within=200.0)
    assert health(_operation(cluster), tmp_path)[0] == "Healthy"

    # A spec that nobody has looked at yet is not well because the one before it was.
    stack = cluster.stack(NAME)
    newer = {**stack, "metadata": {**stack["metadata"], "generation": stack["metadata"]["generation"] + 1}}
    assert health(newer, tmp_path)[0] == "Progressing"

    cluster.api.delete(cluster.stack(NAME))
    until(lambda: not cluster.stack(NAME), within=200.0)


@pytest.mark.parametrize(
    ("conditions", "status"),
    [
        ({"Accepted": "False", "Ready": "True"}, "Degraded"),
        ({"Accepted": "True", "UpgradeFailed": "True", "Ready": "True"}, "Degraded"),
        ({"Accepted": "True", "Degraded": "True", "Ready": "False"}, "Degraded"),
        ({"Accepted": "True", "SetupRequired": "True", "Ready": "False"}, "Suspended"),
        ({"Accepted": "True", "Degraded": "False", "Ready": "False"}, "Progressing"),
    ],
    ids=["refused", "upgrade held", "a node is sick", "a person is waited for", "on its way"],
)
def test_what_counts_first(conditions: Mapping[str, str], status: str, tmp_path: Path) -> None:
    told = [
        {
            "type": name,
            "status": each,
            "reason": f"{name}Reason",
            "message": f"of {name}",
            "observedGeneration": 3,
        }
        for name, each in conditions.items()
    ]
    stack = {"kind": "Stack", "metadata": {"generation": 3}, "status": {"conditions": told}}
    found, message = health(stack, tmp_path)
    assert found == status
    assert message.startswith("of ")


@pytest.mark.parametrize(("phase", "status"), [("Failed", "Degraded"), ("Cancelled", "Suspended")])
def test_how_an_operation_has_ended(phase: str, status: str, tmp_path: Path) -> None:
    ended = {"kind": "Operation", "metadata": {}, "status": {"phase": phase, "message": 'it "said" so'}}
    assert health(ended, tmp_path) == (status, 'it "said" so')


def _operation(cluster: Installed) -> Any:
    return cluster.api.get(OPERATION, "restart-tiny-1", namespace=SPACE) or {}
