"""Drills are chosen by a seed, bounded, and judged by what users saw."""

from __future__ import annotations

import math
import random
from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest

from telamon.errors import NotReadyError, RefusedError, UsageError
from telamon.plan.fault import LONGEST, NAMES, Kill, KillController, as_data, describe, from_data
from telamon.proof.drill.campaign import Done, Journal, draws, turns
from telamon.proof.drill.catalogue import catalogue
from telamon.proof.drill.deeds import AskForRelease, Deed, GoBack, Grow, Operate
from telamon.proof.drill.judging import TITLES, Timeline, findings, seen_by, undone, verdict
from telamon.proof.drill.outcome import Finding, Verdict
from telamon.proof.drill.scene import Member, Scene
from telamon.proof.history.model import Outcome
from telamon.proof.history.reading import outcome_of
from telamon.proof.meaning import Seen
from telamon.proof.record import Cause, KindFacts, Record, Sample


def members(component: str, count: int = 2) -> tuple[Member, ...]:
    return tuple(
        Member(f"{component}-{number}", component, f"127.0.{len(component)}.{number}:80", serving=True)
        for number in range(count)
    )


SCENE = Scene(
    "acme",
    "dev",
    (),
    ("wiki", "code"),
    (
        *(
            replace(one, role=role, serving=role == "primary")
            for one, role in zip(members("database"), ("primary", "standby"), strict=True)
        ),
        *members("edge"),
        *members("wiki"),
        *members("wiki-live"),
        *members("code", 3),
    ),
    index_folders={"wiki": "index", "code": ""},
    shared_homes=frozenset({"wiki"}),
    never_start={"wiki": "1.0.8"},
    never_start_major={"wiki": "2.0.8"},
    erring={"wiki": "1.0.9"},
    later={"wiki": "1.0.1"},
    later_major={"wiki": "2.0.0"},
    rebuilt=frozenset({"wiki"}),
    databases=frozenset({"wiki", "code"}),
    secrets=frozenset({"wiki"}),
    saves=True,
)
DRILLS = {drill.name: drill for drill in catalogue()}


@pytest.mark.parametrize("name", DRILLS)
@pytest.mark.parametrize("product", ["wiki", "code"])
def test_every_drill_is_bounded_and_chosen_by_its_seed(name: str, product: str) -> None:
    drill = DRILLS[name]
    for seed in range(20):
        try:
            found = drill.plan(SCENE, product, random.Random(seed))
        except NotReadyError:
            # A product without companions, shared home or index cannot be hurt there.
            assert product == "code"
            continue
        assert found == drill.plan(SCENE, product, random.Random(seed))
        assert found
        assert min(strike.at for strike in found) == 0
        assert all(0 < strike.seconds < LONGEST / 4 and strike.at < 60 for strike in found)
        for strike in found:
            asked = strike.fault
            if isinstance(asked, AskForRelease | Grow | GoBack):
                assert asked.product == product
                continue
            if isinstance(asked, Operate):
                assert drill.scope == "stack" or asked.component == product
                continue
            member = getattr(strike.fault, "member", None)
            if member is not None:
                victim = SCENE.member(member)
                assert victim is not None
                hurt = drill.scope == "stack" or victim.component.startswith(product)
                assert hurt, f"{name} hurts {member} of another product"


def test_every_drill_says_what_it_expects_and_demands_what_is_measured() -> None:
    assert len({drill.name for drill in catalogue()}) == len(catalogue())
    for drill in catalogue():
        assert drill.hypothesis.endswith(".")
        assert {limit.key for limit in drill.limits} <= set(TITLES)
        assert 0 < drill.heals_within <= 300


def words(deed: Deed) -> str:
    match deed:
        case Operate():
            return deed.verb
        case AskForRelease():
            return f"{'major ' if deed.downtime else ''}upgrade to {deed.release}, {deed.ends}"
        case Grow():
            return "scale"
        case GoBack():
            return "backup and restore"


