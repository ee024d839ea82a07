"""Plan, approve, look, apply: each step finds out everything again and writes a line into the audit log."""

from __future__ import annotations

import getpass
import secrets
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from telamon.desired.terraform.data import INPUTS
from telamon.errors import NotReadyError, RefusedError, TelamonError
from telamon.infra.approvers import Approvers
from telamon.infra.canonical import digest, read_object
from telamon.infra.elsewhere import check_sealed
from telamon.infra.evidence import APPROVAL_NAMESPACE, PLAN_NAMESPACE, Evidence, Statement
from telamon.infra.ledger import Step
from telamon.infra.verdict import Case, Verdict, hands_in, judge
from telamon.infra.words import Summary, scrub
from telamon.platforms.approval.adopting import adopt
from telamon.platforms.approval.derivation import NOT_KEPT, Derivation
from telamon.platforms.approval.files import read_lock, read_private, write_private
from telamon.platforms.approval.joining import Joining, text_of
from telamon.platforms.approval.keys import OpenSsh, SignedText
from telamon.platforms.approval.log import AuditLog
from telamon.platforms.approval.scanner import Scanner
from telamon.platforms.approval.sealed import seal, unseal
from telamon.platforms.approval.shelf import Kept, Shelf
from telamon.platforms.approval.succession import Succession
from telamon.platforms.terraform.applying import LOOKS_EVERY, Outcome, Tell, WasEnded
from telamon.platforms.terraform.runner import Terraform, doing
from telamon.ports import Clock


def _silent(_sentence: str) -> None:
    """Nobody watches."""


