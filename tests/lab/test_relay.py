"""A relay passes on, and delays, swallows or cuts as it is told: at once, for open connections and new ones."""

from __future__ import annotations

import hashlib
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from telamon.platforms.lab.faults.links import phase
from telamon.state.phase import Phase
from tests.lab.support import until

MODULE = "telamon.platforms.lab.faults.relay"


@dataclass
class Shouter:
    """A server that answers every line in capitals, and the end with BYE."""

    listener: socket.socket = field(default_factory=lambda: socket.create_server(("127.0.0.1", 0)))

    def __post_init__(self) -> None:
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def port(self) -> int:
        return int(self.listener.getsockname()[1])

    def _accept(self) -> None:
        while True:
            try:
                taken, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(taken,), daemon=True).start()

    def _answer(self, taken: socket.socket) -> None:
        try:
            with taken, taken.makefile("rwb") as lines:
                for line in lines:
                    lines.write(line.upper())
                    lines.flush()
                lines.write(b"BYE\n")
        except OSError:
            return


@dataclass
class Line:
    """A connection through the relay."""

    opened: socket.socket

    def ask(self, text: bytes, *, within: float = 10.0) -> bytes:
        """Send a line, and read the answer."""
        self.opened.settimeout(within)
        self.opened.sendall(text + b"\n")
        return self.read_line()

    def read_line(self) -> bytes:
        found = bytearray()
        while not found.endswith(b"\n"):
            piece = self.opened.recv(65536)
            if not piece:
                break
            found += piece
        return bytes(found).strip()


@dataclass
class Stage:
    """A relay before a server, and the files it goes by."""

    folder: Path
    port: int
    beyond: int
    opened: list[socket.socket] = field(default_factory=list)

    def keep(self, *, beyond: int, source: str = "") -> None:
        """Say where it takes whom."""
        line = {
            "listen": {"host": "127.0.0.1", "port": self.port},
            "beyond": {"host": "127.0.0.1", "port": beyond},
            "target": "b-0",
            "source": source,
            "sources": {"127.0.0.1": "a-0", "127.0.0.2": "a-1"},
        }
        self._put("links.json", [line])

    def disturb(self, mode: str, *, source: str = "*", delay: float = 0.0, seconds: float = 60.0) -> None:
        """Have it do something."""
        line = {
            "source": source,
            "target": "b-?",
            "mode": mode,
            "delay": delay,
            "until": time.time() + seconds,
        }
        self._put("faults.json", [line])
        self._applied()

    def calm(self) -> None:
        """Have it do nothing."""
        self._put("faults.json", [])
        self._applied()

    def connect(self, source: str = "127.0.0.1") -> Line:
        """Connect through the relay."""
        address = ("127.0.0.1", self.port)
        self.opened.append(socket.create_connection(address, timeout=10, source_address=(source, 0)))
        return Line(self.opened[-1])

    def serves(self, source: str = "127.0.0.1") -> bool:
        """Whether a new connection is answered."""
        try:
            return self.connect(source).ask(b"here?", within=2.0) == b"HERE?"
        except OSError:
            return False

    def told(self) -> dict[str, object]:
        with socket.socket(socket.AF_UNIX) as asking:
            asking.connect(str(self.folder / "relay.sock"))
            found: dict[str, object] = json.loads(asking.makefile().readline())
        return found

    def _put(self, name: str, lines: Sequence[Mapping[str, object]]) -> None:
        fresh = self.folder / f"{name}.new"
        fresh.write_text(json.dumps(lines))
        fresh.replace(self.folder / name)

    def _applied(self) -> None:
        before = self.told()["faults"]
        wanted = hashlib.sha256((self.folder / "faults.json").read_bytes()).hexdigest()[:16]
        until(lambda: before == wanted or self.told()["faults"] == wanted)


@pytest.fixture
def stage(root: Path) -> Iterator[Stage]:
    """A relay that runs."""
    server = Shouter()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = int(free.getsockname()[1])
    made = Stage(root, port, server.port)
    made.keep(beyond=server.port)
    files = (
        "--links",
        root / "links.json",
        "--faults",
        root / "faults.json",
        "--socket",
        root / "relay.sock",
    )
    process = subprocess.Popen([sys.executable, "-m", MODULE, *map(str, files)])
    try:
        until(lambda: phase(str(root / "relay.sock")) is Phase.RUNNING)
        until(made.serves)
        yield made
    finally:
        for one in made.opened:
            one.close()
        server.listener.close()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_everything_passes_both_ways_to_the_very_end(stage: Stage) -> None:
    line = stage.connect()
    assert line.ask(b"hello") == b"HELLO"
    large = b"x" * 400_000
    assert line.ask(large) == large.upper()
    line.opened.shutdown(socket.SHUT_WR)
    assert line.read_line() == b"BYE"
    assert line.opened.recv(1) == b""


def test_cut_resets_what_is_open_and_what_comes(stage: Stage) -> None:
    line = stage.connect()
    assert line.ask(b"before") == b"BEFORE"
    stage.disturb("cut")
    with pytest.raises(ConnectionResetError):
        line.opened.recv(1)
    assert not stage.serves()
    stage.calm()
    until(stage.serves)


def test_swallowed_words_arrive_when_it_is_over(stage: Stage) -> None:
    line = stage.connect()
    assert line.ask(b"before") == b"BEFORE"
    stage.disturb("swallow")
    until(lambda: _is_silent(line))
    fresh = stage.connect()
    with pytest.raises(TimeoutError):
        fresh.ask(b"new", within=0.3)
    stage.calm()
    for waiting in (line, fresh):
        waiting.opened.settimeout(10)
    assert b"DURING" in line.read_line()
    assert fresh.read_line() == b"NEW"


def test_delayed_words_come_late_and_in_order(stage: Stage) -> None:
    line = stage.connect()
    stage.disturb("delay", delay=0.2)
    until(lambda: _takes(line) >= 0.4)
    line.opened.sendall(b"one\ntwo\n")
    both = line.read_line()
    while not both.endswith(b"TWO"):
        both += b"\n" + line.read_line()
    assert both == b"ONE\nTWO"
    line.opened.shutdown(socket.SHUT_WR)
    assert line.read_line() == b"BYE"


def test_only_who_is_meant_is_hurt(stage: Stage) -> None:
    """Several members use one address of the relay: where a connection comes from says whose it is."""
    stage.disturb("cut", source="a-0")
    until(lambda: not stage.serves("127.0.0.1"))
    until(lambda: stage.serves("127.0.0.2"))
    assert not stage.serves("127.0.0.1")


def test_fault_ends_by_itself_when_its_time_is_up(stage: Stage) -> None:
    stage.disturb("cut", seconds=0.7)
    until(stage.serves)


def test_who_is_not_there_is_told_by_a_reset(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        nobody = int(free.getsockname()[1])
    stage.keep(beyond=nobody)
    until(lambda: not stage.serves())


def _is_silent(line: Line) -> bool:
    try:
        line.ask(b"during", within=0.3)
    except TimeoutError:
        return True
    return False


def _takes(line: Line) -> float:
    began = time.monotonic()
    assert line.ask(b"how long?") == b"HOW LONG?"
    return time.monotonic() - began
