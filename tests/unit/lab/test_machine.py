"""What the machine must be, refused in words that help where it is not."""

from __future__ import annotations

import platform
import resource
import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from telamon import wiring
from telamon.desired.lab.facts import LabFacts, TlsFiles
from telamon.desired.lab.needs import Needs, needs
from telamon.errors import MachineError, NotReadyError, PlatformError
from telamon.platforms.lab import facts as machine_facts
from telamon.platforms.lab import machine, tls
from telamon.products.registry import products_of
from telamon.state.account import Account
from tests.lab.support import tiny_stack

SOMEBODY = Account("somebody", 54321, 54321)


@pytest.mark.parametrize(("system", "kind"), [("Darwin", "arm64"), ("Linux", "riscv64")])
def test_other_systems_are_refused(monkeypatch: pytest.MonkeyPatch, system: str, kind: str) -> None:
    monkeypatch.setattr(platform, "system", lambda: system)
    monkeypatch.setattr(platform, "machine", lambda: kind)
    with pytest.raises(MachineError, match=f"{system} {kind}"):
        machine.check_system()


@pytest.mark.parametrize("library", [("glibc", "2.31"), ("", "")])
def test_older_and_other_c_libraries_are_refused(
    monkeypatch: pytest.MonkeyPatch, library: tuple[str, str]
) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: library)
    with pytest.raises(MachineError, match=r"glibc 2\.34"):
        machine.check_system()


def test_missing_time_zones_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "ZONES", tmp_path / "none")
    with pytest.raises(MachineError, match="time zones") as caught:
        machine.check_system()
    assert caught.value.remedy == "Install the package tzdata."


def test_socket_path_that_is_too_long_is_refused_before_anything_is_made(tmp_path: Path) -> None:
    root = tmp_path / ("x" * 90)
    with pytest.raises(MachineError, match="107"):
        machine.check_folder(root, sockets=[root / "run" / "edge-0.sock"], account=None)
    assert not root.exists()


def test_full_disk_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "LEAST_ROOM", 1 << 60)
    with pytest.raises(MachineError, match="MiB left"):
        machine.check_room(tmp_path)


def test_folder_that_bars_the_database_is_named(tmp_path: Path) -> None:
    barred = tmp_path / "private"
    root = barred / "root"
    root.mkdir(parents=True)
    # Every folder that pytest made on the way here is its owner's alone.
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("pytest-", "popen-", "test_")):
            folder.chmod(0o755)
    barred.chmod(0o700)
    assert machine.barred_folder(root, SOMEBODY) == barred
    assert machine.barred_folder(root, None) is None
    barred.chmod(0o711)
    assert machine.barred_folder(root, SOMEBODY) is None


def test_missing_stand_in_is_named() -> None:
    with pytest.raises(MachineError, match=r"json\.tool\.nothing"):
        machine.stand_ins(["json.tool.nothing"])
    with pytest.raises(MachineError, match="no_such_package"):
        machine.stand_ins(["no_such_package.server"])
    assert machine.stand_ins([]) == ""


def test_file_limit_is_raised_as_far_as_it_goes() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(64, hard), hard))
        machine.raise_file_limit()
        raised, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert raised == (
            machine.OPEN_FILES if hard == resource.RLIM_INFINITY else min(machine.OPEN_FILES, hard)
        )
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_names_that_nobody_knows_do_not_resolve() -> None:
    assert machine.resolves("localhost")
    assert not machine.resolves("no-such-host.invalid")


def test_kept_facts_are_read_back_as_they_were(tmp_path: Path) -> None:
    assert machine_facts.load(tmp_path) is None
    facts = LabFacts(
        root=str(tmp_path),
        lab=machine_facts.lab_id(tmp_path),
        network=7,
        python="python",
        python_path="",
        envoy="envoy",
        postgres_bin="bin",
        database_account=SOMEBODY,
        slots={"database": 1},
        front_port=8080,
        moved={"app/http": 8001},
    )
    machine_facts.save(facts)
    assert machine_facts.load(tmp_path) == facts


def test_damaged_facts_are_named(tmp_path: Path) -> None:
    (tmp_path / "facts.json").write_text('{"network": 7}', encoding="utf-8")
    with pytest.raises(PlatformError, match=r"facts\.json"):
        machine_facts.load(tmp_path)


