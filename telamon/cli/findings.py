"""What ``-o json`` prints of checks and of what was gathered; beside :mod:`telamon.cli.documents`."""

from __future__ import annotations

from collections.abc import Mapping
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


@dataclass(frozen=True)
class ContractLine:
    """One line of the contract between the engine and a product, held against a real instance.

    Attributes:
        line: its name.
        assumed: what the engine relies on.
        standing: "holds", "differs" or "unseen".
        seen: what was seen.
    """

    line: str
    assumed: str
    standing: str
    seen: str


@dataclass(frozen=True)
class LiveExamination:
    """Answer of ``doctor --live``.

    Attributes:
        url: of the instance.
        product: that it is said to be.
        agrees: whether no line differs.
        lines: of the contract.
        observed: what the engine should go by, as ``products.*.observed`` of a stack file.
        written: file that it was written to, or "".
    """

    url: str
    product: str
    agrees: bool
    lines: tuple[ContractLine, ...]
    observed: Mapping[str, str]
    written: str
