"""What is known of a member: since when, from whom, and what one hung node does to the others."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from telamon.desired.lab.data import LabComponent
from telamon.platforms.calls import closely
from telamon.platforms.calls.closely import Findings
from telamon.platforms.calls.credentials import Credentials
from telamon.platforms.calls.looks import CLOSE_EVERY
from telamon.platforms.lab.probes import Probes, Seen
from telamon.platforms.lab.records import FileJobRecords
from telamon.platforms.lab.secrets import FileSecrets
from telamon.platforms.lab.tracked import Process
from telamon.platforms.memory.clock import ManualClock
from telamon.products.base import Endpoint
from telamon.state.phase import Phase
from telamon.state.world import IndexState, JobPhase, JobState
from tests.unit.lab.nodes import Pages, component, node, process


@dataclass
class Scene:
    """Two nodes, and the eyes on them."""

    probes: Probes
    clock: ManualClock
    secrets: FileSecrets
    part: LabComponent
    pages: tuple[Pages, Pages]
    processes: dict[str, Process]
    records: FileJobRecords
    heard: list[str] = field(default_factory=list)
    serving: frozenset[str] = frozenset()

    def look(self) -> dict[str, Seen]:
        return dict(self.probes.look(self.part, self.processes, serving=self.serving))

    def until(self, holds: Callable[[dict[str, Seen]], bool]) -> dict[str, Seen]:
        """Look until it is so; the clock stands still meanwhile."""
        end = time.monotonic() + 60
        while True:
            seen = self.look()
            if holds(seen):
                return seen
            assert time.monotonic() < end, seen

    def says(self, state: str, *, of: int = 0) -> None:
        self.pages[of]["/status"] = lambda _: {"state": state}

    def lists(self, *nodes: str, of: int = 0) -> None:
        self.pages[of]["/nodes"] = lambda _: {"nodes": list(nodes)}


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    clock = ManualClock()
    secrets = FileSecrets(tmp_path / "secrets")
    secrets.put("little", {"token": "t"})
    records = FileJobRecords(tmp_path / "jobs")
    credentials = Credentials(secrets, records)
    with ExitStack() as stack:
        pages: tuple[Pages, Pages] = ({}, {})
        endpoints = [stack.enter_context(node(table)) for table in pages]
        heard: list[str] = []
        probes = Probes(credentials, clock, heard=heard.append)
        stack.callback(probes.close)
        processes = {f"little-{n}": process(f"little-{n}", started=clock.now(), pid=n + 1) for n in range(2)}
        made = Scene(probes, clock, secrets, component(*endpoints), pages, processes, records, heard)
        for number in range(2):
            made.says("RUNNING", of=number)
            made.lists("little-0", "little-1", of=number)
        yield made


def test_phase_holds_since_it_was_first_seen(scene: Scene) -> None:
    scene.says("STARTING")
    began = scene.clock.now()
    assert scene.look()["little-0"].phase is Phase.STARTING
    scene.clock.sleep(4)
    assert scene.look()["little-0"].phase_since == began
    scene.says("RUNNING")
    assert scene.look()["little-0"].phase_since == began + 4
    assert set(scene.heard) == {"little-0", "little-1"}


def test_silence_before_the_first_answer_is_no_silence(scene: Scene) -> None:
    scene.part = component(Endpoint("127.0.0.1", 1), Endpoint("127.0.0.1", 1))
    scene.clock.sleep(60)
    seen = scene.look()["little-0"]
    assert (seen.phase, seen.phase_since) == (Phase.UNREACHABLE, scene.processes["little-0"].started)


def test_silence_of_one_that_was_heard_before_counts_from_now(scene: Scene) -> None:
    scene.processes["little-0"] = process("little-0", started=1.0, answered=True, pid=1)
    scene.part = component(Endpoint("127.0.0.1", 1), Endpoint("127.0.0.1", 1))
    scene.clock.sleep(60)
    assert scene.look()["little-0"].phase_since == scene.clock.now()


def test_hung_node_does_not_hide_the_other(scene: Scene) -> None:
    with socket.socket() as hung:
        hung.bind(("127.0.0.1", 0))
        hung.listen(1)
        healthy = scene.part.processes[1].address.rpartition(":")
        scene.part = component(
            Endpoint("127.0.0.1", hung.getsockname()[1]), Endpoint(healthy[0], int(healthy[2]))
        )
        seen = scene.look()
    assert seen["little-0"].phase is Phase.UNREACHABLE
    assert seen["little-1"].phase is Phase.RUNNING


def test_member_is_joined_when_it_and_another_say_so(scene: Scene) -> None:
    seen = scene.until(lambda seen: all(found.joined is not None for found in seen.values()))
    assert [found.joined for found in seen.values()] == [True, True]


def test_member_that_every_other_denies_is_not_joined(scene: Scene) -> None:
    scene.lists("little-0", of=0)
    scene.lists("little-1", of=1)
    scene.until(lambda seen: all(found.joined is False for found in seen.values()))


def test_nothing_is_asked_closely_before_the_account_is_made(scene: Scene) -> None:
    scene.secrets.put("little", {"token": ""})
    asked: list[object] = []
    scene.pages[0]["/nodes"] = asked.append
    for _ in range(5):
        assert scene.look()["little-0"].joined is None
    assert asked == []


def test_index_that_lags_and_catches_up(scene: Scene) -> None:
    scene.pages[0]["/index"] = lambda _: {"behind": 12}
    scene.until(lambda seen: seen["little-0"].index == IndexState(readable=True, behind=12))
    scene.pages[0]["/index"] = lambda _: {"behind": 0}
    scene.until(lambda seen: seen["little-0"].index == IndexState(readable=True, behind=0))


def test_lost_database_is_lost_since_it_was_first_said(scene: Scene) -> None:
    scene.pages[0]["/health"] = lambda _: {"healthy": False}
    began = scene.clock.now()
    scene.until(lambda seen: seen["little-0"].database_lost_since == began)
    scene.clock.sleep(30)
    scene.look()
    assert scene.look()["little-0"].database_lost_since == began
    scene.pages[0]["/health"] = lambda _: {"healthy": True}
    scene.until(lambda seen: seen["little-0"].database_lost_since is None)


def test_serving_member_is_asked_closely_now_and_then_only(scene: Scene) -> None:
    scene.serving = frozenset({"little-0"})
    asked: list[object] = []

    def page(headers: object) -> object:
        asked.append(headers)
        return {"nodes": ["little-0", "little-1"]}

    scene.pages[0]["/nodes"] = page
    scene.until(lambda seen: seen["little-0"].joined is True)
    for _ in range(5):
        scene.look()
    assert len(asked) == 1
    scene.clock.sleep(CLOSE_EVERY)
    scene.until(lambda _: len(asked) == 2)


def test_trouble_of_a_close_look_is_logged_once(
    scene: Scene, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[None] = []

    def look(*_: object, **__: object) -> Findings:
        looked.append(None)
        return Findings(trouble="a CAPTCHA is asked for")

    monkeypatch.setattr(closely, "look", look)
    caplog.set_level("INFO")
    scene.says("STARTING", of=1)
    scene.until(lambda _: len(looked) > 4)
    assert len([text for text in caplog.messages if "CAPTCHA" in text]) == 1


def test_new_process_starts_with_a_clean_slate(scene: Scene) -> None:
    scene.until(lambda seen: seen["little-0"].joined is True)
    scene.says("STARTING")
    scene.clock.sleep(1)
    scene.processes["little-0"] = process("little-0", started=scene.clock.now(), pid=99)
    seen = scene.look()["little-0"]
    assert (seen.phase, seen.joined, seen.index) == (Phase.STARTING, None, None)


def test_ended_process_is_not_looked_at(scene: Scene) -> None:
    scene.look()
    scene.processes["little-0"] = process("little-0", started=1.0, pid=0)
    assert list(scene.look()) == ["little-1"]


def with_password(scene: Scene) -> None:
    """An account that logs in by password, because the product issues no tokens."""
    scene.secrets.put("little", {"token": "", "account": "telamon", "account-password": "wrong"})
    scene.records.put("little", JobState("service-account", JobPhase.SUCCEEDED, ended=1.0, result="done"))


def test_a_refused_password_is_tried_once_for_all_nodes_and_not_again(scene: Scene) -> None:
    with_password(scene)
    asked: list[object] = []

    def refuse(headers: object) -> int:
        asked.append(headers)
        return 401

    for pages in scene.pages:
        pages |= {"/nodes": refuse, "/index": refuse, "/health": refuse}
    scene.until(lambda _: "log-in" in scene.records.jobs("little"))
    for _ in range(5):
        scene.clock.sleep(CLOSE_EVERY)
        scene.look()
    assert len(asked) == 1
    assert scene.records.jobs("little")["log-in"].result == "by-password"
    assert [text for _, text in scene.records.notes("little")] == ["login-refused:service-account"]


def test_a_refused_token_is_no_refused_password(scene: Scene) -> None:
    scene.pages[0]["/nodes"] = lambda _: 401
    scene.until(lambda _: "log-in" in scene.records.jobs("little"))
    assert scene.records.notes("little") == ()
