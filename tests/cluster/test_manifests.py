"""What is rendered is taken by a real API server as strictly as can be, and a second time nothing is written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from telamon.desired.kubernetes.data import Bundle, Object
from telamon.desired.kubernetes.render import BUILT_IN, bundles
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE, Site
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.covering import covered
from telamon.platforms.kubernetes.prepared import Prepared, look
from tests.cluster.support import until
from tests.support.manifests import EXAMPLES, ROOT, site_of, stack_of

pytestmark = pytest.mark.lab


BRIEF = ("nginx",)
"""Examples that every run judges."""


def builtin(found: tuple[Bundle, ...]) -> list[Object]:
    """Objects of kinds that every cluster knows."""
    return [item for bundle in found for item in bundle.objects if _is_builtin(item)]


def _is_builtin(item: Mapping[str, Any]) -> bool:
    group = str(item["apiVersion"]).rpartition("/")[0]
    return "." not in group or group in BUILT_IN


def renamed(name: str, stack_name: str) -> Site:
    """An example as a stack of another name."""
    path = ROOT / "examples" / f"{name}.yaml"
    stack = stack_of(path.read_text(encoding="utf-8"), str(path))
    metadata = stack.metadata.model_copy(update={"name": stack_name})
    return site_of(stack.model_copy(update={"metadata": metadata}))


@pytest.fixture
def cluster(api: Api) -> Api:
    """A cluster that has its first namespaces: groups of people get roles where the operator is."""
    until(lambda: api.get(Kind("v1", "Namespace"), "default"))
    metadata = {"name": OPERATOR_NAMESPACE}
    api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}, over=None)
    return api


@pytest.mark.parametrize(
    "name",
    [name if name in BRIEF else pytest.param(name, marks=pytest.mark.exhaustive) for name in EXAMPLES],
)
def test_every_object_is_taken_and_found_to_be_so(name: str, cluster: Api) -> None:
    # Under a name of its own: some of what has no namespace can never be changed.
    objects = builtin(bundles(renamed(name, f"acme-{EXAMPLES.index(name)}")))
    for item in objects:
        cluster.apply(item, over=None)
    differing = [
        f"{item['kind']}/{item['metadata']['name']}"
        for item in objects
        if not covered(_live(cluster, item), item)
    ]
    assert differing == []
    # Also by the eyes of who may only read: what an API server adds by itself is no difference.
    assert look(cluster, objects) == Prepared()


def _live(cluster: Api, item: Object) -> Object:
    metadata = item["metadata"]
    found = cluster.get(Kind.of(item), metadata["name"], namespace=metadata.get("namespace", ""))
    assert found is not None, f"{item['kind']}/{metadata['name']} is not there"
    return found


def test_a_key_that_is_not_wanted_any_more_is_noticed(cluster: Api) -> None:
    wanted = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "files", "namespace": "default"},
        "data": {"one": "1", "two": "2"},
    }
    cluster.apply(wanted, over=None)
    less = {**wanted, "data": {"one": "1"}}
    assert covered(_live(cluster, wanted), wanted)
    assert not covered(_live(cluster, wanted), less)
    cluster.apply(less, over=None)
    assert covered(_live(cluster, less), less)


def test_what_somebody_else_adds_is_left_alone_and_what_he_changes_is_noticed(cluster: Api) -> None:
    wanted = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "shared", "namespace": "default"},
        "data": {"ours": "1"},
    }
    live = cluster.apply(wanted, over=None)
    live = cluster.change(live, {"data": {"theirs": "2"}})
    assert covered(live, wanted)
    live = cluster.change(live, {"data": {"ours": "3"}})
    assert not covered(live, wanted)
