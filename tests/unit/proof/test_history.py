"""Every fault has a history that shows it, and a witness of the operations that matter."""

from __future__ import annotations

from typing import Any

from telamon.products.traffic import Promise, Shape
from telamon.proof.history.model import Outcome
from telamon.proof.history.verdict import Fault
from telamon.proof.history.words import MEANINGS, told
from telamon.proof.meaning import Seen
from tests.support.histories import Story

LATE: dict[str, Any] = {"began": 0.0, "ended": 99.0}
"""Under way for as long as anything else."""


def found(story: Story) -> dict[Fault, list[int]]:
    """Fault to the numbers of its witness."""
    anomalies = story.verdict().anomalies
    assert all(anomaly.words and all(told(one) for one in anomaly.witness) for anomaly in anomalies)
    return {anomaly.fault: sorted(one.number for one in anomaly.witness) for anomaly in anomalies}


def test_every_fault_is_explained() -> None:
    assert set(MEANINGS) == set(Fault)


def test_an_acknowledged_comment_that_nobody_finds_is_lost() -> None:
    story = Story(Shape.BAG)
    story.write("a", by=1)
    story.read("a", by=2)
    story.read(by=3)
    story.read(by=2)
    assert found(story) == {Fault.LOST: [0, 2]}


def test_a_comment_that_is_there_twice_is_duplicated() -> None:
    story = Story(Shape.BAG)
    story.write("a")
    story.read("a", "a")
    assert found(story) == {Fault.DUPLICATED: [0, 1]}


def test_half_a_comment_is_torn() -> None:
    story = Story(Shape.BAG, copies=2)
    story.write("a")
    story.read("a")
    assert found(story) == {Fault.TORN: [0, 1]}


def test_parts_of_two_texts_are_torn() -> None:
    story = Story(Shape.REGISTER, copies=2)
    story.write("a")
    story.write("b", **LATE)
    story.read("a", "b")
    assert found(story) == {Fault.TORN: [0, 1, 2]}


def test_a_removed_comment_that_comes_back_is_resurrected() -> None:
    story = Story(Shape.BAG)
    story.write("a")
    story.remove("a", by=1)
    story.read(by=2)
    story.read("a", by=2)
    assert found(story) == {Fault.RESURRECTED: [0, 1, 3]}


def test_a_removal_without_an_answer_that_was_seen_to_work_cannot_be_undone() -> None:
    story = Story(Shape.BAG)
    story.write("a")
    story.remove("a", by=1, outcome=Outcome.INFO)
    story.read(by=2)
    story.read("a", by=3)
    assert found(story) == {Fault.RESURRECTED: [0, 1, 2, 3]}


def test_an_author_who_does_not_see_the_own_comment_is_served_stale() -> None:
    story = Story(Shape.BAG)
    story.write("a", by=1)
    story.read(by=1)
    story.read("a", by=2)
    assert found(story) == {Fault.STALE_OWN_WRITE: [0, 1, 2]}


def test_a_reader_for_whom_time_runs_backwards() -> None:
    story = Story(Shape.BAG)
    story.write("a", by=1)
    story.read("a", by=2)
    story.read(by=2)
    story.read("a", by=2)
    assert found(story) == {Fault.NON_MONOTONIC: [0, 1, 2, 3]}


def test_somebody_else_who_does_not_see_a_comment_yet_is_served_stale_where_that_is_promised() -> None:
    for promise, faults in ((Promise.STRICT, {Fault.STALE_READ: [0, 1, 2]}), (Promise.SESSION, {})):
        story = Story(Shape.BAG, promise)
        story.write("a", by=1)
        story.read(by=2)
        story.read("a", by=2)
        assert found(story) == faults


def test_two_readers_who_see_two_comments_in_opposite_orders() -> None:
    story = Story(Shape.BAG)
    story.write("a", by=1, **LATE)
    story.write("b", by=2, **LATE)
    story.read("a", by=3, **LATE)
    story.read("b", by=4, **LATE)
    assert found(story) == {Fault.OUT_OF_ORDER: [0, 1, 2, 3]}


def test_a_later_comment_without_the_earlier_one_is_out_of_order() -> None:
    story = Story(Shape.BAG)
    story.write("a", by=1)
    story.write("b", by=2)
    story.read("b", by=3, **LATE)
    assert found(story) == {Fault.OUT_OF_ORDER: [0, 1, 2]}


def test_two_editors_who_both_made_version_2_have_lost_an_update() -> None:
    story = Story(Shape.REGISTER)
    story.read(version=1)
    story.write("a", by=1, aim=2, **LATE)
    story.write("b", by=2, aim=2, **LATE)
    assert found(story) == {Fault.LOST_UPDATE: [1, 2]}


