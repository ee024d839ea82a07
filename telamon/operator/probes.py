"""What kubelets and meters ask.

Is it alive (``/healthz``)? Can it do its work (``/readyz``)? What has it counted (``/metrics``)?
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from telamon.operator.listening import Answering, listening
from telamon.ports import Clock

FORM: Final = "text/plain; version=0.0.4; charset=utf-8"
"""In which metrics are told. Source: Prometheus, "Exposition formats"."""

SILENT: Final = 60.0
"""Seconds without an answer of the API server after which the operator is not ready. It is alive all the same: to start
it again would help nobody."""


@dataclass
class Probes:
    """What the probes know.

    Args:
        clock: injected time.
    """

    clock: Clock
    _heard: float = field(init=False, default=float("-inf"))

    def beat(self) -> None:
        """Say that the API server has answered."""
        self._heard = self.clock.now()

    def answer(self, path: str) -> tuple[int, str]:
        """Status and text of an answer."""
        if path == "/healthz":
            return 200, "ok"
        if path != "/readyz":
            return 404, "there are /healthz, /readyz and /metrics"
        heard = self.clock.now() - self._heard < SILENT
        return (200, "ok") if heard else (503, "the API server does not answer")


@contextmanager
def probes(
    listen: tuple[str, int], clock: Clock, *, metrics: Callable[[], bytes]
) -> Iterator[tuple[Probes, tuple[str, int]]]:
    """Answer until the block ends.

    Args:
        listen: address and port.
        clock: injected time.
        metrics: tells what was counted.

    Yields:
        What the probes know, and where it listens.

    Raises:
        MachineError: nobody can listen there.
    """
    known = Probes(clock)

    class Handler(Answering):
        def get(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                self.send(200, metrics(), form=FORM)
                return
            code, text = known.answer(path)
            self.send(code, text.encode())

    with listening(listen, Handler, name="--listen") as address:
        yield known, address
