"""Every picture of a member has exactly one name, and the name is the one an operator would give it."""

from __future__ import annotations

import pytest

from telamon.state.classify import Condition, Patience, classify
from telamon.state.phase import Phase
from telamon.state.world import IndexState, Life, MemberState

NOW = 10_000.0
PATIENCE = Patience(hang=3.0, start=60.0, stop=30.0, join=20.0, database=5.0)
RUNNING = MemberState(
    "tracker-0",
    0,
    life=Life.ALIVE,
    phase=Phase.RUNNING,
    phase_since=NOW - 100,
    started=NOW - 110,
    joined=True,
    joined_since=NOW - 100,
    index=IndexState(readable=True, behind=0),
    indexed=True,
    clustered=True,
)
SERVING = RUNNING.with_(admitted=True)
LAGGING = IndexState(readable=True, behind=7)
TORN = IndexState(readable=False, behind=None)

CASES = (
    ("nothing there", MemberState("tracker-0", 0), Condition.ABSENT),
    ("ended by itself", RUNNING.with_(life=Life.EXITED), Condition.EXITED),
    ("asked to end", RUNNING.with_(life=Life.ENDING), Condition.STOPPING),
    ("fit", RUNNING, Condition.READY),
    ("fit and admitted", SERVING, Condition.SERVING),
    ("starting", RUNNING.with_(phase=Phase.STARTING, started=NOW - 59), Condition.STARTING),
    ("starting for ever", RUNNING.with_(phase=Phase.STARTING, started=NOW - 61), Condition.STALLED),
    (
        "never answered yet",
        RUNNING.with_(phase=Phase.UNREACHABLE, started=NOW - 59, phase_since=NOW - 59),
        Condition.STARTING,
    ),
    (
        "never answered at all",
        RUNNING.with_(phase=Phase.UNREACHABLE, started=NOW - 61, phase_since=NOW - 61),
        Condition.STALLED,
    ),
    ("one missed answer", SERVING.with_(phase=Phase.UNREACHABLE, phase_since=NOW - 1), Condition.SERVING),
    ("silent", SERVING.with_(phase=Phase.UNREACHABLE, phase_since=NOW - 4), Condition.HUNG),
    ("first run", RUNNING.with_(phase=Phase.FIRST_RUN), Condition.SETUP_REQUIRED),
    ("maintenance", RUNNING.with_(phase=Phase.MAINTENANCE), Condition.MAINTENANCE),
    ("error", RUNNING.with_(phase=Phase.ERROR), Condition.FAILED),
    ("stopping by itself", RUNNING.with_(phase=Phase.STOPPING, phase_since=NOW - 29), Condition.STOPPING),
    ("stopping for ever", RUNNING.with_(phase=Phase.STOPPING, phase_since=NOW - 31), Condition.STALLED),
    ("database just lost", SERVING.with_(database_lost_since=NOW - 4), Condition.SERVING),
    ("database lost", SERVING.with_(database_lost_since=NOW - 6), Condition.DATABASE_LOST),
    (
        "not counted in yet",
        RUNNING.with_(joined=False, joined_since=NOW - 10, phase_since=NOW - 10),
        Condition.JOINING,
    ),
    ("not counted in for long", RUNNING.with_(joined=False, joined_since=NOW - 21), Condition.ISOLATED),
    ("membership unknown", RUNNING.with_(joined=None), Condition.JOINING),
    ("membership unknown while it serves", SERVING.with_(joined=None), Condition.SERVING),
    (
        "lost from the cluster while it serves",
        SERVING.with_(joined=False, joined_since=NOW - 1),
        Condition.JOINING,
    ),
    ("index unknown", RUNNING.with_(index=None), Condition.CATCHING_UP),
    ("index unknown while it serves", SERVING.with_(index=None), Condition.SERVING),
    ("index behind", RUNNING.with_(index=LAGGING), Condition.CATCHING_UP),
    ("index a little behind while it serves", SERVING.with_(index=LAGGING), Condition.SERVING),
    ("index torn", RUNNING.with_(index=TORN), Condition.INDEX_BROKEN),
    ("index torn while it serves", SERVING.with_(index=TORN), Condition.INDEX_BROKEN),
    ("no registry, no index", RUNNING.with_(clustered=False, indexed=False, joined=None), Condition.READY),
)


@pytest.mark.parametrize(
    ("member", "condition"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_condition(member: MemberState, condition: Condition) -> None:
    assert classify(member, now=NOW, patience=PATIENCE) is condition