def test_what_was_refused_must_not_be_shown() -> None:
    for shape in (Shape.BAG, Shape.REGISTER):
        story = Story(shape)
        story.write("a", outcome=Outcome.FAIL)
        story.read("a")
        assert found(story) == {Fault.DIRTY_READ: [0, 1]}, shape


def test_what_was_never_acknowledged_and_was_shown_must_stay() -> None:
    story = Story(Shape.BAG)
    story.write("a", outcome=Outcome.INFO)
    story.read("a", by=1)
    story.read(by=2)
    assert found(story) == {Fault.DIRTY_READ: [0, 1, 2]}


def test_a_version_that_nobody_made_is_a_gap() -> None:
    story = Story(Shape.REGISTER)
    story.read(version=1)
    story.write("a", aim=3)
    assert found(story) == {Fault.VERSION_GAP: [0, 1]}


def test_a_version_whose_writer_had_no_answer_is_no_gap() -> None:
    story = Story(Shape.REGISTER)
    story.read(version=1)
    story.write("a", by=1, aim=2, outcome=Outcome.INFO)
    story.write("b", by=2, aim=3)
    assert found(story) == {}


def test_a_listed_file_without_bytes_is_a_dangling_row() -> None:
    story = Story(Shape.BAG)
    story.write("a", seen=Seen(size=9, digest="d"))
    story.read("a")
    story.open("a", missing=True)
    assert found(story) == {Fault.DANGLING_ROW: [0, 1, 2]}


def test_a_file_that_is_not_even_listed_is_lost() -> None:
    story = Story(Shape.BAG)
    story.write("a", seen=Seen(size=9, digest="d"))
    story.open("a", missing=True)
    assert found(story) == {Fault.LOST: [0, 1]}


def test_a_short_file_is_torn() -> None:
    story = Story(Shape.BAG)
    story.write("a", seen=Seen(size=9, digest="d"))
    story.open("a", size=4, digest="c")
    assert found(story) == {Fault.TORN: [0, 1]}


def test_the_bytes_of_another_file_are_mismatched() -> None:
    story = Story(Shape.BAG)
    story.write("a", seen=Seen(size=9, digest="d"))
    story.write("b", seen=Seen(size=7, digest="e"))
    story.open("a", size=7, digest="e")
    assert found(story) == {Fault.MISMATCHED: [0, 1, 2]}


def test_a_branch_whose_commit_is_not_there_dangles() -> None:
    story = Story(Shape.REF)
    story.write("a", aim=1)
    story.open("", by=1, missing=True)
    assert found(story) == {Fault.DANGLING_REF: [0, 1]}


def test_a_push_that_is_gone_is_lost_and_one_that_is_seen_again_was_a_member_that_lags() -> None:
    story = Story(Shape.REF)
    story.write("a", by=1, aim=1)
    story.read(by=2)
    assert found(story) == {Fault.LOST: [0, 1]}
    story.read("a", by=3)
    assert found(story) == {Fault.STALE_READ: [0, 1, 2]}
    story.read(by=2)
    assert found(story) == {Fault.STALE_READ: [0, 1, 2]}


def test_an_issue_whose_edit_is_gone_has_lost_it() -> None:
    story = Story(Shape.REGISTER)
    story.write("a", by=1)
    story.write("b", by=2)
    story.read("a", by=3)
    assert found(story) == {Fault.LOST: [0, 1, 2]}
    story.read("b", by=3)
    assert found(story) == {Fault.STALE_READ: [0, 1, 2, 3]}


def test_a_session_sees_its_own_edit_also_where_others_may_lag() -> None:
    story = Story(Shape.REGISTER, Promise.SESSION)
    story.write("a", by=1)
    story.write("b", by=1)
    story.read("a", by=2)
    assert found(story) == {}
    story.read("a", by=1)
    assert found(story) == {Fault.STALE_OWN_WRITE: [0, 1, 3]}


def test_a_search_may_be_behind_and_must_not_invent() -> None:
    story = Story(Shape.BAG, Promise.EVENTUAL)
    story.write("a")
    story.read()
    assert found(story) == {}
    story.read("ghost")
    assert found(story) == {Fault.DIRTY_READ: [2]}


def test_the_verdict_says_how_much_was_looked_at() -> None:
    story = Story(Shape.BAG)
    story.write("a")
    story.write("b", outcome=Outcome.INFO)
    story.read("a")
    story.write("c")
    verdict = story.verdict()
    assert (verdict.operations, verdict.things) == (4, 1)
    assert (verdict.acknowledged, verdict.unknown, verdict.read_back) == (2, 1, 1)
    assert verdict.clean
    assert verdict.document()["clean"] is True


def test_a_witness_can_be_read_by_a_program() -> None:
    story = Story(Shape.BAG)
    story.write("a")
    story.read()
    (anomaly,) = story.verdict().document()["anomalies"]
    assert anomaly["fault"] == "lost"
    assert [one["number"] for one in anomaly["witness"]] == [0, 1]
