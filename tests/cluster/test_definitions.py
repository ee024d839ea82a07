"""The custom resources are taken by a real API server, and refuse what can never be right."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from telamon.errors import PlatformError
from telamon.model.stack import Stack
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.products.registry import registry
from telamon.stackfile.crds import custom_resources
from telamon.stackfile.lasting import OTHER_CLASS, OTHER_DATABASE, OTHER_HOME, OTHER_NODE, SMALLER
from tests.cluster.support import until
from tests.support.manifests import EXAMPLES, ROOT, stack_of

pytestmark = pytest.mark.lab

STACK = Kind("telamon.dev/v1alpha1", "Stack")


def minimal(name: str, **spec: Any) -> dict[str, Any]:
    """The smallest stack on a cluster."""
    return {
        "apiVersion": STACK.version,
        "kind": STACK.kind,
        "metadata": {"name": name, "namespace": "default"},
        "spec": {
            "domain": "acme.example",
            "products": {"tiny": {"version": "1.0.0"}},
            "platform": {"kind": "kubernetes"},
            **spec,
        },
    }


def operation(**spec: Any) -> dict[str, Any]:
    """A restart."""
    return {
        "apiVersion": STACK.version,
        "kind": "Operation",
        "metadata": {"name": "restart-tiny-1", "namespace": "default"},
        "spec": {"verb": "restart", "target": {"stack": "acme"}, "generation": 1, **spec},
    }


@pytest.fixture
def cluster(api: Api) -> Iterator[Api]:
    """A cluster that knows our resources."""
    for item in custom_resources(registry()):
        api.apply(item, over=None)
    for item in custom_resources(registry()):
        until(lambda item=item: _established(api, item))  # type: ignore[misc]
    # The paths appear a moment after the definition says that they are there.
    until(lambda: _listed(api))
    yield api
    for kind, name in ((STACK, "acme"), (Kind(STACK.version, "Operation"), "restart-tiny-1")):
        found = api.get(kind, name, namespace="default")
        if found is not None:
            api.delete(found)


def _established(api: Api, item: Mapping[str, Any]) -> bool:
    found = api.get(Kind.of(item), item["metadata"]["name"])
    conditions = () if found is None else found.get("status", {}).get("conditions") or ()
    return any(each["type"] == "Established" and each["status"] == "True" for each in conditions)


def _listed(api: Api) -> bool:
    try:
        return api.list(STACK, namespace="default", labels={}) is not None
    except Exception:  # noqa: BLE001 - until it is there, any refusal means: not yet.
        return False


@pytest.mark.parametrize(
    "name",
    [name if name == "full" else pytest.param(name, marks=pytest.mark.exhaustive) for name in EXAMPLES],
)
def test_every_example_is_taken_as_strictly_as_can_be(name: str, cluster: Api) -> None:
    path = ROOT / "examples" / f"{name}.yaml"
    stack = stack_of(path.read_text(encoding="utf-8"), str(path))
    document = stack.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
    document["metadata"] |= {"name": "acme", "namespace": "default"}
    stored = cluster.apply(document, over=None)
    # What the server keeps is what was written: it adds no default, and takes nothing away.
    assert stored["spec"] == document["spec"]
    written = {"apiVersion": stored["apiVersion"], "kind": stored["kind"], "metadata": {"name": "acme"}}
    assert Stack.model_validate({**written, "spec": stored["spec"]}, strict=False).spec == stack.spec
    cluster.delete(stored)
    until(lambda: cluster.get(STACK, "acme", namespace="default") is None)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"platform": {"kind": "moon"}}, "Unsupported value"),
        ({"platform": {"kind": "kubernetes", "region": "eu-central-1"}}, "region belongs to kind aws"),
        ({"products": {}}, "at least 1"),
        ({"domane": "acme.example"}, "domane"),
        ({"database": {"kind": "external"}}, "kind external needs"),
    ],
)
def test_what_can_never_be_right_is_refused(spec: dict[str, Any], said: str, cluster: Api) -> None:
    with pytest.raises(PlatformError, match=said):
        cluster.apply(minimal("acme", **spec), over=None)
    assert cluster.get(STACK, "acme", namespace="default") is None


def test_a_longer_name_than_volumes_can_have_is_refused(cluster: Api) -> None:
    with pytest.raises(PlatformError, match="30"):
        cluster.apply(minimal("a" * 31), over=None)


def test_a_stack_never_moves_to_another_platform(cluster: Api) -> None:
    stored = cluster.apply(minimal("acme"), over=None)
    elsewhere = {"kind": "aws", "region": "eu-central-1"}
    with pytest.raises(PlatformError, match="the platform of a stack cannot change"):
        cluster.apply(minimal("acme", platform=elsewhere), over=stored)
    with pytest.raises(PlatformError, match="namespacePrefix cannot change"):
        cluster.apply(minimal("acme", platform={"kind": "kubernetes", "namespacePrefix": "other"}), over=None)
    changed = cluster.apply(minimal("acme", environment="dev"), over=None)
    assert changed["metadata"]["generation"] == stored["metadata"]["generation"] + 1


def homes(**local: Any) -> dict[str, Any]:
    """Products of which one says how its nodes' own homes are."""
    return {"products": {"tiny": {"version": "1.0.0", "storage": {"localHome": local}}}}


