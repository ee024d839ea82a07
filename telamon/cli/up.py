"""``telamon up``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.clusters import cluster_options
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
    from telamon.cli.ground import GroundWishes
    from telamon.cli.raising import ClusterWishes
    from telamon.cli.reading import FileRead
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
@cluster_options
@click.option(
    "--operator",
    metavar="IMAGE",
    help="Install the operator in the cluster with this image, said with its digest; once is enough.",
)
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
    kubeconfig: Path | None,
    context: str | None,
    operator: str | None,
) -> None:
    """Bring a stack up, or to what its file says now.

    Starts a controller if none runs; it outlives this terminal and keeps the stack until `telamon down`. Then waits
    until everything is ready and prints where to go. Running it again changes nothing where nothing has changed.
    FILE is stack.yaml where none is named.

    On aws it brings up what lies under the stack first, layer by layer: plans each, waits for others to approve it
    (exit code 9, with the command for them), applies it and hands on what it tells. Run it again after an approval, or
    after whatever ended it: it goes on where things stand. Then it goes on in the cluster, to which it logs in with the
    credentials of AWS.

    In a cluster it installs the operator (--operator), makes what the operator has no right to, asks for the secrets
    that people bring, writes the Stack and waits until it is ready. A stack of the platform kubernetes is brought to
    the cluster that --context or --kubeconfig names. Nothing is written that is so already.

    Examples:
        telamon up
        telamon up production.yaml --lab
        telamon up examples/minimal.yaml --no-wait
        telamon up examples/aws.yaml --approvers ~/approvers --key ~/.ssh/id_ed25519
        telamon up production.yaml --context production --operator registry.acme.example/telamon@sha256:0f9c…
    """
    from telamon.cli import bringing
    from telamon.cli.client import Controller
    from telamon.cli.reading import note_doubts, read_file
    from telamon.cli.target import target_of

    found = read_file(session, file, lab=lab)
    note_doubts(session, found)
    kind = found.stack.spec.platform.kind
    named = kubeconfig is not None or context is not None
    if kind == "aws" or (kind == "kubernetes" and named):
        from telamon.cli.ground import GroundWishes
        from telamon.cli.raising import ClusterWishes, raise_stack

        wishes = ClusterWishes(kubeconfig, context, operator, (), timeout.seconds if wait else None)
        if kind == "aws":
            root = session.wiring().state_root(found.stack.metadata.name, state)
            below = GroundWishes(ground, approvers, key, scan, waivers, yes)
            wishes = _on_ground(session, found, root=root, below=below, wishes=wishes)
        raise_stack(session, found, file=file, wishes=wishes)
        return
    bringing.refuse_other_platforms(found)
    target = target_of(session, found.stack.metadata.name, state=state)
    controller = Controller(target.socket)
    with bringing.leaving_nothing_behind(session, target):
        bringing.ensure_controller(session, controller, target=target)
        bringing.bring(session, controller, found=found, wishes=bringing.Wishes(yes, wait, timeout))


def _on_ground(
    session: Session, found: FileRead, *, root: Path, below: GroundWishes, wishes: ClusterWishes
) -> ClusterWishes:
    """Bring the ground up, and say how the cluster on it is reached."""
    from dataclasses import replace

    from telamon.cli.ground import FACTS, raise_ground, write_kubeconfig

    facts = raise_ground(session, found, root=root, wishes=below)
    folder = session.wiring().ground_folder(root, below.folder)
    kept = replace(wishes, facts=(folder / FACTS,))
    if kept.kubeconfig is None and kept.context is None:
        kept = replace(kept, kubeconfig=write_kubeconfig(found.stack, facts, folder=folder))
    return kept
