"""``telamon install``, as far as no cluster is needed."""

from __future__ import annotations

from pathlib import Path

from ruamel.yaml import YAML

from tests.support.desk import Desk


def test_definitions_are_written_once(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    answer = desk.run("install", "--crds-only", "--output", str(folder), "-o", "json").document
    names = ["stacks.telamon.dev", "operations.telamon.dev"]
    assert answer["resources"] == [
        {"kind": "CustomResourceDefinition", "name": name, "change": "made"} for name in names
    ]
    found = [YAML(typ="safe").load(path) for path in sorted(folder.rglob("*.yaml"))]
    assert {item["metadata"]["name"] for item in found} == set(names)
    again = desk.run("install", "--crds-only", "--output", str(folder), "-o", "json").document
    assert {each["change"] for each in again["resources"]} == {"same"}


def test_what_is_installed_has_to_be_said(desk: Desk) -> None:
    answer = desk.run("install")
    assert answer.code == 2
    assert "telamon install --crds-only" in answer.err


def test_a_kubeconfig_that_cannot_be_used_is_told(desk: Desk, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text(
        "apiVersion: v1\nkind: Config\nclusters: []\nusers: []\ncontexts: []\n", encoding="utf-8"
    )
    answer = desk.run("install", "--crds-only", "--kubeconfig", str(broken))
    assert answer.code == 6
    assert "kubeconfig" in answer.err


def test_a_context_that_is_not_there_is_told(desk: Desk, tmp_path: Path) -> None:
    known = tmp_path / "known"
    known.write_text(
        "apiVersion: v1\nkind: Config\ncurrent-context: one\n"
        "clusters: [{name: one, cluster: {server: 'https://127.0.0.1:1'}}]\n"
        "users: [{name: one, user: {}}]\ncontexts: [{name: one, context: {cluster: one, user: one}}]\n",
        encoding="utf-8",
    )
    answer = desk.run("install", "--crds-only", "--kubeconfig", str(known), "--context", "two")
    assert answer.code == 6
    assert "two" in answer.err
    silent = desk.run("install", "--crds-only", "--kubeconfig", str(known))
    assert silent.code == 75
    assert "does not answer" in silent.err


IMAGE = "registry.acme.example/telamon@sha256:" + "0" * 64


def test_the_operator_is_written_with_no_right_on_the_whole_cluster(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    answer = desk.run("install", "--image", IMAGE, "--output", str(folder), "-o", "json").document
    assert {each["change"] for each in answer["resources"]} == {"made"}
    found = [YAML(typ="safe").load(path) for path in sorted(folder.rglob("*.yaml"))]
    assert len(found) == len(answer["resources"])
    kinds = [item["kind"] for item in found if item["kind"] != "CustomResourceDefinition"]
    assert kinds[0] == "Namespace"
    assert kinds[-1] == "Deployment"
    assert not {"ClusterRole", "ClusterRoleBinding"} & set(kinds)
    role = next(item for item in found if item["kind"] == "Role")
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
    assert not verbs & {"*", "escalate", "bind", "impersonate"}
    assert "secrets" not in {resource for rule in role["rules"] for resource in rule["resources"]}


def test_an_operator_by_a_tag_is_refused(desk: Desk) -> None:
    answer = desk.run("install", "--image", "registry.acme.example/telamon:1.0")
    assert answer.code == 2
    assert "digest" in answer.err


def test_taking_the_operator_away_is_agreed_to(desk: Desk) -> None:
    answer = desk.run("uninstall")
    assert answer.code == 2
    assert "--yes" in answer.err
