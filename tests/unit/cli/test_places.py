"""Which stack is meant, and where it is kept."""

from __future__ import annotations

from pathlib import Path

import pytest

from telamon.cli.places import Place
from tests.support.desk import Desk


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (Place("acme"), ""),
        (Place(context="production"), " --context production"),
        (
            Place("acme", kubeconfig=Path("kube.config"), context="production"),
            " --kubeconfig kube.config --context production",
        ),
    ],
)
def test_what_has_to_be_typed_again_to_mean_the_same_cluster(place: Place, words: str) -> None:
    assert place.words == words
    assert place.in_cluster is bool(words)


@pytest.mark.parametrize("verb", [("status",), ("restart", "jira"), ("operations", "list")])
def test_a_cluster_has_no_state_folder(verb: tuple[str, ...], tmp_path: Path) -> None:
    asked = Desk(tmp_path).run(*verb, "--context", "production", "--state", str(tmp_path), "-o", "json")
    assert asked.code == 2
    assert asked.document["error"] == "a stack in a cluster has no state folder"


def test_a_context_that_the_kubeconfig_does_not_have_is_told(tmp_path: Path) -> None:
    kubeconfig = tmp_path / "kubeconfig"
    kubeconfig.write_text(
        "{apiVersion: v1, kind: Config, contexts: [{name: one, context: {cluster: c, user: u}}], current-context: one, "
        "clusters: [{name: c, cluster: {server: 'https://127.0.0.1:1'}}], users: [{name: u, user: {}}]}",
        encoding="utf-8",
    )
    asked = Desk(tmp_path).run("status", "--kubeconfig", str(kubeconfig), "--context", "two", "-o", "json")
    assert asked.code != 0
    assert "two" in asked.document["error"]
