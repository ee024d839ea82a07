"""What is asked of an operator is called as nothing was before whose traces are still there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from telamon.desired.kubernetes.data import Object
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from telamon.errors import DeniedError
from telamon.platforms.kubernetes.api import Api, Kind
from telamon.platforms.kubernetes.asking import Asking
from tests.support.manifests import SMALL, products, stack_of

STACK = stack_of(SMALL.replace("PRODUCTS", "    jira: {version: 11.3.1}").replace("MORE", ""))
SPEC = {"verb": "restore", "target": {"stack": "acme", "component": "jira"}, "params": {}, "generation": 1}


class Cluster(Api):
    """An API server with the Stack, and with jobs of these works by namespace; some may not be looked into."""

    def __init__(self, works: Mapping[str, tuple[str, ...]], *, denied: str = "") -> None:
        self.works = works
        self.denied = denied
        self.operations: tuple[Object, ...] = ()

    def get(self, kind: Kind, name: str, *, namespace: str = "") -> Object | None:
        own = STACK.model_dump(mode="json", by_alias=True, exclude_unset=True, exclude_none=True)
        return {**own, "metadata": {"name": "acme", "namespace": OPERATOR_NAMESPACE}}

    def list(self, kind: Kind, *, namespace: str, labels: Mapping[str, str]) -> tuple[Object, ...]:
        if kind.kind == "Operation":
            return tuple(item for item in self.operations if item["metadata"]["namespace"] == namespace)
        if namespace == self.denied:
            raise DeniedError(f"may not list jobs in {namespace}")
        assert labels == {"telamon.dev/worked-on": "jira"}
        noted = [{"annotations": {"telamon.dev/work": work}} for work in self.works.get(namespace, ())]
        return ({"metadata": {}}, *({"metadata": metadata} for metadata in noted))

    def create(self, item: Object) -> Object:
        metadata = {**item["metadata"], "resourceVersion": "1", "generation": 1}
        made: dict[str, Any] = {**item, "metadata": metadata}
        self.operations = (*self.operations, made)
        return made


def asked(cluster: Cluster) -> str:
    """Ask for a restore. Returns what it is called."""
    asking = Asking(cluster, "acme")
    asking.survey(products(STACK))
    return str(asking.ask(SPEC).metadata.name)


def test_the_first_is_the_first_and_then_they_are_counted() -> None:
    cluster = Cluster({})
    assert [asked(cluster) for _ in range(2)] == ["restore-jira-1", "restore-jira-2"]


@pytest.mark.parametrize(
    "works",
    [
        {"acme-jira": ("restore-jira-3/prepare-restore", "restore-jira-3/switch-data/jira-0")},
        {"acme-database": ("rotate-database-password-jira-3/enable-login",)},
    ],
    ids=["of-the-product", "of-its-database"],
)
def test_no_name_is_that_of_one_that_was_cancelled_and_whose_jobs_are_still_there(
    works: Mapping[str, tuple[str, ...]],
) -> None:
    assert asked(Cluster(works)) == "restore-jira-4"


def test_who_may_not_look_into_the_namespace_of_the_databases_may_ask_all_the_same() -> None:
    cluster = Cluster({"acme-jira": ("restore-jira-1/prepare-restore",)}, denied="acme-database")
    assert asked(cluster) == "restore-jira-2"
