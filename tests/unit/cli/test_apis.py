"""``telamon apis`` looks at what is rendered and at what lives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from telamon.stackfile.lock import NAME, lock_text
from tests.support.desk import Desk
from tests.support.manifests import JIRA, SMALL, digests, stack_of

OLD = {
    "apiVersion": "policy/v1",
    "kind": "PodDisruptionBudget",
    "metadata": {
        "name": "shop",
        "namespace": "shop",
        "managedFields": [{"manager": "helm", "apiVersion": "policy/v1beta1"}],
    },
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A stack file with its lock."""
    text = SMALL.replace("PRODUCTS", JIRA).replace("MORE", "")
    place = tmp_path / "stack.yaml"
    place.write_text(text, encoding="utf-8")
    (tmp_path / NAME).write_text(lock_text(digests(stack_of(text))), encoding="utf-8")
    return place


def test_what_is_rendered_uses_nothing_that_is_gone(desk: Desk, file: Path) -> None:
    found = desk.run("apis", str(file))
    assert found.code == 0
    assert "uses an API that 1.36 does not serve" in found.out


def test_what_lives_is_named_with_who_writes_it(desk: Desk, file: Path, tmp_path: Path) -> None:
    living = tmp_path / "living.json"
    living.write_text(json.dumps({"kind": "List", "items": [OLD]}), encoding="utf-8")
    found = desk.run("apis", "--objects", str(living), "--to", "1.25")
    assert found.code == 4
    assert "PodDisruptionBudget shop/shop: written as policy/v1beta1 by helm; write policy/v1" in found.out
    answer = desk.run("apis", str(file), "--objects", str(living), "-o", "json")
    assert answer.code == 4
    assert answer.document["objects"] > 1
    assert [each["writer"] for each in answer.document["uses"]] == ["helm"]
    assert desk.run("apis", "--objects", str(living), "--to", "1.24").code == 0


def test_standard_input_is_read(desk: Desk) -> None:
    desk.answers = json.dumps(OLD)
    assert desk.run("apis", "--objects", "-").code == 4


@pytest.mark.parametrize(
    ("content", "words"),
    [("{", "no JSON"), ("7", "no objects"), ('{"items": [7]}', "no objects"), (None, "there is no file")],
)
def test_what_holds_no_objects_is_refused(
    desk: Desk, content: str | None, *, words: str, tmp_path: Path
) -> None:
    living = tmp_path / "living.json"
    if content is not None:
        living.write_text(content, encoding="utf-8")
    found = desk.run("apis", "--objects", str(living))
    assert (found.code, words in found.err, "--show-managed-fields" in found.err) == (2, True, True)


@pytest.mark.parametrize("version", ["1", "2.1", "newest", "1.x"])
def test_a_version_is_one_of_kubernetes(desk: Desk, version: str) -> None:
    found = desk.run("apis", "--to", version)
    assert (found.code, "Write it like 1.36" in found.err) == (2, True)
