"""The only place that picks adapters.

Hosts (the command line, the controller) ask for parts by what they do; nobody above this package names a platform, and
nobody below it knows the others. Imports are inside the functions, because a command line that only prints its help
must not load a database driver first.

This module makes the parts of one stack; :mod:`telamon.wiring.controller` starts what keeps it, and
:mod:`telamon.wiring.ground` makes the parts for what lies below it on AWS. Hosts ask the package for all of them.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from telamon.errors import ConflictError, MachineError, NotReadyError, TelamonError, brief
from telamon.wiring.controller import answers, controller_lease, log_path, socket_path, start_controller
from telamon.wiring.ground import approvals, drifting, ground_folder, static_network, terraform

if TYPE_CHECKING:
    from datetime import datetime

    from telamon.model.stack import Stack
    from telamon.naming import StackName
    from telamon.plan.preview import Preview
    from telamon.platforms.clock import SteadyClock
    from telamon.platforms.lab.backup.desk import BackupDesk
    from telamon.platforms.lab.compiler import LabCompiler
    from telamon.platforms.lab.evidence import Evidence
    from telamon.platforms.lab.kept import KeptState
    from telamon.platforms.lab.platform import LabPlatform
    from telamon.platforms.sqlite import SqliteJournal, SqliteStore
    from telamon.ports import Faults, Secrets
    from telamon.products.base import HealthReport, Product
    from telamon.proof.drill.driving import Crowd

__all__ = [
    "LabParts",
    "MachineCheck",
    "answers",
    "approvals",
    "backups",
    "certificate",
    "controller_lease",
    "crowd",
    "drifting",
    "faults",
    "foresee",
    "ground_folder",
    "hand_over",
    "kept_state",
    "lab_parts",
    "log_path",
    "machine_checks",
    "products",
    "purge",
    "registry",
    "secrets",
    "section_of",
    "socket_path",
    "start_controller",
    "state_root",
    "static_network",
    "support",
    "terraform",
]

STORE = "store.sqlite"
"""File by which the state folder of a stack is known."""
ROOM = "room"
"""The check of what components need to begin."""


def registry() -> Mapping[str, Product]:
    """The products that ship with Telamon, by name."""
    from telamon.products.registry import registry as products

    return products()


def state_root(stack_name: StackName, override: Path | None) -> Path:
    """The folder in which a stack keeps its state.

    Args:
        stack_name: of the stack.
        override: what ``--state`` says; else ``TELAMON_STATE``, else the user's state folder.
    """
    from telamon.platforms.lab.facts import default_root

    chosen = override or (Path(found) if (found := os.environ.get("TELAMON_STATE")) else None)
    return (chosen or default_root(stack_name, os.environ)).expanduser().absolute()


def kept_state(root: Path) -> KeptState:
    """What is kept in a state folder, to be looked at and put in order while no controller runs."""
    from telamon.platforms.lab.kept import KeptState

    return KeptState(root, root / STORE, lease=controller_lease)


def support(root: Path, target: Path, *, member: str, at: datetime) -> Evidence:
    """Write an archive of what tells why something went wrong, whether a controller runs or not.

    Args:
        root: the state folder.
        target: the archive.
        member: whom it is about; "" for everybody.
        at: time that it is of.

    Raises:
        PlatformError: no such member has ever run here.
        MachineError: it cannot be written.
    """
    from telamon.platforms.lab.evidence import gather

    return gather(root, target, member=member, at=at)


def secrets(root: Path) -> Secrets:
    """The secrets of the stack in that folder."""
    from telamon.platforms.lab.secrets import FileSecrets

    return FileSecrets(root / "secrets")


def products(stack: Stack) -> Mapping[str, Product]:
    """The products of a stack by name, those of its own profiles included."""
    from telamon.products.registry import products_of

    return products_of({str(name): spec for name, spec in stack.spec.products.items()})


def crowd(stack: Stack, root: Path, *, urls: Mapping[str, str]) -> Crowd:
    """Users of the stack in that folder, who go to these URLs."""
    from telamon.proof.drill.crowd import Users
    from telamon.proof.drill.guests import GuestBook

    return Users(
        stack, products(stack), urls, secrets(root), time.time, GuestBook(root / "drills" / "guests.json")
    )


def faults(root: Path) -> Faults:
    """What hurts the stack in that folder on purpose, and makes it good again."""
    from telamon.platforms.clock import SteadyClock
    from telamon.platforms.lab.faults.adapter import LabFaults

    return LabFaults(root, SteadyClock())


def certificate(root: Path) -> str:
    """The certificate authority of the front door, PEM.

    Raises:
        NotReadyError: the front door speaks no TLS, whether it did before or not.
    """
    from telamon.platforms.lab import facts, tls

    kept = facts.load(root)
    if kept is not None and kept.tls is None:
        raise NotReadyError(
            "TLS is off: the front door of this stack speaks plain HTTP, and nobody needs its authority",
            remedy="Set spec.edge.tls.kind to lab in the stack file and run `telamon up`.",
        )
    return tls.authority(root / "tls")


@dataclass(frozen=True)
class MachineCheck:
    """One thing that this machine must have."""

    name: str
    healthy: bool
    reason: str = ""
    remedy: str = ""
    to_begin: bool = False


def machine_checks(root: Path) -> tuple[MachineCheck, ...]:
    """Look whether this machine can carry a lab in that folder; changes nothing but making the folder."""
    from telamon.platforms.lab import machine

    def folder() -> None:
        machine.check_folder(root, sockets=(socket_path(root),), account=machine.database_account())

    def room() -> None:
        # A folder that cannot be made is a matter of the check before this one.
        if root.is_dir():
            machine.check_room(root)

    def programs() -> None:
        machine.database_programs(root, machine.database_account())

    checks: tuple[tuple[str, Callable[[], object]], ...] = (
        ("system", machine.check_system),
        ("state folder", folder),
        (ROOM, room),
        ("balancer", machine.balancer),
        ("database account", machine.database_account),
        ("database programs", programs),
    )
    return tuple(_checked(name, check) for name, check in checks)


def _checked(name: str, check: Callable[[], object]) -> MachineCheck:
    try:
        found = check()
    except TelamonError as error:
        return MachineCheck(
            name, healthy=False, reason=str(error), remedy=error.remedy or "", to_begin=name == ROOM
        )
    return MachineCheck(name, healthy=True, reason=str(found) if isinstance(found, Path) else "")


@dataclass(frozen=True)
class LabParts:
    """What a controller of the lab is made of."""

    store: SqliteStore
    journal: SqliteJournal
    platform: LabPlatform
    clock: SteadyClock
    compiler: LabCompiler
    faults: Faults
    close: Callable[[], None]

    def urls(self, stack: Stack) -> Mapping[str, str]:
        """Where to go, by product."""
        return self.platform.urls(stack)

    def doctor(self) -> Sequence[tuple[str, str, HealthReport]]:
        """The products' own health checks: component, member, report."""
        return self.platform.doctor()


