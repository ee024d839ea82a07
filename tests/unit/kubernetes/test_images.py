"""The names of images, with and without a mirror."""

from __future__ import annotations

import pytest

from telamon.desired.kubernetes.images import parse, pulled
from telamon.errors import StackFileError
from telamon.model.cluster import ImagesSpec
from telamon.stackfile.lock import lock_text, read_lock

DIGEST = f"sha256:{'0' * 64}"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("postgres:17", "docker.io/library/postgres:17"),
        ("atlassian/jira-software:11.3.1", "docker.io/atlassian/jira-software:11.3.1"),
        ("registry.acme.example/a/b:1", "registry.acme.example/a/b:1"),
        ("localhost:5000/a", "localhost:5000/a:latest"),
        (f"ghcr.io/a/b@{DIGEST}", f"ghcr.io/a/b@{DIGEST}"),
        (f"a/b:1@{DIGEST}", f"docker.io/a/b:1@{DIGEST}"),
    ],
)
def test_a_name_says_where_an_image_is(text: str, name: str) -> None:
    assert str(parse(text)) == name


def test_a_mirror_stands_in_for_every_registry_but_its_own() -> None:
    images = ImagesSpec(mirror="mirror.example:5000/copies")
    assert str(pulled("postgres:17", images)) == "mirror.example:5000/copies/library/postgres:17"
    assert str(pulled("ghcr.io/a/b:1", images)) == "mirror.example:5000/copies/a/b:1"
    assert str(pulled("mirror.example:5000/own/tool:1", images)) == "mirror.example:5000/own/tool:1"


def test_a_lock_is_read_as_it_was_written() -> None:
    digests = {"docker.io/a/b:1": DIGEST, "ghcr.io/c/d:2": f"sha256:{'f' * 64}"}
    text = lock_text(digests)
    assert read_lock(text.encode(), source="stack.lock.yaml") == digests
    assert text == lock_text(dict(reversed(digests.items())))


@pytest.mark.parametrize(
    "text",
    ["", "a: [", "kind: StackLock", lock_text({"a/b:1": "sha256:short"}), "\xff", "- a", "? {a: b}\n: c"],
)
def test_a_damaged_lock_is_refused_with_its_place(text: str) -> None:
    with pytest.raises(StackFileError) as caught:
        read_lock(text.encode("latin-1"), source="stack.lock.yaml")
    assert caught.value.problems[0].file == "stack.lock.yaml"
