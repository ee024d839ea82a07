"""An application of two nodes on a cluster, whose pods are processes of this machine."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from telamon.desired.component import ComponentDesired
from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.render import bundles
from telamon.model.stack import Stack
from telamon.platforms.clock import SteadyClock
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.platform import KubernetesPlatform
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.state.world import ComponentState
from telamon.wiring.ground import static_network
from testbed.machines import Machines
from tests.cluster.support import until
from tests.support.manifests import site_of

APPLICATION = Path(__file__).with_name("application.py")
OPERATOR = "system:serviceaccount:telamon-system:telamon-operator"
"""Who keeps the application: with the rights that are rendered for the operator, and no others."""


def stack(name: str, *, nodes: int = 2) -> Stack:
    """A small application on a cluster."""
    profile = {
        "image": "registry.acme.example/tiny:1.0",
        "command": [sys.executable, str(APPLICATION), "${address}:${port.http}"],
        "ports": {"http": 8000},
        "status": {
            "path": "/status",
            "reader": {"kind": "json", "field": "state", "states": {"RUNNING": ["RUNNING"]}},
        },
        "database": "postgresql",
        "stickyCookie": "node",
        "startTimeout": "30s",
        "stopGrace": "10s",
    }
    return Stack.model_validate(
        {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": name},
            "spec": {
                "environment": "dev",
                "domain": "acme.example",
                "products": {"tiny": {"version": "1.0", "nodes": nodes, "profile": profile}},
                "platform": {"kind": "kubernetes"},
                "database": {"kind": "external", "host": "db.acme.example", "admin": {"secret": "admin"}},
                "edge": {"driver": "nginx", "className": "nginx", "tls": {"kind": "disabled"}},
                "storage": {"shared": {"kind": "csi", "storageClass": "shared"}},
            },
        }
    )


@dataclass
class ClusterHarness:
    """A cluster under the suite."""

    platform: KubernetesPlatform
    desired: ComponentDesired
    machines: Machines
    part: KubernetesComponent
    kubeconfig: Path
    job: str = ""

    def until(self, holds: Callable[[ComponentState], bool]) -> ComponentState:
        """Let real time pass."""
        pictures: list[ComponentState] = []

        def look() -> bool:
            pictures.append(self.platform.observe(self.desired))
            return holds(pictures[-1])

        try:
            until(look)
        except AssertionError as error:
            raise AssertionError(f"{error}: last seen {pictures[-1]}") from error
        return pictures[-1]

    def crash(self, member: str) -> None:
        """Kill its program."""
        os.kill(self.machines.pid(self.part.part.namespace, member), signal.SIGKILL)

    def fewer(self, nodes: int) -> ClusterHarness:
        """The same application on the same cluster, of which fewer nodes are desired."""
        name = self.part.part.namespace.removesuffix("-tiny")
        known = site_of(stack(name, nodes=nodes))
        part = next(part for part in components(known, bundles(known)) if part.desired.name == "tiny")
        own = Api(self.kubeconfig)
        records = KubernetesRecords(own, f"{name}-tiny", name)
        platform = KubernetesPlatform(
            own, name, SteadyClock(), records=records, network=static_network, parts=[part]
        )
        return replace(self, platform=platform, desired=part.desired, part=part)