def lab_parts(root: Path) -> LabParts:
    """Open the store and the platform of a state folder.

    Raises:
        MachineError: the folder cannot be used.
        PlatformError: what is kept there is damaged.
    """
    from telamon.platforms.clock import SteadyClock
    from telamon.platforms.lab.compiler import LabCompiler
    from telamon.platforms.lab.platform import LabPlatform
    from telamon.platforms.sqlite import SqliteFile, SqliteJournal, SqliteStore

    file = SqliteFile(root / STORE)
    clock = SteadyClock()
    platform = LabPlatform(root, clock)

    def close() -> None:
        platform.close()
        file.close()

    compiler = LabCompiler(root, platform)
    return LabParts(SqliteStore(file), SqliteJournal(file), platform, clock, compiler, faults(root), close)


def foresee(stack: Stack, root: Path) -> Preview:
    """What bringing a stack up would do, where no controller runs. Changes nothing of the stack.

    Args:
        stack: that would be brought up.
        root: its state folder, which need not exist.

    Raises:
        ConflictError: a controller has come up meanwhile; ask it.
        TelamonError: the stack cannot run on this machine, or its state cannot be read.
    """
    import tempfile

    if (root / STORE).exists():
        with controller_lease(root) as lease:
            if not lease:
                raise ConflictError(f"a controller keeps {root}", remedy="Ask again.")
            return _foresee(stack, root)
    with tempfile.TemporaryDirectory(prefix="telamon-") as folder:
        return _foresee(stack, Path(folder))


def _foresee(stack: Stack, root: Path) -> Preview:
    from telamon.model.stack import Stack as Model
    from telamon.run.foresee import foresee as unfolded
    from telamon.run.recall import in_force, with_stand_ins

    parts = lab_parts(root)
    try:
        known: tuple[str, ...] = ()
        beside = in_force(parts.journal, stack)
        for stored in parts.store.list("Stack"):
            kept = Model.model_validate(stored.spec["stack"], strict=False)
            before = parts.compiler.install(with_stand_ins(parts.journal, kept), beside)
            known = tuple(component.name for component in before)
        return unfolded(
            parts.compiler.components(with_stand_ins(parts.journal, stack), beside),
            platform=parts.platform,
            journal=parts.journal,
            clock=parts.clock,
            known=known,
        )
    finally:
        parts.close()


def backups(root: Path) -> BackupDesk:
    """The backups of the stack in that folder; no controller is needed."""
    from telamon.platforms.lab.backup.desk import BackupDesk

    return BackupDesk(root)


def hand_over(root: Path, stack: Stack, *, size: int) -> None:
    """Make a state folder ready for a copy of another stack.

    Args:
        root: the folder.
        stack: the copy.
        size: bytes of the backups that it begins with.

    Raises:
        PlatformError: the original cannot be read.
        MachineError: there is no room.
    """
    from telamon.platforms.lab import cloning

    cloning.hand_over(root, stack, size=size)


def section_of(root: Path) -> Mapping[str, object] | None:
    """What the stack in that folder says of being a copy; ``None`` where it is none."""
    from telamon.platforms.lab import cloning

    return cloning.section_of(root)


def purge(root: Path) -> None:
    """Remove everything a stack keeps.

    Raises:
        NotReadyError: its controller still runs.
        MachineError: something cannot be removed.
    """
    from telamon.platforms.lab import volumes

    if not root.exists():
        return
    try:
        with controller_lease(root) as free:
            if not free:
                raise NotReadyError("the stack still runs", remedy="`telamon down` first")
            volumes.release(root)
            shutil.rmtree(root)
    except FileNotFoundError:
        return
    except OSError as error:
        raise MachineError(
            f"{root} cannot be removed: {brief(error)}", remedy="Check who owns it."
        ) from error