def shared(**home: Any) -> dict[str, Any]:
    """Products of which one says how its shared home is."""
    return {"products": {"tiny": {"version": "1.0.0", "storage": {"sharedHome": home}}}}


def searching(**storage: Any) -> dict[str, Any]:
    """Products of which one has a companion with volumes."""
    companion = {"nodes": 3, "storage": storage}
    return {"products": {"tiny": {"version": "1.0.0", "companions": {"search": companion}}}}


NFS = {"kind": "nfs", "server": "nfs.acme.example", "path": "/exports"}
SERVERS = {"kind": "cloudnative-pg", "storage": "50Gi"}
EXTERNAL = {"kind": "external", "host": "db.acme.example", "admin": {"secret": "admin"}}


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        (homes(size="20Gi"), homes(size="19Gi"), SMALLER),
        (homes(size="1Ti"), homes(size="1000Gi"), SMALLER),
        (homes(size="20Gi", storageClass="fast"), homes(storageClass="fast"), SMALLER),
        (shared(size="20Gi"), shared(size="10Gi"), SMALLER),
        (searching(size="20Gi"), searching(size="10Gi"), SMALLER),
        ({"database": SERVERS}, {"database": {**SERVERS, "storage": "40Gi"}}, SMALLER),
        (homes(storageClass="fast"), homes(storageClass="slow"), OTHER_CLASS),
        (searching(storageClass="fast"), searching(storageClass="slow"), OTHER_CLASS),
        (
            {"storage": {"local": {"storageClass": "fast"}}},
            {"storage": {"local": {"storageClass": "slow"}}},
            OTHER_CLASS,
        ),
        (homes(volumes=["a", "b"]), homes(volumes=["b", "a"]), OTHER_NODE),
        (homes(volumes=["a", "b"]), homes(volumes=["a"]), OTHER_NODE),
        (shared(volume=NFS), shared(volume={**NFS, "path": "/other"}), OTHER_HOME),
        (
            {"storage": {"shared": NFS}},
            {"storage": {"shared": {"kind": "csi", "storageClass": "x"}}},
            OTHER_HOME,
        ),
        ({"database": SERVERS}, {"database": EXTERNAL}, OTHER_DATABASE),
        ({}, {"database": EXTERNAL}, OTHER_DATABASE),
    ],
)
def test_what_lasts_is_refused_to_change_with_what_to_do_instead(
    before: dict[str, Any], after: dict[str, Any], said: str, cluster: Api
) -> None:
    cluster.apply(minimal("acme", **before), over=None)
    with pytest.raises(PlatformError, match=re.escape(said)):
        cluster.apply(minimal("acme", **after), over=None)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (homes(size="1000Gi"), homes(size="1Ti")),
        (homes(size="1024Mi"), homes(size="1Gi")),
        (homes(storageClass="fast"), homes(storageClass="fast", size="20Gi")),
        (homes(volumes=["a"]), homes(volumes=["a", "b"])),
        (shared(volume=NFS), shared(volume={**NFS, "mountOptions": ["nfsvers=4.2"]})),
        ({"database": SERVERS}, {"database": {**SERVERS, "storage": "60Gi", "instances": 2}}),
        ({}, {"database": SERVERS}),
    ],
)
def test_what_may_change_is_taken(before: dict[str, Any], after: dict[str, Any], cluster: Api) -> None:
    cluster.apply(minimal("acme", **before), over=None)
    cluster.apply(minimal("acme", **after), over=None)


def test_an_operation_never_changes(cluster: Api) -> None:
    cluster.apply(operation(), over=None)
    with pytest.raises(PlatformError, match="never changes"):
        cluster.apply(operation(verb="upgrade"), over=None)
