"""``telamon install``, as far as no cluster is needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from telamon.cli.install import METRICS
from telamon.desired.kubernetes.installation import Metering, installation
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


def test_the_operator_is_written_with_one_right_on_the_whole_cluster(desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    answer = desk.run("install", "--image", IMAGE, "--output", str(folder), "-o", "json").document
    assert {each["change"] for each in answer["resources"]} == {"made"}
    found = [YAML(typ="safe").load(path) for path in sorted(folder.rglob("*.yaml"))]
    assert len(found) == len(answer["resources"])
    kinds = [item["kind"] for item in found if item["kind"] != "CustomResourceDefinition"]
    assert kinds[0] == "Namespace"
    assert kinds[-1] == "Deployment"
    whole = next(item for item in found if item["kind"] == "ClusterRole")
    assert whole["rules"] == [
        {
            "apiGroups": ["admissionregistration.k8s.io"],
            "resources": ["validatingwebhookconfigurations"],
            "resourceNames": ["telamon-operator"],
            "verbs": ["get", "patch"],
        }
    ]
    role = next(item for item in found if item["kind"] == "Role")
    verbs = {verb for rule in role["rules"] for verb in rule["verbs"]}
    assert not verbs & {"*", "escalate", "bind", "impersonate"}
    secrets = [rule for rule in role["rules"] if "secrets" in rule["resources"]]
    assert [(rule["resourceNames"], rule["verbs"]) for rule in secrets] == [
        (["telamon-operator-admission"], ["get", "patch"])
    ]


def test_an_operator_that_is_down_is_in_nobodys_way() -> None:
    found = next(item for item in installation(IMAGE) if item["kind"] == "ValidatingWebhookConfiguration")
    for webhook in found["webhooks"]:
        assert webhook["failurePolicy"] == "Ignore"
        assert {group for rule in webhook["rules"] for group in rule["apiGroups"]} == {"telamon.dev"}


@pytest.mark.parametrize("metrics", METRICS)
def test_prometheus_finds_the_operator_as_it_is_asked_for(metrics: str, desk: Desk, tmp_path: Path) -> None:
    folder = tmp_path / "manifests"
    desk.run("install", "--image", IMAGE, "--metrics", metrics, "--output", str(folder))
    found = [YAML(typ="safe").load(path) for path in sorted(folder.rglob("*.yaml"))]
    assert tuple(Metering) == METRICS
    pod = next(item for item in found if item["kind"] == "Deployment")["spec"]["template"]
    annotated = (pod["metadata"].get("annotations") or {}).get("prometheus.io/scrape") == "true"
    assert annotated is (metrics == "annotations")
    monitors = [item for item in found if item["kind"] == "ServiceMonitor"]
    assert len(monitors) == (metrics == "service-monitor")
    for monitor in monitors:
        chosen = monitor["spec"]["selector"]["matchLabels"].items()
        services = [item for item in found if item["kind"] == "Service"]
        (service,) = [item for item in services if chosen <= item["metadata"]["labels"].items()]
        ports = {port["name"]: port["targetPort"] for port in service["spec"]["ports"]}
        named = {port["name"] for port in pod["spec"]["containers"][0]["ports"]}
        assert {ports[endpoint["port"]] for endpoint in monitor["spec"]["endpoints"]} <= named
        assert service["spec"]["selector"].items() <= pod["metadata"]["labels"].items()


def test_an_operator_by_a_tag_is_refused(desk: Desk) -> None:
    answer = desk.run("install", "--image", "registry.acme.example/telamon:1.0")
    assert answer.code == 2
    assert "digest" in answer.err


def test_the_operator_is_pulled_and_ranked_as_it_is_asked_for(desk: Desk, tmp_path: Path) -> None:
    asked = ("--pull-secret", "registry", "--priority-class", "precious")
    pods = []
    for folder, options in (("plain", ()), ("asked", asked)):
        desk.run("install", "--image", IMAGE, *options, "--output", str(tmp_path / folder))
        (path,) = (tmp_path / folder).rglob("*-deployment*.yaml")
        pods.append(YAML(typ="safe").load(path)["spec"]["template"]["spec"])
    plain, ranked = pods
    assert not {"imagePullSecrets", "priorityClassName"} & set(plain)
    assert ranked == plain | {"imagePullSecrets": [{"name": "registry"}], "priorityClassName": "precious"}


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--image", IMAGE, "--pull-secret", "Not a name"), "--pull-secret 'Not a name'"),
        (("--crds-only", "--priority-class", "precious"), "--crds-only installs none"),
    ],
)
def test_what_can_be_no_secret_or_belongs_to_nothing_is_refused(
    options: tuple[str, ...], told: str, desk: Desk
) -> None:
    answer = desk.run("install", *options)
    assert answer.code == 2
    assert told in answer.err


def test_taking_the_operator_away_is_agreed_to(desk: Desk) -> None:
    answer = desk.run("uninstall")
    assert answer.code == 2
    assert "--yes" in answer.err