def test_the_controller_is_killed_in_the_middle_of_every_sort_of_operation() -> None:
    asked = {}
    for name, drill in DRILLS.items():
        if name.endswith("-controller-kill"):
            strikes = drill.plan(SCENE, "wiki", random.Random(1))
            assert sorted(strikes, key=lambda strike: strike.at) == list(strikes)
            assert sum(isinstance(strike.fault, KillController) for strike in strikes) >= 4
            asked[name.removesuffix("-controller-kill")] = [
                words(strike.fault) for strike in strikes if isinstance(strike.fault, Deed)
            ]
    assert asked == {
        "operation": ["restart"],
        "upgrade": ["upgrade to 1.0.8, Failed"],
        "later-release": ["upgrade to 1.0.1, Succeeded"],
        "scale": ["scale"],
        "index-sync": ["index-sync"],
        "index-rebuild": ["index-rebuild"],
        "backup": ["backup"],
        "rotation": ["rotate-database-password"],
        "quarantine": ["quarantine", "release"],
        "switchover": ["switchover"],
        "maintenance": ["maintenance-on", "maintenance-off"],
        "secret": ["rotate-cluster-secret"],
        "restore": ["backup and restore"],
        "major-upgrade": ["major upgrade to 2.0.0, Succeeded"],
        "failed-major-upgrade": ["major upgrade to 2.0.8, Failed"],
    }


@pytest.mark.parametrize(
    "name",
    [
        "broken-release-errs",
        "broken-release-never-starts",
        "failed-major-upgrade-controller-kill",
        "later-release-controller-kill",
        "major-upgrade-controller-kill",
        "upgrade-controller-kill",
    ],
)
def test_a_product_is_asked_to_become_what_is_named_and_later_alone(name: str) -> None:
    plan = DRILLS[name].plan
    at = tuple(replace(one, release="2.0.10") for one in SCENE.members)
    with pytest.raises(NotReadyError, match=r"at 2\.0\.10 already"):
        plan(replace(SCENE, members=at), "wiki", random.Random(1))
    with pytest.raises(NotReadyError, match=r"spec\.drills\.(broken|later)Releases\.code"):
        plan(SCENE, "code", random.Random(1))


def test_several_members_are_hit_over_the_seeds() -> None:
    hit = {DRILLS["node-kill"].plan(SCENE, "code", random.Random(seed))[0].fault for seed in range(40)}
    assert hit == {Kill("code-0"), Kill("code-1"), Kill("code-2")}


def test_who_does_not_serve_is_not_hit() -> None:
    down = tuple(replace(one, serving=one.name != "wiki-0") for one in SCENE.members)
    scene = replace(SCENE, members=down)
    assert {DRILLS["node-kill"].plan(scene, "wiki", random.Random(seed))[0].fault for seed in range(9)} == {
        Kill("wiki-1")
    }
    single = replace(SCENE, members=(*members("database", 1), *members("wiki")))
    assert DRILLS["database-kill"].plan(single, "", random.Random(1))[0].fault == Kill("database-0")
    with pytest.raises(NotReadyError, match="standby"):
        DRILLS["standby-kill"].plan(single, "", random.Random(1))
    with pytest.raises(NotReadyError, match="second node"):
        DRILLS["nodes-cut"].plan(scene, "wiki", random.Random(1))


def test_every_fault_has_words_and_comes_back_from_its_data() -> None:
    made = {
        strike.fault
        for drill in catalogue()
        for seed in range(60)
        for product in ("wiki",)
        for strike in drill.plan(SCENE, product, random.Random(seed))
        if not isinstance(strike.fault, Deed)
    }
    assert {type(fault) for fault in made} == set(NAMES.values())
    for fault in made:
        assert from_data(as_data(fault)) == fault
        assert describe(fault)


@pytest.mark.parametrize(
    "data", [{}, {"kind": "kill"}, {"kind": "nothing"}, {"kind": "kill", "member": "a", "more": 1}]
)
def test_what_is_no_fault_is_refused(data: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="no fault"):
        from_data(data)


# ------------------------------------------------------------------------------------------------------------ campaigns


def test_suite_has_every_drill_once_for_every_product_it_can_hurt() -> None:
    found = [(turn.drill.name, turn.product) for turn in turns(catalogue(), SCENE, seed=3)]
    assert len(set(found)) == len(found)
    assert ("node-kill", "wiki") in found
    assert ("node-kill", "code") in found
    assert ("database-kill", "") in found
    only = {turn.product for turn in turns(catalogue(), SCENE, seed=3, product="code")}
    assert only == {"code", ""}


def test_soak_draws_the_same_row_wherever_it_goes_on() -> None:
    drills = catalogue()
    whole = list(islice(draws(drills, SCENE, seed=7), 40))
    assert list(islice(draws(drills, SCENE, seed=7, begin=25), 15)) == whole[25:]
    assert list(islice(draws(drills, SCENE, seed=8), 40)) != whole
    assert len({turn.drill.name for turn in whole}) > 8


