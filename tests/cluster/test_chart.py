"""The Helm chart of the operator, with the real Helm, on a real API server."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from telamon.desired.kubernetes.admission import CONFIGURATION
from telamon.desired.kubernetes.installation import Metering, installation
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.products.registry import registry
from telamon.stackfile.crds import custom_resources
from testbed.control_plane import ControlPlane
from testbed.parts import Cache, PartMissingError
from tests.cluster.operators import disarm
from tests.cluster.support import until
from tests.cluster.test_install import IMAGE, STACK, taken
from tests.support.desk import Desk

pytestmark = [pytest.mark.lab, pytest.mark.timeout(600)]

DEPLOYMENT = Kind("apps/v1", "Deployment")
WEBHOOK = Kind("admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration")
FENCE = Kind("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy")
DEFINITION = Kind("apiextensions.k8s.io/v1", "CustomResourceDefinition")
KEPT: dict[str, Any] = {
    "apiVersion": STACK.version,
    "kind": STACK.kind,
    "metadata": {"name": "kept", "namespace": OPERATOR_NAMESPACE},
    "spec": {
        "domain": "acme.example",
        "products": {"tiny": {"version": "1.0.0"}},
        "platform": {"kind": "kubernetes"},
    },
}


class Helm:
    """The real one, beside a chart that was written."""

    def __init__(self, folder: Path, plane: ControlPlane, *chosen: str) -> None:
        self._folder = folder
        self._plane = plane
        try:
            self._program = Cache.of().find("helm")
        except PartMissingError as error:
            pytest.skip(str(error))
        desk = Desk(folder)
        written = desk.run("install", "--chart", str(self.chart), *chosen, "-o", "json")
        desk.controller.end()
        assert written.code == 0, written.err

    @property
    def chart(self) -> Path:
        """The folder of the chart."""
        return self._folder / "chart"

    def run(self, *words: str, namespace: str = OPERATOR_NAMESPACE) -> subprocess.CompletedProcess[str]:
        """What it says."""
        where = ("--namespace", namespace, "--kubeconfig", str(self._plane.kubeconfig()))
        environment = {"HOME": str(self._folder), "PATH": os.environ["PATH"]}
        return subprocess.run(
            [self._program, *words, *where],
            capture_output=True,
            text=True,
            check=False,
            env=environment,
            timeout=300,
        )

    def done(self, verb: str, *words: str) -> None:
        """Have it do something to the release, in which it must not fail."""
        chart = () if verb == "uninstall" else (str(self.chart),)
        found = self.run(verb, "telamon", *chart, *words)
        assert found.returncode == 0, found.stderr


def test_a_chart_is_installed_upgraded_and_taken_away(plane: ControlPlane, api: Api, tmp_path: Path) -> None:
    helm = Helm(tmp_path, plane)
    linted = helm.run("lint", str(helm.chart), "--strict")
    assert "0 chart(s) failed" in linted.stdout, linted.stdout + linted.stderr

    image = ("--set", f"image={IMAGE}")
    elsewhere = helm.run("install", "telamon", str(helm.chart), *image, namespace="default")
    assert "lives in the namespace telamon-system" in elsewhere.stderr
    movable = helm.run(
        "install", "telamon", str(helm.chart), "--set", "image=registry.acme.example/telamon:1"
    )
    assert "image has to be named with its digest" in movable.stderr
    misspelt = helm.run("install", "telamon", str(helm.chart), *image, "--set", "replica=3")
    assert "replica" in misspelt.stderr
    assert api.get(DEPLOYMENT, OPERATOR, namespace=OPERATOR_NAMESPACE) is None

    # What `telamon install` has left on this cluster is Helm's to keep from now on.
    helm.done("install", *image, "--create-namespace", "--take-ownership")
    made = _the(api, DEPLOYMENT, OPERATOR)["spec"]
    assert made["replicas"] == 2
    assert made["template"]["spec"]["containers"][0]["image"] == IMAGE
    assert IMAGE in made["template"]["spec"]["containers"][0]["command"]
    until(lambda: taken(api, KEPT))
    # As the operator does it: what Helm has not written is not Helm's to take back.
    webhook = _the(api, WEBHOOK, CONFIGURATION)
    hooks = [
        {**each, "clientConfig": {**each["clientConfig"], "caBundle": "Zm9y"}} for each in webhook["webhooks"]
    ]
    api.change(webhook, {"webhooks": hooks})

    more = ("--set", "replicas=3", "--set", "imagePullSecrets[0].name=pull", "--set", "metrics=annotations")
    helm.done("upgrade", *image, *more)
    upgraded = _the(api, DEPLOYMENT, OPERATOR)["spec"]
    assert upgraded["replicas"] == 3
    assert upgraded["template"]["spec"]["imagePullSecrets"] == [{"name": "pull"}]
    assert upgraded["template"]["metadata"]["annotations"]["prometheus.io/scrape"] == "true"
    assert {
        each["clientConfig"].get("caBundle") for each in _the(api, WEBHOOK, CONFIGURATION)["webhooks"]
    } == {"Zm9y"}

    helm.done("uninstall")
    until(lambda: api.get(DEPLOYMENT, OPERATOR, namespace=OPERATOR_NAMESPACE) is None)
    assert api.get(WEBHOOK, CONFIGURATION) is None
    assert all(api.get(DEFINITION, name) for name in ("stacks.telamon.dev", "operations.telamon.dev"))
    assert api.list(FENCE, namespace="", labels={})
    assert api.get(STACK, "kept", namespace=OPERATOR_NAMESPACE) is not None

    # Whoever installs it again goes on with what stayed.
    helm.done("install", *image)
    helm.done("uninstall")
    stack = _the(api, STACK, "kept")
    api.delete(stack)
    disarm(plane, api)


def test_it_makes_what_an_installation_without_it_makes(plane: ControlPlane, tmp_path: Path) -> None:
    chosen = (
        "--image",
        IMAGE,
        "--pull-secret",
        "pull",
        "--priority-class",
        "high",
        "--metrics",
        "service-monitor",
    )
    helm = Helm(tmp_path, plane, *chosen)
    rendered = helm.run("template", "telamon", str(helm.chart), "--kube-version", "1.35")
    assert rendered.returncode == 0, rendered.stderr
    made = {_key(item): item for item in YAML(typ="safe").load_all(rendered.stdout) if item}
    for item in made.values():
        annotations = item["metadata"].get("annotations", {})
        if annotations.pop("helm.sh/resource-policy", None) and not annotations:
            del item["metadata"]["annotations"]
    plain = [
        *custom_resources(registry()),
        *installation(IMAGE, metrics=Metering.SERVICE_MONITOR, pull_secret="pull", priority_class="high"),
    ]
    # The namespace is there before any chart is.
    wanted = {_key(item): json.loads(json.dumps(item)) for item in plain if item["kind"] != "Namespace"}
    assert made == wanted


def _key(item: Any) -> tuple[str, str]:
    return item["kind"], item["metadata"]["name"]


def _the(api: Api, kind: Kind, name: str) -> Any:
    cluster_wide = kind in {WEBHOOK, FENCE, DEFINITION}
    found = api.get(kind, name, namespace="" if cluster_wide else OPERATOR_NAMESPACE)
    assert found is not None
    return found
