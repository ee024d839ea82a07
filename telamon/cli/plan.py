"""``telamon plan``."""

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
    lab_option,
    state_option,
)

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
@ground_option
@approvers_option(required=False)
@cluster_options
@click.pass_obj
def command(
    session: Session,
    *,
    file: Path,
    lab: bool,
    state: Path | None,
    ground: Path | None,
    approvers: Path | None,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Show step by step what a file would do, and do nothing.

    Every node is looked at, and the very rules that would act are unfolded. What would be left undone is shown with
    the guard that holds it. FILE is stack.yaml where none is named.

    On aws it says what would become of each layer below the cluster, as `telamon infra plan` does: which machines are
    replaced and what holds that, what goes down, what speaks against it, and what a month would cost more. No plan is
    kept.

    On a cluster, AWS included, it says whether every pod has a machine with room, and whether that holds with one
    machine lost: of those that the ground would start, or that the file names (spec.placement.machines).

    Of a stack for kubernetes, --context names the cluster that is looked at: which objects would be made, changed and
    taken away (the API server rehearses it), what its operator would do step by step, which pods it would restart and
    in what order, what goes on that it would wait for, and what it would refuse. How products stand is taken from the
    status that the operator writes. Nothing is written. Without a cluster the steps are those of a first installation.
    What the stack's policies leave closed is told in either case.

    Examples:
        telamon plan
        telamon plan production.yaml --lab
        telamon plan production.yaml --context production
        telamon plan examples/aws.yaml --approvers ~/approvers
        telamon plan -o json
    """
    from telamon.cli.documents.checked import Plan, PlanStep, PlanWait
    from telamon.cli.reading import note_doubts, read_file
    from telamon.cli.target import target_of
    from telamon.errors import UsageError

    found = read_file(session, file, lab=lab)
    named = kubeconfig is not None or context is not None
    if named and found.stack.spec.platform.kind != "kubernetes":
        raise UsageError(
            f"a stack whose platform is {found.stack.spec.platform.kind} is not planned in a cluster",
            remedy="Leave --context and --kubeconfig out; `telamon drift` compares a cluster on aws with its file.",
        )
    note_doubts(session, found)
    if found.stack.spec.platform.kind == "aws":
        from telamon.cli.foreseeing import foresee

        root = session.wiring().state_root(found.stack.metadata.name, state)
        foresee(session, found, root=root, ground=ground, approvers=approvers)
        return
    if found.stack.spec.platform.kind == "kubernetes":
        from telamon.cli.cluster_plan import Cluster
        from telamon.cli.cluster_plan import foresee as foresee_cluster

        foresee_cluster(session, found, file=file, cluster=Cluster(kubeconfig, context) if named else None)
        return
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
