"""Where plans are kept: a folder a plan, below the records of a stack.

======================  ==============================================================================
``plan.tfplan``         the saved plan, as Terraform wrote it
``evidence``            what it rests on, and the signature of whoever made it
``policies.json``       the scanner's report that was given, if one was
``approvals/``          a file a signature: statement and signature
``apply/``              what the apply of it leaves for whoever comes after
======================  ==============================================================================
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telamon.errors import NotReadyError, RefusedError, UsageError
from telamon.infra.evidence import Evidence
from telamon.infra.signature import fingerprint, read_signature
from telamon.platforms.approval.files import make_private_folder, read_private, write_private
from telamon.platforms.approval.keys import SignedText
from telamon.platforms.terraform.applying import Applying

PLAN_ID: Final = re.compile(r"[0-9a-f]{16}")


@dataclass(frozen=True)
class Kept:
    """A plan that is kept.

    Attributes:
        folder: of this plan.
    """

    folder: Path

    @property
    def is_whole(self) -> bool:
        """Whether it was made to its end: what it rests on is kept last, and the rest comes after that."""
        return any((self.folder / name).exists() for name in ("evidence", "approvals", "apply"))

    @property
    def plan(self) -> Path:
        """The saved plan."""
        return self.folder / "plan.tfplan"

    @property
    def applied(self) -> Path:
        """The copy of it that is applied, while it is."""
        return self.folder / "apply" / "plan.tfplan"

    @property
    def record(self) -> Applying:
        """What its apply leaves."""
        return Applying(self.folder / "apply")

    @property
    def signed(self) -> SignedText:
        """Evidence and signature."""
        return SignedText.read(read_private(self.folder / "evidence"))

    @property
    def evidence(self) -> Evidence:
        """What the plan rests on."""
        return Evidence.read(self.signed.content)

    @property
    def report(self) -> bytes | None:
        """The scanner's report, or ``None``."""
        path = self.folder / "policies.json"
        return read_private(path) if path.exists() or path.is_symlink() else None

    @property
    def approvals(self) -> tuple[SignedText, ...]:
        """Every approval that was handed in."""
        folder = self.folder / "approvals"
        files = sorted(folder.iterdir()) if folder.is_dir() else []
        return tuple(SignedText.read(read_private(file)) for file in files if not file.name.startswith("."))

    def keep(self, signed: SignedText, report: bytes | None) -> None:
        """Keep what belongs to a plan.

        Args:
            signed: evidence and signature.
            report: the scanner's report.
        """
        if report is not None:
            write_private(self.folder / "policies.json", report)
        write_private(self.folder / "evidence", signed.file())

    def add(self, approval: SignedText) -> Path:
        """Keep an approval; one with the same key takes the place of the one before.

        Args:
            approval: statement and signature.

        Raises:
            RefusedError: the signature is damaged.
        """
        read = read_signature(approval.signature)
        if read is None:
            raise RefusedError("the signature is damaged or cut short", guard="damaged-signature")
        name = fingerprint(read.key).removeprefix("SHA256:").replace("/", "_")
        path = self.folder / "approvals" / name
        write_private(path, approval.file())
        return path


@dataclass(frozen=True)
class Shelf:
    """All plans of a stack.

    Attributes:
        records: folder of the stack's records.
    """

    records: Path

    @contextmanager
    def new(self, plan_id: str) -> Iterator[Kept]:
        """A folder for a plan that is made in the block; where it cannot be made, nothing of it stays.

        Whoever calls it is the only one who makes a plan: what a run that was killed has left goes first.

        Args:
            plan_id: of the plan.
        """
        for left in self._folders():
            if not Kept(left).is_whole:
                shutil.rmtree(left, ignore_errors=True)
        folder = self.records / "plans" / plan_id
        make_private_folder(folder)
        try:
            yield Kept(folder)
        except BaseException:
            # A saved plan holds values of the state, and nobody would ever look for this one.
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def find(self, plan_id: str) -> Kept:
        """A plan that is kept.

        Args:
            plan_id: of the plan; as much of its beginning as tells it from the others.

        Raises:
            UsageError: it is no such thing, or several plans begin with it.
            NotReadyError: no plan is kept under it.
        """
        found = [path for path in self._folders() if path.name.startswith(plan_id) and Kept(path).is_whole]
        if not found:
            raise NotReadyError(f"there is no plan {plan_id}", remedy="Make one: telamon infra plan DIR.")
        if len(found) > 1:
            raise UsageError(f"several plans begin with {plan_id!r}", remedy="Write more of it.")
        return Kept(found[0])

    def _folders(self) -> Sequence[Path]:
        """Those of plans, whole or not, in the order of their names."""
        found = sorted((self.records / "plans").glob("*"))
        return [path for path in found if PLAN_ID.fullmatch(path.name) and not path.is_symlink()]
