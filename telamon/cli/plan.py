"""``telamon plan``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb, file_argument, lab_option, state_option

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.cli.target import Target


@click.command(cls=Verb)
@file_argument
@lab_option
@state_option
@click.pass_obj
def command(session: Session, *, file: Path, lab: bool, state: Path | None) -> None:
    """Show step by step what a file would do, and do nothing.

    Every node is looked at, and the very rules that would act are unfolded. What would be left undone is shown with
    the guard that holds it. FILE is stack.yaml where none is named.

    Examples:
        telamon plan
        telamon plan production.yaml --lab
        telamon plan -o json
    """
    from telamon.cli.bringing import refuse_other_platforms
    from telamon.cli.documents.checked import Plan, PlanStep, PlanWait
    from telamon.cli.reading import note_doubts, read_file
    from telamon.cli.target import target_of

    found = read_file(session, file, lab=lab)
    note_doubts(session, found)
    refuse_other_platforms(found)
    name = found.stack.metadata.name
    preview = _ask(session, found, target_of(session, name, state=state))
    steps, waits = preview["steps"], preview["waits"]
    document = Plan(
        stack=name,
        steps=tuple(PlanStep(**step) for step in steps),
        waits=tuple(PlanWait(**wait) for wait in waits),
        warnings=found.warnings,
        not_rehearsed=found.not_rehearsed,
    )

    def text() -> str:
        from telamon.cli.render import plan_text

        return plan_text(name, steps, waits=waits, stream=session.terminal.out)

    session.answer(lambda: document, text)


def _ask(session: Session, found: FileRead, target: Target) -> Mapping[str, Any]:
    """Ask the controller; where none runs, foresee it here. Nothing is started for a question."""
    from dataclasses import asdict

    from telamon.cli.client import Controller
    from telamon.cli.reading import as_data

    controller = Controller(target.socket)
    if controller.runs():
        return controller.plan(as_data(found.stack))
    return asdict(session.wiring().foresee(found.stack, target.root))