def test_journal_keeps_what_was_run_and_survives_a_line_that_was_cut(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "drills")
    assert journal.read("soak-1") == ()
    done = [
        Done("soak-1", number, "node-kill", "wiki", number, Verdict.PASSED, 20.5, f"d{number}")
        for number in (0, 1)
    ]
    for one in done:
        journal.append(one)
    journal.append(replace(done[0], campaign="soak-2"))
    with (tmp_path / "drills" / "journal.jsonl").open("a") as file:
        file.write('{"campaign": "soak-1", "num')
    assert journal.read("soak-1") == tuple(done)
    journal.append(replace(done[0], number=2))
    assert journal.read("soak-1") == (*done, replace(done[0], number=2))


# -------------------------------------------------------------------------------------------------------------- judging

KINDS = {"read": KindFacts("GET", write=False), "write": KindFacts("POST", write=True)}
HURT = "127.0.4.1:80"


def sample(
    due: float,
    *,
    took: float = 0.01,
    kind: str = "read",
    cause: Cause = Cause.OK,
    session: int = 0,
    member: str = HURT,
) -> Sample:
    return Sample(session, kind, due, due, due, due + took, 200 if cause is Cause.OK else 500, cause, member)


def record(*samples: Sample) -> Record:
    return Record("r", 100.0, 0.0, 1, 4.0, 2, KINDS, samples, complete=True, cpu=0.1, seconds=30.0)


def steady(until: float = 30.0) -> list[Sample]:
    """Two sessions, a request each half a second; the second one is on another member."""
    return [
        sample(number / 2, session=session, member=HURT if session == 0 else "127.0.4.0:80", kind=kind)
        for number in range(int(until * 2))
        for session, kind in ((0, "read"), (1, "write"))
    ]


TIMELINE = Timeline(struck=110.0, ended=111.0, healed=118.0, detected=110.4)


def figures(*samples: Sample, drill: str = "node-kill", timeline: Timeline = TIMELINE) -> dict[str, Finding]:
    records = {"wiki": record(*samples)}
    seen = tuple(seen_by(name, one, timeline=timeline) for name, one in records.items())
    found = findings(DRILLS[drill], records, timeline=timeline, seen=seen, hurt={HURT})
    return {finding.key: finding for finding in found}


def test_operations_must_end_as_they_are_meant_to_and_go_no_further_than_one_node() -> None:
    records = {"wiki": record(*steady())}
    seen = tuple(seen_by(name, one, timeline=TIMELINE) for name, one in records.items())
    drill = DRILLS["broken-release-errs"]
    for done, met in (({"endings": 0.0, "reached": 1.0}, True), ({"endings": 1.0, "reached": 2.0}, False)):
        found = findings(drill, records, timeline=TIMELINE, seen=seen, hurt=(), done=done)
        judged = {one.key: one.met for one in found if one.key in done}
        assert judged == {"endings": met, "reached": met}


def test_what_a_fault_looks_like_to_users_is_no_anomaly_of_that_drill_alone() -> None:
    records = {"wiki": record(*steady())}
    (plain,) = (seen_by(name, one, timeline=TIMELINE) for name, one in records.items())
    seen = (replace(plain, anomalies={"stale-after-own-write": 2, "lost": 1}),)
    for name, anomalies in (("shared-home-lost", 0), ("node-kill", 2)):
        found = findings(DRILLS[name], records, timeline=TIMELINE, seen=seen, hurt={HURT})
        assert {one.key: one.value for one in found if one.key in {"lost", "anomalies"}} == {
            "lost": 1,
            "anomalies": anomalies,
        }


def test_quiet_run_passes() -> None:
    found = figures(*steady())
    assert found["stall"].value == pytest.approx(0.01)
    assert (found["failed_reads"].value, found["refused"].value, found["lost"].value) == (0, 0, 0)
    assert found["detected"].value == pytest.approx(0.4)
    assert found["healed"].value == pytest.approx(7.0)
    assert verdict(list(found.values()), [record(*steady())]) == (Verdict.PASSED, "")


