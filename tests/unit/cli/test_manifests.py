"""``telamon render`` for a cluster, and ``telamon lock``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from telamon.platforms.registry.client import Registries
from telamon.stackfile.lock import NAME, lock_text
from tests.support.desk import Desk
from tests.support.manifests import JIRA, SMALL, digests, stack_of

TEXT = SMALL.replace("PRODUCTS", JIRA).replace("MORE", "")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A stack file with its lock."""
    place = tmp_path / "stack.yaml"
    place.write_text(TEXT, encoding="utf-8")
    (tmp_path / NAME).write_text(lock_text(digests(stack_of(TEXT))), encoding="utf-8")
    return place


def test_manifests_are_written_and_what_is_missing_is_told(desk: Desk, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "manifests"
    answer = desk.run("render", str(file), "--output", str(out), "-o", "json").document
    assert {path.name for path in out.iterdir()} == {"00-cluster", "acme-jira", "acme-edge", "acme-database"}
    license_ = {"namespace": "acme-jira", "name": "acme-jira-license", "keys": ["license"], "type": ""}
    assert license_ in answer["secrets"]
    assert "cert-manager.io/v1" in answer["needs"]
    again = desk.run("render", str(file), "--output", str(out), "-o", "json").document
    assert (again["written"], again["removed"]) == ([], [])
    assert len(again["same"]) == len(answer["written"])


def test_without_a_folder_they_are_printed_for_other_tools(desk: Desk, file: Path) -> None:
    printed = list(YAML(typ="safe").load_all(desk.run("render", str(file)).out))
    listed = json.loads(desk.run("render", str(file), "-o", "json").out)
    assert listed["kind"] == "List"
    assert printed == listed["items"]
    assert printed[0]["kind"] == "Namespace"


def test_another_stack_in_the_same_folder_is_left_alone(desk: Desk, file: Path, tmp_path: Path) -> None:
    out = tmp_path / "manifests"
    desk.run("render", str(file), "--output", str(out))
    other = tmp_path / "other.yaml"
    other.write_text(TEXT.replace("acme}", "beta}"), encoding="utf-8")
    answer = desk.run("render", str(other), "--output", str(out), "-o", "json").document
    assert answer["removed"] == []
    assert (out / "acme-jira").is_dir()


def test_an_image_that_is_not_locked_is_refused(desk: Desk, file: Path, tmp_path: Path) -> None:
    (tmp_path / NAME).unlink()
    answer = desk.run("render", str(file), "--output", str(tmp_path / "out"))
    assert answer.code == 4
    assert "telamon lock" in answer.err
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "code", "words"),
    [
        ("{", 2, "no JSON"),
        ("[]", 2, "no outputs"),
        ('{"database_host": []}', 2, "database_host"),
        (None, 2, "no file"),
    ],
)
def test_facts_that_are_none_are_refused(
    desk: Desk, file: Path, *, content: str | None, code: int, words: str, tmp_path: Path
) -> None:
    facts = tmp_path / "facts.json"
    if content is not None:
        facts.write_text(content, encoding="utf-8")
    answer = desk.run("render", str(file), "--facts", str(facts))
    assert answer.code == code
    assert words in answer.err


def test_a_damaged_lock_is_refused_with_its_place(desk: Desk, file: Path, tmp_path: Path) -> None:
    (tmp_path / NAME).write_text("images: [", encoding="utf-8")
    answer = desk.run("render", str(file))
    assert answer.code == 3
    assert NAME in answer.err


def test_one_flat_file_carries_the_digests_of_its_lock(desk: Desk, file: Path, tmp_path: Path) -> None:
    beside = desk.run("render", str(file)).out
    built = desk.run("build", str(file))
    (tmp_path / NAME).unlink()
    alone = tmp_path / "flat.yaml"
    alone.write_text(built.out, encoding="utf-8")
    assert not built.err
    assert desk.run("render", str(alone)).out == beside
    assert desk.run("build", str(alone)).out == built.out


def test_a_digest_that_the_file_names_wins_over_the_lock(
    desk: Desk, file: Path, asked: list[str], tmp_path: Path
) -> None:
    named = f"sha256:{7:064x}"
    written = f"  images: {{digests: {{'atlassian/jira-software:11.3.1': '{named}'}}}}\n"
    file.write_text(TEXT + written, encoding="utf-8")
    desk.run("lock", str(file), "--update")
    assert asked == ["ghcr.io/cloudnative-pg/postgresql:17"]
    assert f"atlassian/jira-software:11.3.1@{named}" in desk.run("render", str(file)).out


def test_a_flat_file_without_a_lock_says_what_is_open(desk: Desk, file: Path, tmp_path: Path) -> None:
    (tmp_path / NAME).unlink()
    built = desk.run("build", str(file))
    assert "no digest of docker.io/atlassian/jira-software:11.3.1" in built.err
    assert "digests" not in built.out


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The images that registries are asked for; each has a digest that tells how often it was asked before."""
    found: list[str] = []

    def digest(_self: Registries, registry: str, path: str, *, tag: str) -> str:
        name = f"{registry}/{path}:{tag}"
        found.append(name)
        return f"sha256:{found.count(name):064x}"

    monkeypatch.setattr(Registries, "digest", digest)
    return found


def test_every_image_is_asked_for_once(desk: Desk, file: Path, tmp_path: Path, asked: list[str]) -> None:
    (tmp_path / NAME).unlink()
    first = desk.run("lock", str(file), "-o", "json").document
    assert asked == ["docker.io/atlassian/jira-software:11.3.1", "ghcr.io/cloudnative-pg/postgresql:17"]
    assert all(image["changed"] for image in first["images"])
    kept = (tmp_path / NAME).read_bytes()
    assert "0 changed" in desk.run("lock", str(file)).out
    assert len(asked) == 2
    assert (tmp_path / NAME).read_bytes() == kept
    assert desk.run("render", str(file)).code == 0


def test_an_update_asks_again_and_says_what_changed(desk: Desk, file: Path, asked: list[str]) -> None:
    desk.run("lock", str(file), "--update")
    answer = desk.run("lock", str(file), "--update", "-o", "json").document
    assert [image["changed"] for image in answer["images"]] == [True, True]
    assert len(asked) == 4


def test_what_is_no_longer_run_leaves_the_lock(desk: Desk, file: Path, asked: list[str]) -> None:
    desk.run("lock", str(file))
    file.write_text(TEXT.replace("11.3.1", "11.3.2"), encoding="utf-8")
    answer = desk.run("lock", str(file), "-o", "json").document
    assert answer["removed"] == ["docker.io/atlassian/jira-software:11.3.1"]
    assert asked == ["docker.io/atlassian/jira-software:11.3.2"]


def test_a_place_that_cannot_be_written_leaves_nothing_behind(
    desk: Desk, file: Path, tmp_path: Path, asked: list[str]
) -> None:
    (tmp_path / NAME).unlink()
    (tmp_path / NAME).mkdir()
    answer = desk.run("lock", str(file))
    assert answer.code == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == [NAME, "stack.yaml"]
