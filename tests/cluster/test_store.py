"""The suite of the store that memory and SQLite keep as well, on the custom resources of a real API server."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import pytest

from telamon.platforms.kubernetes.api import Api
from telamon.platforms.kubernetes.definitions import bring
from telamon.platforms.kubernetes.store import OPERATION, KubernetesStore
from telamon.products.registry import registry
from telamon.stackfile.crds import custom_resources
from tests.cluster.support import until
from tests.contract import store_suite
from tests.contract.store_suite import (
    test_all_of_a_kind_are_listed_by_name,
    test_delete_is_conditional_and_repeatable,
    test_first_write_demands_absence,
    test_late_write_is_refused_and_changes_nothing,
    test_later_write_demands_presence,
    test_versions_never_come_back,
    test_watch_goes_on_from_where_it_was,
    test_what_is_put_is_found,
    test_what_is_reported_takes_the_place_of_what_was_and_is_no_change_of_the_spec,
)

pytestmark = pytest.mark.lab

__all__ = [
    "test_all_of_a_kind_are_listed_by_name",
    "test_delete_is_conditional_and_repeatable",
    "test_first_write_demands_absence",
    "test_late_write_is_refused_and_changes_nothing",
    "test_later_write_demands_presence",
    "test_versions_never_come_back",
    "test_watch_goes_on_from_where_it_was",
    "test_what_is_put_is_found",
    "test_what_is_reported_takes_the_place_of_what_was_and_is_no_change_of_the_spec",
]


@pytest.fixture
def store(request: pytest.FixtureRequest, api: Api) -> Iterator[KubernetesStore]:
    """An empty store, in a namespace of its own."""
    bring(api, tuple(custom_resources(registry())))
    until(lambda: api.serves(OPERATION.version))
    namespace = f"store-{hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:12]}"
    space = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    api.apply(space, over=None)
    made = KubernetesStore(api, namespace, "acme")
    made.known({"tiny": namespace})
    yield made
    for item in api.list(OPERATION, namespace=namespace, labels={}):
        api.change(item, {"metadata": {"finalizers": None}})
    for item in api.list(OPERATION, namespace=namespace, labels={}):
        api.delete(item)


def test_no_test_of_the_suite_is_left_out() -> None:
    assert {name for name in vars(store_suite) if name.startswith("test_")} == set(__all__)