def test_stall_is_that_of_the_sessions_on_the_member_that_was_hurt() -> None:
    hurt = [
        replace(one, answered=one.due + 0.9) if one.due == 10.5 and one.session == 0 else one
        for one in steady()
    ]
    other = [
        replace(one, answered=one.due + 0.9) if one.due == 10.5 and one.session == 1 else one
        for one in steady()
    ]
    assert figures(*hurt)["stall"].value == pytest.approx(0.51)
    assert figures(*other)["stall"].value == pytest.approx(0.01)


def test_missed_limit_fails_and_says_which() -> None:
    samples = [replace(one, cause=Cause.RESET) if one.due == 11.0 else one for one in steady()]
    found = figures(*samples)
    judged, reason = verdict(list(found.values()), [record(*samples)])
    assert judged is Verdict.FAILED
    assert "failed reads: 1, at most 0 was expected" in reason
    assert "writes" not in reason, "nothing is demanded of writes when a node is killed"


def test_what_never_healed_fails() -> None:
    found = figures(*steady(), timeline=replace(TIMELINE, healed=math.inf))
    judged, reason = verdict(list(found.values()), [record(*steady())])
    assert judged is Verdict.FAILED
    assert "healed after the fault: never" in reason


def test_late_generator_proves_nothing_good_and_hides_nothing_bad() -> None:
    late = record(*(replace(one, begun=one.due + 0.5, cause=Cause.RESET) for one in steady()))
    found = list(figures(*late.samples).values())
    assert verdict(found, [late])[0] is Verdict.VOID
    lost = [replace(one, value=2.0) if one.key == "lost" else one for one in found]
    assert verdict(lost, [late])[0] is Verdict.FAILED


def test_reading_at_the_end_is_no_users() -> None:
    kinds = {**KINDS, "audit-read": KindFacts("GET", write=False)}
    audit = sample(29.0, took=9.0, kind="audit-read", cause=Cause.SERVER_ERROR)
    whole = replace(record(*steady(), audit), kinds=kinds)
    seen = seen_by("wiki", whole, timeline=TIMELINE)
    assert seen.load.sent == len(steady())
    assert seen.load.failed == {}
    assert set(seen.percentiles) == {"before", "during", "after"}


def test_production_is_refused_by_name() -> None:
    from telamon.cli.drilling import refuse_production

    scene = replace(SCENE, environment="production", allowed=("node-kill",))
    refuse_production(scene, ("node-kill",))
    refuse_production(SCENE, ("database-kill",))
    with pytest.raises(RefusedError, match="database-kill") as told:
        refuse_production(scene, ("node-kill", "database-kill"))
    assert told.value.guard == "not-on-production"


def test_where_data_go_back_nobody_knows_what_was_written_meanwhile() -> None:
    def kept(due: float, kind: str) -> Sample:
        return replace(sample(due, kind=kind), seen=Seen(("1",)))

    users = [kept(due, kind) for due in (5.0, 10.5, 25.0) for kind in ("write", "read")]
    found = undone(record(*users), replace(TIMELINE, struck=110.0, ended=120.0))
    assert [outcome_of(one, KINDS[one.kind]) for one in found.samples] == [
        *(Outcome.OK, Outcome.OK),
        *(Outcome.INFO, Outcome.FAIL),
        *(Outcome.OK, Outcome.OK),
    ]


def test_where_data_go_back_a_key_of_what_was_made_meanwhile_says_nothing() -> None:
    before, meanwhile = (
        replace(sample(due, kind="write"), token=token) for due, token in ((5.0, "a"), (12.0, "b"))
    )
    opened = [replace(sample(25.0), element=token, seen=Seen((token,))) for token in ("a", "b")]
    audits = tuple(replace(each, due=30.0) for each in opened)
    whole = replace(record(before, meanwhile, *opened), audits=audits)
    found = undone(whole, replace(TIMELINE, struck=110.0, ended=120.0))
    assert [each.element for each in (*found.samples, *found.audits)] == ["", "", "a", "a"]


def test_where_data_go_back_a_thing_that_was_made_meanwhile_may_be_another_one_since() -> None:
    made = [
        replace(sample(due, kind="write"), token=token, thing=f"page/{token}")
        for due, token in ((5.0, "a"), (12.0, "b"))
    ]
    audits = tuple(replace(sample(30.0), thing=f"page/{token}", seen=Seen((token,))) for token in ("a", "b"))
    found = undone(replace(record(*made), audits=audits), replace(TIMELINE, struck=110.0, ended=120.0))
    assert [each.thing for each in (*found.samples, *found.audits)] == ["page/a", "page/a"]
