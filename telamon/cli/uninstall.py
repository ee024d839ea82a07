"""``telamon uninstall``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from telamon.cli.clusters import cluster_options, connected
from telamon.cli.install import resource, text_of
from telamon.cli.options import Verb, yes_option

if TYPE_CHECKING:
    from telamon.cli.session import Session

KEPT: Final = frozenset(
    {"Namespace", "Lease", "ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"}
)
"""What stays: what people have written, and the fence; :mod:`telamon.desired.kubernetes.fencing` says why."""
ANY: Final = f"telamon@sha256:{'0' * 64}"


@click.command(cls=Verb)
@click.option("--leave-stacks", is_flag=True, help="Also where there are Stacks, which nobody keeps then.")
@cluster_options
@yes_option
@click.pass_obj
def command(
    session: Session, *, leave_stacks: bool, kubeconfig: Path | None, context: str | None, yes: bool
) -> None:
    """Take the operator off a cluster. Everything that people have written stays.

    Its processes, its account and its rights go. The namespace telamon-system stays with what is in it, and so do the
    custom resources: to take those away would take every Stack with them. The policy that fences stays as well, because
    an API server would not follow one that comes back; it concerns nobody but the operator's account.

    Where there are Stacks it refuses; with --leave-stacks their pods go on, nobody heals them, and an operator that is
    installed again goes on with them.

    Examples:
        telamon uninstall --context staging
        telamon uninstall --leave-stacks --yes
    """
    from telamon.cli.manifest_words import Installed
    from telamon.desired.kubernetes.installation import Metering, installation

    session.confirm("Take the operator off this cluster?", yes=yes)
    objects: list[Any] = [
        item for item in installation(ANY, metrics=Metering.SERVICE_MONITOR) if item["kind"] not in KEPT
    ]
    with connected(kubeconfig, context) as api:
        from telamon.platforms.kubernetes.definitions import take_away

        gone = take_away(api, objects, leave=leave_stacks)
    answer = Installed("", tuple(resource(item, "removed") for item in gone))
    session.answer(lambda: answer, lambda: text_of(answer) or "There was nothing to remove.")
