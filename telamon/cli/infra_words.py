"""What the verbs of ``telamon infra`` read and answer."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from telamon.cli.options import DEFAULT_FILE
from telamon.errors import MachineError, NotReadyError, RefusedError, UsageError
from telamon.naming import StackName, name_fault
from telamon.platforms.approval.files import read_plain, write_private
from telamon.platforms.approval.sealed import is_sealed

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.platforms.approval.desk import Looked


class Material(Enum):
    """What somebody may be asked to approve, or bring."""

    KEPT = "a plan that is kept here"
    SEALED = "a sealed plan"
    APPROVAL = "an approval"
    APPROVERS = "the next list of approvers"


@dataclass(frozen=True)
class InfraChange:
    """What happens to one resource.

    Attributes:
        address: as Terraform names it.
        what: created, changed, replaced, destroyed, forgotten, read or unchanged.
        because: why, as Terraform gives it, or "".
    """

    address: str
    what: str
    because: str


@dataclass(frozen=True)
class InfraFinding:
    """What speaks against a plan, or against an approval of it.

    Attributes:
        guard: name of the guard.
        reason: in words.
    """

    guard: str
    reason: str


@dataclass(frozen=True)
class InfraPlan:
    """Answer of ``infra plan`` and ``infra show``.

    Attributes:
        plan: its id; zeros where it was not kept.
        digest: of everything it rests on, which approvals sign.
        stack: name of the stack.
        part: which of its states.
        changes: what happens.
        destructive: addresses that an approval has to name.
        down: what goes down.
        approvers: who has approved it.
        refusals: why it may not be applied.
        set_aside: approvals that do not count, and why.
    """

    plan: str
    digest: str
    stack: str
    part: str
    changes: tuple[InfraChange, ...]
    destructive: tuple[str, ...]
    down: tuple[str, ...]
    approvers: tuple[str, ...]
    refusals: tuple[InfraFinding, ...]
    set_aside: tuple[InfraFinding, ...]


@dataclass(frozen=True)
class InfraDone:
    """Answer of ``infra approve`` and ``infra apply``.

    Attributes:
        what: plan, approval or signature.
        value: the plan's id, or the file that was written.
    """

    what: str
    value: str


def as_document(looked: Looked) -> InfraPlan:
    """A plan as ``-o json`` prints it.

    Args:
        looked: the plan.
    """
    from telamon.infra.words import goes_down

    evidence, verdict = looked.evidence, looked.verdict
    return InfraPlan(
        plan=evidence.plan_id,
        digest=evidence.digest(),
        stack=evidence.stack,
        part=evidence.part,
        changes=tuple(
            InfraChange(change.address, change.kind.value, change.reason) for change in looked.summary.changes
        ),
        destructive=evidence.destructive,
        down=goes_down(looked.summary.changes),
        approvers=tuple(found.approver for found in verdict.accepted) if verdict else (),
        refusals=tuple(InfraFinding(found.guard, found.reason) for found in verdict.refusals)
        if verdict
        else (),
        set_aside=tuple(InfraFinding(found.guard, found.reason) for found in verdict.set_aside)
        if verdict
        else (),
    )


def standing(looked: Looked) -> str:
    """How the approval of a plan stands, in words; "" where it was not judged.

    Args:
        looked: the plan.
    """
    if looked.verdict is None:
        return f"\ndigest: {looked.evidence.digest()}"
    approved = ", ".join(found.approver for found in looked.verdict.accepted) or "nobody"
    lines = ["", f"approved by: {approved}"]
    lines += [f"lacks: {found}" for found in looked.verdict.refusals]
    lines += [f"set aside: {found}" for found in looked.verdict.set_aside]
    return "\n".join(lines)


def refuse_or_wait(looked: Looked) -> None:
    """End as a check of a pull request does.

    Args:
        looked: the plan.

    Raises:
        RefusedError: a policy or another guard refuses it.
        NotReadyError: it changes something, and approvals are missing.
    """
    refusing = [str(found) for found in looked.summary.policies if not found.passed]
    if refusing:
        raise RefusedError("; ".join(refusing), guard="policies")
    if looked.verdict is None:
        if looked.summary.changes or looked.summary.outputs:
            raise NotReadyError(
                "there are changes to approve", remedy="Keep and sign it: telamon infra plan."
            )
        return
    if looked.verdict.waiting:
        raise NotReadyError(
            "; ".join(map(str, looked.verdict.refusals)), remedy="Approve it: telamon infra approve."
        )
    looked.verdict.enforce()


def material(what: str, approvers: Path) -> tuple[Material, bytes]:
    """Find out what somebody is asked to approve, or brings.

    Args:
        what: id of a plan, or a file.
        approvers: folder with the lists of approvers.

    Returns:
        What it is, and its content where it is a file.

    Raises:
        UsageError: the file is none of these.
    """
    path = Path(what)
    if not path.is_file():
        return Material.KEPT, b""
    if path.suffix == ".json" and path.resolve().parent == approvers.resolve():
        return Material.APPROVERS, b""
    content = read_plain(path)
    if is_sealed(content):
        return Material.SEALED, content
    if b"-----BEGIN SSH SIGNATURE-----" in content:
        return Material.APPROVAL, content
    raise UsageError(
        f"{what} is neither a sealed plan, nor an approval, nor a list of approvers",
        remedy="See `telamon infra approve --help`.",
    )


def report_of(path: Path | None) -> bytes | None:
    """A policy scanner's report.

    Args:
        path: of the file, or ``None``.
    """
    return None if path is None else read_plain(path)


def write_new(path: Path, content: bytes) -> None:
    """Write a file that leaves this machine.

    Args:
        path: must not be there yet.
        content: all of it.

    Raises:
        UsageError: it is there.
        MachineError: it cannot be written.
    """
    if path.exists():
        raise UsageError(f"{path} is there already", remedy="Name another file.")
    if not path.absolute().parent.is_dir():
        raise MachineError(f"there is no folder {path.parent}")
    write_private(path.absolute(), content)


def stack_name(session: Session, given: str | None) -> StackName:
    """The stack whose ground it is.

    Args:
        session: whose wiring knows the products.
        given: its name, or its file; ``None``: the file in this folder.

    Raises:
        UsageError: no stack is named.
        StackFileError: the file cannot be read.
    """
    from telamon.cli.reading import read_file

    if given is not None and not given.endswith((".yaml", ".yml")):
        if fault := name_fault(given):
            raise UsageError(f'"{given}" is no name of a stack: {fault}', remedy="Give a name or a file.")
        return StackName(given)
    file = Path(given) if given is not None else DEFAULT_FILE
    if given is None and not file.exists():
        raise UsageError("which stack?", remedy="Name it, or its file, with --stack.")
    return read_file(session, file).stack.metadata.name
