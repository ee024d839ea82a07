"""The section that makes a stack a copy of another, and the file that is written for one."""

from __future__ import annotations

import pytest

from telamon.model.stack import Stack
from telamon.naming import StackName
from telamon.products.registry import registry
from telamon.stackfile.clones import clone_file
from telamon.stackfile.reader import read
from telamon.state.backups import BackupEntry

FILE = """
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {{name: acme-test}}
spec:
  domain: acme.example
  products: {{jira: {{version: 11.3.1}}, ledger: {{profile: {{command: [ledger], ports: {{http: 8000}},
    status: {{path: /status, reader: {{kind: json, field: state, states: {{RUNNING: [RUNNING]}}}}}}}}}}}}
  platform: {{kind: {platform}}}
  clone: {{of: {of}, source: {source}, backups: {{{backups}}}}}
"""
GOOD = {
    "platform": "lab",
    "of": "acme",
    "source": "/var/lib/acme",
    "backups": "jira: jira-20260312T101500Z",
}


def problems(**changes: str) -> list[str]:
    """What is said of a file, each with its remedy."""
    text = FILE.format(**{**GOOD, **changes})
    found = read(text.encode(), source="stack.yaml", registry=registry()).problems
    assert all(problem.line is not None for problem in found)
    return [f"{problem} {problem.remedy}" for problem in found]


def test_copy_of_another_stack_is_taken() -> None:
    assert problems() == []


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"of": "acme-test"}, "cannot be a copy of itself"),
        ({"backups": "jora: jira-20260312T101500Z"}, "Write jira."),
        ({"backups": "ledger: ledger-20260312T101500Z"}, "how a copy of ledger is kept from sending mail"),
        ({"backups": ""}, "backups"),
        ({"backups": "jira: ../../etc/passwd"}, "backup"),
        ({"source": "var/lib/acme"}, "source"),
    ],
)
def test_copy_that_cannot_be_is_refused_where_it_stands(changes: dict[str, str], says: str) -> None:
    found = problems(**changes)
    assert len(found) == 1
    assert says in found[0]


def test_copy_on_a_cluster_is_refused() -> None:
    assert any("cannot begin as a copy yet" in said for said in problems(platform="kubernetes"))


def entry(product: str, taken: str, stack: Stack) -> BackupEntry:
    """A backup of a product, with the stack file of that time."""
    return BackupEntry(
        name=f"{product}-one",
        stack="acme",
        product=product,
        release="11.3.0" if product == "jira" else "10.2.7",
        reason="asked",
        taken=taken,
        lsn="0/1",
        database=product,
        database_release="17.10",
        snapshot="abc",
        rows={},
        files=0,
        size=1,
        added=1,
        stack_file=stack.model_dump(mode="json", exclude={"status"}),
    )


def test_file_of_a_copy_holds_nothing_that_is_the_original_s_alone() -> None:
    original = read(
        b"""
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme, annotations: {owner: ops}}
spec:
  domain: acme.example
  products:
    jira: {version: 11.3.1, nodes: 3, contextPath: /jira, baseUrl: https://jira.acme.example/jira}
    confluence: {version: 10.2.7}
    bitbucket: {version: 9.4.16}
  platform: {kind: lab, balancers: 1, network: 127.9.0.0/16}
  edge: {port: 8443, ssh: {port: 7999}}
  backup: {destination: {kind: folder, path: /var/backups}, continuous: true, every: 12h}
  paging: {kind: webhook, url: 'https://pager.example'}
""",
        source="stack.yaml",
        registry=registry(),
    ).require()
    entries = [
        entry("jira", "2026-03-12T10:15:00Z", original),
        entry("confluence", "2026-03-12T10:16:00Z", original),
    ]
    text = clone_file(entries, name=StackName("acme-test"), source="/var/lib/acme")
    made = read(text.encode(), source="acme-test.yaml", registry=registry()).require()
    spec = made.spec
    assert set(spec.products) == {"jira", "confluence"}
    tracker = spec.products[next(name for name in spec.products if name == "jira")]
    assert (tracker.version, tracker.nodes, tracker.context_path, tracker.base_url) == (
        "11.3.0",
        3,
        "/jira",
        None,
    )
    assert (spec.environment, spec.domain, spec.paging) == ("staging", "acme-test.acme.example", None)
    assert (spec.edge.port, spec.edge.ssh.port) == (None, None)
    assert (spec.backup.destination, spec.backup.continuous) == (None, False)
    assert str(spec.backup.every) == "12h"
    assert spec.clone is not None
    assert dict(spec.clone.backups) == {"jira": "jira-one", "confluence": "confluence-one"}
    for word in ("8443", "7999", "127.9", "/var/backups", "pager", "owner"):
        assert word not in text
