"""Nodes' own homes grow while the nodes run, and nothing shrinks, on a real API server."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest

from telamon.desired.kubernetes.components import KubernetesComponent, components
from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.installation import installation
from telamon.desired.kubernetes.render import bundles
from telamon.errors import RefusedError, TemporaryError
from telamon.platforms.clock import SteadyClock
from telamon.platforms.kubernetes.api import POD, STATEFUL_SET, Api
from telamon.platforms.kubernetes.growing import CLAIM, STORAGE_CLASS
from telamon.platforms.kubernetes.platform import KubernetesPlatform
from telamon.platforms.kubernetes.records import KubernetesRecords
from telamon.wiring.ground import static_network
from testbed.control_plane import ControlPlane
from tests.cluster.harness import OPERATOR, ClusterHarness, stack
from tests.cluster.operators import IMAGE
from tests.cluster.support import until
from tests.contract.test_platform import prepare, start
from tests.support.manifests import site_of

pytestmark = pytest.mark.lab

GROWS, STAYS = "grows", "stays"
STEPS = 4
"""Writes of a growth of two nodes' homes: each claim, the set that goes, the set that comes."""


class Killed(Exception):
    """The operator ends at this very line."""


class Mortal(Api):
    """Ends after so many writes: of the last one the server has heard, and nobody has its answer."""

    left = 1_000

    def _ask(self, method: str, path: str, **more: Any) -> dict[str, Any]:
        answer = super()._ask(method, path, **more)
        if method != "GET":
            self.left -= 1
            if self.left <= 0:
                raise Killed
        return answer


@dataclass
class Sized:
    """An application whose nodes have homes."""

    harness: ClusterHarness
    api: Api
    plane: ControlPlane

    @property
    def namespace(self) -> str:
        """Where it is."""
        return self.harness.part.part.namespace

    def asking(self, size: str, *, storage_class: str = GROWS) -> KubernetesComponent:
        """The application with homes of a size."""
        name = self.namespace.removesuffix("-tiny")
        known = stack(name)
        text = known.model_dump(mode="json", by_alias=True, exclude_unset=True)
        text["spec"]["products"]["tiny"]["storage"] = {
            "localHome": {"size": size, "storageClass": storage_class}
        }
        site = site_of(type(known).model_validate(text, strict=False))
        return next(part for part in components(site, bundles(site)) if part.desired.name == "tiny")

    def kept(self, part: KubernetesComponent, *, api: Api | None = None) -> ClusterHarness:
        """The same application as another operator keeps it."""
        own = api or Api(self.harness.kubeconfig)
        name = self.namespace.removesuffix("-tiny")
        records = KubernetesRecords(own, self.namespace, name)
        platform = KubernetesPlatform(
            own, name, SteadyClock(), records=records, network=static_network, parts=[part]
        )
        return replace(self.harness, platform=platform, desired=part.desired, part=part)

    def claims(self) -> Mapping[str, Object]:
        """The claims of the nodes' own homes."""
        found = self.api.list(CLAIM, namespace=self.namespace, labels={})
        return {
            str(each["metadata"]["name"]): each
            for each in found
            if each["metadata"]["name"].startswith("local-home-")
        }

    def sizes(self) -> set[str]:
        """What they ask for."""
        return {each["spec"]["resources"]["requests"]["storage"] for each in self.claims().values()}

    def bind(self) -> None:
        """Make the volumes that a driver would make, and wait until they belong to the claims."""
        for name, claim in self.claims().items():
            about = {"namespace": self.namespace, "name": name, "uid": claim["metadata"]["uid"]}
            spec = {
                "capacity": {"storage": claim["spec"]["resources"]["requests"]["storage"]},
                "accessModes": ["ReadWriteOnce"],
                "storageClassName": claim["spec"]["storageClassName"],
                "claimRef": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **about},
                "csi": {"driver": "example.com", "volumeHandle": f"{self.namespace}-{name}"},
            }
            metadata = {"name": f"{self.namespace}-{name}"}
            self.api.create(
                {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}
            )
        until(lambda: all(each["status"].get("phase") == "Bound" for each in self.claims().values()))

    def uids(self) -> set[str]:
        """The pods."""
        return {
            str(pod["metadata"]["uid"]) for pod in self.api.list(POD, namespace=self.namespace, labels={})
        }

    def set_uid(self) -> str:
        """The StatefulSet."""
        found = self.api.get(STATEFUL_SET, "tiny", namespace=self.namespace)
        return "" if found is None else str(found["metadata"]["uid"])

    def writes(self) -> int:
        """How often the operator has written."""
        return len(self.plane.writes(OPERATOR))


