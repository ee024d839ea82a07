"""A rehearsal is small, says what it leaves out, and changes nothing else."""

from __future__ import annotations

from telamon.products.registry import registry
from telamon.stackfile.reader import read
from telamon.stackfile.rehearsal import rehearse
from tools.reference import ROOT


def test_a_rehearsal_says_everything_that_it_leaves_out() -> None:
    full = read((ROOT / "examples/full.yaml").read_bytes(), source="full.yaml", registry=registry()).require()
    _, left_out = rehearse(full)
    paths = {gap.path for gap in left_out}
    assert {"spec.platform", "spec.database", "spec.edge.cdn", "spec.edge.tls", "spec.storage.local"} <= paths
    assert {"spec.products.jira.sidecars", "spec.products.confluence.baseUrl"} <= paths
    assert all(gap.what.endswith(".") for gap in left_out)


def test_a_rehearsal_runs_at_most_three_nodes_a_product_and_two_a_companion() -> None:
    text = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  domain: acme.example
  products:
    jira: {version: 11.3.1, nodes: 8}
    bitbucket: {version: 9.4.16, nodes: 2, companions: {opensearch: {nodes: 5}}}
"""
    stack, left_out = rehearse(read(text, source="stack.yaml", registry=registry()).require())
    nodes = {name: product.nodes for name, product in stack.spec.products.items()}
    assert nodes == {"jira": 3, "bitbucket": 2}
    assert [
        companion.nodes
        for product in stack.spec.products.values()
        for companion in product.companions.values()
    ] == [2]
    assert [gap.path for gap in left_out] == [
        "spec.products.jira.nodes",
        "spec.products.bitbucket.companions.opensearch.nodes",
    ]


def test_a_small_lab_is_rehearsed_as_it_is() -> None:
    minimal = read(
        (ROOT / "examples/minimal.yaml").read_bytes(), source="a.yaml", registry=registry()
    ).require()
    assert rehearse(minimal) == (minimal, ())