@dataclass(frozen=True)
class Looked:
    """A plan that was looked at.

    Attributes:
        evidence: what it rests on.
        summary: what it does.
        verdict: whether it may be applied; ``None`` where it was not kept.
    """

    evidence: Evidence
    summary: Summary
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Desk:
    """Everything around the plans of one stack.

    Attributes:
        stack: its name.
        records: folder of the plans and the audit log.
        succession: the lists of approvers.
        terraform: the program.
        keys: signatures.
        clock: the time.
        scanner: judges every plan for which nobody brings a report; ``None``: none does.
    """

    stack: str
    records: Path
    succession: Succession
    terraform: Terraform
    keys: OpenSsh
    clock: Clock
    scanner: Scanner | None = None

    @property
    def log(self) -> AuditLog:
        """The audit log."""
        return AuditLog(self.records / "audit.jsonl", self.clock)

    @property
    def joining(self) -> Joining:
        """The layers beside one another."""
        return Joining(self.terraform)

    @property
    def shelf(self) -> Shelf:
        """The plans."""
        return Shelf(self.records)

    def look(self, folder: Path, *, report: bytes | None = None) -> Looked:
        """Make a plan, read it, and keep nothing.

        Args:
            folder: the configuration of one state.
            report: a scanner's report; where none is given, the scanner is asked, if there is one.
        """
        told = self._told_or_previewed(folder)
        with tempfile.TemporaryDirectory(prefix="telamon-plan-") as kept:
            out, inputs = Path(kept, "plan.tfplan"), Path(kept, INPUTS)
            write_private(inputs, text_of(told))
            self.terraform.init(folder)
            self.terraform.plan(folder, out=out, inputs=inputs if told else None)
            approvers = self.succession.in_force(self.log.read().pin)
            content = out.read_bytes()
            shown = self._derivation.shown(folder, content)
            evidence, summary = self._derivation.derive(
                shown,
                content,
                frame=self._derivation.frame(folder, approvers, plan_id=NOT_KEPT, told=told),
                report=self._scanned(folder, shown) if report is None else report,
            )
        return Looked(evidence, summary)

    def _scanned(self, folder: Path, shown: bytes) -> bytes | None:
        if self.scanner is None:
            return None
        return self.scanner.scan(shown, part=folder.resolve().name)

    def _told_or_previewed(self, folder: Path) -> Mapping[str, Any]:
        """What the earlier layers tell, or what stands in for it where they are not there yet."""
        joining = self.joining
        try:
            return joining.told(folder)
        except NotReadyError:
            declared = joining.declared(folder)
            return declared.previews if declared is not None else {}

    def plan(
        self, folder: Path, key: Path, *, authors: Iterable[str] = (), report: bytes | None = None
    ) -> tuple[str, Looked]:
        """Make a plan and keep it, signed.

        Args:
            folder: the configuration of one state.
            key: of whoever plans.
            authors: who else had a hand in the change.
            report: a scanner's report; where none is given, the scanner is asked, if there is one.

        Returns:
            The plan's id, and what it does.

        Raises:
            RefusedError: the key is on no list, or lists and configuration lie in one another.
        """
        self.succession.apart_from(folder)
        with self.log.exclusive():
            approvers = self._pinned()
            planner = self._owner(key, approvers)
            self.joining.give(folder)
            with self.shelf.new(secrets.token_hex(8)) as kept:
                self.terraform.init(folder)
                self.terraform.plan(folder, out=kept.plan)
                kept.plan.chmod(0o600)
                frame = self._derivation.frame(folder, approvers, plan_id=kept.folder.name)
                frame = replace(frame, planner=planner, authors=tuple(sorted(set(authors))))
                content = read_private(kept.plan)
                shown = self._derivation.shown(folder, content)
                if report is None:
                    report = self._scanned(folder, shown)
                evidence, summary = self._derivation.derive(shown, content, frame=frame, report=report)
                kept.keep(self.keys.sign(evidence.content(), key, namespace=PLAN_NAMESPACE), report)
                self.log.append(
                    "planned",
                    subject=evidence.digest(),
                    who=planner,
                    part=evidence.part,
                    plan_id=evidence.plan_id,
                    detail=summary.title,
                )
        return kept.folder.name, Looked(evidence, summary)

    def examine(self, folder: Path, plan_id: str) -> Looked:
        """Derive a kept plan again, and judge it.

        Args:
            folder: the configuration it was made from.
            plan_id: of the plan.
        """
        kept = self.shelf.find(plan_id)
        return self._examine(folder, kept, read_private(kept.plan))

    def approve(
        self, evidence: Evidence, key: Path, *, names: Iterable[str], seconds: int | None = None
    ) -> SignedText:
        """Sign that a plan may be applied.

        Args:
            evidence: of the plan, which was shown.
            key: of the approver.
            names: every address that is destroyed, replaced or forgotten.
            seconds: for how long this is good; as long as allowed where nothing is said.

        Raises:
            RefusedError: the key is on no list, its owner may not approve, or an address is not named.
        """
        approvers = self.succession.in_force(self.log.read().pin)
        owner = self._owner(key, approvers)
        if owner not in approvers.approving:
            raise RefusedError(f"{owner} may make plans and approve none", guard="may-approve")
        if owner.casefold() in hands_in(evidence):
            raise RefusedError(f"{owner} is an author of the change", guard="not-the-author")
        named = tuple(sorted(set(names)))
        unnamed = sorted(set(evidence.destructive) - set(named))
        if unnamed:
            raise RefusedError(
                f"not named: {', '.join(unnamed)}",
                guard="destruction-named",
                remedy="Name each with --destroys ADDRESS, once you have seen that it may go.",
            )
        at = int(self.clock.now())
        statement = Statement(
            stack=evidence.stack,
            part=evidence.part,
            evidence=evidence.digest(),
            approver=owner,
            issued_at=at,
            expires_at=at + (approvers.max_age if seconds is None else seconds),
            names=named,
        )
        return self.keys.sign(statement.content(), key, namespace=APPROVAL_NAMESPACE)

    def hand_in(self, approval: SignedText) -> str:
        """Keep an approval with the plan that it is for.

        Args:
            approval: statement and signature.

        Returns:
            The plan's id.

        Raises:
            RefusedError: its signature is not good, or no plan that is kept here is meant. Whether it counts is
                judged with the plan.
        """
        statement = Statement.read(approval.content)
        with self.log.exclusive():
            ledger = self.log.read()
            planned = [
                line for line in ledger.lines if line.subject == statement.evidence and line.step == "planned"
            ]
            if not planned:
                raise RefusedError("no plan that is kept here is meant by this approval", guard="this-plan")
            plan_id = planned[-1].plan_id
            attested = self.keys.check(approval, self._pinned(), namespace=APPROVAL_NAMESPACE)
            if attested.guard:
                raise RefusedError(attested.problem, guard=attested.guard)
            self.shelf.find(plan_id).add(approval)
            self.log.append(
                "approved",
                subject=statement.evidence,
                who=attested.signer,
                part=statement.part,
                plan_id=plan_id,
                detail=f"key {attested.key}",
            )
        return plan_id

    def apply(self, folder: Path, plan_id: str, *, tell: Tell = _silent) -> Looked:
        """Apply a kept plan: that very file, and only if everything derived again is what was approved.

        Terraform goes on if this process ends; :meth:`finish` is then for whoever comes after.

        Args:
            folder: the configuration it was made from.
            plan_id: of the plan.
            tell: is told of everything that is done.

        Raises:
            RefusedError: it may not be applied; nothing was touched.
            PlatformError: Terraform failed; the plan counts as used.
        """
        kept = self.shelf.find(plan_id)
        content = read_private(kept.plan)
        with self.log.exclusive():
            looked = self._begin(folder, kept, content=content, who=_account())
        # A copy that nobody can change between being judged and being applied.
        write_private(kept.applied, content)
        with self._noted(kept, looked.evidence, looked.summary):
            self.terraform.apply(folder, plan=kept.applied, record=kept.record, tell=tell)
        return looked

    def finish(self, folder: Path, plan_id: str, *, tell: Tell = _silent) -> Outcome:
        """See an apply to its end whose Telamon ended before it did.

        Args:
            folder: the configuration it was made from.
            plan_id: of a plan whose apply was begun, and of whose end nothing is known.
            tell: is told of everything that is done.

        Returns:
            What it came to.

        Raises:
            PlatformError: Terraform failed, or was ended as well.
        """
        kept = self.shelf.find(plan_id)
        record = kept.record

        def ended() -> bool:
            if record.running:
                self.clock.sleep(LOOKS_EVERY)
            return not record.running

        if record.begun:
            record.follow(ended, tell=tell)
        evidence = kept.evidence
        plan = read_object(self.terraform.show(folder, plan=kept.plan), what="the plan")
        summary = self._derivation.summary(plan, evidence, report=kept.report)
        outcome = record.settle()
        # Before its end is written down: whoever comes after this process adopts what is left.
        adopted = adopt(self.terraform, folder, outcome=outcome, tell=tell)
        with self._noted(kept, evidence, summary, final=True):
            outcome.enforce(doing=doing(folder, "apply"), since=adopted)
        return outcome

    @contextmanager
    def _noted(
        self, kept: Kept, evidence: Evidence, summary: Summary, *, final: bool = False
    ) -> Iterator[None]:
        """Write into the audit log how an apply ended; one that was cut off is seen to its end by the next run."""
        try:
            yield
        except TelamonError as error:
            error.message = scrub(error.message, summary.secrets)
            error.args = (error.message,)
            if isinstance(error, WasEnded) and not final:
                raise
            self._end(kept, "failed", evidence, detail=error.message)
            raise
        self._end(kept, "applied", evidence, detail=summary.title)

    def _end(self, kept: Kept, step: Step, evidence: Evidence, *, detail: str) -> None:
        with self.log.exclusive(wait=True):
            self._note(step, evidence, who=_account(), detail=detail)
        kept.applied.unlink(missing_ok=True)

    def export(self, folder: Path, plan_id: str) -> bytes:
        """A kept plan for those who approve elsewhere, encrypted to them.

        Args:
            folder: the configuration it was made from.
            plan_id: of the plan.
        """
        kept = self.shelf.find(plan_id)
        approvers = self.succession.in_force(self.log.read().pin)
        files = {"evidence": kept.signed.file(), "plan.json": self.terraform.show(folder, plan=kept.plan)}
        if (report := kept.report) is not None:
            files["policies.json"] = report
        readers = [key for key, name in approvers.owners.items() if name in approvers.approving]
        return seal(files, (key for key in readers if key not in approvers.revoked))

    def open_sealed(self, content: bytes, key: Path) -> Looked:
        """Look at a plan that was made elsewhere.

        Args:
            content: what :meth:`export` gave.
            key: private key of an approver.

        Raises:
            RefusedError: it is not for this key, or not what was signed.
        """
        files = unseal(content, key)
        if not {"evidence", "plan.json"} <= files.keys():
            raise RefusedError("this is no sealed plan", guard="sealed")
        signed = SignedText.read(files["evidence"])
        approvers = self.succession.in_force(self.log.read().pin)
        attested = self.keys.check(signed, approvers, namespace=PLAN_NAMESPACE)
        evidence = Evidence.read(signed.content)
        plan = read_object(files["plan.json"], what="the plan")
        summary = self._derivation.summary(plan, evidence, report=files.get("policies.json"))
        check_sealed(
            evidence,
            attested,
            stack=self.stack,
            approvers=approvers,
            plan=plan,
            policies=summary.policies,
        )
        return Looked(evidence, summary)

    def _begin(self, folder: Path, kept: Kept, *, content: bytes, who: str) -> Looked:
        self._pinned()
        try:
            return self._allowed(folder, kept, content=content, who=who)
        except RefusedError as error:
            self._note("refused", kept.evidence, who=who, detail=error.message)
            raise

    def _allowed(self, folder: Path, kept: Kept, *, content: bytes, who: str) -> Looked:
        looked = self._examine(folder, kept, content)
        if looked.verdict is not None:
            looked.verdict.enforce()
        self._note("begun", looked.evidence, who=who, detail=looked.summary.title)
        return looked

    def _examine(self, folder: Path, kept: Kept, content: bytes) -> Looked:
        self.succession.apart_from(folder)
        ledger = self.log.read()
        approvers = self.succession.in_force(ledger.pin)
        signed, report = kept.signed, kept.report
        then = Evidence.read(signed.content)
        _check_files(folder, then, content)
        frame = replace(self._derivation.frame(folder, approvers, plan_id=kept.folder.name), **_carried(then))
        shown = self._derivation.shown(folder, content)
        now, summary = self._derivation.derive(shown, content, frame=frame, report=report)
        case = Case(
            then=then,
            now=now,
            planned=self.keys.check(signed, approvers, namespace=PLAN_NAMESPACE),
            approvals=tuple(
                self.keys.check(text, approvers, namespace=APPROVAL_NAMESPACE) for text in kept.approvals
            ),
            approvers=approvers,
            ledger=ledger,
            policies=summary.policies,
            stand_ins=summary.stand_ins,
            at=int(self.clock.now()),
        )
        return Looked(then, summary, judge(case))

    @property
    def _derivation(self) -> Derivation:
        return Derivation(self.stack, self.terraform, self.clock, self.log)

    def _pinned(self) -> Approvers:
        ledger = self.log.read()
        approvers = self.succession.in_force(ledger.pin)
        if ledger.pin is None or ledger.pin.digest != approvers.digest:
            self.log.append("approvers", subject=approvers.digest, detail=str(approvers.sequence))
        return approvers

    def _owner(self, key: Path, approvers: Approvers) -> str:
        public = self.keys.public_key(key)
        owner = approvers.owners.get(public)
        if owner is None or public in approvers.revoked:
            raise RefusedError(
                f"the key {key} is not on the list of approvers, or is revoked",
                guard="known-key",
                remedy="Name another with --key, or let the list pass on to one that has it.",
            )
        return owner

    def latest(self, folder: Path) -> str:
        """The id of the last plan of a configuration that was kept.

        Args:
            folder: the configuration of one state.

        Raises:
            NotReadyError: there is none.
        """
        part = folder.resolve().name
        found = self.log.read().last_plan_of(part)
        if found is None:
            raise NotReadyError(
                f"there is no plan of {part}", remedy=f"Make one: telamon infra plan {folder}."
            )
        return found

    def _note(self, step: Step, evidence: Evidence, *, who: str, detail: str) -> None:
        self.log.append(
            step,
            subject=evidence.digest(),
            who=who,
            part=evidence.part,
            plan_id=evidence.plan_id,
            detail=detail,
        )


def _account() -> str:
    return f"account {getpass.getuser()}"


def _carried(then: Evidence) -> dict[str, Any]:
    """What cannot be derived again; the signatures and the audit log hold it to what it was."""
    names: Sequence[str] = ("planner", "authors", "planned_at", "ledger")
    return {name: getattr(then, name) for name in names}


def _check_files(folder: Path, then: Evidence, content: bytes) -> None:
    """Refuse before Terraform runs on a plan, or with a provider, that nobody has vouched for."""
    if digest(content) != then.plan_file:
        raise RefusedError(
            "the saved plan is another file than the one that was made", guard="same-plan-file"
        )
    if digest(read_lock(folder)) != then.lock:
        raise RefusedError("the provider lock has changed since the plan was made", guard="same-lock")
