"""Digests move on only from a stage that has run them, green and unbroken, for its soak time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from telamon.plan.promotion import GUARDS, Crossing, Ran, Stage, differences, moves, objections
from telamon.stackfile.rehearsal import rehearse
from tests.support.manifests import stack_of
from tests.support.stages import NOW, digest_of, ran, stage, status, text_of

STAGING = stage(text_of("staging"))
PRODUCTION = stage(text_of("production"), salt="older")


def judged(
    before: Stage = STAGING, known: Ran | None = None, after: Stage = PRODUCTION
) -> dict[str, tuple[str, str]]:
    found = objections(Crossing(before, known or ran(before), after, NOW))
    assert all(each.told and each.remedy for each in found)
    return {each.guard: (each.told, each.remedy) for each in found}


def test_what_has_soaked_moves_with_every_digest_and_nothing_else() -> None:
    assert judged() == {}
    found = moves(STAGING, PRODUCTION)
    assert {each.image for each in found} == set(PRODUCTION.lock)
    assert all(each.changes and each.after == STAGING.lock[each.image] for each in found)


def test_what_was_moved_already_moves_no_more() -> None:
    assert not any(each.changes for each in moves(STAGING, replace(PRODUCTION, lock=STAGING.lock)))


def test_a_mirror_of_the_next_stage_is_its_own() -> None:
    mirrored = stage(text_of("production", more="  images: {mirror: registry.acme.example/mirror}\n"))
    assert judged(after=mirrored) == {}
    found = moves(STAGING, mirrored)
    assert all(each.image.startswith("registry.acme.example/mirror/") for each in found)
    assert {each.after for each in found} == set(STAGING.lock.values())


@pytest.mark.parametrize(
    ("hours", "guards"),
    [(0.0, {"ran-green"}), (1.9, {"ran-green"}), (2.0, set()), (48.0, set())],
)
def test_it_has_to_be_green_for_its_soak_time(hours: float, guards: set[str]) -> None:
    known = ran(STAGING, status(since=NOW - timedelta(hours=hours)))
    found = judged(known=known)
    assert found.keys() == guards
    for told, remedy in found.values():
        assert "of 2h" in told
        assert "Ask again at 2026-11-22 1" in remedy


def test_without_a_word_in_the_file_production_takes_what_soaked_a_day() -> None:
    patient = stage(text_of("staging").replace("  soak: 2h\n", ""))
    assert "of 1d" in judged(patient)["ran-green"][0]
    assert judged(patient, ran(patient, status(since=NOW - timedelta(days=1)))) == {}


def test_what_is_not_green_says_why() -> None:
    told, _ = judged(known=ran(STAGING, status(ready=False)))["ran-green"]
    assert told == "staging is not green: Ready is False, jira: it ended three times"


@pytest.mark.parametrize("minutes", [-60, 60])
def test_an_old_report_or_one_from_the_future_tells_nothing(minutes: int) -> None:
    known = ran(STAGING, status(seen=NOW + timedelta(minutes=minutes)))
    assert "was seen last at" in judged(known=known)["ran-green"][0]


def test_what_runs_is_what_the_file_says() -> None:
    other = stage(text_of("staging", version="11.3.0"))
    found = judged(known=replace(ran(other)))
    assert "spec.products.jira.version" in found["as-its-file-says"][0]


def test_what_was_changed_by_hand_under_it_holds_it() -> None:
    known = replace(ran(STAGING), drift=("network/aws_security_group.web: opened",))
    assert "aws_security_group.web" in judged(known=known)["as-its-file-says"][0]


def test_a_lock_that_does_not_run_moves_nowhere() -> None:
    fresh = replace(STAGING, lock={name: digest_of(name + "fresh") for name in STAGING.lock})
    told, remedy = judged(fresh, ran(STAGING))["runs-what-is-locked"]
    assert "does not run the digests of its lock" in told
    assert "telamon build" in remedy


def test_an_image_that_never_ran_there_is_named() -> None:
    newer = stage(text_of("production", version="11.3.2"), lock={})
    told, _ = judged(after=newer)["has-every-digest"]
    assert "jira-software:11.3.2" in told
    assert "jira-software:11.3.2" not in {each.image for each in moves(STAGING, newer)}


def test_a_stage_without_a_lock_has_nothing_to_move() -> None:
    empty = stage(text_of("staging"), lock={})
    assert "has-every-digest" in judged(empty, ran(empty))
    assert moves(empty, PRODUCTION) == ()


def test_nothing_goes_back_to_an_older_version() -> None:
    ahead = {name.replace(":11.3.1", ":11.10.0"): digest for name, digest in PRODUCTION.lock.items()}
    told, _ = judged(after=replace(PRODUCTION, lock=ahead))["no-downgrade"]
    assert "11.10.0 already, and 11.3.1 is older" in told


def test_stages_go_from_careless_to_careful() -> None:
    found = judged(PRODUCTION, ran(PRODUCTION), STAGING)
    assert "production already" in found["stages-in-order"][0]


def test_a_digest_in_the_file_of_the_next_stage_is_in_the_way() -> None:
    (name,) = [image for image in PRODUCTION.lock if "jira" in image]
    text = text_of("production", more=f'  images: {{digests: {{"{name}": "{digest_of("mine")}"}}}}\n')
    assert "spec.images.digests" in judged(after=stage(text))["nothing-is-pinned"][1]
    text = text_of("production", more=f'  images: {{digests: {{"{name}": "{STAGING.lock[name]}"}}}}\n')
    assert judged(after=stage(text)) == {}


def test_the_lab_runs_versions_and_no_images() -> None:
    dev = stage(text_of("dev"))
    rehearsed = rehearse(dev.stack)[0].model_copy(update={"status": status()})
    assert judged(dev, Ran(rehearsed), STAGING) == {}
    assert judged(dev, Ran(rehearsed), PRODUCTION).keys() == {"ran-the-images"}


def test_every_guard_can_refuse_under_its_own_name() -> None:
    names = {guard.__name__.replace("_", "-") for guard in GUARDS}
    assert len(names) == len(GUARDS)
    assert names >= {"ran-green", "as-its-file-says", "no-downgrade"}


def test_everything_that_speaks_against_it_is_told_at_once() -> None:
    dark = ran(stage(text_of("staging", version="11.3.0")), status(ready=False))
    assert judged(known=dark).keys() == {"ran-green", "as-its-file-says", "runs-what-is-locked"}


def test_differences_tell_values_with_their_defaults() -> None:
    one, other = stack_of(text_of("dev")), stack_of(text_of("staging", version="11.3.2"))
    assert differences(one, one) == ()
    assert differences(one, other) == (
        ("spec.domain", "dev.acme.example", "staging.acme.example"),
        ("spec.environment", "dev", "staging"),
        ("spec.products.jira.version", "11.3.1", "11.3.2"),
    )
