"""What an answer shows is found where it is meant to be, and nowhere else."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from telamon.products.traffic import Kind
from telamon.proof.answers import pointed, seen_in
from telamon.proof.meaning import Seen, digest_of, payload_of
from telamon.proof.wire import Answer

RUN = "0123abcd"
TOKENS = re.compile(rf"\b{RUN}-[0-9]+\b")
READ = {"act": "read", "shape": "bag", "thing": "notes"}


def kind(**meaning: Any) -> Kind:
    return Kind.model_validate({"name": "read", "path": "/", "meaning": READ | meaning})


def seen(asked: Kind, body: Any, *, status: int = 200) -> Seen | None:
    text = body if isinstance(body, str) else json.dumps(body)
    return seen_in(asked, Answer(status, [], text.encode(), 0.0), tokens=TOKENS)


def test_tokens_of_this_run_are_found_in_their_order() -> None:
    page = f"<li>{RUN}-7</li><li>{RUN}-70</li><li>ffffffff-7</li><li>{RUN}-7</li>"
    assert seen(kind(), page) == Seen((f"{RUN}-7", f"{RUN}-70", f"{RUN}-7"))


def test_only_the_places_that_count_are_looked_at() -> None:
    body = {
        "title": f"{RUN}-1",
        "results": [{"text": f"{RUN}-2"}, {"other": f"{RUN}-3"}, {"text": f"{RUN}-4"}],
    }
    assert seen(kind(sees=["/results/*/text"]), body) == Seen((f"{RUN}-2", f"{RUN}-4"))
    assert seen(kind(sees=["/title", "/results/0/text"]), body) == Seen((f"{RUN}-1", f"{RUN}-2"))


def test_a_version_is_told() -> None:
    asked = kind(shape="register", sees=["/text"], version="/version/number")
    assert seen(asked, {"text": f"{RUN}-1", "version": {"number": 9}}) == Seen((f"{RUN}-1",), 9)
    assert seen(asked, {"text": "old", "version": {"number": "many"}}) == Seen()


def test_a_thing_that_is_not_there_is_seen_to_be_missing() -> None:
    assert seen(kind(), "gone", status=404) == Seen(missing=True)


@pytest.mark.parametrize("status", [301, 403, 500, 503])
def test_other_answers_say_nothing(status: int) -> None:
    assert seen(kind(), f"{RUN}-1", status=status) is None


def test_what_is_opened_is_its_bytes() -> None:
    asked = Kind.model_validate(
        {"name": "open", "path": "/$kept_id", "follows": "put", "meaning": READ | {"act": "open"}}
    )
    text = payload_of(f"{RUN}-5", 500)
    assert seen(asked, text) == Seen(size=500, digest=digest_of(text.encode()))


def test_a_payload_is_of_its_length_and_no_other_token_has_it() -> None:
    for size in (1, 20, 4096):
        assert len(payload_of("t-1", size)) == size
    assert payload_of("t-1", 4096) != payload_of("t-2", 4096)
    assert payload_of("t-1", 4096)[:2048] != payload_of("t-1", 4096)[2048:]


def test_a_packed_sight_is_unpacked() -> None:
    for one in (Seen(), Seen(("a", "b"), 3), Seen(size=0, digest="d"), Seen(missing=True)):
        assert Seen.unpacked(json.loads(json.dumps(one.packed()))) == one
    assert Seen.unpacked(None) is None


def test_pointers_lead_nowhere_without_harm() -> None:
    assert pointed("[1, 2]", "/1") == "2"
    assert pointed("[1, 2]", "/5") == ""
    assert pointed("{}", "/a/b") == ""
    assert pointed("no json", "/a") == ""
    assert pointed('{"a/b": [{"c": 4}]}', "/a~1b/*/c") == "4"
