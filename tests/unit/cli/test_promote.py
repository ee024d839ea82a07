"""``telamon promote`` edits locks and nothing else, and ``telamon compare`` edits nothing."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from telamon.model.status import StackStatus
from telamon.stackfile.lock import lock_text, read_lock
from tests.support.desk import Desk
from tests.support.stages import Folder, digest_of, stage, status, text_of

NAMES = ("dev", "staging", "production")


@pytest.fixture
def places(desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Three stages, each with digests of its own, in the folder where the desk works."""
    monkeypatch.chdir(tmp_path)
    found = Folder(Path())
    for name in NAMES:
        found.write(stage(text_of(name), salt=name), text_of(name))
    return found


def green(desk: Desk, *, hours: float = 3) -> StackStatus:
    now = datetime.fromtimestamp(desk.begin, UTC)
    return status(since=now - timedelta(hours=hours), seen=now)


def reported(
    desk: Desk, places: Folder, *, hours: float = 3, names: tuple[str, ...] = NAMES[:-1]
) -> list[str]:
    """Options with a report of every stage."""
    return [
        word
        for name in names
        for word in (
            "--status",
            f"{name}={places.report(stage(text_of(name), salt=name), green(desk, hours=hours))}",
        )
    ]


def locks(places: Folder) -> dict[str, bytes]:
    return {name: (places.root / name / "stack.lock.yaml").read_bytes() for name in NAMES}


def of(name: str, *, digests_of: str) -> str:
    return lock_text(stage(text_of(name), salt=digests_of).lock)


def test_every_digest_moves_by_one_stage(desk: Desk, places: Folder) -> None:
    found = desk.run("promote", *NAMES, *reported(desk, places), "-o", "json")
    assert found.code == 0, found.out
    assert found.document["written"] == ["staging/stack.lock.yaml", "production/stack.lock.yaml"]
    assert {name: content.decode() for name, content in locks(places).items()} == {
        "dev": of("dev", digests_of="dev"),
        "staging": of("staging", digests_of="dev"),
        "production": of("production", digests_of="staging"),
    }


def test_a_second_run_waits_for_what_was_moved_to_be_run(desk: Desk, places: Folder) -> None:
    options = reported(desk, places)
    desk.run("promote", *NAMES, *options)
    before = locks(places)
    found = desk.run("promote", *NAMES, *options)
    assert found.code == 4
    assert "guard: runs-what-is-locked" in found.out
    assert locks(places) == before
    assert desk.run("promote", "dev", "staging", *options).code == 0
    assert locks(places) == before


@pytest.mark.parametrize("option", ["--dry-run", "--patch"])
def test_looking_writes_nothing(desk: Desk, places: Folder, option: str) -> None:
    before = locks(places)
    found = desk.run("promote", "dev", "staging", *reported(desk, places, names=("dev",)), option)
    assert found.code == 0
    assert locks(places) == before
    if option == "--patch":
        assert found.out.startswith("--- a/staging/stack.lock.yaml\n+++ b/staging/stack.lock.yaml\n")
    else:
        assert "staging/stack.lock.yaml would be written: 2 of 2 images change" in found.out


def test_what_has_not_soaked_stays_and_so_does_all_that_goes_with_it(desk: Desk, places: Folder) -> None:
    options = [
        *reported(desk, places, names=("dev",), hours=3),
        *reported(desk, places, names=("staging",), hours=1),
    ]
    before = locks(places)
    found = desk.run("promote", *NAMES, *options)
    assert found.code == 4
    assert "refused: staging has been green for 1h of 2h" in found.out
    assert locks(places) == before


