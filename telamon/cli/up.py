"""``telamon up``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.options import (
    Verb,
    approvers_option,
    file_argument,
    ground_option,
    key_option,
    lab_option,
    scan_options,
    state_option,
    wait_options,
    yes_option,
)

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.units import Duration


@click.command(cls=Verb)
@file_argument
@lab_option
@state_option
@yes_option
@wait_options("15m")
@ground_option
@approvers_option(required=False)
@key_option
@scan_options
@click.pass_obj
def command(
    session: Session,
    *,
    file: Path,
    lab: bool,
    state: Path | None,
    yes: bool,
    wait: bool,
    timeout: Duration,
    ground: Path | None,
    approvers: Path | None,
    key: Path | None,
    scan: bool,
    waivers: Path | None,
) -> None:
    """Bring a stack up, or to what its file says now.

    Starts a controller if none runs; it outlives this terminal and keeps the stack until `telamon down`. Then waits
    until everything is ready and prints where to go. Running it again changes nothing where nothing has changed.
    FILE is stack.yaml where none is named.

    On aws it brings up what lies under the stack first, layer by layer: plans each, waits for others to approve it
    (exit code 9, with the command for them), applies it and hands on what it tells. Run it again after an approval, or
    after whatever ended it: it goes on where things stand.

    Examples:
        telamon up
        telamon up production.yaml --lab
        telamon up examples/minimal.yaml --no-wait
        telamon up examples/aws.yaml --approvers ~/approvers --key ~/.ssh/id_ed25519
    """
    from telamon.cli import bringing
    from telamon.cli.client import Controller
    from telamon.cli.reading import note_doubts, read_file
    from telamon.cli.target import target_of

    found = read_file(session, file, lab=lab)
    note_doubts(session, found)
    if found.stack.spec.platform.kind == "aws":
        from telamon.cli.ground import GroundWishes, raise_ground

        root = session.wiring().state_root(found.stack.metadata.name, state)
        raise_ground(
            session, found, root=root, wishes=GroundWishes(ground, approvers, key, scan, waivers, yes)
        )
        return
    bringing.refuse_other_platforms(found)
    target = target_of(session, found.stack.metadata.name, state=state)
    controller = Controller(target.socket)
    with bringing.leaving_nothing_behind(session, target):
        bringing.ensure_controller(session, controller, target=target)
        bringing.bring(session, controller, found=found, wishes=bringing.Wishes(yes, wait, timeout))
