"""``telamon infra``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.ground_verbs import invalidate, token, unlock
from telamon.cli.options import (
    Decorated,
    Verb,
    Verbs,
    agreed_option,
    approvers_option,
    file_argument,
    ground_option,
    key_option,
    scan_options,
    stack_option,
    state_option,
    yes_option,
)

if TYPE_CHECKING:
    from telamon.cli.infra_words import InfraPlan
    from telamon.cli.session import Session
    from telamon.platforms.approval.desk import Desk, Looked
    from telamon.platforms.approval.keys import SignedText


@click.group(cls=Verbs)
def command() -> None:
    """Plan, approve and apply what lies under a stack on AWS.

    Nothing is applied that was not approved: a plan is kept, others sign it with their SSH keys, and that very plan is
    applied while everything it rests on is as it was. DIR holds the configuration of one state.

    Examples:
        telamon infra plan deploy/network --key ~/.ssh/id_ed25519
        telamon infra approve 3f5a --dir deploy/network --key ~/.ssh/id_ed25519 --destroys aws_eip.old
        telamon infra show deploy/network
        telamon infra apply deploy/network
        telamon infra status production.yaml
        telamon infra invalidate production.yaml --product jira
    """


command.add_command(invalidate)
command.add_command(token)
command.add_command(unlock)


def infra_options(function: Decorated) -> Decorated:
    """Which stack, where its records are, and who may approve."""
    return stack_option(state_option(approvers_option(required=True)(function)))


folder_argument = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, file_okay=False))
plan_argument = click.argument("plan_id", metavar="[PLAN]", required=False)


@command.command(cls=Verb)
@folder_argument
@infra_options
@key_option
@click.option(
    "--author",
    "authors",
    multiple=True,
    metavar="NAME",
    help="Who else had a hand in the change; may not approve it.",
)
@click.option(
    "--policies",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What another scanner said of it, as JSON.",
)
@scan_options
@click.option(
    "--check", is_flag=True, help="Keep nothing; print a comment for a pull request. Exit code 9: approve it."
)
@click.option(
    "--export",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the plan there too, encrypted to the approvers.",
)
@agreed_option
@click.pass_obj
def plan(
    session: Session,
    *,
    folder: Path,
    stack: str | None,
    state: Path | None,
    approvers: Path,
    key: Path | None,
    authors: tuple[str, ...],
    policies: Path | None,
    scan: bool,
    waivers: Path | None,
    check: bool,
    export: Path | None,
) -> None:
    """Make a plan, say what it does and costs, and keep it for approval.

    What the plan takes from other layers is asked of them first; with --check alone, values stand in for what is not
    there yet.

    Examples:
        telamon infra plan deploy/network --key ~/.ssh/id_ed25519
        telamon infra plan deploy/network --key build.key --author ada@acme.example --export network.sealed
        telamon infra plan deploy/network --check
    """
    from telamon.cli.infra_words import report_of, write_new

    desk = _desk(session, stack, state=state, approvers=approvers, scan=scan, waivers=waivers)
    report = report_of(policies)
    if check:
        looked = desk.look(folder, report=report)
        _answer(session, looked, comment=True)
        _end_as_check(session, looked)
    plan_id, looked = desk.plan(folder, _key(key), authors=authors, report=report)
    if export is not None:
        write_new(export, desk.export(folder, plan_id))
    _answer(session, looked)


@command.command(cls=Verb)
@folder_argument
@plan_argument
@infra_options
@click.option(
    "--check", is_flag=True, help="Print a comment for a pull request. Exit code 9: approvals are missing."
)
@click.pass_obj
def show(
    session: Session,
    *,
    folder: Path,
    plan_id: str | None,
    stack: str | None,
    state: Path | None,
    approvers: Path,
    check: bool,
) -> None:
    """Show a plan that is kept, who approved it, and what it still lacks.

    Everything is derived again. PLAN is the beginning of its id; left out, it is the last one of DIR.

    Examples:
        telamon infra show deploy/network
        telamon infra show deploy/network 3f5a --check
    """
    desk = _desk(session, stack, state=state, approvers=approvers)
    looked = desk.examine(folder, plan_id or desk.latest(folder))
    _answer(session, looked, comment=check)
    if check:
        _end_as_check(session, looked)


@command.command(cls=Verb)
@click.argument("what", metavar="WHAT")
@infra_options
@key_option
@yes_option
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="The configuration, for a plan that is kept here.",
)
@click.option(
    "--destroys",
    "names",
    multiple=True,
    metavar="ADDRESS",
    help="An address that may be destroyed, replaced or forgotten; each has to be named.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the approval of a sealed plan there, to be handed in.",
)
@click.pass_obj
def approve(
    session: Session,
    *,
    what: str,
    stack: str | None,
    state: Path | None,
    approvers: Path,
    key: Path | None,
    yes: bool,
    folder: Path | None,
    names: tuple[str, ...],
    out: Path | None,
) -> None:
    """Sign that a plan may be applied, or hand in what somebody has signed.

    WHAT is the beginning of a plan's id (with --dir), a sealed plan (with --out), an approval that somebody handed
    over, or the next list of approvers. A plan is shown before it is signed.

    Examples:
        telamon infra approve 3f5a --dir deploy/network --key ~/.ssh/id_ed25519
        telamon infra approve network.sealed --key ~/.ssh/id_ed25519 --destroys aws_eip.old --out ada.approval
        telamon infra approve ada.approval
        telamon infra approve approvers/0002.json --key ~/.ssh/id_ed25519
    """
    from telamon.cli.infra_words import Material, material

    desk = _desk(session, stack, state=state, approvers=approvers)
    kind, content = material(what, approvers)
    if kind is Material.APPROVERS:
        path = desk.succession.sign(Path(what), _key(key))
        _say(session, f"signed: {path}", {"signature": str(path)})
        return
    if kind is Material.APPROVAL:
        _hand_in(session, desk, content)
        return
    sealed = kind is Material.SEALED
    looked = desk.open_sealed(content, _key(key)) if sealed else desk.examine(_folder(folder), what)
    signed = _agree(session, desk, looked, key=_key(key), names=names, yes=yes)
    if sealed:
        _hand_over(session, signed, out)
    else:
        plan_id = desk.hand_in(signed)
        _say(session, f"approved: plan {plan_id}", {"plan": plan_id})


@command.command(cls=Verb)
@folder_argument
@plan_argument
@infra_options
@yes_option
@click.pass_obj
def apply(
    session: Session,
    *,
    folder: Path,
    plan_id: str | None,
    stack: str | None,
    state: Path | None,
    approvers: Path,
    yes: bool,
) -> None:
    """Apply a plan that was approved: that very plan, while everything it rests on is as it was.

    PLAN is the beginning of its id; left out, it is the last one of DIR.

    Examples:
        telamon infra apply deploy/network
        telamon infra apply deploy/network 3f5a --yes
    """
    from telamon.infra.words import counts

    desk = _desk(session, stack, state=state, approvers=approvers)
    chosen = plan_id or desk.latest(folder)
    looked = desk.examine(folder, chosen)
    if looked.verdict is not None and not looked.verdict.refusals:
        session.confirm(f"Apply plan {looked.evidence.plan_id}: {counts(looked.summary.changes)}?", yes=yes)
    # What is refused goes on to be refused there, where the audit log gets its line.
    done = desk.apply(folder, chosen, tell=session.terminal.note)
    said = f"applied: plan {done.evidence.plan_id}, {counts(done.summary.changes)}"
    _say(session, said, {"plan": done.evidence.plan_id})


@command.command(cls=Verb)
@file_argument
@state_option
@ground_option
@approvers_option(required=True)
@click.pass_obj
def status(session: Session, *, file: Path, state: Path | None, ground: Path | None, approvers: Path) -> None:
    """Show where each layer of the ground stands: what waits for whom, and what comes next.

    The files of the layers are written as FILE says now; nothing is planned or applied.

    Examples:
        telamon infra status
        telamon infra status production.yaml --ground deploy -o json
    """
    from telamon.cli import ground as grounds
    from telamon.cli.reading import read_file

    found = read_file(session, file)
    name = found.stack.metadata.name
    wishes = grounds.GroundWishes(ground, approvers, key=None, scan=False, waivers=None, yes=False)
    root = session.wiring().state_root(name, state)
    ascent = grounds.ascent_of(session, found, root=root, wishes=wishes)
    grounds.answer(session, ascent, places=list(ascent.look()), name=name)


def _desk(
    session: Session,
    stack: str | None,
    *,
    state: Path | None,
    approvers: Path,
    scan: bool = False,
    waivers: Path | None = None,
) -> Desk:
    from telamon.cli.infra_words import stack_name

    name = stack_name(session, stack)
    wiring = session.wiring()
    root = wiring.state_root(name, state)
    return wiring.approvals(name, root, approvers=approvers, scan=scan, waivers=waivers)


def _document(looked: Looked) -> InfraPlan:
    from telamon.cli.infra_words import as_document

    return as_document(looked)


def _answer(session: Session, looked: Looked, *, comment: bool = False) -> None:
    from telamon.cli.infra_words import standing
    from telamon.infra.words import as_comment, as_text

    def text() -> str:
        if comment:
            return as_comment(looked.summary, looked.verdict)
        return "\n".join(part for part in (as_text(looked.summary), standing(looked)) if part)

    session.answer(lambda: _document(looked), text)


def _end_as_check(session: Session, looked: Looked) -> None:
    """End with the code that says how it stands; the answer is out already, so the reason is only a note."""
    from telamon.cli.failures import as_text
    from telamon.cli.infra_words import refuse_or_wait
    from telamon.errors import TelamonError

    session.terminal.flush()
    try:
        refuse_or_wait(looked)
    except TelamonError as error:
        session.terminal.note(as_text(error, styled=session.terminal.notes.styled))
        raise click.exceptions.Exit(error.exit_code) from error
    raise click.exceptions.Exit(0)


def _agree(
    session: Session, desk: Desk, looked: Looked, *, key: Path, names: tuple[str, ...], yes: bool
) -> SignedText:
    from telamon.infra.words import as_text

    session.terminal.note(as_text(looked.summary))
    session.confirm(f"Sign that plan {looked.evidence.plan_id} may be applied?", yes=yes)
    return desk.approve(looked.evidence, key, names=names)


def _hand_in(session: Session, desk: Desk, content: bytes) -> None:
    from telamon.platforms.approval.keys import SignedText

    plan_id = desk.hand_in(SignedText.read(content))
    _say(session, f"handed in: plan {plan_id}", {"plan": plan_id})


def _hand_over(session: Session, signed: SignedText, out: Path | None) -> None:
    from telamon.cli.infra_words import write_new
    from telamon.errors import UsageError

    if out is None:
        raise UsageError("where shall the approval go?", remedy="Name a file with --out.")
    write_new(out, signed.file())
    _say(session, f"signed: hand in {out}", {"approval": os.fspath(out)})


def _say(session: Session, text: str, document: dict[str, str]) -> None:
    from telamon.cli.infra_words import InfraDone

    ((what, value),) = document.items()
    session.answer(lambda: InfraDone(what, value), lambda: text)


def _key(key: Path | None) -> Path:
    from telamon.errors import UsageError

    if key is None:
        raise UsageError("whose signature shall it be?", remedy="Name an SSH key with --key.")
    return key.expanduser()


def _folder(folder: Path | None) -> Path:
    from telamon.errors import UsageError

    if folder is None:
        raise UsageError("where is the configuration of this plan?", remedy="Name its folder with --dir.")
    return folder
