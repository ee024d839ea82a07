"""The real ``terraform``, so far as approvals need it."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, Protocol

from telamon.errors import MachineError, PlatformError, brief

UNWANTED: Final = ("TF_CLI_ARGS", "TF_LOG", "TF_WORKSPACE", "TF_REATTACH_PROVIDERS")
"""Variables that would add arguments, log secrets, pick another state or swap a provider behind the reader's back.
Source: Terraform documentation, "Environment Variables"."""


COLOUR: Final = re.compile(r"\x1b\[[0-9;]*m")


class State(NamedTuple):
    """Which state, and how far on.

    Attributes:
        lineage: "" before the first apply.
        serial: counts its versions.
    """

    lineage: str
    serial: int


class Terraform(Protocol):
    """What is asked of Terraform."""

    def plan(self, folder: Path, *, out: Path) -> None:
        """Make a plan and save it to ``out``."""

    def show(self, folder: Path, *, plan: Path) -> bytes:
        """A saved plan as JSON."""

    def state(self, folder: Path) -> State:
        """Where the state stands, from its backend."""

    def apply(self, folder: Path, *, plan: Path) -> None:
        """Apply a saved plan, and nothing else."""


@dataclass(frozen=True)
class TerraformProgram:
    """The program on this machine.

    Attributes:
        program: name or path.
        environment: of this process; what could bend a plan is left out.
        plugins: folder of unpacked providers, or ``None`` to get them as Terraform is set up to.
    """

    program: str
    environment: Mapping[str, str]
    plugins: Path | None = None

    def plan(self, folder: Path, *, out: Path) -> None:
        """See :class:`Terraform`. Initialises the folder first, without changing its lock file where there is one."""
        arguments = ["init", "-input=false"]
        if self.plugins is not None:
            arguments.append(f"-plugin-dir={self.plugins}")
        if (folder / ".terraform.lock.hcl").exists():
            arguments.append("-lockfile=readonly")
        self._run(folder, *arguments)
        self._run(folder, "plan", "-input=false", f"-out={out}")

    def show(self, folder: Path, *, plan: Path) -> bytes:
        """See :class:`Terraform`."""
        return self._run(folder, "show", "-json", str(plan))

    def state(self, folder: Path) -> State:
        """See :class:`Terraform`."""
        pulled = self._run(folder, "state", "pull")
        if not pulled.strip():
            return State("", 0)
        try:
            document = json.loads(pulled)
            return State(str(document["lineage"]), int(document["serial"]))
        except (ValueError, KeyError, TypeError) as error:
            raise PlatformError(f"the state cannot be read: {brief(error)}") from error

    def apply(self, folder: Path, *, plan: Path) -> None:
        """See :class:`Terraform`."""
        self._run(folder, "apply", "-input=false", str(plan))

    def _run(self, folder: Path, verb: str, *arguments: str) -> bytes:
        plain = () if verb == "state" or "-json" in arguments else ("-no-color",)
        command = [self.program, f"-chdir={folder}", verb, *plain, *arguments]
        kept = {name: value for name, value in self.environment.items() if not name.startswith(UNWANTED)}
        try:
            done = subprocess.run(
                command,
                env={**kept, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except OSError as error:
            raise MachineError(
                f"{self.program} cannot be run: {brief(error)}", remedy="Install Terraform 1.10 or newer."
            ) from error
        if done.returncode:
            raise PlatformError(f"terraform {verb} failed: {_error(done.stderr)}")
        return done.stdout


def _error(text: bytes) -> str:
    """The first error, without the frame that is drawn around it."""
    plain = COLOUR.sub("", text.decode("utf-8", errors="replace"))
    lines = [line.strip(" │╷╵\t") for line in plain.splitlines()]
    told = [line for line in lines if line]
    first = next((at for at, line in enumerate(told) if line.startswith("Error:")), 0)
    return " ".join(told[first : first + 4])[:400] or "it said nothing"
