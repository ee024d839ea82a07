"""A drill on a product that betrays its users ends as failed, and its report says what was done to whom."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from telamon import wiring
from telamon.cli.main import run
from telamon.cli.session import Session
from telamon.cli.terminal import Stream, Terminal
from telamon.platforms.clock import SteadyClock
from telamon.proof.drill.outcome import Verdict, read
from telamon.proof.history.verdict import Fault
from tests.lab.proving import one_product
from tests.lab.support import until
from tests.lab.test_controller import Controlled

pytestmark = [pytest.mark.timeout(600), pytest.mark.exhaustive]

BETRAYALS = [
    ("jira", "torn-attachment", Fault.TORN),
    ("confluence", "drop-replicated-operation", Fault.LOST),
    ("bitbucket", "absent-commit", Fault.DANGLING_REF),
]


@pytest.mark.parametrize(("product", "sabotage", "fault"), BETRAYALS)
def test_drill_on_a_product_that_betrays_its_users_fails_with_a_witness(
    root: Path, tmp_path: Path, product: str, sabotage: str, fault: Fault
) -> None:
    lab = Controlled(root)
    lab.start()
    try:
        wanted = one_product(product, sabotage=sabotage).model_dump(mode="json", exclude={"status"})
        lab.ask("PUT", "/v1/stack", {"stack": wanted, "source": "test"})
        until(lab.ready, within=240)
        out, err = io.StringIO(), io.StringIO()
        session = Session(Terminal(Stream(out), Stream(err), io.StringIO()), SteadyClock(), lambda: wiring)
        words = ("drill", "run", "node-kill", "--state", str(root), "--report", str(tmp_path), "-o", "json")
        assert run(words, session) == 1, err.getvalue()
    finally:
        lab.start()
        lab.ask("POST", "/v1/down")
        until(lambda: not wiring.answers(wiring.socket_path(root)), within=120)
    (told,) = json.loads(out.getvalue())["runs"]
    assert told["verdict"] == "failed"
    (kept,) = read(tmp_path)
    assert kept.verdict is Verdict.FAILED
    (seen,) = kept.seen
    assert seen.anomalies[fault.value] > 0
    witnesses = [words for words in seen.witnesses if words.startswith(f"{fault.value}: ")]
    assert witnesses
    key = "lost" if fault is Fault.LOST else "anomalies"
    figure = kept.finding(key)
    assert figure is not None
    assert not figure.met
    page = (tmp_path / "report.html").read_text()
    assert fault.value in page
    assert figure.title in kept.reason
