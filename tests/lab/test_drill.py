"""A drill on a real stack: users, a fault, healing, a verdict, a report; and nothing left behind, whatever happens."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from telamon import wiring
from telamon.cli.drill_rows import FOLDER, RUN
from telamon.cli.drilling import ASIDE, BEFORE, LabStage, alone
from telamon.cli.main import run
from telamon.cli.session import Session
from telamon.cli.target import Target as Found
from telamon.cli.terminal import Stream, Terminal
from telamon.errors import NoController
from telamon.model.stack import Stack
from telamon.naming import StackName
from telamon.platforms.clock import SteadyClock
from telamon.products.traffic import Act, Kind, Meaning, Shape
from telamon.proof.drill.campaign import Done, Journal
from telamon.proof.drill.deeds import Grow, Operate
from telamon.proof.drill.outcome import Outcome, Verdict, read, write
from telamon.proof.stage import Staged
from telamon.proof.workload import Audit, LoadPlan, Target
from tests.lab.support import strike, tiny_stack, until
from tests.lab.test_controller import Controlled

KEPT = Meaning(act=Act.ADD, shape=Shape.BAG, thing="rows")
READ = Meaning(act=Act.READ, shape=Shape.BAG, thing="rows", sees=("/rows/*",))


@dataclass(frozen=True)
class TinyCrowd:
    """Users of the small application, which keeps whatever is posted."""

    front: tuple[str, int]

    def come(
        self, product: str, *, name: str, rate: float, seconds: float, seed: int, folder: Path
    ) -> Staged:
        host, port = self.front
        plan = LoadPlan(
            name=name,
            target=Target(address=host, port=port, host=f"{host}:{port}"),
            rate=rate,
            seconds=seconds,
            sessions=8,
            seed=seed,
            kinds=(
                Kind(name="look", weight=8, path="/"),
                Kind(
                    name="keep",
                    weight=2,
                    method="POST",
                    path="/",
                    body="$token",
                    expect=(201,),
                    write=True,
                    meaning=KEPT,
                ),
                Kind(name="rows", weight=0.2, path="/rows", meaning=READ),
            ),
            sticky_cookie="lab-node",
            audit=Audit(settle=0.2, patience=20),
        )
        return Staged(plan)

    def leave(self, product: str, staged: Staged) -> None:
        """Nobody was made for it."""


@dataclass
class Drilled:
    """A lab with a controller of its own, and somebody at a terminal."""

    lab: Controlled
    folder: Path
    out: io.StringIO = field(default_factory=io.StringIO)
    err: io.StringIO = field(default_factory=io.StringIO)

    def run(self, *arguments: str) -> int:
        """Run ``telamon drill``."""
        self.out, self.err = io.StringIO(), io.StringIO()
        terminal = Terminal(Stream(self.out), Stream(self.err), io.StringIO())
        parts: Any = SimpleNamespace(**vars(wiring))
        parts.crowd = lambda *_, **__: TinyCrowd(self.lab.front())
        session = Session(terminal, SteadyClock(), lambda: parts)
        return run(("drill", *arguments, "--state", str(self.lab.root)), session)

    @property
    def document(self) -> Any:
        found = json.loads(self.out.getvalue())
        assert "error" not in found, found
        return found


def stack(**spec: Any) -> Stack:
    made = tiny_stack(profile={"homes": {"shared": True}}, platform={"disturbable": True})
    document = made.model_dump(mode="json", by_alias=True, exclude_unset=True)
    document["spec"] |= {"environment": "dev", **spec}
    return Stack.model_validate(document)


def put(lab: Controlled, wanted: Stack) -> None:
    lab.ask(
        "PUT", "/v1/stack", {"stack": wanted.model_dump(mode="json", exclude={"status"}), "source": "test"}
    )


@pytest.fixture(scope="module")
def lab(module_root: Path) -> Iterator[Controlled]:
    made = Controlled(module_root)
    made.start()
    put(made, stack())
    until(made.ready, within=90)
    yield made
    made.start()
    made.ask("POST", "/v1/down")
    until(lambda: not wiring.answers(wiring.socket_path(module_root)), within=60)


@pytest.fixture
def drilled(lab: Controlled, tmp_path: Path) -> Iterator[Drilled]:
    yield Drilled(lab, tmp_path)
    assert wiring.faults(lab.root).active() == ()
    until(lab.ready, within=120)


@pytest.mark.timeout(300)
def test_killed_node_is_judged_and_told(drilled: Drilled) -> None:
    code = drilled.run("run", "node-kill", "--report", str(drilled.folder), "--rate", "40", "-o", "json")
    (found,) = drilled.document["runs"]
    figures = {figure["key"]: figure for figure in found["figures"]}
    assert (found["drill"], found["product"]) == ("node-kill", "tiny")
    assert found["verdict"] in {"passed", "failed", "void"}, found["reason"]
    assert code == {"passed": 0, "failed": 1, "void": 9}[found["verdict"]]
    assert found["sent"] > 300
    assert figures["lost"]["value"] == figures["anomalies"]["value"] == 0
    assert figures["healed"]["met"]
    assert figures["detected"]["value"] is not None
    (kept,) = read(drilled.folder)
    assert kept.verdict.value == found["verdict"]
    assert kept.seen[0].acknowledged > 30
    assert kept.seen[0].read_back == kept.seen[0].acknowledged
    assert "<script" not in (drilled.folder / "report.html").read_text()


@pytest.mark.exhaustive
@pytest.mark.timeout(400)
def test_controller_is_killed_and_the_drill_goes_on(drilled: Drilled) -> None:
    before = drilled.lab.pid()
    drilled.run("run", "controller-kill", "--report", str(drilled.folder), "--rate", "30")
    (found,) = read(drilled.folder)
    assert found.verdict not in {Verdict.BROKEN, Verdict.SKIPPED}, found.reason
    assert drilled.lab.pid() != before
    lost = found.finding("lost")
    assert lost is not None
    assert lost.value == 0


@pytest.mark.exhaustive
@pytest.mark.timeout(400)
def test_controller_is_killed_in_the_middle_of_an_operation(drilled: Drilled) -> None:
    drilled.run("run", "operation-controller-kill", "--report", str(drilled.folder), "--rate", "30")
    (found,) = read(drilled.folder)
    assert found.verdict not in {Verdict.BROKEN, Verdict.SKIPPED}, found.reason
    for key in ("lost", "endings"):
        figure = found.finding(key)
        assert figure is not None
        assert figure.value == 0, found.notes


def test_what_cannot_be_done_here_is_skipped_with_the_reason(drilled: Drilled) -> None:
    names = ("node-disk-full", "node-disk-slow", "companion-kill", "broken-release-errs")
    assert drilled.run("run", *names, "two-operations-at-once", "--report", str(drilled.folder)) == 0
    found = read(drilled.folder)
    assert {one.verdict for one in found} == {Verdict.SKIPPED}
    reasons = ("homeSize", "homeSize", "no companion", "brokenReleases.tiny.errs", "one product")
    for one, reason in zip(found, reasons, strict=True):
        assert reason in one.reason


@pytest.mark.exhaustive
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", ["scale-controller-kill", "maintenance-controller-kill"])
def test_what_a_drill_asks_for_is_undone_at_its_end(drilled: Drilled, name: str) -> None:
    drilled.run("run", name, "--report", str(drilled.folder), "--rate", "20")
    (found,) = read(drilled.folder)
    assert found.verdict not in {Verdict.BROKEN, Verdict.SKIPPED}, found.reason
    for key in ("lost", "endings"):
        figure = found.finding(key)
        assert figure is not None
        assert figure.value == 0, found.notes
    assert nodes_asked_for(drilled.lab) == 2
    assert unkept(drilled.lab)


def stage_of(lab: Controlled) -> LabStage:
    """The stack as drills reach it."""
    root = lab.root
    session = Session(
        Terminal(Stream(io.StringIO()), Stream(io.StringIO()), io.StringIO()), SteadyClock(), lambda: wiring
    )
    return LabStage(session, Found(StackName("acme"), root, wiring.socket_path(root), root / "log"))


def nodes_asked_for(lab: Controlled) -> int:
    return int(lab.ask("GET", "/v1/stack")["spec"]["products"]["tiny"]["nodes"])


def unkept(lab: Controlled) -> bool:
    """Whether nothing is written down any more of what would have to be undone."""
    return not any((lab.root / name).exists() for name in (BEFORE, ASIDE))


def test_next_drill_puts_back_what_a_killed_one_had_asked_for(lab: Controlled) -> None:
    stage_of(lab).do(Grow("tiny"))
    assert nodes_asked_for(lab) == 3
    stage_of(lab).undo()
    assert nodes_asked_for(lab) == 2
    assert unkept(lab)
    until(lab.ready, within=120)


def test_what_somebody_has_asked_for_since_then_stays(lab: Controlled) -> None:
    stage_of(lab).do(Grow("tiny"))
    wanted = stack().model_dump(mode="json", exclude={"status"})
    wanted["spec"]["products"]["tiny"]["nodes"] = 1
    lab.ask("PUT", "/v1/stack", {"stack": wanted, "source": "somebody"})
    try:
        stage_of(lab).undo()
        assert nodes_asked_for(lab) == 1
        assert unkept(lab)
    finally:
        put(lab, stack())
        until(lab.ready, within=120)


def test_next_drill_lets_users_in_whom_a_killed_one_kept_out(lab: Controlled) -> None:
    shown = Operate("maintenance-on", "tiny")
    name = stage_of(lab).do(shown)
    until(lambda: stage_of(lab).ending(shown, name) == "Succeeded")
    stage_of(lab).undo()
    assert unkept(lab)
    until(lambda: stage_of(lab).trouble() == "", within=60)


@pytest.mark.exhaustive
@pytest.mark.timeout(400)
def test_links_are_cut_and_come_back(drilled: Drilled) -> None:
    drilled.run("run", "database-cut", "node-database-hole", "--report", str(drilled.folder), "--rate", "30")
    found = read(drilled.folder)
    for one in found:
        assert one.verdict in {Verdict.PASSED, Verdict.VOID, Verdict.FAILED}, one.reason
        lost, healed = one.finding("lost"), one.finding("healed")
        assert lost is not None
        assert lost.value == 0
        assert healed is not None
        assert healed.met, one.reason


@pytest.mark.exhaustive
@pytest.mark.timeout(400)
def test_soak_goes_on_where_it_stopped(drilled: Drilled) -> None:
    quick = ("--rate", "20", "--budget", "10m", "--seed", "3", "-o", "json", "--report", str(drilled.folder))
    drilled.run("soak", *quick, "--faults", "1")
    first = drilled.document["runs"]
    drilled.run("soak", *quick, "--faults", "2")
    second = drilled.document["runs"]
    assert (len(first), len(second)) == (1, 2)
    assert len(read(drilled.folder)) == 2
    drilled.run("soak", *quick, "--faults", "2")
    again = drilled.document["runs"]
    assert [(run["drill"], run["seed"]) for run in again] == [(run["drill"], run["seed"]) for run in second]


def test_going_on_with_a_row_tells_of_what_failed_before(drilled: Drilled) -> None:
    folder = drilled.lab.root / FOLDER
    failed = Outcome(
        "node-kill", "A node dies", "nobody notices", "tiny", 3, 0.0, 9.0, Verdict.FAILED, "lost"
    )
    (folder / "earlier").mkdir(parents=True)
    write(folder / "earlier" / RUN, [failed])
    done = Done("soak-77", 0, failed.drill, failed.product, failed.seed, failed.verdict, 9.0, "earlier")
    Journal(folder).append(done)
    assert drilled.run("soak", "--seed", "77", "--faults", "1", "-o", "json") == 1
    assert [run["reason"] for run in drilled.document["runs"]] == ["lost"]


def test_drill_that_is_killed_leaves_a_stack_that_mends_itself(drilled: Drilled) -> None:
    """The shared home is away when the driver dies; the controller puts it back, and the home is whole."""
    home = drilled.lab.root / "shared" / "tiny"
    (home / "letter").write_text("dear all")
    code = (
        "import pathlib, sys, time\n"
        "from telamon import wiring\n"
        "from telamon.plan.fault import LostSharedHome\n"
        "wiring.faults(pathlib.Path(sys.argv[1])).disturb(LostSharedHome('tiny'), name='drill-0', seconds=600)\n"
        "print('made', flush=True)\n"
        "time.sleep(600)\n"
    )
    driver = subprocess.Popen([sys.executable, "-c", code, str(drilled.lab.root)], stdout=subprocess.PIPE)
    assert driver.stdout is not None
    assert driver.stdout.readline() == b"made\n"
    assert home.is_file()
    strike(driver.pid, signal.SIGKILL)
    driver.wait(10)
    driver.stdout.close()
    until(home.is_dir)
    assert (home / "letter").read_text() == "dear all"
    # The record goes last: whoever dies before that ends the fault once more.
    until(lambda: wiring.faults(drilled.lab.root).active() == ())


def test_two_drills_at_once_are_refused(drilled: Drilled) -> None:
    root = drilled.lab.root
    with alone(Found(StackName("acme"), root, wiring.socket_path(root), root / "log"), "Drill suite"):
        assert drilled.run("run", "node-kill") == 5
    assert "another drill runs on acme: Drill suite, begun at" in drilled.err.getvalue()


def test_production_is_left_alone_unless_its_file_names_the_drill(drilled: Drilled) -> None:
    put(drilled.lab, stack(environment="production", drills={"allow": ["balancer-kill"]}))
    try:
        assert drilled.run("run", "node-kill") == 4
        assert "spec.drills.allow" in drilled.err.getvalue()
        assert drilled.run("run", "balancer-kill") == 2
        assert "--yes" in drilled.err.getvalue()
        assert drilled.run("suite") == 4
    finally:
        put(drilled.lab, stack())


def test_unknown_names_get_the_nearest(drilled: Drilled) -> None:
    assert drilled.run("run", "node-kil") == 2
    assert "Did you mean node-kill?" in drilled.err.getvalue()
    assert drilled.run("run", "node-kill", "--product", "tinny") == 2
    assert "Did you mean tiny?" in drilled.err.getvalue()


def test_stack_that_is_not_kept_is_not_drilled(tmp_path: Path) -> None:
    made = Drilled(Controlled(tmp_path), tmp_path)
    assert made.run("run", "node-kill") == NoController.exit_code
