"""Users of a stack that the operator keeps on real nodes: what they send, what they met, and how it is judged."""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import pytest

from telamon.platforms.kubernetes.api import ENDPOINT_SLICE, Api
from telamon.proof import measure
from telamon.proof.generator import Generator
from telamon.proof.history.checker import check
from telamon.proof.history.reading import history_of
from telamon.proof.record import Record
from telamon.proof.stage import Script, Staged, stage
from tests.cluster.kept import NAME, Kept
from tests.cluster.test_nodes import Bed

RATE: Final = 50.0
"""Requests a second."""
SESSIONS: Final = 20
LONGEST: Final = 900.0
"""Seconds; every test ends its load long before."""
QUIET: Final = 5.0
"""Seconds of load before anything is done, and after it."""
WRITE: Final = "TELAMON_WRITE_EVIDENCE"
EVIDENCE: Final = Path(__file__).parents[2] / "docs/evidence/kubernetes.md"
_MARK: Final = "<!-- written by tests/cluster/{by}: {what} -->"


class Serving:
    """Notes when each address was last one that users were sent to.

    Args:
        bed: the cluster.
        product: whose nodes they are; its component and service are called so.
    """

    def __init__(self, bed: Bed, product: str) -> None:
        assert bed.cluster is not None
        self._product = product
        self._network = bed.cluster.network()
        self._kubeconfig = bed.cluster.kubeconfig
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.last: dict[str, float] = {}
        """Instant of the monotonic clock, by address: a look that began then, or later, has found it serving."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """End."""
        self._over.set()
        self._thread.join()
        self._network.close()

    def _watch(self) -> None:
        with self._network.inside():
            api = Api(self._kubeconfig)
            labels = {"kubernetes.io/service-name": self._product}
            while not self._over.wait(0.2):
                began = time.monotonic()
                for item in api.list(ENDPOINT_SLICE, namespace=f"{NAME}-{self._product}", labels=labels):
                    for each in item.get("endpoints") or ():
                        if (each.get("conditions") or {}).get("ready") is not False:
                            self.last[str(each["addresses"][0])] = began
            api.close()


@dataclass
class Met:
    """What users have met.

    Attributes:
        generator: that sends what they ask for.
        serving: who was to serve them.
        marks: instants of the run, by name.
        record: all requests, once it is over.
    """

    generator: Generator
    serving: Serving
    marks: dict[str, float] = field(default_factory=dict)
    record: Record | None = None

    def mark(self, what: str) -> None:
        """Note that something happens now."""
        self.marks[what] = time.monotonic() - self.generator.epoch

    def wait(self, seconds: float) -> None:
        """Let users go on for a while: what is measured is what they meet in it."""
        self.generator.sleep_until(time.monotonic() - self.generator.epoch + seconds)

    def whole(self) -> Record:
        """The record."""
        assert self.record is not None
        return self.record

    def failed(self) -> Mapping[str, int]:
        """Requests that failed, by cause."""
        return measure.failures(self.whole().samples)

    def anomalies(self) -> list[str]:
        """What is wrong with what was acknowledged and read."""
        found = check(history_of(self.whole())).anomalies
        return [f"{each.fault}: {each.thing}: {each.words}" for each in found]

    def driven(self, gone: str = "") -> list[str]:
        """Sessions that left a node which went on serving afterwards: nothing had made them go.

        Args:
            gone: address of a pod that was lost; the API goes on calling it ready until its machine counts as lost.
        """
        record = self.whole()
        at: dict[int, str] = {}
        found = []
        for sample in record.samples:
            if sample.session < 0 or not sample.member or sample.member == at.get(sample.session):
                continue
            before = at.get(sample.session, "")
            address = before.partition(":")[0]
            last = self.serving.last.get(address, 0.0) - record.epoch
            if before and address != gone and last > sample.answered:
                found.append(f"{sample.session} at {sample.answered:.1f} s from {before} to {sample.member}")
            at[sample.session] = sample.member
        return found

    def figures(self, what: str, *, gone: str = "") -> dict[str, Any]:
        """What is written down of it.

        Args:
            what: was done.
            gone: address of a pod that was lost.
        """
        record = self.whole()
        good = [sample.latency for sample in record.samples if sample.ok]
        return {
            "what": what,
            "rate": record.rate,
            "seconds": round(record.seconds),
            "sent": len(record.samples),
            "failed": sum(self.failed().values()),
            "moved": len(self.driven(gone)),
            "wrong": len(self.anomalies()),
            "p50": round(measure.percentile(good, 50) * 1000),
            "p99": round(measure.percentile(good, 99) * 1000),
            "void": measure.void(record),
            "load": round(os.getloadavg()[0]),
        }


def staged(kept: Kept) -> Staged:
    """Make the users and what they need."""
    script = Script("users", "USERS", rate=RATE, seconds=LONGEST, sessions=SESSIONS, forgetful=0.0)
    return stage(kept.place(), script)


@contextmanager
def users(kept: Kept, made: Staged, name: str, *, product: str = "jira") -> Iterator[Met]:
    """Users who keep asking while the block lasts; at its end what they met is read.

    Args:
        kept: the stack.
        made: they and what they need.
        name: of the run.
        product: that they ask.
    """
    plan = made.plan.model_copy(update={"name": name, "seed": len(name)})
    with Generator(plan, kept.folder, secrets=made.secrets) as generator:
        serving = Serving(kept.bed, product)
        serving.start()
        try:
            met = Met(generator, serving)
            met.wait(QUIET)
            yield met
            met.wait(QUIET)
        finally:
            serving.end()
        met.record = generator.finish()


def judge(what: str, crowds: Mapping[str, Met], *, by: str, **more: float) -> None:
    """Demand that nobody has met anything; where a busy machine sent late, only what was acknowledged is judged.

    Args:
        what: was done.
        crowds: whoever was there, by what they are called in the evidence; "" where nobody else was.
        by: file of the test.
        more: figures to be written down with theirs.
    """
    for name, met in crowds.items():
        tell({**met.figures(f"{what}: {name}" if name else what), **more}, by=by)
    assert {name: met.anomalies() for name, met in crowds.items() if met.anomalies()} == {}
    if late := next(filter(None, (measure.void(met.whole()) for met in crowds.values())), ""):
        pytest.skip(f"nothing follows from what failed: {late}")
    assert {name: met.failed() for name, met in crowds.items() if met.failed()} == {}
    assert {name: met.driven() for name, met in crowds.items() if met.driven()} == {}


def tell(found: Mapping[str, Any], *, by: str) -> None:
    """Show figures (`pytest -s`), and write them into the evidence where TELAMON_WRITE_EVIDENCE asks for it.

    Args:
        found: the figures, and what was done.
        by: file of the test.
    """
    line = json.dumps(found)
    sys.stdout.write(f"{line}\n")
    if not os.environ.get(WRITE):
        return
    mark = _MARK.format(by=by, what=found["what"])
    lines = EVIDENCE.read_text(encoding="utf-8").splitlines()
    # After the mark comes an empty line, or the figures would be part of the comment.
    lines[lines.index(mark) + 2] = f"    {line}"
    EVIDENCE.write_text("\n".join(lines) + "\n", encoding="utf-8")
