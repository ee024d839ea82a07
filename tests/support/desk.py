"""The command line at a desk: streams that can be read, a machine that is as the test says, time that runs fast."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from telamon import wiring
from telamon.cli.main import run
from telamon.cli.session import Backups, Session
from telamon.cli.terminal import Stream, Terminal
from telamon.model.stack import Stack
from telamon.naming import StackName
from telamon.plan.preview import Preview
from telamon.platforms.approval.desk import Desk as ApprovalDesk
from telamon.platforms.aws.drifting import Drifting
from telamon.platforms.lab.evidence import Evidence
from telamon.platforms.lab.kept import KeptState
from telamon.platforms.terraform.runner import Terraform
from telamon.ports import Faults, StaticNetwork
from telamon.products.base import Product
from telamon.proof.drill.driving import Crowd
from telamon.wiring import MachineCheck
from tests.support.controller import ScriptedController

SPEED = 100.0

STACK = """\
apiVersion: telamon.dev/v1alpha1
kind: Stack
metadata: {name: acme}
spec:
  domain: acme.example
  products:
    jira: {version: 11.3.1}
"""


class FastClock:
    """Time that runs a hundred times faster than it does."""

    def __init__(self, begin: float) -> None:
        self._begin = begin
        self._start = time.monotonic()

    def now(self) -> float:
        """Simulated seconds."""
        return self._begin + (time.monotonic() - self._start) * SPEED

    def sleep(self, seconds: float) -> None:
        """Wait the shorter time."""
        time.sleep(seconds / SPEED)


@dataclass
class KeptSecrets:
    """Secrets in a dictionary."""

    values: dict[str, dict[str, str]] = field(default_factory=dict)

    def get(self, name: str, key: str) -> str:
        """The value."""
        return self.values[name][key]

    def put(self, name: str, values: Mapping[str, str]) -> None:
        """Store values."""
        self.values.setdefault(name, {}).update(values)

    def names(self) -> Sequence[tuple[str, tuple[str, ...]]]:
        """Every secret with its keys."""
        return [(name, tuple(sorted(keys))) for name, keys in sorted(self.values.items())]


@dataclass
class DeskWiring:
    """The wiring of a desk. Fulfils the command line's Wiring.

    Attributes:
        states: folder of all state folders.
        controller: the one that is started when a controller is asked for.
        checks: what is found out about the machine.
        kept: the secrets of every stack.
        pem: the certificate of the front door.
        started: state folders for which a controller was started.
        foreseen: what a plan without a controller comes to.
    """

    states: Path
    controller: ScriptedController = field(default_factory=ScriptedController)
    checks: tuple[MachineCheck, ...] = (MachineCheck("system", healthy=True, reason="Linux x86_64"),)
    kept: KeptSecrets = field(default_factory=KeptSecrets)
    pem: str = "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
    started: list[Path] = field(default_factory=list)
    foreseen: Preview = field(default_factory=lambda: Preview((), ()))

    def registry(self) -> Mapping[str, Product]:
        return wiring.registry()

    def state_root(self, stack_name: StackName, override: Path | None) -> Path:
        return override or self.states / stack_name

    def machine_checks(self, root: Path) -> tuple[MachineCheck, ...]:
        return self.checks

    def secrets(self, root: Path) -> KeptSecrets:
        return self.kept

    def kept_state(self, root: Path) -> KeptState:
        return wiring.kept_state(root)

    def support(self, root: Path, target: Path, *, member: str, at: datetime) -> Evidence:
        return wiring.support(root, target, member=member, at=at)

    def socket_path(self, root: Path) -> Path:
        return wiring.socket_path(root)

    def log_path(self, root: Path) -> Path:
        return wiring.log_path(root)

    def start_controller(self, root: Path) -> None:
        (root / "run").mkdir(parents=True, exist_ok=True)
        self.controller.start(root)
        self.started.append(root)

    def controller_lease(self, root: Path) -> AbstractContextManager[bool]:
        return wiring.controller_lease(root)

    def purge(self, root: Path) -> None:
        wiring.purge(root)

    def foresee(self, stack: Stack, root: Path) -> Preview:
        return self.foreseen

    def approvals(
        self,
        stack: StackName,
        root: Path,
        *,
        approvers: Path,
        scan: bool = True,
        waivers: Path | None = None,
    ) -> ApprovalDesk:
        return wiring.approvals(stack, root, approvers=approvers, scan=scan, waivers=waivers)

    def drifting(self, root: Path, *, ground: Path | None) -> Drifting:
        return wiring.drifting(root, ground=ground)

    def static_network(self, region: str) -> StaticNetwork:
        return wiring.static_network(region)

    def terraform(self) -> Terraform:
        return wiring.terraform()

    def ground_folder(self, root: Path, override: Path | None) -> Path:
        return wiring.ground_folder(root, override)

    def faults(self, root: Path) -> Faults:
        return wiring.faults(root)

    def products(self, stack: Stack) -> Mapping[str, Product]:
        return wiring.products(stack)

    def crowd(self, stack: Stack, root: Path, *, urls: Mapping[str, str]) -> Crowd:
        return wiring.crowd(stack, root, urls=urls)

    def certificate(self, root: Path) -> str:
        return self.pem

    def backups(self, root: Path) -> Backups:
        return wiring.backups(root)

    def hand_over(self, root: Path, stack: Stack, *, size: int) -> None:
        wiring.hand_over(root, stack, size=size)

    def section_of(self, root: Path) -> Mapping[str, object] | None:
        return wiring.section_of(root)


@dataclass
class Result:
    """What came of a command line."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The answer, where it is JSON."""
        return json.loads(self.out)


@dataclass
class Desk:
    """Somebody's desk.

    Attributes:
        folder: where state folders are.
        wiring: the machine.
        answers: what the person types when asked; ``None``: nobody is there.
        columns: width of the terminal; ``None``: the streams are files.
        styled: whether it shows colours and redrawn lines.
    """

    folder: Path
    wiring: DeskWiring = field(init=False)
    answers: str | None = None
    columns: int | None = None
    styled: bool = False
    begin: float = 1_772_452_800.0

    def __post_init__(self) -> None:
        self.wiring = DeskWiring(self.folder)

    @property
    def controller(self) -> ScriptedController:
        """The controller of this machine."""
        return self.wiring.controller

    def brought_up(self, name: str = "acme") -> Path:
        """Have a controller run for a stack. Returns the state folder."""
        root = self.folder / name
        self.wiring.start_controller(root)
        self.wiring.started.clear()
        self.controller.stack = {
            "apiVersion": "telamon.dev/v1alpha1",
            "kind": "Stack",
            "metadata": {"name": name},
            "spec": {"domain": "acme.example", "products": {"jira": {"version": "11.3.1"}}},
        }
        self.controller.generation = 1
        return root

    def session(self, out: io.StringIO, err: io.StringIO) -> Session:
        """A run of the command line at this desk."""
        terminal = Terminal(
            Stream(out, self.columns, self.styled),
            Stream(err, self.columns, self.styled),
            io.StringIO(self.answers or ""),
            can_ask=self.answers is not None,
        )
        return Session(terminal, FastClock(self.begin), lambda: self.wiring)

    def run(self, *arguments: str) -> Result:
        """Run a command line."""
        out, err = io.StringIO(), io.StringIO()
        code = run(arguments, self.session(out, err))
        return Result(code, out.getvalue(), err.getvalue())
