"""What a verb is given: streams, clock, and the parts that only the wiring can make."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Literal, Protocol

from telamon.cli.terminal import Terminal
from telamon.errors import Interrupted, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from telamon.model.stack import Stack
    from telamon.naming import StackName
    from telamon.plan.preview import Preview
    from telamon.platforms.approval.desk import Desk as ApprovalDesk
    from telamon.platforms.aws.drifting import Drifting
    from telamon.platforms.terraform.runner import Terraform
    from telamon.ports import Clock, Entry, Faults, Secrets, StaticNetwork
    from telamon.products.base import Product
    from telamon.proof.drill.driving import Crowd
    from telamon.state.backups import BackupEntry, DamagedPage, Surroundings


class MachineCheck(Protocol):
    """One thing that this machine must have."""

    @property
    def name(self) -> str:
        """What was looked at."""

    @property
    def healthy(self) -> bool:
        """Whether it is as it must be."""

    @property
    def reason(self) -> str:
        """What was found."""

    @property
    def remedy(self) -> str:
        """What would help, or ""."""

    @property
    def to_begin(self) -> bool:
        """Whether only a component that does not run yet needs it."""


class Gathered(Protocol):
    """An archive of what tells why something went wrong."""

    @property
    def path(self) -> Path:
        """Where it is."""

    @property
    def files(self) -> tuple[str, ...]:
        """What is in it."""

    @property
    def redacted(self) -> int:
        """How many secrets were taken out."""

    @property
    def left_out(self) -> tuple[str, ...]:
        """What could not be read, and why."""

    @property
    def dumped(self) -> tuple[str, ...]:
        """Members that wrote what their threads do."""


class Kept(Protocol):
    """What a state folder keeps while nobody keeps the stack."""

    def stack_name(self) -> StackName | None:
        """Name of the stack, if there is one. Raises PlatformError where the store is damaged."""

    def journal(self, *, since: int = 0, last: int | None = None) -> Sequence[Entry]:
        """Lines of the journal, oldest first. Raises PlatformError where the store is damaged."""

    def running(self) -> Sequence[str]:
        """Members whose processes go on though no controller keeps them."""

    def repair(self, at: datetime) -> Path | None:
        """Move a damaged store aside; returns whereto, or ``None`` where it is sound. Raises NotReadyError."""

    def discard(self, found: Collection[str] | None) -> None:
        """Remove what a refused first start has left, but for what was found beforehand. Raises MachineError."""


class Backups(Protocol):
    """The backups of one stack."""

    def entries(self) -> Sequence[BackupEntry]:
        """Every one whose page can be read, the oldest first."""

    def damaged(self) -> Sequence[DamagedPage]:
        """Every one whose page cannot be read."""

    def get(self, name: str) -> BackupEntry:
        """One of them. Raises UsageError with the nearest name."""

    def around(self, product: str, at: datetime) -> Surroundings:
        """The backups around an instant. Raises UsageError or PlatformError where that cannot be gone back to."""

    def prune(self, now: datetime) -> Sequence[BackupEntry]:
        """Remove those that are past their time. Raises ConflictError while one is being taken."""


class Wiring(Protocol):
    """What the command line asks of the wiring; a module of functions fulfils it as well as an object."""

    def registry(self) -> Mapping[str, Product]:
        """The products, by name."""

    def state_root(self, stack_name: StackName, override: Path | None) -> Path:
        """The folder in which a stack keeps its state. Raises MachineError where none can be."""

    def machine_checks(self, root: Path) -> tuple[MachineCheck, ...]:
        """Look whether this machine can carry a lab in that folder."""

    def secrets(self, root: Path) -> Secrets:
        """The secrets of the stack in that folder."""

    def kept_state(self, root: Path) -> Kept:
        """What that folder keeps, also while no controller runs."""

    def support(self, root: Path, target: Path, *, member: str, at: datetime) -> Gathered:
        """Write an archive of what tells why something went wrong. Raises MachineError, PlatformError."""

    def socket_path(self, root: Path) -> Path:
        """The socket on which the controller of that folder answers."""

    def log_path(self, root: Path) -> Path:
        """The controller's own log; those of the members are beside it."""

    def start_controller(self, root: Path) -> None:
        """Start a controller that outlives this process, and wait until it answers."""

    def controller_lease(self, root: Path) -> AbstractContextManager[bool]:
        """The right to be the controller of that folder; false while another process has it."""

    def purge(self, root: Path) -> None:
        """Remove everything a stack keeps. Raises NotReadyError while its controller runs."""

    def foresee(self, stack: Stack, root: Path) -> Preview:
        """What bringing a stack up would do, where no controller runs; changes nothing."""

    def approvals(
        self,
        stack: StackName,
        root: Path,
        *,
        approvers: Path,
        scan: bool = True,
        waivers: Path | None = None,
    ) -> ApprovalDesk:
        """Plans and approvals of the ground under a stack, kept in that folder."""

    def drifting(self, root: Path, *, ground: Path | None) -> Drifting:
        """What is otherwise under a stack on AWS than it was applied from that folder."""

    def static_network(self, region: str) -> StaticNetwork:
        """What delivers static files on AWS."""

    def terraform(self) -> Terraform:
        """The program on this machine."""

    def ground_folder(self, root: Path, override: Path | None) -> Path:
        """The folder of the layers under a stack on AWS."""

    def backups(self, root: Path) -> Backups:
        """The backups of the stack in that folder."""

    def hand_over(self, root: Path, stack: Stack, *, size: int) -> None:
        """Make that folder ready for a copy of another stack. Raises MachineError where there is no room."""

    def section_of(self, root: Path) -> Mapping[str, object] | None:
        """What the stack in that folder says of being a copy; none where it is none."""

    def faults(self, root: Path) -> Faults:
        """What hurts the stack in that folder on purpose, and makes it good again."""

    def products(self, stack: Stack) -> Mapping[str, Product]:
        """The products of a stack by name, those of its own profiles included."""

    def crowd(self, stack: Stack, root: Path, *, urls: Mapping[str, str]) -> Crowd:
        """Users of the stack in that folder."""

    def certificate(self, root: Path) -> str:
        """The certificate authority of the front door (PEM). Raises NotReadyError where it speaks no TLS."""


