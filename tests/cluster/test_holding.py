"""The maintenance page on a real API server, with a stand-in for what Envoy Gateway says of routes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.holding import is_held
from telamon.errors import PlatformError
from telamon.platforms.clock import SteadyClock
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.drifting import ClusterDrifting
from telamon.platforms.kubernetes.platform import KubernetesPlatform
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.wiring.ground import static_network
from testbed.control_plane import ControlPlane
from tests.cluster.harness import OPERATOR
from tests.cluster.routes import ROUTE, define, say, taking
from tests.cluster.support import until
from tests.support.manifests import rendered, site_of, stack_of

pytestmark = pytest.mark.lab

NAMESPACE = "page-jira"
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
