"""The maintenance page on a real API server, with a stand-in for what Envoy Gateway says of routes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.holding import is_held
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.errors import PlatformError
from telamon.model.stack import Stack
from telamon.platforms.clock import SteadyClock
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.drifting import ClusterDrifting
from telamon.platforms.kubernetes.lease import LEASE
from telamon.platforms.kubernetes.platform import KubernetesPlatform
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.wiring.ground import static_network
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.cluster.harness import OPERATOR, stack
from tests.cluster.operators import Installed, installed
from tests.cluster.routes import ROUTE, define, say, taking
from tests.cluster.support import until
from tests.support.manifests import rendered, site_of, stack_of

pytestmark = pytest.mark.lab

NAMESPACE = "page-jira"
LONG = 150.0
"""Seconds for whatever a loaded machine takes a while for."""
TEXT = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: page}
spec:
  environment: dev
  domain: acme.example
  products:
    jira: {version: 11.3.1, nodes: 2}
  platform: {kind: kubernetes}
  database: {kind: external, host: 127.0.0.1, admin: {secret: admin}}
  edge: {driver: gateway, tls: {kind: disabled}}
  storage: {shared: {kind: csi, storageClass: shared}}
"""
OURS = {"Namespace", "ServiceAccount", "Role", "RoleBinding", "ResourceQuota", "LimitRange", "PriorityClass"}


@dataclass
class Behind:
    """A product behind a gateway, of which no pod runs."""

    api: Api
    platform: KubernetesPlatform
    part: KubernetesComponent

    def route(self) -> Object:
        """Its route as it lives."""
        found = self.api.get(ROUTE, "jira", namespace=NAMESPACE)
        assert found is not None
        return found

    def is_held(self) -> bool:
        """Whether the platform sees that users see the page."""
        return self.platform.observe(self.part.desired).held

    def versions(self) -> list[str]:
        """Counts of writes to everything around its pods."""
        kinds = [item for item in self.part.objects if item["kind"] != "StatefulSet"]
        live = [self.platform._manifests.find(item) for item in kinds]
        return [
            str(item["metadata"]["generation"]) for item in live if item and "generation" in item["metadata"]
        ]


@pytest.fixture
def behind(plane: ControlPlane, api: Api) -> Iterator[Behind]:
    """A product with its objects, kept with the operator's rights alone."""
    define(api, "default")
    known = site_of(stack_of(TEXT))
    bundles = rendered(known)
    part = components(known, bundles)[0]
    for item in (item for bundle in bundles for item in bundle.objects if item["kind"] in OURS):
        api.apply(item, over=None)
    own = Api(plane.kubeconfig(OPERATOR, groups=()))
    records = KubernetesRecords(own, NAMESPACE, "page")
    platform = KubernetesPlatform(
        own, "page", SteadyClock(), records=records, network=static_network, parts=[part]
    )
    until(lambda: _applied(platform, part))
    yield Behind(api, platform, part)
    platform.close()


def _applied(platform: KubernetesPlatform, part: KubernetesComponent) -> bool:
    """Apply its objects; a role that was just granted takes the API server a moment."""
    try:
        platform.apply(part.desired)
    except PlatformError:
        return False
    return True


def test_the_page_is_shown_until_it_is_taken_away(behind: Behind) -> None:
    as_rendered = behind.route()["spec"]
    assert not behind.is_held()
    with taking(behind.api, NAMESPACE):
        behind.platform.hold("jira", held=True)
        assert is_held(behind.route())
        assert behind.is_held()

        # Whoever brings objects to what is desired keeps the page, and has nothing to write.
        until(lambda: behind.platform.observe(behind.part.desired).objects == behind.part.desired.objects)
        before = behind.versions()
        behind.platform.apply(behind.part.desired)
        behind.platform.hold("jira", held=True)
        assert behind.versions() == before
        assert behind.is_held()
        known = site_of(stack_of(TEXT))
        drift = ClusterDrifting(behind.api, rendered(known), ()).look(tell=lambda _: None).drift
        assert [each for each in drift if "HTTPRoute" in str(each)] == []

        # What somebody puts back by hand is no page any more.
        behind.api.apply(next(item for item in behind.part.objects if item["kind"] == "HTTPRoute"), over=None)
        behind.platform.changed("jira")
        assert not behind.is_held()
        behind.platform.hold("jira", held=True)
        assert behind.is_held()

        behind.platform.hold("jira", held=False)
        assert not behind.is_held()
    assert behind.route()["spec"] == as_rendered


def test_a_page_that_the_gateway_does_not_take_is_told(behind: Behind) -> None:
    with taking(behind.api, NAMESPACE):
        behind.platform.hold("jira", held=True)
    say(behind.api, behind.route(), Accepted="True", ResolvedRefs="False")
    with pytest.raises(PlatformError, match="does not take the route jira"):
        behind.platform.hold("jira", held=True)
    behind.platform.changed("jira")
    assert not behind.is_held()
    with taking(behind.api, NAMESPACE):
        say(behind.api, behind.route(), Accepted="True")
        behind.platform.hold("jira", held=False)


@pytest.mark.exhaustive
def test_the_page_outlives_the_operator_that_has_shown_it(
    plane: ControlPlane, api: Api, machines: Machines, tmp_path: Path
) -> None:
    define(api, "default")
    name = "pages"
    document = stack(name).model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["spec"]["edge"] = {"driver": "gateway", "tls": {"kind": "disabled"}}
    wanted = Stack.model_validate(document, strict=False)
    with installed(plane, api, tmp_path) as cluster, taking(api, f"{name}-tiny"):
        cluster.prepare_for(wanted)
        first = cluster.start()
        cluster.write(wanted)
        cluster.until_ready(name, within=LONG)

        def shown() -> bool:
            found = api.get(ROUTE, "tiny", namespace=f"{name}-tiny")
            return found is not None and is_held(found)

        cluster.operation(name, "close", verb="maintenance-on")
        until(lambda: cluster.phase(name, "close") == "Succeeded", within=LONG)
        assert shown()
        first.kill()
        cluster.start("operator-b")
        until(lambda: holder_of(cluster) == "operator-b", within=LONG)
        cluster.operation(name, "again", verb="restart")
        until(lambda: cluster.phase(name, "again") == "Succeeded", within=LONG)
        assert shown()
        cluster.operation(name, "open", verb="maintenance-off")
        until(lambda: cluster.phase(name, "open") == "Succeeded", within=LONG)
        assert not shown()


def holder_of(cluster: Installed) -> str:
    """Which operator leads."""
    found = cluster.api.get(LEASE, "telamon-operator", namespace=OPERATOR_NAMESPACE) or {}
    return str(found.get("spec", {}).get("holderIdentity", ""))