def test_a_stage_on_this_machine_is_asked_itself(desk: Desk, places: Folder) -> None:
    text = text_of("dev").partition("  platform:")[0]
    (places.root / "dev" / "stack.yaml").write_text(text, encoding="utf-8")
    refused = desk.run("promote", "dev", "staging")
    assert refused.code == 9
    assert "--status dev=FILE" in refused.err
    desk.brought_up()
    desk.controller.stack = stage(text).stack.model_dump(mode="json", exclude_none=True)
    desk.controller.statuses = [green(desk)]
    found = desk.run("promote", "dev", "staging", "-o", "json")
    (step,) = found.document["steps"]
    assert found.code == 0, found.out
    assert {each["after"] for each in step["images"]} <= set(stage(text_of("dev"), salt="dev").lock.values())


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["dev"], "digests move between two"),
        (["dev", "devv"], "there is no stage devv"),
        (["dev", "dev/stack.yaml"], "the same lock"),
        (["dev", "staging", "--status", "dev"], "takes STAGE=PATH"),
        (["dev", "staging", "--status", "stagin=x"], "staging"),
        (["dev", "staging", "--status", "dev=staging/stack.yaml"], "no JSON"),
        (["dev", "staging", "--status", "dev=none.json"], "there is no file"),
    ],
)
def test_what_makes_no_sense_is_told(desk: Desk, places: Folder, words: list[str], told: str) -> None:
    before = locks(places)
    found = desk.run("promote", *words)
    assert found.code == 2
    assert told in found.err
    assert locks(places) == before


def test_a_context_that_is_none_is_told_with_those_there_are(desk: Desk, places: Folder) -> None:
    kubeconfig = places.root / "kubeconfig.json"
    known = {"clusters": [], "users": [], "contexts": [{"name": "acme-dev", "context": {"cluster": "a"}}]}
    kubeconfig.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **known}), encoding="utf-8")
    words = ("--context", "dev=acme-dve", "--kubeconfig", str(kubeconfig))
    found = desk.run("promote", "dev", "staging", *words)
    assert found.code == 6
    assert "Did you mean acme-dev?" in found.err


def test_a_report_of_another_stack_is_none(desk: Desk, places: Folder) -> None:
    text = text_of("dev").replace("acme}", "other}")
    path = places.report(stage(text), green(desk))
    found = desk.run("promote", "dev", "staging", "--status", f"dev={path}")
    assert (found.code, "the report is of other" in found.err) == (2, True)
    path.write_text('{"kind": "Pod"}', encoding="utf-8")
    found = desk.run("promote", "dev", "staging", "--status", f"dev={path}")
    assert (found.code, "tells of no Stack" in found.err) == (2, True)


def test_a_lock_that_cannot_be_written_stays_whole(
    desk: Desk, places: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Path, target: Path) -> Path:
        raise OSError(28, "No space left on device")

    before = locks(places)
    options = reported(desk, places, names=("dev",))
    monkeypatch.setattr(Path, "replace", full)
    found = desk.run("promote", "dev", "staging", *options)
    assert (found.code, "No space left" in found.err) == (6, True)
    assert locks(places) == before
    assert {path.name for path in (places.root / "staging").iterdir()} == {"stack.yaml", "stack.lock.yaml"}


def test_a_stage_without_a_lock_gets_one(desk: Desk, places: Folder) -> None:
    lock = places.root / "staging" / "stack.lock.yaml"
    lock.unlink()
    options = reported(desk, places, names=("dev",))
    found = desk.run("promote", "dev", "staging", *options, "--patch")
    assert found.out.startswith("--- /dev/null\n+++ b/staging/stack.lock.yaml\n")
    assert desk.run("promote", "dev", "staging", *options).code == 0
    assert read_lock(lock.read_bytes(), source="lock") == stage(text_of("dev"), salt="dev").lock


def test_two_environments_are_compared_as_a_table(desk: Desk, places: Folder) -> None:
    text = text_of("staging", version="11.3.2")
    (places.root / "staging" / "stack.yaml").write_text(text, encoding="utf-8")
    found = desk.run("compare", "dev", "staging")
    rows = [line.split() for line in found.out.splitlines()]
    assert rows[0] == ["dev", "staging"]
    assert ["spec.environment", "dev", "staging"] in rows
    assert ["spec.products.jira.version", "11.3.1", "11.3.2"] in rows
    answer = desk.run("compare", "dev", "staging", "-o", "json").document
    images = {each["what"]: (each["one"], each["other"]) for each in answer["images"]}
    assert images["ghcr.io/cloudnative-pg/postgresql:17"] == tuple(
        digest_of(f"ghcr.io/cloudnative-pg/postgresql:17{name}") for name in ("dev", "staging")
    )
    assert desk.run("compare", "dev", "dev").out.strip() == "dev and dev differ in nothing"
