"""The parts of the git server that need no process: protocol, properties, queries, states."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from understudy.bitbucket.cluster import Member
from understudy.bitbucket.errors import GitBusy, Refusal
from understudy.bitbucket.git import Tickets, parse_version
from understudy.bitbucket.pktline import (
    ABSENT,
    CommandReader,
    MalformedPacket,
    RefCommand,
    ReportHolder,
    packet,
)
from understudy.bitbucket.projects import branch_ref, slug_of
from understudy.bitbucket.refs import RefChange, compare
from understudy.bitbucket.rolling import UpgradeState, state_of
from understudy.bitbucket.searching import read_query
from understudy.bitbucket.settings import context_path, read_properties, variable_of
from understudy.bitbucket.ssh import parse_command
from understudy.kit.errors import HttpProblem

COMMIT = "1" * 40


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    """Data cut at places, as a network would."""
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(cuts=st.lists(st.integers(0, 500)))
def test_commands_are_read_however_they_are_cut(cuts: list[int]) -> None:
    head = packet(f"{ABSENT} {COMMIT} refs/heads/a\0report-status side-band-64k\n".encode())
    head += packet(f"{COMMIT} {ABSENT} refs/heads/b".encode()) + b"0000"
    reader = CommandReader()
    for piece in pieces(head + b"PACK...", cuts):
        reader.feed(piece)
    assert reader.complete
    assert reader.multiplexed
    assert reader.commands == [
        RefCommand(ABSENT, COMMIT, "refs/heads/a"),
        RefCommand(COMMIT, ABSENT, "refs/heads/b"),
    ]


@pytest.mark.parametrize("head", [b"GET / HTTP/1.1\r\n", packet(b"nonsense"), packet(b"1 2 3")])
def test_what_is_no_push_is_told(head: bytes) -> None:
    with pytest.raises(MalformedPacket):
        CommandReader().feed(head)


@given(cuts=st.lists(st.integers(0, 500)))
def test_progress_passes_and_the_report_waits(cuts: list[int]) -> None:
    progress = packet(b"\x02unpacking 1/2") + packet(b"\x02unpacking 2/2")
    report = packet(b"\x01unpack ok") + packet(b"\x02late") + b"0000"
    holder = ReportHolder(multiplexed=True)
    passed = b"".join(holder.feed(piece) for piece in pieces(progress + report, cuts))
    assert passed == progress
    assert holder.release() == report
    plain = ReportHolder(multiplexed=False)
    assert plain.feed(report) == b""
    assert plain.release() == report


def test_tickets_are_given_in_order_and_none_is_lost() -> None:
    async def run() -> list[int]:
        tickets = Tickets(1)
        order: list[int] = []
        await tickets.take(1)

        async def wait(number: int) -> None:
            await tickets.take(5)
            order.append(number)
            tickets.give()

        waiting = [asyncio.create_task(wait(number)) for number in range(3)]
        for _ in range(5):
            await asyncio.sleep(0)
        with pytest.raises(GitBusy):
            await tickets.take(0.01)
        waiting[1].cancel()
        await asyncio.gather(waiting[1], return_exceptions=True)
        tickets.give()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert tickets.used == 0
        return order

    assert asyncio.run(run()) == [0, 2]


def test_properties_are_read_as_java_writes_them(tmp_path: Path) -> None:
    path = tmp_path / "bitbucket.properties"
    path.write_text("# no\n! neither\na.b = c\nkey: value=with\nlong=one\\\n  two\n\nempty=\n")
    assert read_properties(path) == {"a.b": "c", "key": "value=with", "long": "onetwo", "empty": ""}
    assert read_properties(tmp_path / "none") == {}
    assert variable_of("plugin.search.config.base-url") == "PLUGIN_SEARCH_CONFIG_BASE_URL"
    assert [context_path(text) for text in ("", "/", "git", "/git/")] == ["", "", "/git", "/git"]


@pytest.mark.parametrize("name", ["a", "feature/one", "refs/heads/x.y", "ü"])
def test_branch_names_git_takes(name: str) -> None:
    assert branch_ref(name) == f"refs/heads/{name.removeprefix('refs/heads/')}"


@pytest.mark.parametrize(
    "name", ["", "-x", "a b", "a..b", "a//b", ".a", "a.lock", "a~1", "a@{1}", "a\n", "/a", "a."]
)
def test_branch_names_git_refuses(name: str) -> None:
    with pytest.raises(Refusal):
        branch_ref(name)


def test_slugs_fit_into_addresses() -> None:
    assert [slug_of(name) for name in ("My Repo!", "a.b_c-D", "..x..")] == ["my-repo", "a.b_c-d", "x"]


@pytest.mark.parametrize(
    ("command", "found"),
    [
        ("git-upload-pack '/PROJ/repo.git'", ("git-upload-pack", "PROJ", "repo")),
        ("git receive-pack proj/repo", ("git-receive-pack", "proj", "repo")),
    ],
)
def test_ssh_commands(command: str, found: tuple[str, str, str]) -> None:
    assert parse_command(command) == found


@pytest.mark.parametrize(
    "command", ["", "sh", "git-upload-pack", "git-upload-pack 'a'", "git-upload-archive 'a/b'", "'"]
)
def test_ssh_commands_that_are_refused(command: str) -> None:
    with pytest.raises(HttpProblem):
        parse_command(command)


@given(
    known=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["1", "2", "3"])),
    actual=st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["1", "2", "3"])),
)
def test_changes_lead_from_the_known_refs_to_the_actual_ones(
    known: dict[str, str], actual: dict[str, str]
) -> None:
    refs = dict(known)
    for change in compare(known, actual):
        assert refs.get(change.ref, ABSENT) == change.old
        refs.pop(change.ref, None)
        if change.new != ABSENT:
            refs[change.ref] = change.new
    assert refs == actual
    assert compare(actual, actual) == []


def test_what_a_change_is_called() -> None:
    kinds = [RefChange("r", *ends).kind for ends in ((ABSENT, "1"), ("1", "2"), ("1", ABSENT))]
    assert kinds == ["ADD", "UPDATE", "DELETE"]


def member(name: str, version: str, state: str = "ACTIVE") -> Member:
    return Member(name, name, "127.0.0.1", 5701, version, "1", state, local=False)


@pytest.mark.parametrize(
    ("original", "nodes", "state"),
    [
        (None, [("a", "1"), ("b", "2")], UpgradeState.STABLE),
        ("1", [("a", "1"), ("b", "1")], UpgradeState.READY_TO_UPGRADE),
        ("1", [("a", "1"), ("b", "2")], UpgradeState.MIXED),
        ("1", [("a", "2"), ("b", "2")], UpgradeState.READY_TO_FINISH),
        ("1", [("a", "2"), ("b", "1", "OFFLINE")], UpgradeState.READY_TO_FINISH),
        ("1", [("a", "2"), ("b", "2", "ERROR")], UpgradeState.MIXED),
    ],
)
def test_the_state_of_a_rolling_upgrade(
    original: str | None, nodes: list[tuple[str, ...]], state: UpgradeState
) -> None:
    assert state_of(tuple(member(*node) for node in nodes), original) is state


@pytest.mark.parametrize("text", ["", "(", "(a", "a)", "OR", "NOT", "a OR", "x " * 60])
def test_queries_that_are_none(text: str) -> None:
    with pytest.raises(Refusal):
        read_query(text)


@given(st.text(max_size=40))
def test_any_text_is_a_query_or_is_refused(text: str) -> None:
    try:
        query, _ = read_query(text)
    except Refusal:
        return
    assert query


def test_releases_of_git() -> None:
    assert parse_version("git version 2.39.5") == (2, 39, 5)
    assert parse_version("git version 2.45.windows.1")[:2] == (2, 45)
