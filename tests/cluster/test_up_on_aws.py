"""``telamon up`` from an empty account to a stack that is ready: real Terraform on moto, then a real API server.

What stands for AWS has no cluster in it, so the cluster is another one, named by its kubeconfig. The application of the
stack needs nothing of what stands for AWS to answer.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from telamon.cli.ground import FACTS
from telamon.desired.kubernetes.facts import facts_of
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE, site
from telamon.desired.kubernetes.wanted import wanted_secrets
from telamon.desired.kubernetes.written import FACTS as WRITTEN
from telamon.desired.terraform.data import LayerName
from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.store import STACK
from telamon.stackfile.lock import lock_text
from testbed.control_plane import ControlPlane
from testbed.machines import Machines
from tests.aws.conftest import Moto, running_moto
from tests.aws.world import World
from tests.cluster.harness import APPLICATION
from tests.cluster.operators import IMAGE, Installed, installable
from tests.support.manifests import digests, products, stack_of

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(5400)]

SEED = 20261123
KILLS = 2
PLAIN = "The front door of a stack for development speaks plain HTTP here."
ANSWERED = (
    ("CKV_AWS_157", "data/aws_db_instance.main", "For development one database server is enough."),
    ("CKV_AWS_260", "edge/aws_vpc_security_group_ingress_rule.web_everybody", PLAIN),
    ("CKV2_AWS_20", "edge/aws_lb.web", PLAIN),
)
"""What checkov finds in this stack, and people answer for."""
TEXT = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: joint}
spec:
  environment: dev
  domain: acme.example
  products:
    tiny:
      version: "1.0"
      nodes: 2
      profile:
        image: registry.acme.example/tiny:1.0
        command: [PYTHON, APPLICATION, "${address}:${port.http}"]
        ports: {http: 8000}
        status: {path: /status, reader: {kind: json, field: state, states: {RUNNING: [RUNNING]}}}
        database: postgresql
        stickyCookie: node
        startTimeout: 30s
        stopGrace: 10s
  platform: {kind: aws, region: eu-central-1, account: "123456789012", zones: 2, kubernetes: "1.35"}
  edge: {driver: nginx, className: nginx, tls: {kind: disabled}}
"""


@pytest.fixture
def cluster(plane: ControlPlane, api: Api, machines: Machines, tmp_path: Path) -> Iterator[Installed]:
    """A cluster in which an operator can be run as a process."""
    with installable(plane, api, tmp_path) as made:
        yield made


@pytest.fixture
def moto(api: Api) -> Iterator[Moto]:
    """What stands for AWS, in the network of the cluster."""
    yield from running_moto()


def test_from_an_empty_account_to_a_stack_that_is_ready(
    cluster: Installed, plane: ControlPlane, moto: Moto, tmp_path: Path
) -> None:
    text = TEXT.replace("PYTHON", sys.executable).replace("APPLICATION", str(APPLICATION))
    stack = stack_of(text)
    world = World.new(tmp_path / "world", moto, text)
    for check, resource, reason in ANSWERED:
        world.answer_for(check, resource, reason=reason)
    (world.folder / "stack.lock.yaml").write_text(lock_text(digests(stack)), encoding="utf-8")
    there = ("--kubeconfig", str(plane.kubeconfig()), "--operator", IMAGE)
    dice = random.Random(SEED)

    layers = tuple(map(str, LayerName))
    lacking = world.up(layers, killed_after=[dice.uniform(3, 60) for _ in range(KILLS)], words=there)
    assert world.standing(layers), lacking.err
    # The ground stands, the operator is installed, and it waits for what people bring.
    assert lacking.code == 9, lacking.out + lacking.err
    facts = facts_of([json.loads((world.ground / FACTS).read_text(encoding="utf-8"))])
    known = site(stack, products(stack), facts=facts, digests=digests(stack))
    for each in wanted_secrets(known, bundles(known)):
        assert each.name in lacking.err + lacking.out
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": each.name, "namespace": each.namespace},
            "stringData": dict.fromkeys(each.keys, "value-that-nobody-reads"),
        }
        cluster.api.apply(body, over=None)

    cluster.start()
    up = ("up", str(world.file), "--yes", "-o", "json", *there)
    ready = world.run(*up, "--timeout", "10m")
    assert ready.code == 0, ready.out + ready.err
    assert ready.document["ready"] is True
    # Who brings the file to the cluster by other ways writes what `up` has written.
    built = world.run("build", str(world.file), "--with-facts", "-o", "json")
    assert built.code == 0, built.err
    live = cluster.api.get(STACK, "joint", namespace=OPERATOR_NAMESPACE)
    assert live is not None
    assert live["metadata"]["annotations"][WRITTEN] == built.document["metadata"]["annotations"][WRITTEN]
    again = world.run(*up, "--timeout", "10m")
    assert (again.code, again.document["changes"], again.document["changed"]) == (0, 0, False)
