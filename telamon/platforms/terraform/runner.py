"""The program on this machine, a verb a method.

Sources: Terraform documentation, "Command: init" (``-plugin-dir``), "Command: plan" (``-detailed-exitcode``: 0 nothing
to do, 1 failed, 2 something to do; ``-lock-timeout``), "Command: force-unlock", "Command: import", "Environment
Variables", "Command: state pull".

Trap: a file of variables that sits in the folder is read by itself; ours is called ``inputs.auto.tfvars.json``.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

from telamon.errors import MachineError, NotReadyError, PlatformError, brief
from telamon.platforms.terraform.applying import LOOKS_EVERY, Applying, Tell
from telamon.platforms.terraform.failures import Lock, lock_in, translate
from telamon.platforms.terraform.providers import find_plugins

UNWANTED: Final = ("TF_CLI_ARGS", "TF_LOG", "TF_REATTACH_PROVIDERS", "TF_VAR_", "TF_WORKSPACE")
"""Beginnings of variables that would add arguments, log secrets, swap the provider, give values that nobody sees in
the folder, or pick another state."""
NOTHING, CHANGES = 0, 2
PATIENCE: Final = "20s"
"""How long terraform waits for a lock that somebody holds for a moment."""


class State(NamedTuple):
    """Which state, and how far on.

    Attributes:
        lineage: "" before the first apply.
        serial: counts its versions.
    """

    lineage: str
    serial: int


@dataclass(frozen=True)
class Terraform:
    """The program on this machine; every verb works on the folder of one state.

    Attributes:
        program: name or path.
        environment: of this process; what could bend a run is left out.
        plugins: folder of unpacked providers; ``None``: one that lies on the machine, or else as terraform is set up.
    """

    program: str
    environment: Mapping[str, str]
    plugins: Path | None = None

    def init(self, folder: Path) -> None:
        """Get the provider ready and connect to where the state is kept."""
        given = () if self._providers is None else (f"-plugin-dir={self._providers}",)
        self._must(folder, "init", "-reconfigure", *given)

    def validate(self, folder: Path) -> None:
        """Check the files against the provider's schemas.

        Raises:
            PlatformError: they do not fit; the first misfit is named.
        """
        done = self._run(folder, "validate", "-json")
        try:
            answer = json.loads(done.stdout)
        except json.JSONDecodeError as error:
            raise translate(done.stdout + done.stderr, doing=doing(folder, "validate")) from error
        if not answer["valid"]:
            first = answer["diagnostics"][0]
            raise translate(f"Error: {first['summary']}: {first['detail']}", doing=doing(folder, "validate"))

    def plan(self, folder: Path, *, out: Path, inputs: Path | None = None) -> bool:
        """Make a plan, and save it where only this user can read it.

        Args:
            folder: of the state.
            out: where the plan goes.
            inputs: a file of variables that wins over the one in the folder.

        Returns:
            Whether there is anything to do.
        """
        out.touch(mode=0o600)
        options = [
            "-input=false",
            "-detailed-exitcode",
            f"-lock-timeout={PATIENCE}",
            f"-out={out.absolute()}",
        ]
        if inputs is not None:
            options.append(f"-var-file={inputs.absolute()}")
        done = self._run(folder, "plan", *options)
        if done.returncode not in {NOTHING, CHANGES}:
            raise translate(done.stdout + done.stderr, doing=doing(folder, "plan"))
        out.chmod(0o600)
        return done.returncode == CHANGES

    def show(self, folder: Path, *, plan: Path) -> bytes:
        """A saved plan as JSON."""
        return self._must(folder, "show", "-json", str(plan.absolute())).encode()

    def apply(self, folder: Path, *, plan: Path, record: Applying, tell: Tell) -> None:
        """Apply a saved plan, and nothing else. If this process ends before terraform does, terraform goes on.

        Args:
            folder: of the state.
            plan: the saved plan.
            record: where this apply leaves what whoever comes after must know.
            tell: is told of everything that is done.

        Raises:
            TelamonError: it failed; what was done until then stays.
        """
        command = self._command(
            folder, "apply", "-json", "-input=false", f"-lock-timeout={PATIENCE}", str(plan.absolute())
        )
        with record.start(command, self._environment) as process:

            def ended() -> bool:
                try:
                    process.wait(LOOKS_EVERY)
                except subprocess.TimeoutExpired:
                    return False
                return True

            record.follow(ended, tell=tell)
        record.settle().enforce(doing=doing(folder, "apply"))

    def holder(self, folder: Path) -> Lock | None:
        """Who holds the lock of the state; ``None`` where nobody does. Nothing is planned or changed.

        Raises:
            TelamonError: it cannot be asked for.
        """
        options = ("-input=false", "-refresh=false", "-lock-timeout=0s", "-detailed-exitcode")
        done = self._run(folder, "plan", *options)
        said = done.stdout + done.stderr
        lock = lock_in(said)
        if lock is None and done.returncode not in {NOTHING, CHANGES}:
            raise translate(said, doing=doing(folder, "plan"))
        return lock

    def unlock(self, folder: Path, lock: str) -> None:
        """Release a lock that is held under an id.

        Raises:
            PlatformError: it is not held, or under another id.
        """
        self._must(folder, "force-unlock", "-force", lock)

    def adopt(self, folder: Path, address: str, *, known_as: str) -> None:
        """Take something that is there into the state.

        Args:
            folder: of the state.
            address: under which the configuration has it.
            known_as: its id.

        Raises:
            TelamonError: it cannot be imported by that id, or not now.
        """
        self._must(folder, "import", "-input=false", f"-lock-timeout={PATIENCE}", address, known_as)

    def destroy(self, folder: Path) -> None:
        """Take away everything that the layer's state knows."""
        self._must(folder, "destroy", "-input=false", "-auto-approve")

    def outputs(self, folder: Path) -> Mapping[str, Any]:
        """What the layer tells; empty before the first apply."""
        answer = json.loads(self._connected(folder, "output", "-json"))
        return {name: output["value"] for name, output in answer.items()}

    def pull(self, folder: Path) -> str:
        """The layer's state as it is kept, secrets included; "" before the first apply."""
        return self._connected(folder, "state", "pull")

    def state(self, folder: Path) -> State:
        """Where the state stands, from its backend.

        Raises:
            PlatformError: what is kept there is no state.
        """
        pulled = self.pull(folder)
        if not pulled.strip():
            return State("", 0)
        try:
            document = json.loads(pulled)
            return State(str(document["lineage"]), int(document["serial"]))
        except (ValueError, KeyError, TypeError) as error:
            # The state holds secrets, so nothing of it is quoted.
            raise PlatformError(
                f"the state of {folder.name} cannot be read: {brief(error, limit=60)}"
            ) from None

    def addresses(self, folder: Path) -> tuple[str, ...]:
        """Everything that the layer's state knows, by address."""
        pulled = self.pull(folder)
        if not pulled.strip() or not json.loads(pulled).get("resources"):
            # Before the first apply has written anything, listing takes that for a failure.
            return ()
        return tuple(self._connected(folder, "state", "list").split())

    @cached_property
    def _providers(self) -> Path | None:
        # Looking for them takes a second on some machines.
        return self.plugins or find_plugins(self.environment)

    @property
    def _environment(self) -> Mapping[str, str]:
        kept = {name: value for name, value in self.environment.items() if not name.startswith(UNWANTED)}
        return kept | {"TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}

    def _command(self, folder: Path, verb: str, *arguments: str) -> Sequence[str]:
        colourless = () if verb == "state" else ("-no-color",)
        return (self.program, f"-chdir={folder.absolute()}", verb, *colourless, *arguments)

    def _connected(self, folder: Path, verb: str, *arguments: str) -> str:
        """Ask the state; connects to where it is kept if nobody did so in this folder."""
        try:
            return self._must(folder, verb, *arguments)
        except NotReadyError:
            self.init(folder)
            return self._must(folder, verb, *arguments)

    def _must(self, folder: Path, verb: str, *arguments: str) -> str:
        done = self._run(folder, verb, *arguments)
        if done.returncode != 0:
            raise translate(done.stdout + done.stderr, doing=doing(folder, verb))
        return done.stdout

    def _run(self, folder: Path, verb: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = self._command(folder, verb, *arguments)
        try:
            # Files and no pipes: if this process is killed, terraform comes to its end and lets go of its lock.
            with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
                done = subprocess.run(
                    command,
                    env=dict(self._environment),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    check=False,
                )
                return subprocess.CompletedProcess(command, done.returncode, _read(out), _read(err))
        except OSError as error:
            raise MachineError(
                f"cannot run {self.program}: {brief(error)}", remedy="Install Terraform 1.10 or newer."
            ) from error


def _read(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def doing(folder: Path, verb: str) -> str:
    """What is done, for the words of a failure."""
    return f"terraform {verb} of {folder.name}"
