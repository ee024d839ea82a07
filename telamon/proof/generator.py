"""A load generator as a process of its own: started, waited for, ended, and its record read."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from telamon.errors import PlatformError
from telamon.proof.record import Record, read_header, read_record
from telamon.proof.workload import LoadPlan

READY_WITHIN = 120.0
"""Seconds in which every session must have logged in."""
NICENESS = -10
"""The generator goes first where that is allowed, so that what it measures is the server's doing and not its own."""
ENDS_WITHIN = 60.0
"""Seconds after which a generator that was asked to end has failed; its audit comes on top."""
POLL = 0.02


class Generator:
    """One generator at work while the block lasts.

    Args:
        plan: what it sends.
        folder: for plan, record and log.
        secrets: environment variables that the plan's login names.
    """

    def __init__(self, plan: LoadPlan, folder: Path, *, secrets: Mapping[str, str]) -> None:
        self._path = folder / f"{plan.name}.jsonl"
        self._log = folder / f"{plan.name}.log"
        self._plan_file = folder / f"{plan.name}.plan.json"
        self._plan_file.write_text(plan.model_dump_json(), encoding="utf-8")
        self._path.unlink(missing_ok=True)
        self._environment = {**os.environ, **secrets}
        self._process: subprocess.Popen[bytes] | None = None
        self._asked = False
        # An audit takes its time, and git's last turns theirs.
        self._ends_within = ENDS_WITHIN + (plan.audit.settle + 2 * plan.audit.patience if plan.audit else 0.0)
        self.epoch = 0.0

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "telamon.proof.load"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--plan", str(self._plan_file), "--record", str(self._path)],
                stdout=log,
                stderr=log,
                env=self._environment,
            )
        with contextlib.suppress(PermissionError):
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICENESS)
        try:
            self.epoch = self._await_start(self._process)
        except BaseException:
            self._kill()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._kill()

    def sleep_until(self, instant: float) -> None:
        """Wait until that many seconds of the run have gone by."""
        time.sleep(max(self.epoch + instant - time.monotonic(), 0.0))

    def ask_to_end(self) -> None:
        """Have it send nothing any more, and wait for the last answers by itself."""
        # Asked twice it might be ending already, and would be killed in the middle of it.
        if self._process is not None and not self._asked:
            self._asked = True
            self._process.terminate()

    def finish(self) -> Record:
        """End the load in order, and read the record.

        Raises:
            PlatformError: the generator failed.
        """
        self.ask_to_end()
        try:
            code = None if self._process is None else self._process.wait(self._ends_within)
        except subprocess.TimeoutExpired as error:
            raise PlatformError(f"the load generator did not end: {self._last_words()}") from error
        if code != 0:
            raise PlatformError(f"the load generator failed: {self._last_words()}")
        return read_record(self._path)

    def _await_start(self, process: subprocess.Popen[bytes]) -> float:
        end = time.monotonic() + READY_WITHIN
        while time.monotonic() < end:
            header = read_header(self._path)
            if header is not None:
                return float(header["epoch"])
            if process.poll() is not None:
                raise PlatformError(f"the load generator ended at once: {self._last_words()}")
            time.sleep(POLL)
        raise PlatformError("the load generator's sessions did not log in in time")

    def _last_words(self) -> str:
        return " ".join(self._log.read_text(encoding="utf-8", errors="replace").strip().splitlines()[-3:])[
            :600
        ]

    def _kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.kill()
            self._process.wait()
