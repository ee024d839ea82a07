"""``telamon diff``: what the vendor's charts have rendered against what is rendered here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from telamon.stackfile.lock import NAME, lock_text
from tests.support.desk import Desk
from tests.support.manifests import JIRA, SMALL, digests, stack_of
from tests.support.releases import secret

TEXT = SMALL.replace("PRODUCTS", JIRA).replace("MORE", "")
MANIFEST = """\
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: jira, labels: {app.kubernetes.io/name: jira}}
spec:
  replicas: 3
  template: {spec: {containers: [{name: jira, image: a, env: [{name: OWN, value: x}]}]}}
---
kind: Ingress
metadata: {name: jira, labels: {app.kubernetes.io/name: jira}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A stack file with its lock."""
    place = tmp_path / "stack.yaml"
    place.write_text(TEXT, encoding="utf-8")
    (tmp_path / NAME).write_text(lock_text(digests(stack_of(TEXT))), encoding="utf-8")
    return place


def test_manifests_and_the_release_they_are_of_say_the_same(desk: Desk, file: Path, tmp_path: Path) -> None:
    (tmp_path / "manifests.yaml").write_text(MANIFEST, encoding="utf-8")
    (tmp_path / "release.json").write_text(json.dumps(secret(manifest=MANIFEST)), encoding="utf-8")
    answers = [
        desk.run("diff", str(file), "--chart", str(tmp_path / name), "-o", "json")
        for name in ("manifests.yaml", "release.json")
    ]
    assert [answer.code for answer in answers] == [0, 0]
    assert answers[0].document == answers[1].document
    assert answers[0].document["restarts"] == ["StatefulSet/jira"]
    shown = desk.run("diff", str(file), "--chart", str(tmp_path / "manifests.yaml")).out
    assert "RL environment OWN: x -> -" in shown
    assert "   scale replicas: 3 -> 2" in shown
    assert f"{answers[0].document['lost']} of them a loss" in shown


@pytest.mark.parametrize(
    ("content", "words"),
    [("", "no objects"), ("a: b\n", "no object"), ("a: [", "not YAML"), (None, "no file")],
)
def test_what_no_chart_rendered_is_refused(
    desk: Desk, file: Path, tmp_path: Path, *, content: str | None, words: str
) -> None:
    path = tmp_path / "manifests.yaml"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    answer = desk.run("diff", str(file), "--chart", str(path))
    assert answer.code == 2
    assert words in answer.err
