"""What ``-o json`` prints of checks and of what was gathered; beside :mod:`telamon.cli.documents`."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class CheckedMachine:
    """A check of this machine.

    Attributes:
        name: what was looked at.
        healthy: whether it is as it must be.
        reason: what was found.
        remedy: what would help, or "".
    """

    name: str
    healthy: bool
    reason: str
    remedy: str


@dataclass(frozen=True)
class CheckedProduct:
    """One of the products' own checks.

    Attributes:
        component: whose.
        member: the member that was asked, or "" through the front door.
        name: of the check, in the product's words.
        healthy: its verdict.
        reason: its words.
    """

    component: str
    member: str
    name: str
    healthy: bool
    reason: str


@dataclass(frozen=True)
class Support:
    """Answer of ``support``.

    Attributes:
        path: the archive.
        files: what is in it.
        redacted: how many secrets were taken out.
        left_out: what could not be read, and why.
        dumped: members that wrote what their threads do.
    """

    path: str
    files: tuple[str, ...]
    redacted: int
    left_out: tuple[str, ...]
    dumped: tuple[str, ...]


@dataclass(frozen=True)
class Repaired:
    """Answer of ``doctor --repair``.

    Attributes:
        stack: name of the stack.
        moved: where the damaged state file is now, or "" where it was sound.
        lost: what is lost with it, and how it comes back.
    """

    stack: str
    moved: str
    lost: tuple[str, ...]


@dataclass(frozen=True)
class Examination:
    """Answer of ``doctor``.

    Attributes:
        healthy: whether every check passed.
        controller: whether a controller runs, so that the products could be asked.
        machine: checks of this machine.
        products: the products' own checks.
    """

    healthy: bool
    controller: bool
    machine: tuple[CheckedMachine, ...]
    products: tuple[CheckedProduct, ...]