Output = Literal["text", "json"]


@dataclass(frozen=True)
class Session:
    """One run of the command line.

    Attributes:
        terminal: the streams.
        clock: the only source of "now" and the only way to wait.
        wiring: gets the parts that verbs work with; importing them takes time, so it is called late.
        output: how the answer is written.
    """

    terminal: Terminal
    clock: Clock
    wiring: Callable[[], Wiring]
    output: Output = "text"

    @property
    def time(self) -> datetime:
        """Now, as the world counts it."""
        return datetime.fromtimestamp(self.clock.now(), UTC)

    @property
    def today(self) -> date:
        """The date, by which the end of vendor support is judged."""
        return self.time.date()

    def answer(self, document: Callable[[], object], text: Callable[[], str]) -> None:
        """Write the answer of a verb; only the one that is wanted is made.

        Args:
            document: makes what ``-o json`` prints: plain data, or a class of :mod:`telamon.cli.documents`.
            text: makes what people read.
        """
        if self.output == "text":
            self.terminal.say(text())
            return
        from telamon.cli.documents.shape import plain

        self.terminal.say(json.dumps(plain(document()), indent=2, ensure_ascii=False))

    def confirm(self, question: str, *, yes: bool) -> None:
        """Get the agreement to something that cannot be taken back.

        Args:
            question: what a person is asked.
            yes: whether ``--yes`` was given, which answers it.

        Raises:
            UsageError: there is nobody to ask.
            Interrupted: the answer is no.
        """
        if yes:
            return
        if not self.terminal.can_ask:
            raise UsageError(
                f"this needs an agreement, and there is no terminal to ask on: {question}",
                remedy="Give --yes if that is what you want.",
            )
        if not self.terminal.agrees(question):
            raise Interrupted("nothing was changed")
