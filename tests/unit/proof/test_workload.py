"""A plan says what is wrong with it, and the same plan always asks the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from telamon.errors import UsageError
from telamon.products.traffic import Login
from telamon.proof.schedule import NO_SESSION, schedule
from telamon.proof.workload import LoadPlan, Target, read_plan, typed_fields

TARGET = {"address": "127.0.0.1", "port": 8080, "host": "wiki.acme.localhost"}
READ: dict[str, Any] = {"name": "read", "path": "/page/$page", "weight": 8.0}
WRITE: dict[str, Any] = {
    "name": "write",
    "method": "POST",
    "path": "/note",
    "body": "$token",
    "write": True,
    "keep": "/id",
    "weight": 2.0,
}
FOLLOW: dict[str, Any] = {
    "name": "own",
    "path": "/note/$kept_id",
    "contains": "$kept_token",
    "follows": "write",
}
FRESH: dict[str, Any] = {"name": "probe", "path": "/", "fresh": True}


def document(**changes: Any) -> dict[str, Any]:
    plan: dict[str, Any] = {
        "name": "trial",
        "target": TARGET,
        "rate": 50.0,
        "seconds": 20.0,
        "sessions": 10,
        "seed": 7,
        "kinds": [READ, WRITE, FOLLOW, FRESH],
        "pools": {"page": ["1", "2", "3"]},
    }
    return plan | changes


def read(tmp_path: Path, plan: dict[str, Any]) -> LoadPlan:
    path = tmp_path / "plan.json"
    path.write_text(json.dumps(plan))
    return read_plan(path)


def test_a_plan_is_read(tmp_path: Path) -> None:
    plan = read(tmp_path, document())
    assert [kind.name for kind in plan.kinds] == ["read", "write", "own", "probe"]
    assert plan.timeout == 10.0


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"target": TARGET | {"address": "192.0.2.7"}}, "loopback"),
        ({"target": TARGET | {"address": "localhost"}}, "address"),
        ({"rate": 0.0}, "rate"),
        ({"seconds": 15_000.0}, "seconds"),
        ({"rate": 1900.0, "seconds": 14_000.0}, "at most"),
        ({"sessions": 0}, "sessions"),
        ({"colour": "red"}, "colour"),
        ({"pools": {"page": []}}, "pools"),
        ({"pools": {}}, "no pool page"),
        ({"pools": {"page": ["1"], "token": ["1"]}}, "cannot be called token"),
        ({"kinds": []}, "kinds"),
        ({"kinds": [READ, READ]}, "one name"),
        ({"kinds": [WRITE, READ]}, "first kind"),
        ({"kinds": [READ, FOLLOW]}, "keeps nothing"),
        ({"kinds": [READ, {**WRITE, "body": "hello"}]}, r"carries \$token"),
        ({"kinds": [READ, {**WRITE, "write": False, "keep": ""}]}, r"carries \$token"),
        ({"kinds": [READ, {**WRITE, "keep": "id"}]}, "JSON pointer"),
        ({"kinds": [READ, WRITE, {**FOLLOW, "follows": ""}]}, "belong to a kind"),
        ({"kinds": [READ, {**WRITE, "fresh": True}]}, "belongs to no session"),
        ({"kinds": [{**READ, "path": "/a$"}]}, "dollar"),
    ],
)
def test_a_wrong_plan_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        read(tmp_path, document(**changes))


def test_a_missing_plan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        read_plan(tmp_path / "none.json")


def test_passwords_come_from_the_environment() -> None:
    login = Login(page="/login", fields={"user": "ali", "pass": "$LOAD_PASSWORD"})
    assert typed_fields(login, {"LOAD_PASSWORD": "x"}) == {"user": "ali", "pass": "x"}
    with pytest.raises(UsageError, match="LOAD_PASSWORD"):
        typed_fields(login, {})


def test_sessions_take_turns_in_who_they_are() -> None:
    login = Login(page="/login", fields={"user": "$user", "pass": "$P"}, users=("ali", "bo"))
    typed = [typed_fields(login, {"P": "x"}, session=number)["user"] for number in range(3)]
    assert typed == ["ali", "bo", "ali"]
    with pytest.raises(ValueError, match="belong together"):
        Login(page="/login", fields={"user": "$user"})
    with pytest.raises(ValueError, match="belong together"):
        Login(page="/login", fields={"user": "ali"}, users=("ali",))


def test_the_seed_decides_everything(tmp_path: Path) -> None:
    plan = read(tmp_path, document())
    again = read(tmp_path, document())
    other = read(tmp_path, document(seed=8))
    assert list(schedule(plan)) == list(schedule(again))
    assert list(schedule(plan)) != list(schedule(other))


def test_requests_are_evenly_spaced_and_sessions_take_turns(tmp_path: Path) -> None:
    planned = list(schedule(read(tmp_path, document())))
    assert [round(one.due, 9) for one in planned] == [round(number / 50, 9) for number in range(1000)]
    asked = Counter(one.session for one in planned if one.session != NO_SESSION)
    assert set(asked) == set(range(10))
    assert max(asked.values()) - min(asked.values()) <= 1
    assert {one.session for one in planned if one.kind.fresh} == {NO_SESSION}


def test_the_mix_is_kept(tmp_path: Path) -> None:
    planned = list(schedule(read(tmp_path, document())))
    share = Counter(one.kind.name for one in planned)
    assert 0.6 < share["read"] / 1000 < 0.72
    assert {one.picks["page"] for one in planned if one.kind.name == "read"} == {"1", "2", "3"}
    assert all(not one.picks for one in planned if one.kind.name == "write")


@pytest.mark.parametrize("host", ["code.acme.example", "code.acme.example:80"])
def test_git_is_told_where_a_name_is_whether_or_not_it_names_a_port(host: str) -> None:
    target = Target(address="127.0.0.9", port=80, host=host)
    assert target.resolve == "code.acme.example:80:127.0.0.9"