def test_state_root_follows_the_user(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    assert machine_facts.default_root("acme", {"XDG_STATE_HOME": "/x"}) == Path("/x/telamon/acme")
    assert machine_facts.default_root("acme", {"XDG_STATE_HOME": "relative"}) == (
        Path.home() / ".local" / "state" / "telamon" / "acme"
    )
    monkeypatch.setattr("os.geteuid", lambda: 0)
    assert machine_facts.default_root("acme", {}) == Path("/var/lib/telamon/acme")


@pytest.mark.parametrize(("other", "stays"), [("bin/python3", True), ("elsewhere/python", False)])
def test_an_interpreter_by_another_name_restarts_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str, stays: bool
) -> None:
    for place in ("bin", "elsewhere"):
        (tmp_path / place).mkdir()
    for name in ("bin/python", other):
        (tmp_path / name).symlink_to(sys.executable)
    before, now = str(tmp_path / "bin" / "python"), str(tmp_path / other)
    monkeypatch.setattr(sys, "executable", now)
    assert machine_facts.interpreter(before) == (before if stays else now)
    assert machine_facts.interpreter(None) == now
    assert machine_facts.interpreter(str(tmp_path / "gone")) == now


def wants() -> Needs:
    """What a stack of one small application needs."""
    stack = tiny_stack()
    return needs(stack, products_of({str(name): spec for name, spec in stack.spec.products.items()}))


def test_what_runs_as_a_whole_needs_no_more_room(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(machine, "LEAST_ROOM", 1 << 60)
    monkeypatch.setattr(machine, "database_account", lambda: None)
    wanted = wants()
    with pytest.raises(MachineError, match="MiB left"):
        machine_facts.discover(tmp_path, wanted, running=frozenset(wanted.components[1:]))
    found = machine_facts.discover(tmp_path, wanted, running=frozenset(wanted.components)).facts
    assert set(found.slots) == set(wanted.components)


def test_an_authority_is_shown_only_where_the_front_door_speaks_tls(tmp_path: Path) -> None:
    with pytest.raises(NotReadyError, match="no certificate authority yet"):
        wiring.certificate(tmp_path)
    wanted = wants()
    found = machine_facts.discover(tmp_path, wanted, running=frozenset()).facts
    machine_facts.save(found)
    with pytest.raises(NotReadyError, match="TLS is off") as caught:
        wiring.certificate(tmp_path)
    assert "spec.edge.tls.kind" in (caught.value.remedy or "")
    tls.ensure(tmp_path / "tls", hosts=["app.localhost"], addresses=[], now=datetime.now(UTC))
    with pytest.raises(NotReadyError, match="TLS is off"):
        wiring.certificate(tmp_path)
    machine_facts.save(replace(found, tls=TlsFiles("front.pem", "front.key")))
    assert "BEGIN CERTIFICATE" in wiring.certificate(tmp_path)


def programs(folder: Path, release: str) -> Path:
    """A folder with a program that says it is a PostgreSQL server of a release."""
    folder.mkdir(parents=True)
    server = folder / "postgres"
    server.write_text(f"#!/bin/sh\necho 'postgres (PostgreSQL) {release}'\n", encoding="utf-8")
    server.chmod(0o755)
    return folder


def test_servers_run_the_programs_that_come_along_or_those_that_are_named(tmp_path: Path) -> None:
    own, other = programs(tmp_path / "own", "17.10"), programs(tmp_path / "other", "17.9")
    assert machine.server_programs("", like=own, account=None) == own
    assert machine.server_programs(str(other), like=own, account=None) == other


def test_programs_of_another_major_release_are_refused_with_a_way_out(tmp_path: Path) -> None:
    own, other = programs(tmp_path / "own", "17.10"), programs(tmp_path / "other", "18.1")
    with pytest.raises(MachineError, match=r"PostgreSQL 18\.1.*are of 17\.10") as refused:
        machine.server_programs(str(other), like=own, account=None)
    assert "restore" in (refused.value.remedy or "")


def test_folder_without_a_server_is_named(tmp_path: Path) -> None:
    own = programs(tmp_path / "own", "17.10")
    with pytest.raises(MachineError, match=r"platform\.databasePrograms is .*missing"):
        machine.server_programs(str(tmp_path / "missing"), like=own, account=None)


def test_programs_out_of_reach_of_the_database_are_refused(tmp_path: Path) -> None:
    own, other = programs(tmp_path / "own", "17.10"), programs(tmp_path / "shut" / "bin", "17.9")
    (tmp_path / "shut").chmod(0o700)
    with pytest.raises(MachineError, match="bars its way"):
        machine.server_programs(str(other), like=own, account=SOMEBODY)
