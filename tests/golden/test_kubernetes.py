"""Manifests, held against files that people read; TELAMON_WRITE_GOLDENS=1 writes them anew."""

from __future__ import annotations

from pathlib import Path

import pytest

from telamon.desired.kubernetes.render import bundles, files
from tests.support.golden import matches
from tests.support.manifests import EXAMPLES, example

FOLDER = Path(__file__).with_name("kubernetes")
READ = (
    ("overlay-kubernetes", "acme-jira/20-access.yaml"),
    ("overlay-kubernetes", "acme-jira/30-network.yaml"),
    ("overlay-kubernetes", "acme-jira/50-jira.yaml"),
    ("overlay-kubernetes", "acme-jira/60-front.yaml"),
    ("overlay-kubernetes", "acme-confluence/50-confluence.yaml"),
    ("overlay-kubernetes", "acme-confluence/60-confluence-synchrony.yaml"),
    ("overlay-kubernetes", "acme-bitbucket/60-bitbucket.yaml"),
    ("overlay-kubernetes", "acme-bitbucket/70-bitbucket-opensearch.yaml"),
    ("overlay-kubernetes", "acme-edge/30-front.yaml"),
    ("overlay-kubernetes", "acme-database/40-cloudnative-pg.yaml"),
    ("nginx", "collaboration-jira/30-network.yaml"),
    ("nginx", "collaboration-jira/50-jira.yaml"),
    ("nginx", "collaboration-jira/60-front.yaml"),
    ("nginx", "collaboration-database/40-prepare.yaml"),
    ("aws", "00-cluster/30-volumes.yaml"),
    ("custom-kubernetes", "records-ledger/50-ledger.yaml"),
)
"""Files that are read in review whenever they change."""


@pytest.mark.parametrize(("name", "file"), READ)
def test_a_file_is_as_it_was_read(name: str, file: str) -> None:
    known = example(name)
    text = files(bundles(known), stack=known.stack)[file]
    matches(FOLDER / f"{name}_{file.replace('/', '_')}", text.rstrip("\n"))


def test_an_object_that_goes_is_seen() -> None:
    names = [
        f"{name}: {item['kind']} {item['metadata'].get('namespace', '-')}/{item['metadata']['name']}"
        for name in EXAMPLES
        for bundle in bundles(example(name))
        for item in bundle.objects
    ]
    matches(FOLDER / "objects.txt", "\n".join(sorted(names)))
