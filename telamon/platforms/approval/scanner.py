"""The scanner that judges plans: checkov, where it is installed.

It reads plans as ``terraform show -json`` prints them, and no ``*.tf.json``: there it scans nothing and says so to
nobody (measured with 3.3.30). Source: checkov's documentation, "Scan Terraform plan" and "CLI command reference".
"""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from telamon.errors import MachineError, PlatformError, brief
from telamon.infra.waivers import read_waivers, report_of
from telamon.platforms.approval.files import read_plain, write_private
from telamon.ports import Clock

LONGEST: Final = 300.0
"""Seconds that a scan may take; one of some hundred resources takes ten."""
KEPT: Final = ("HOME", "LANG", "PATH", "TMPDIR")
"""Variables that it gets: none by which it would speak to a service of its maker."""


class Scanner(Protocol):
    """Whoever judges plans."""

    def scan(self, plan: bytes, *, part: str) -> bytes:
        """Judge a plan.

        Args:
            plan: as JSON.
            part: the layer.

        Returns:
            A report, as :func:`telamon.infra.policies.derive` reads it.
        """


@dataclass(frozen=True)
class Checkov:
    """Fulfils :class:`Scanner`.

    Attributes:
        program: of checkov.
        waivers: file of what somebody answers for; ``None``: nobody does for anything.
        clock: gives the day.
        environment: of this process.
    """

    program: Path
    waivers: Path | None
    clock: Clock
    environment: Mapping[str, str]

    def scan(self, plan: bytes, *, part: str) -> bytes:
        """Judge a plan.

        Args:
            plan: as JSON.
            part: the layer.

        Raises:
            MachineError: checkov cannot be run.
            PlatformError: it did not judge the plan.
            RefusedError: the waivers cannot be read.
        """
        waivers = read_waivers(read_plain(self.waivers)) if self.waivers is not None else ()
        today = datetime.fromtimestamp(self.clock.now(), UTC).date()
        with tempfile.TemporaryDirectory(prefix="telamon-scan-") as private:
            file = Path(private, "plan.json")
            write_private(file, plan)
            return report_of(self._said(file), waivers, plan=plan, part=part, today=today)

    def _said(self, file: Path) -> bytes:
        command = [str(self.program), "-f", str(file), "--framework", "terraform_plan"]
        command += ["--skip-download", "-o", "json"]
        try:
            # It ends with 1 where a check failed.
            done = subprocess.run(
                command,
                env={name: self.environment[name] for name in KEPT if name in self.environment},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=LONGEST,
                check=False,
            )
        except OSError as error:
            raise MachineError(
                f"cannot run {self.program}: {brief(error)}",
                remedy="Install checkov, or plan with --no-scan.",
            ) from error
        except subprocess.TimeoutExpired as error:
            raise PlatformError(
                f"checkov took more than {LONGEST:g} s",
                remedy="Plan with --policies and a report of your own.",
            ) from error
        if done.returncode not in {0, 1}:
            raise PlatformError(f"checkov failed with exit code {done.returncode}")
        return done.stdout