@pytest.fixture
def sized(harness: ClusterHarness, api: Api, plane: ControlPlane) -> Sized:
    """Two nodes that run, with homes of 1 GiB."""
    for name, may in ((GROWS, True), (STAYS, False)):
        document = {
            "apiVersion": STORAGE_CLASS.version,
            "kind": STORAGE_CLASS.kind,
            "metadata": {"name": name},
            "provisioner": "example.com/nobody",
            "allowVolumeExpansion": may,
        }
        api.apply(document, over=None)
    for item in installation(IMAGE):
        if item["kind"] in {"ClusterRole", "ClusterRoleBinding"}:
            api.apply(item, over=None)
    return Sized(harness, api, plane)


def come_up(sized: Sized, *, storage_class: str = GROWS) -> None:
    """Start both nodes."""
    kept = sized.kept(sized.asking("1Gi", storage_class=storage_class))
    prepare(kept)
    for ordinal in range(2):
        name = start(kept, ordinal)
        kept.platform.admit(kept.desired.name, name)
    kept.until(lambda seen: seen.objects == kept.desired.objects)
    sized.bind()
    kept.platform.close()


def applied(kept: ClusterHarness) -> Callable[[], bool]:
    """Whether everything is applied, which takes more than one look where a set is made anew."""

    def is_so() -> bool:
        try:
            kept.platform.apply(kept.desired)
        except TemporaryError:
            return False
        return True

    return is_so


def test_homes_grow_around_pods_that_go_on(sized: Sized) -> None:
    come_up(sized)
    pods, made_by = sized.uids(), sized.set_uid()
    kept = sized.kept(sized.asking("2Gi"))
    assert kept.platform.observe(kept.desired).objects != kept.desired.objects
    until(applied(kept))
    kept.until(lambda seen: seen.objects == kept.desired.objects)
    assert sized.sizes() == {"2Gi"}
    assert sized.uids() == pods
    assert sized.set_uid() not in {"", made_by}
    owners = {
        each["metadata"]["ownerReferences"][0]["uid"]
        for each in sized.api.list(POD, namespace=sized.namespace, labels={})
    }
    until(lambda: owners == {sized.set_uid()})
    # Until the driver has made them larger, the members say what they wait for.
    told = {member.held for member in kept.platform.observe(kept.desired).members}
    assert told == {"its home grows from 1Gi to 2Gi: the disk is being resized"}
    before = sized.writes()
    kept.platform.apply(kept.desired)
    assert sized.writes() == before
    kept.platform.close()


def test_killed_after_each_write_of_a_growth_the_end_is_the_same(sized: Sized) -> None:
    come_up(sized)
    pods, made_by = sized.uids(), sized.set_uid()
    part = sized.asking("2Gi")
    for _ in range(STEPS):
        api = Mortal(sized.harness.kubeconfig)
        api.left = 1
        dying = sized.kept(part, api=api)
        with pytest.raises(Killed):
            until(applied(dying))
        dying.platform.close()
        assert sized.uids() == pods
    kept = sized.kept(part)
    kept.until(lambda seen: seen.objects == kept.desired.objects)
    assert (sized.sizes(), sized.uids()) == ({"2Gi"}, pods)
    assert sized.set_uid() not in {"", made_by}
    kept.platform.close()


def test_what_cannot_grow_is_refused_before_anything_is_touched(sized: Sized) -> None:
    come_up(sized, storage_class=STAYS)
    before, kept = sized.writes(), sized.kept(sized.asking("2Gi", storage_class=STAYS))
    with pytest.raises(RefusedError, match="the storage class stays does not let volumes grow"):
        kept.platform.apply(kept.desired)
    kept.platform.close()
    assert sized.writes() == before


def test_nothing_shrinks_and_nothing_moves_to_other_disks(sized: Sized) -> None:
    come_up(sized)
    grown = sized.kept(sized.asking("3Gi"))
    until(applied(grown))
    before = sized.writes()
    for part, guard in (
        (sized.asking("2Gi"), "volumes-never-shrink"),
        (sized.asking("3Gi", storage_class=STAYS), "volumes-stay-on-their-disks"),
    ):
        kept = sized.kept(part)
        with pytest.raises(RefusedError) as judged:
            kept.platform.judge([part])
        with pytest.raises(RefusedError) as applied_then:
            kept.platform.apply(kept.desired)
        assert judged.value.guard == applied_then.value.guard == guard
        kept.platform.close()
    assert sized.writes() == before
    grown.platform.close()
