"""What may be written of apps that have a process of their own."""

from __future__ import annotations

import pytest

from telamon.products.registry import registry
from telamon.stackfile.reader import read
from telamon.stackfile.rehearsal import rehearse
from tests.support.manifests import SMALL, stack_of

PROFILE = (
    "{image: a/b:1, command: [shop], ports: {http: 8080}, status: {path: /status, reader: {kind: code}}}"
)
JIRA = "    jira: {{version: 11.3.1, apps: {{{}}}{}}}"


def problems(text: str) -> list[tuple[str, str]]:
    """Path and message of everything that is wrong."""
    found = read(text.encode(), source="stack.yaml", registry=registry())
    return [(each.path, f"{each.message} {each.remedy}") for each in found.problems]


def cluster(apps: str, more: str = "") -> str:
    """A stack for a cluster."""
    return SMALL.replace("PRODUCTS", JIRA.format(apps, more)).replace("MORE", "")


def test_an_app_that_is_known_is_taken() -> None:
    assert problems(cluster("eazybi: {heap: 2Gi, port: 3802}")) == []


@pytest.mark.parametrize(
    ("apps", "more", "path", "words"),
    [
        ("eazyby: {}", "", "apps.eazyby", 'Did you mean "eazybi"?'),
        ("tempo: {}", "", "apps.tempo", "installed in jira itself"),
        ("eazybi: {port: 40001}", "", "apps.eazybi.port", "belongs to jira itself"),
        (
            "eazybi: {}",
            ", sidecars: [{name: exporter, image: a/b, ports: [3801]}]",
            "apps.eazybi.port",
            "belongs to the sidecar exporter",
        ),
        (
            "eazybi: {}",
            ", database: {host: db.acme.example, name: jira, credentials: {secret: theirs}}",
            "apps.eazybi.database",
            "database: none",
        ),
        ("eazybi: {heap: 64Mi}", "", "apps.eazybi.heap", "256Mi"),
    ],
)
def test_what_cannot_be_is_refused_where_it_stands(apps: str, more: str, path: str, words: str) -> None:
    found = problems(cluster(apps, more))
    assert [where for where, _ in found] == [f"spec.products.jira.{path}"]
    assert words in found[0][1]


def test_its_name_beside_the_product_is_no_other_products() -> None:
    text = cluster("eazybi: {}").replace(
        "  platform:",
        f'    jira-eazybi: {{version: "1", profile: {PROFILE}}}\n  platform:',
    )
    assert any("belongs to" in message for _, message in problems(text))


def test_the_lab_refuses_it_and_a_rehearsal_tells_that_it_is_left_out() -> None:
    lab = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  environment: dev
  domain: acme.example
  products: {jira: {version: 11.3.1, apps: {eazybi: {}}}}
  platform: {kind: lab}
"""
    ((path, message),) = problems(lab)
    assert path == "spec.products.jira.apps.eazybi"
    assert "--lab" in message
    stack, left_out = rehearse(stack_of(cluster("eazybi: {}")))
    assert not next(iter(stack.spec.products.values())).apps
    assert "spec.products.jira.apps" in {each.path for each in left_out}
