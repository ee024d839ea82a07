"""The operator as what it is meant to be: pods on real nodes, under its own policies and with its own rights."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from telamon.desired.kubernetes.installation import REPLICAS, installation
from telamon.desired.kubernetes.site import OPERATOR, OPERATOR_NAMESPACE
from telamon.platforms.kubernetes.lease import LEASE
from telamon.products.registry import registry
from telamon.stackfile.crds import custom_resources
from testbed.cluster import Wanted
from testbed.images import RECIPES
from tests.cluster.given import ours
from tests.cluster.support import until
from tests.cluster.test_nodes import POD, UP, Bed, bed_of

pytestmark = [pytest.mark.lab, pytest.mark.exhaustive, pytest.mark.timeout(900), ours]

TAG = "1"


@pytest.fixture(scope="module")
def bed() -> Iterator[Bed]:
    """A cluster on which the operator is installed."""
    for bed in bed_of(Wanted(images={"telamon": [TAG]}, tied=True)):
        assert bed.cluster is not None
        name = RECIPES["telamon"].image
        image = f"{name}@{bed.cluster.digests()[f'{name}:{TAG}']}"
        for item in (*custom_resources(registry()), *installation(image)):
            bed.api.apply(item, over=None)
        yield bed


def pods(bed: Bed) -> dict[str, bool]:
    """The operator's pods that are not ending, and whether each is ready."""
    labels = {"app.kubernetes.io/name": OPERATOR}
    found = bed.api.list(POD, namespace=OPERATOR_NAMESPACE, labels=labels)
    names = [str(each["metadata"]["name"]) for each in found if "deletionTimestamp" not in each["metadata"]]
    return {name: bed.is_ready(POD, name, namespace=OPERATOR_NAMESPACE) for name in names}


def leader(bed: Bed) -> str:
    """The pod that holds the lease."""
    found = bed.api.get(LEASE, OPERATOR, namespace=OPERATOR_NAMESPACE) or {}
    return str(found.get("spec", {}).get("holderIdentity", ""))


def restarts(bed: Bed) -> int:
    """How often a container of the operator's was started again."""
    found = [bed.pod(name, namespace=OPERATOR_NAMESPACE) for name in pods(bed)]
    return sum(each["restartCount"] for pod in found for each in pod["status"]["containerStatuses"])


def test_two_run_and_one_of_them_leads(bed: Bed) -> None:
    until(lambda: len(pods(bed)) == REPLICAS and all(pods(bed).values()), within=UP)
    until(lambda: leader(bed) in pods(bed), within=UP)
    nodes = {bed.pod(name, namespace=OPERATOR_NAMESPACE)["spec"]["nodeName"] for name in pods(bed)}
    assert len(nodes) == REPLICAS
    assert restarts(bed) == 0


def test_another_leads_when_the_leader_is_gone(bed: Bed) -> None:
    until(lambda: leader(bed) in pods(bed), within=UP)
    before = leader(bed)
    bed.api.delete(bed.pod(before, namespace=OPERATOR_NAMESPACE), grace=0)
    until(lambda: leader(bed) not in {"", before}, within=UP)
    until(lambda: len(pods(bed)) == REPLICAS and all(pods(bed).values()), within=UP)
