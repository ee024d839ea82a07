"""A rehearsal is small, says what it leaves out, and changes nothing else."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from telamon.desired.outline import outlines
from telamon.products.registry import registry
from telamon.stackfile.reader import read
from telamon.stackfile.rehearsal import rehearse
from tools.reference import ROOT

SHOWN = frozenset(
    {
        "apiVersion",
        "kind",
        "metadata.name",
        "metadata.labels",
        "spec.environment",
        "spec.soak",
        "spec.domain",
        "spec.backup.every",
        "spec.backup.keep",
        "spec.maintenance.windows",
        "spec.drills.allow",
        *(
            f"spec.products.*.{field}"
            for field in (
                "version",
                "nodes",
                "contextPath",
                "license",
                "admin",
                "serviceAccount",
                "startTimeout",
                "stopGrace",
                "jvmArgs",
                "properties",
                "companions.*.nodes",
            )
        ),
    }
)
"""What the lab goes by, a name of the file's own being a star. Everything else is left out, and has to be named."""


def leaves(data: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every value of a document that is no mapping, with its path."""
    if not isinstance(data, Mapping):
        yield path, data
        return
    for key, value in data.items():
        yield from leaves(value, (*path, str(key)))


def is_shown(path: tuple[str, ...]) -> bool:
    """Whether the lab goes by the field at a path, or by one that it is a part of."""
    words = [
        "*" if index and path[index - 1] in {"products", "companions"} else word
        for index, word in enumerate(path)
    ]
    return any(".".join(words[:end]) in SHOWN for end in range(1, len(words) + 1))


def test_every_field_of_a_file_is_either_shown_as_it_is_or_named() -> None:
    full = read((ROOT / "examples/full.yaml").read_bytes(), source="full.yaml", registry=registry()).require()
    rehearsed, left_out = rehearse(full)
    named = [gap.path.split(".") for gap in left_out]
    before, after = (
        dict(leaves(stack.model_dump(mode="json", by_alias=True, exclude_unset=True)))
        for stack in (full, rehearsed)
    )
    for path, value in before.items():
        if any(list(path[: len(gap)]) == gap for gap in named):
            continue
        assert is_shown(path), f"{'.'.join(path)} is neither shown nor named"
        assert after.get(path) == value, f"{'.'.join(path)} is otherwise in a rehearsal, and that is not said"


def test_a_rehearsal_says_everything_that_it_leaves_out() -> None:
    full = read((ROOT / "examples/full.yaml").read_bytes(), source="full.yaml", registry=registry()).require()
    _, left_out = rehearse(full)
    paths = {gap.path for gap in left_out}
    assert {"spec.platform", "spec.database", "spec.edge.cdn", "spec.edge.tls", "spec.storage.local"} <= paths
    assert {"spec.products.jira.sidecars", "spec.products.confluence.baseUrl"} <= paths
    assert all(gap.what.endswith(".") for gap in left_out)


def test_a_rehearsal_runs_at_most_three_nodes_a_product_and_of_a_companion_what_its_stand_in_can() -> None:
    text = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  domain: acme.example
  products:
    jira: {version: 11.3.1, nodes: 8}
    confluence: {version: 10.2.7, nodes: 2, companions: {synchrony: {nodes: 4}}}
    bitbucket: {version: 9.4.16, nodes: 2, companions: {opensearch: {nodes: 5}}}
"""
    stack, left_out = rehearse(read(text, source="stack.yaml", registry=registry()).require())
    nodes = {name: product.nodes for name, product in stack.spec.products.items()}
    assert nodes == {"jira": 3, "confluence": 2, "bitbucket": 2}
    assert [
        companion.nodes
        for product in stack.spec.products.values()
        for companion in product.companions.values()
    ] == [2, 1]
    assert [(gap.path, gap.what) for gap in left_out] == [
        ("spec.products.jira.nodes", "8 nodes: the lab runs at most 3."),
        ("spec.products.confluence.companions.synchrony.nodes", "4 nodes: the lab runs at most 2."),
        ("spec.products.bitbucket.companions.opensearch.nodes", "5 nodes: the lab runs at most 1."),
    ]


def test_what_others_keep_up_is_stood_in_for_by_the_labs_own() -> None:
    text = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  domain: acme.example
  platform: {kind: kubernetes}
  storage: {shared: {kind: nfs, server: files.acme.example, path: /homes}}
  edge: {tls: {kind: secret, secret: tls}}
  products:
    bitbucket: {version: 9.4.16, companions: {opensearch: {external: {url: "https://search.acme.example"}}}}
"""
    stack, left_out = rehearse(read(text, source="stack.yaml", registry=registry()).require())
    assert [part.component for part in outlines(stack, registry())] == ["bitbucket", "bitbucket-opensearch"]
    assert "spec.products.bitbucket.companions.opensearch.external" in {gap.path for gap in left_out}


@pytest.mark.parametrize(("nodes", "said"), [(1, []), (2, ["2 nodes: the lab runs at most 1."])])
def test_two_of_what_can_run_once_are_not_rehearsed(nodes: int, said: list[str]) -> None:
    text = f"""\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {{name: acme}}
spec:
  domain: acme.example
  products:
    bitbucket: {{version: 9.4.16, companions: {{opensearch: {{nodes: {nodes}}}}}}}
"""
    _, left_out = rehearse(read(text, source="stack.yaml", registry=registry()).require())
    assert [gap.what for gap in left_out] == said


@pytest.mark.parametrize(
    ("section", "path"),
    [
        ("monitoring: {enabled: false}", "spec.monitoring"),
        ("access: {viewers: [everyone]}", "spec.access"),
        ('paging: {kind: webhook, url: "https://pager.acme.example"}', "spec.paging"),
        ("edge: {className: shared}", "spec.edge.className"),
        ("backup: {continuous: true}", ""),
    ],
)
def test_a_file_for_the_lab_may_say_what_only_a_cluster_does(section: str, path: str) -> None:
    text = f"""\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {{name: acme}}
spec:
  domain: acme.example
  products: {{jira: {{version: 11.3.1}}}}
  {section}
"""
    stack = read(text, source="stack.yaml", registry=registry()).require()
    rehearsed, left_out = rehearse(stack)
    assert [gap.path for gap in left_out] == ([path] if path else [])
    assert (rehearsed == stack) == (not path)
    assert rehearse(rehearsed) == (rehearsed, ())


def test_a_rehearsal_keeps_the_log_of_the_database_where_the_file_does() -> None:
    full = (
        (ROOT / "examples/full.yaml")
        .read_text(encoding="utf-8")
        .replace("every: 6h", "every: 6h\n    continuous: true")
    )
    stack, _ = rehearse(read(full, source="full.yaml", registry=registry()).require())
    assert stack.spec.backup.continuous


def test_a_small_lab_is_rehearsed_as_it_is() -> None:
    minimal = read(
        (ROOT / "examples/minimal.yaml").read_bytes(), source="a.yaml", registry=registry()
    ).require()
    assert rehearse(minimal) == (minimal, ())
