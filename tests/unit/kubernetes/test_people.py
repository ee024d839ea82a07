"""What groups of people may see in the namespace in which Stacks lie, and that it is nothing more."""

from __future__ import annotations

from typing import Any

from telamon.desired.kubernetes.access import people_beside_stacks
from telamon.desired.kubernetes.render import bundles
from telamon.desired.kubernetes.site import OPERATOR_NAMESPACE
from tests.support.manifests import ALL, SMALL, site_of, stack_of

ACCESS = """\
  access:
    administrators: [keepers]
    viewers: [lookers]
    products: {bitbucket: {administrators: [coders]}}
"""


def rules(more: str) -> dict[str, list[dict[str, Any]]]:
    """Rules of each role beside the Stacks, by the group that has it."""
    known = site_of(stack_of(SMALL.replace("PRODUCTS", ALL).replace("MORE", more)))
    found = people_beside_stacks(known)
    roles = {item["metadata"]["name"]: item["rules"] for item in found if item["kind"] == "Role"}
    bound = [item for item in found if item["kind"] == "RoleBinding"]
    return {each["name"]: roles[item["roleRef"]["name"]] for item in bound for each in item["subjects"]}


def named(given: list[dict[str, Any]]) -> set[str]:
    """The files that may be read."""
    return {name for rule in given if rule["resources"] == ["configmaps"] for name in rule["resourceNames"]}


def test_nobody_gets_anything_that_the_file_does_not_give() -> None:
    assert rules("") == {}


def test_each_reads_the_stack_and_the_records_of_what_it_looks_after() -> None:
    found = rules(ACCESS)
    assert found.keys() == {"keepers", "lookers", "coders"}
    assert named(found["coders"]) == {
        f"acme.{component}.{role}"
        for component in ("bitbucket", "bitbucket-opensearch")
        for role in ("calls", "journal")
    }
    assert "acme.jira.journal" in named(found["lookers"]) & named(found["keepers"])


def test_nobody_may_write_there_or_read_a_secret() -> None:
    for given in rules(ACCESS).values():
        assert {verb for rule in given for verb in rule["verbs"]} <= {"get", "list", "watch"}
        assert {resource for rule in given for resource in rule["resources"]} == {
            "stacks",
            "leases",
            "configmaps",
        }


def test_it_is_rendered_into_the_operators_namespace() -> None:
    known = site_of(stack_of(SMALL.replace("PRODUCTS", ALL).replace("MORE", ACCESS)))
    found = {bundle.name: bundle for bundle in bundles(known)}
    assert {item["metadata"]["namespace"] for item in found[OPERATOR_NAMESPACE].objects} == {
        OPERATOR_NAMESPACE
    }
    spaces = {item["metadata"]["name"] for item in found["00-cluster"].objects if item["kind"] == "Namespace"}
    assert OPERATOR_NAMESPACE not in spaces
