"""``telamon install``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telamon.cli.options import agreed_option
from telamon.cli.rendering import FolderVerb
from telamon.errors import MachineError, UsageError

if TYPE_CHECKING:
    from telamon.cli.manifest_words import Installed
    from telamon.cli.session import Session


@click.command(cls=FolderVerb)
@click.option("--crds-only", is_flag=True, help="Nothing but the custom resources Stack and Operation.")
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write what would be installed there, and ask no cluster.",
)
@click.option(
    "--kubeconfig",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="Default: KUBECONFIG, or the user's own.",
)
@click.option("--context", metavar="NAME", help="Of the kubeconfig. Default: the one in use.")
@agreed_option
@click.pass_obj
def command(
    session: Session, *, crds_only: bool, folder: Path | None, kubeconfig: Path | None, context: str | None
) -> None:
    """Teach a cluster the custom resources of Telamon.

    Afterwards it takes a stack file by `kubectl apply --server-side`, refuses one that can never be right, and lists
    what it has by `kubectl get telamon`. What is there already is not written again, and a cluster that keeps objects
    in a version that is not known here is refused before anything is touched. It takes the right to write
    customresourcedefinitions; with --output somebody else, or Argo CD, can apply the files.

    So far there is no operator to be installed: what is installed has to be said with --crds-only.

    Examples:
        telamon install --crds-only --context staging
        telamon install --crds-only --output manifests
    """
    if not crds_only:
        raise UsageError("an operator cannot be installed yet", remedy="Write `telamon install --crds-only`.")
    from telamon.stackfile.crds import custom_resources

    definitions = custom_resources(session.wiring().registry())
    answer = _applied(definitions, kubeconfig, context) if folder is None else _written(definitions, folder)
    session.answer(lambda: answer, lambda: _text(answer))


def _written(definitions: Sequence[Mapping[str, Any]], folder: Path) -> Installed:
    from telamon.cli.manifest_words import Installed, InstalledResource
    from telamon.desired.kubernetes.render import text_of
    from telamon.platforms.folder import write

    mark = "# Written by telamon install; changes are overwritten."
    names = {f"custom-resources/{item['metadata']['name']}.yaml": item for item in definitions}
    done = write(
        folder,
        {name: f"{mark}\n{text_of([item])}" for name, item in names.items()},
        mark=mark,
        ending=".yaml",
    )
    return Installed(
        str(folder),
        tuple(
            InstalledResource(str(item["metadata"]["name"]), "made" if name in done.written else "same")
            for name, item in names.items()
        ),
    )


def _applied(
    definitions: Sequence[Mapping[str, Any]], kubeconfig: Path | None, context: str | None
) -> Installed:
    from telamon.cli.manifest_words import Installed, InstalledResource

    try:
        from telamon.platforms.kubernetes.api import Api
        from telamon.platforms.kubernetes.definitions import bring
    except ImportError as error:
        raise MachineError(
            "the library for clusters is missing",
            remedy="Install telamon[kubernetes], which brings lightkube, or write files with --output.",
        ) from error
    api = Api(kubeconfig, context=context)
    try:
        done = bring(api, definitions)
    finally:
        api.close()
    return Installed("", tuple(InstalledResource(name, change) for name, change in done))


def _text(answer: Installed) -> str:
    head = [f"{answer.folder}:"] if answer.folder else []
    return "\n".join([*head, *(f"{each.change:<8}{each.name}" for each in answer.resources)])
