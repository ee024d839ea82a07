"""The generator against a server that logs in, forgets, breaks and disappears."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from telamon.proof import load, measure
from telamon.proof.record import Cause, Record, read_header, read_record
from tests.unit.proof.server import MEMBER, PASSWORD, served

WRITE = {
    "name": "write",
    "method": "POST",
    "path": "/notes/$shelf",
    "body": '{"text": "$token"}',
    "expect": [201],
    "write": True,
    "keep": "/note/id",
}
OWN = {"name": "own", "path": "/note/$shelf-$kept_id", "contains": "$kept_token", "follows": "write"}
READ = {"name": "read", "path": "/page"}
LOGIN = {"page": "/login", "fields": {"user": "ali", "pass": "$TELAMON_LOAD_PASSWORD"}}


def plan(port: int, **changes: Any) -> dict[str, Any]:
    given: dict[str, Any] = {
        "name": "trial",
        "target": {"address": "127.0.0.1", "port": port, "host": "app.localhost:81"},
        "rate": 200.0,
        "seconds": 0.5,
        "sessions": 3,
        "kinds": [READ, WRITE, OWN],
        "pools": {"shelf": ["a", "b", "c"]},
        "sticky_cookie": "pin",
        "login": LOGIN,
    }
    return given | changes


@pytest.fixture(autouse=True)
def password(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TELAMON_LOAD_PASSWORD", PASSWORD)


def run(tmp_path: Path, given: dict[str, Any]) -> Record:
    assert start(tmp_path, given) == 0
    return read_record(tmp_path / "record.jsonl")


def start(tmp_path: Path, given: dict[str, Any]) -> int:
    (tmp_path / "plan.json").write_text(json.dumps(given))
    return load.main(["--plan", str(tmp_path / "plan.json"), "--record", str(tmp_path / "record.jsonl")])


@contextlib.contextmanager
def deserted() -> Iterator[int]:
    """A port that is bound, so that nobody else takes it, and at which nobody listens."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        yield int(bound.getsockname()[1])


def test_a_run_is_recorded_request_by_request(tmp_path: Path) -> None:
    with served() as (application, port):
        record = run(tmp_path, plan(port))
    assert record.complete
    assert len(record.samples) == 100
    assert measure.failures(record.samples) == {}
    assert application.logins == 3
    assert measure.logins(record) == 0
    assert {sample.member for sample in record.samples} == {MEMBER}
    assert all(sample.due <= sample.begun <= sample.sent <= sample.answered for sample in record.samples)
    written = {json.loads(body)["text"] for body in application.notes.values()}
    assert measure.acknowledged(record) == written
    assert any("/note/" in line for line in application.seen)
    assert {line.split()[-1] for line in application.seen} == {"app.localhost:81"}
    assert stat.S_IMODE((tmp_path / "record.jsonl").stat().st_mode) == 0o600


def test_a_session_that_was_forgotten_logs_in_again_and_is_counted(tmp_path: Path) -> None:
    with served() as (application, port):
        application.forget = True
        # The flag is taken by the first request of a session that is logged in.
        record = run(tmp_path, plan(port, sessions=2))
    assert measure.failures(record.samples) == {}
    assert measure.logins(record) >= 1
    assert application.logins == 2 + measure.logins(record)


def test_logins_of_those_who_did_not_ask_to_be_remembered_are_counted_apart(tmp_path: Path) -> None:
    with served() as (application, port):
        application.forget = True
        record = run(tmp_path, plan(port, sessions=2, forgetful=1.0))
    assert measure.logins(record) == 0
    assert measure.logins(record, forgetful=True) >= 1
    assert application.logins == 2 + measure.logins(record, forgetful=True)


@pytest.mark.parametrize(
    ("path", "cause", "status"),
    [
        ("/broken", Cause.SERVER_ERROR, 500),
        ("/reset", Cause.RESET, 0),
        ("/gone", Cause.CONTRADICTION, 404),
    ],
)
def test_failures_are_told_apart(tmp_path: Path, path: str, cause: Cause, status: int) -> None:
    kinds = [READ | {"path": path}]
    with served() as (_, port):
        record = run(tmp_path, plan(port, kinds=kinds, login=None, seconds=0.1))
    assert {(sample.cause, sample.status) for sample in record.samples} == {(cause, status)}


