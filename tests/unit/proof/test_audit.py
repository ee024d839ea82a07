"""A run that means something is read at the end, and its record alone tells whether the server kept its word."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from telamon.proof import load
from telamon.proof.history.checker import check
from telamon.proof.history.reading import history_of
from telamon.proof.history.verdict import Fault, Verdict
from telamon.proof.record import Record, read_record
from tests.unit.proof.server import PASSWORD, served
from tests.unit.proof.test_load import LOGIN, READ, WRITE, plan

SHELF = "notes/$shelf"
ADD = WRITE | {"meaning": {"act": "add", "shape": "bag", "thing": SHELF}}
LIST = {
    "name": "list",
    "path": "/shelf/$shelf",
    "meaning": {"act": "read", "shape": "bag", "thing": SHELF, "sees": ["/*/text"]},
}


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELAMON_LOAD_PASSWORD", PASSWORD)


def judged(tmp_path: Path, port: int, **changes: Any) -> tuple[Record, Verdict]:
    given = plan(port, kinds=[READ, ADD, LIST], audit={"settle": 0.0, "patience": 5.0}, **changes)
    (tmp_path / "plan.json").write_text(json.dumps(given))
    assert load.main(["--plan", str(tmp_path / "plan.json"), "--record", str(tmp_path / "record.jsonl")]) == 0
    record = read_record(tmp_path / "record.jsonl")
    return record, check(history_of(record))


def test_an_honest_server_is_clean_and_everything_was_read_again(tmp_path: Path) -> None:
    with served() as (_, port):
        record, verdict = judged(tmp_path, port)
    assert verdict.clean
    assert verdict.acknowledged == verdict.read_back > 10
    # Three shelves, by two sessions in turn and once more by the first.
    assert len(record.audits) == 9
    assert len(record.samples) == 100
    assert {sample.kind for sample in record.audits} == {"audit-list"}


def test_a_server_that_loses_what_it_acknowledged_is_found_out(tmp_path: Path) -> None:
    with served() as (application, port):
        application.loses = True
        _, verdict = judged(tmp_path, port)
    assert {anomaly.fault for anomaly in verdict.anomalies} == {Fault.LOST}
    assert all(len(anomaly.witness) == 2 for anomaly in verdict.anomalies)


def test_a_server_that_goes_before_the_audit_leaves_a_record_that_says_so(tmp_path: Path) -> None:
    kinds = [READ, ADD, LIST | {"path": "/broken"}]
    with served() as (_, port):
        given = plan(port, kinds=kinds, audit={"settle": 0.0, "patience": 1.0})
        (tmp_path / "plan.json").write_text(json.dumps(given))
        arguments = ["--plan", str(tmp_path / "plan.json"), "--record", str(tmp_path / "record.jsonl")]
        assert load.main(arguments) == 0
    verdict = check(history_of(read_record(tmp_path / "record.jsonl")))
    assert verdict.clean
    assert verdict.read_back == 0


def test_sessions_without_remember_me_are_spread_among_the_others(tmp_path: Path) -> None:
    login = LOGIN | {"fields": {**LOGIN["fields"], "keep": "on"}, "remember": ["keep"]}  # type: ignore[dict-item]
    with served() as (application, port):
        judged(tmp_path, port, login=login, sessions=8, forgetful=0.25)
    entered = application.kept
    assert entered.count(False) == 2
    assert entered.count(True) == 6 + 2, "six sessions, and two of the audit"
