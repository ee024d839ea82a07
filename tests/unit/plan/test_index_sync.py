"""A node gets another index on the memory platform: whoever dies meanwhile, users are served and it ends."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from telamon.desired.windows import Window
from telamon.indexfiles.place import IndexPlace
from telamon.plan.operation import Running
from telamon.plan.operations.automatic import wish
from telamon.plan.operations.registry import refusals
from telamon.plan.step import Begin, Call, Drain, StartMember, Step, StopMember
from telamon.plan.view import View
from telamon.plan.work import Work
from telamon.plan.works.index import ClearIndex, CopyIndex, TidyIndex
from telamon.platforms.memory.parts import Fault
from telamon.products.indexing import IndexStrategy, IndexWays
from telamon.state.world import IndexState, Life
from tests.support.stacks import World, companion, database, edge, product, world

PLACE = IndexPlace("index")
EVERY_DAY = frozenset(range(7))
BOTH = IndexWays(PLACE, (IndexStrategy.SNAPSHOT, IndexStrategy.COPY), shares=True)
COPY = IndexWays(PLACE, (IndexStrategy.COPY,))
APART = replace(COPY, noted_apart=True)
LIVE = IndexWays(replace(PLACE, live=True), (IndexStrategy.COPY,))


def running_world(ways: IndexWays | None = COPY, *, nodes: int = 2) -> World:
    """A whole small stack that runs, and whose nodes keep an index."""
    made = world(database(), edge(), replace(product(nodes), index=ways), companion())
    made.run()
    made.steps.clear()
    return made


def sync(made: World, **params: str) -> Running:
    """Ask for the index of the first node on the second one."""
    return made.operate("tracker", "index-sync", member="tracker-1", source="tracker-0", **params)


def view(made: World) -> View:
    """The product as its last pass saw it."""
    return made.outcomes["tracker"].view


def kinds(made: World) -> list[str]:
    """What was done about the second node, in order."""
    return [_kind(step) for step in made.steps if _kind(step)]


def _kind(step: Step) -> str:
    match step:
        case Begin(work=CopyIndex(switches=switches)):
            return "switch" if switches else "gather"
        case Begin(work=ClearIndex()):
            return "clear"
        case Begin(work=TidyIndex()):
            return "tidy"
        case Call(call="share-index" | "index-settled" as call):
            return "share" if call == "share-index" else "settle"
        case Drain(member="tracker-1"):
            return "drain"
        case StopMember(member="tracker-1"):
            return "stop"
        case StartMember(member="tracker-1"):
            return "start"
        case _:
            return ""


def let_fail(made: World, work: type[Work]) -> None:
    """Let every work of a kind fail from now on."""
    component = made.platform._components["tracker"]
    component.behaviour = replace(component.behaviour, failing_works=frozenset({work.kind}))


def guards(made: World, **changes: str) -> list[str]:
    """Names of the guards that refuse a sync with these particulars."""
    params = {"source": "tracker-0", **changes}
    member = params.pop("member", "tracker-1")
    asked = Running("index-sync", "index-sync", member, params, made.clock.now())
    return [refusal.guard for refusal in refusals(view(made), asked)]


def expect_well(made: World, ending: str = "Succeeded") -> None:
    """The operation has ended so, and every node serves."""
    assert made.endings["index-sync-tracker-1"].ending == ending
    assert made.serving("tracker") == len(made.desired["tracker"].members)
    assert not [fact for fact in made.executors["tracker"].memory.facts if fact.startswith("index-sync")]


def test_files_are_gathered_while_the_node_serves_and_exchanged_while_it_is_stopped() -> None:
    made = running_world()
    sync(made)
    made.run()
    assert kinds(made) == ["gather", "drain", "stop", "switch", "start", "tidy"]
    expect_well(made)


def test_what_the_stopped_node_may_have_noted_is_applied_by_the_source_before_it_is_copied() -> None:
    made = running_world(APART)
    sync(made)
    made.run()
    assert kinds(made) == ["gather", "drain", "stop", "settle", "switch", "start", "tidy"]
    expect_well(made)


def test_a_source_that_never_applies_it_leaves_the_old_index_in_place() -> None:
    made = running_world(APART)
    component = made.platform._components["tracker"]
    component.behaviour = replace(component.behaviour, wrong_calls=frozenset({"index-settled"}))
    sync(made)
    made.run()
    assert "settle" in kinds(made)
    assert "switch" not in kinds(made)
    expect_well(made, "Failed")


def test_a_live_node_is_neither_drained_nor_stopped() -> None:
    made = running_world(LIVE)
    sync(made)
    made.run()
    assert kinds(made) == ["switch", "tidy"]
    expect_well(made)


def test_the_vendors_way_takes_the_index_away_after_it_was_shared() -> None:
    made = running_world(BOTH)
    sync(made)
    made.run()
    assert kinds(made) == ["share", "drain", "stop", "clear", "start", "tidy"]
    expect_well(made)


def test_the_strategy_can_be_chosen() -> None:
    made = running_world(BOTH)
    sync(made, strategy="copy")
    made.run()
    assert "switch" in kinds(made)
    assert "clear" not in kinds(made)


def test_without_a_source_the_fittest_member_is_taken() -> None:
    made = running_world(nodes=3)
    made.operate("tracker", "index-sync", member="tracker-1")
    made.run()
    works = [step.work for step in made.steps if isinstance(step, Begin)]
    assert {work.source for work in works if isinstance(work, CopyIndex)} == {"tracker-0"}


def test_a_node_is_drained_only_when_its_new_index_lies_beside_the_old_one() -> None:
    made = running_world()
    sync(made)
    while made.operations:
        made.tick()
        running = [job.name for job in view(made).seen.jobs.values() if job.ended is None]
        assert made.serving("tracker") == 2 or not any("gather" in job for job in running)


def expect_down_while_exchanged(made: World) -> None:
    """Go on to the end: nobody runs on an index that is being exchanged."""
    while made.operations:
        made.tick()
        running = [job.name for job in view(made).seen.jobs.values() if job.ended is None]
        if any("switch" in job or "clear" in job for job in running):
            member = view(made).seen.member("tracker-1")
            assert member is None or member.life is Life.ABSENT


@pytest.mark.parametrize("ways", [COPY, BOTH])
def test_a_node_is_started_only_when_the_work_on_its_index_is_done(ways: IndexWays) -> None:
    made = running_world(ways)
    sync(made)
    expect_down_while_exchanged(made)


@pytest.mark.parametrize("ways", [COPY, BOTH])
def test_a_cancelled_sync_starts_the_node_no_earlier(ways: IndexWays) -> None:
    for made in prefixes(ways):
        if made.operations:
            made.cancel("tracker")
            expect_down_while_exchanged(made)


@pytest.mark.parametrize("ways", [COPY, BOTH])
def test_a_cancelled_sync_says_which_index_is_in_place(ways: IndexWays) -> None:
    said = set()
    for made in prefixes(ways):
        if not made.operations:
            continue
        made.cancel("tracker")
        made.run()
        exchanged = any(kind in {"switch", "clear"} for kind in kinds(made))
        ended = made.endings["index-sync-tracker-1"]
        assert ("old one" in ended.message) is not exchanged, (ended, kinds(made))
        said.add(exchanged)
    assert said == {True, False}


@pytest.mark.parametrize("ways", [COPY, LIVE, BOTH])
def test_users_are_served_at_every_moment(ways: IndexWays) -> None:
    made = running_world(ways)
    sync(made)
    while made.operations:
        made.tick()
        assert made.serving("tracker") >= 1
    made.run()
    expect_well(made)


# -------------------------------------------------------------------------------------------------------- interrupted


@functools.cache
def passes(ways: IndexWays) -> tuple[World, ...]:
    """The world after each single pass of an undisturbed sync; to be forked before anything is done."""
    made = running_world(ways)
    sync(made)
    found = [made.fork()]
    while made.operations:
        made.tick()
        found.append(made.fork())
    return tuple(found)


def prefixes(ways: IndexWays) -> Iterator[World]:
    """The world after each single pass of an undisturbed sync."""
    return (made.fork() for made in passes(ways))


@pytest.mark.parametrize("ways", [COPY, LIVE, BOTH])
def test_the_controller_may_die_after_any_pass(ways: IndexWays) -> None:
    for made in prefixes(ways):
        made.restart_controller()
        made.run()
        expect_well(made)
        assert kinds(made).count("switch") + kinds(made).count("clear") == 1


@pytest.mark.parametrize("ways", [COPY, LIVE, BOTH])
@pytest.mark.parametrize("fault", list(Fault))
@pytest.mark.parametrize("member", ["tracker-0", "tracker-1"])
def test_any_node_may_be_lost_at_any_pass(ways: IndexWays, fault: Fault, member: str) -> None:
    for made in itertools.islice(prefixes(ways), 0, None, 4):
        if not made.platform.strike("tracker", member, fault=fault):
            continue
        made.heal()
        assert made.serving("tracker") == 2


@pytest.mark.parametrize("ways", [COPY, LIVE, BOTH])
def test_it_may_be_cancelled_at_any_pass(ways: IndexWays) -> None:
    endings = set()
    for made in prefixes(ways):
        if not made.operations:
            continue
        made.cancel("tracker")
        made.run()
        assert made.serving("tracker") == 2
        endings.add(made.endings["index-sync-tracker-1"].ending)
    assert "Cancelled" in endings


@pytest.mark.parametrize(("ways", "work", "what"), [(COPY, CopyIndex, "gather"), (BOTH, ClearIndex, "clear")])
def test_a_work_that_keeps_failing_ends_the_operation_and_the_old_index_serves(
    ways: IndexWays, work: type[Work], what: str
) -> None:
    made = running_world(ways)
    let_fail(made, work)
    sync(made)
    made.run()
    expect_well(made, "Failed")
    assert kinds(made).count(what) == 3


# ------------------------------------------------------------------------------------------------------------- guards


def test_it_is_allowed_where_all_is_well() -> None:
    assert guards(running_world()) == []


@pytest.mark.parametrize(
    ("changes", "guard"),
    [
        ({"member": "tracker-7"}, "member-is-known"),
        ({"member": ""}, "target-is-named"),
        ({"source": "tracker-o"}, "source-is-known"),
        ({"source": "tracker-1"}, "two-members"),
        ({"strategy": "magic"}, "strategy-is-offered"),
        ({"strategy": "snapshot"}, "strategy-is-offered"),
    ],
)
def test_what_makes_no_sense_is_refused(changes: dict[str, str], guard: str) -> None:
    assert guards(running_world(), **changes)[0] == guard


def test_the_nearest_name_is_offered() -> None:
    made = running_world()
    asked = Running("index-sync", "index-sync", "tracker-1", {"source": "tracker-O"}, made.clock.now())
    assert "did you mean tracker-0?" in [refusal.remedy for refusal in refusals(view(made), asked)]


def test_a_product_whose_nodes_keep_no_index_is_refused_and_the_rebuild_offered() -> None:
    made = running_world(None)
    asked = Running("index-sync", "index-sync", "tracker-1", {}, made.clock.now())
    (refusal,) = refusals(view(made), asked)
    assert refusal.guard == "nodes-keep-the-index"
    assert "telamon index rebuild tracker" in refusal.remedy


def test_it_is_refused_in_the_middle_of_an_upgrade() -> None:
    made = running_world()
    made.ask_for_release("tracker", "1.1.0")
    made.tick()
    assert "not-in-an-upgrade" in guards(made)


def test_members_of_two_releases_do_not_share_an_index() -> None:
    made = running_world()
    made.platform._components["tracker"].members["tracker-0"].release = "0.9.0"
    made.tick()
    assert "one-release" in guards(made)


def test_a_source_that_is_not_well_is_refused() -> None:
    made = running_world(nodes=3)
    made.platform.strike("tracker", "tracker-0", fault=Fault.BREAK_INDEX)
    made.platform.strike("tracker", "tracker-2", fault=Fault.CRASH)
    made.tick()
    assert "a-source-is-well" in guards(made)


def test_the_last_serving_member_is_not_stopped() -> None:
    made = running_world()
    made.platform.strike("tracker", "tracker-0", fault=Fault.CRASH)
    made.tick()
    assert "enough-go-on-serving" in guards(made)


# ---------------------------------------------------------------------------------------------------------- by itself


@pytest.mark.parametrize("ways", [COPY, BOTH])
def test_a_node_with_a_broken_index_gets_another_one_by_itself(ways: IndexWays) -> None:
    made = running_world(ways)
    made.platform.strike("tracker", "tracker-1", fault=Fault.BREAK_INDEX)
    made.heal()
    expect_well(made)
    assert kinds(made)[0] == "drain"
    assert ("switch" in kinds(made)) is (ways is COPY)
    assert not [fact for fact in made.executors["tracker"].memory.facts if fact.startswith("index-mended")]


def test_where_no_other_node_has_an_index_it_is_restarted() -> None:
    made = running_world(nodes=1)
    made.platform.strike("tracker", "tracker-0", fault=Fault.BREAK_INDEX)
    made.heal()
    assert made.endings == {}
    assert made.serving("tracker") == 1


def test_what_a_copy_did_not_cure_is_restarted() -> None:
    made = running_world()
    let_fail(made, CopyIndex)
    made.platform.strike("tracker", "tracker-1", fault=Fault.BREAK_INDEX)
    made.heal()
    assert made.endings["index-sync-tracker-1"].ending == "Failed"
    assert made.serving("tracker") == 2
    assert kinds(made).count("gather") == 3


def stays_behind(made: World, seconds: float) -> View:
    """The product with a second node that has run for so long and still lacks much."""
    found = view(made)
    member = found.seen.member("tracker-1")
    assert member is not None
    late = member.with_(
        admitted=False, index=IndexState(readable=True, behind=9_000), phase_since=found.now - seconds
    )
    return replace(found, seen=found.seen.with_member(late))


def test_a_node_that_never_catches_up_gets_another_index() -> None:
    made = running_world()
    assert wish(stays_behind(made, 60.0)) is None
    found = wish(stays_behind(made, 1_000.0))
    assert found is not None
    assert found.member == "tracker-1"


def test_an_index_that_stays_behind_waits_for_a_maintenance_window_and_a_broken_one_does_not() -> None:
    late = stays_behind(running_world(), 1_000.0)
    minutes = int(late.now % 86_400 // 60)
    opened, closed = (
        replace(late, desired=replace(late.desired, windows=(Window(EVERY_DAY, begin % 1_440, 7_200.0),)))
        for begin in (minutes - 60, minutes + 60)
    )
    assert wish(opened) is not None
    assert wish(closed) is None
    member = closed.seen.member("tracker-1")
    assert member is not None
    broken = member.with_(index=IndexState(readable=False, behind=None))
    assert wish(closed.with_seen(closed.seen.with_member(broken))) is not None


def test_nothing_is_wished_for_while_all_is_well() -> None:
    assert wish(view(running_world())) is None
    assert wish(view(running_world(None))) is None