def test_an_answer_that_denies_what_was_written_is_a_contradiction(tmp_path: Path) -> None:
    own = OWN | {"contains": "$kept_token and more"}
    with served() as (_, port):
        record = run(tmp_path, plan(port, kinds=[READ, WRITE, own]))
    causes = Counter(sample.cause for sample in record.samples if sample.kind == "own")
    assert set(causes) == {Cause.CONTRADICTION}


def test_another_status_is_unexpected(tmp_path: Path) -> None:
    with served() as (_, port):
        record = run(tmp_path, plan(port, kinds=[READ | {"expect": [204]}], seconds=0.1))
    assert {sample.cause for sample in record.samples} == {Cause.UNEXPECTED}


def test_nobody_listening_is_refused(tmp_path: Path) -> None:
    with deserted() as port:
        record = run(tmp_path, plan(port, kinds=[READ], login=None, seconds=0.1))
    assert {sample.cause for sample in record.samples} == {Cause.REFUSED}


def test_silence_is_a_timeout_that_counts_from_the_due_time(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        given = plan(port, kinds=[READ], login=None, seconds=0.05, timeout=0.3, connections=1, sessions=1)
        record = run(tmp_path, given)
    assert {sample.cause for sample in record.samples} == {Cause.TIMEOUT}
    assert all(sample.latency >= 0.3 for sample in record.samples)


def test_what_belongs_to_no_session_brings_no_cookie(tmp_path: Path) -> None:
    kinds = [READ | {"path": "/open"}, {"name": "probe", "path": "/", "fresh": True, "expect": [401]}]
    with served() as (_, port):
        record = run(tmp_path, plan(port, kinds=kinds))
    probes = [sample for sample in record.samples if sample.kind == "probe"]
    assert {(sample.session, sample.cause, sample.member) for sample in probes} == {(-1, Cause.OK, MEMBER)}


def test_a_session_that_cannot_log_in_ends_the_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TELAMON_LOAD_PASSWORD", "wrong-password")
    with served() as (_, port):
        assert start(tmp_path, plan(port)) == 8
    said = capsys.readouterr().err
    assert "did not let the session in" in said
    assert "wrong-password" not in said


def test_a_server_that_is_not_there_ends_the_run_at_the_login(tmp_path: Path) -> None:
    with deserted() as port:
        assert start(tmp_path, plan(port)) == 7


def test_a_request_that_cannot_be_sent_ends_the_run(tmp_path: Path) -> None:
    with served() as (_, port):
        assert start(tmp_path, plan(port, kinds=[READ | {"path": "/a b"}])) == 2


def test_a_process_of_its_own_ends_early_and_in_order(tmp_path: Path) -> None:
    with served() as (_, port):
        (tmp_path / "plan.json").write_text(json.dumps(plan(port, seconds=100.0)))
        path = tmp_path / "record.jsonl"
        command = [sys.executable, "-m", "telamon.proof.load"]
        process = subprocess.Popen([*command, "--plan", str(tmp_path / "plan.json"), "--record", str(path)])
        try:
            deadline = time.monotonic() + 60
            while read_header(path) is None or path.stat().st_size < 20_000:
                assert time.monotonic() < deadline
                assert process.poll() is None
                time.sleep(0.02)
            os.kill(process.pid, signal.SIGTERM)
            assert process.wait(60) == 0
        finally:
            process.kill()
            process.wait()
    record = read_record(path)
    assert record.complete
    assert 0 < len(record.samples) < 20_000
    assert record.cpu > 0


def test_a_record_that_was_cut_short_is_read_and_void(tmp_path: Path) -> None:
    with served() as (_, port):
        record = run(tmp_path, plan(port))
    text = (tmp_path / "record.jsonl").read_text()
    cut = tmp_path / "cut.jsonl"
    cut.write_text(text[: len(text) // 2])
    half = read_record(cut)
    assert not half.complete
    assert half.samples == record.samples[: len(half.samples)]
    assert measure.void(half)
