"""``telamon proof check``: what a record says, in words and in JSON, and what is no record."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from telamon.products.traffic import Act, Promise, Shape
from telamon.proof.meaning import Seen, Sense
from telamon.proof.record import Cause, KindFacts, RecordWriter, Sample
from tests.support.desk import Desk

WRITE = Sample(1, "write", 0.0, 0.0, 0.1, 0.2, 201, Cause.OK, token="r-1", thing="notes/a")
READ = Sample(2, "read", 1.0, 1.0, 1.1, 1.2, 200, Cause.OK, thing="notes/a", seen=Seen(("r-1",)))


def written(path: Path, *samples: Sample, end: bool = True) -> Path:
    kinds = {
        "write": KindFacts("POST", write=True, sense=Sense(Act.ADD, Shape.BAG, Promise.STRICT, 1)),
        "read": KindFacts("GET", write=False, sense=Sense(Act.READ, Shape.BAG, Promise.STRICT, 1)),
    }
    header: dict[str, Any] = {
        "name": "trial",
        "epoch": 0.0,
        "began": 0.0,
        "seed": 1,
        "rate": 1.0,
        "sessions": 3,
    }
    with RecordWriter(path) as record:
        record.header({**header, "kinds": {name: facts.document() for name, facts in kinds.items()}})
        for sample in samples:
            record.sample(sample)
        if end:
            record.trailer(cpu=0.1, seconds=2.0)
    return path


def test_a_record_in_which_nothing_is_wrong(desk: Desk, tmp_path: Path) -> None:
    done = desk.run("proof", "check", str(written(tmp_path / "r.jsonl", WRITE, READ)))
    assert done.code == 0
    assert "1 writes acknowledged, 1 of them read again" in done.out
    assert "nothing is wrong" in done.out


def test_a_lost_write_is_told_with_the_requests_that_show_it(desk: Desk, tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", WRITE, replace(READ, seen=Seen()))
    done = desk.run("proof", "check", str(path))
    assert done.code == 8
    assert "lost in notes/a: r-1 was acknowledged" in done.out
    assert "session 1    write: adds r-1, acknowledged" in done.out
    assert "session 2    read: is shown nothing of this run" in done.out
    document = json.loads(desk.run("proof", "check", str(path), "-o", "json").out)
    assert document["clean"] is False
    assert document["faults"] == {"lost": 1}
    assert [one["number"] for one in document["anomalies"][0]["witness"]] == [0, 1]


def test_a_record_that_shows_nothing_says_so(desk: Desk, tmp_path: Path) -> None:
    done = desk.run("proof", "check", str(written(tmp_path / "r.jsonl", WRITE)))
    assert done.code == 0
    assert "proves nothing" in done.out


def test_a_record_that_was_cut_short_is_judged_and_void(desk: Desk, tmp_path: Path) -> None:
    done = desk.run("proof", "check", str(written(tmp_path / "r.jsonl", WRITE, READ, end=False)))
    assert done.code == 0
    assert "did not end in order" in done.out


def test_a_packed_record_is_read(desk: Desk, tmp_path: Path) -> None:
    packed = tmp_path / "r.jsonl.gz"
    packed.write_bytes(gzip.compress(written(tmp_path / "r.jsonl", WRITE, READ).read_bytes()))
    assert desk.run("proof", "check", str(packed)).code == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read"),
        (b"", "is not a record"),
        (b"\xff\xfe", "cannot be read"),
        (b'{"record": 1}\n', "is not a record of format 2"),
        (b'{"record": 2}\n', "is damaged"),
        (b"{no json\n", "is damaged"),
    ],
)
def test_what_is_no_record_is_refused(desk: Desk, tmp_path: Path, content: bytes | None, said: str) -> None:
    path = tmp_path / "r.jsonl"
    if content is not None:
        path.write_bytes(content)
    done = desk.run("proof", "check", str(path))
    assert done.code == 2
    assert said in done.err


def test_a_damaged_line_is_refused(desk: Desk, tmp_path: Path) -> None:
    path = written(tmp_path / "r.jsonl", WRITE, READ)
    path.write_text(path.read_text().replace('"read"', '"unknown"', 2).replace("[2,", "[2,2,"))
    assert desk.run("proof", "check", str(path)).code == 2
