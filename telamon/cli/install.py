"""``telamon install``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telamon.cli.clusters import cluster_options, connected
from telamon.cli.options import agreed_option
from telamon.cli.rendering import FolderVerb
from telamon.errors import UsageError

METRICS = ("none", "annotations", "service-monitor")
"""As :class:`telamon.desired.kubernetes.installation.Metering` names them; a test holds the two together."""

if TYPE_CHECKING:
    from telamon.cli.manifest_words import Installed
    from telamon.cli.session import Session


@click.command(cls=FolderVerb)
@click.option("--crds-only", is_flag=True, help="Nothing but the custom resources Stack and Operation.")
@click.option(
    "--image", metavar="IMAGE", help="Of the operator, with its digest: it is run by nothing that can move."
)
@click.option(
    "--metrics",
    type=click.Choice(METRICS),
    default=METRICS[0],
    show_default=True,
    help="How Prometheus finds what the operator counts.",
)
@click.option(
    "--pull-secret",
    metavar="NAME",
    help="Secret in telamon-system by which the image is pulled; somebody brings it.",
)
@click.option(
    "--priority-class",
    metavar="NAME",
    help="Of the operator's pods; the cluster's usual one where none is named.",
)
@click.option(
    "--output",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write what would be installed there, and ask no cluster.",
)
@click.option(
    "--chart",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Write a Helm chart of it there, and ask no cluster; --image is its default then, and need not be said.",
)
@cluster_options
@agreed_option
@click.pass_obj
def command(
    session: Session,
    *,
    crds_only: bool,
    image: str | None,
    metrics: str,
    pull_secret: str | None,
    priority_class: str | None,
    folder: Path | None,
    chart: Path | None,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Install the operator in a cluster, or teach it the custom resources of Telamon alone.

    Two operators run then in the namespace telamon-system, and one of them keeps the Stacks there. What it may do for a
    stack is rendered with the stack, a role a namespace; on the cluster as a whole its account may say by which
    certificate it answers for admission, see namespaces and what others applied for a stack, and end operations.
    A policy lets the API server refuse every write of one that leads no longer. With --metrics, Prometheus finds what
    both of them count: by annotations of their pods, or by a ServiceMonitor of its operator, which has to be there
    already.

    With the custom resources a cluster takes a stack file by `kubectl apply --server-side`, refuses one that can never
    be right, and lists what it has by `kubectl get telamon`. What is there already is not written again, and a cluster
    that keeps objects in a version that is not known here is refused before anything is touched. It takes the right to
    write customresourcedefinitions, namespaces, roles and admission policies; with --output somebody else, or Argo CD,
    can apply the files.

    With --chart Helm can: its values are the image, its pull secrets, how many operators run, where, and with which
    resources. The chart goes into the namespace telamon-system. `helm upgrade` brings newer definitions as well, and
    `helm uninstall` leaves them, every Stack and all pods of products.

    Examples:
        telamon install --image registry.acme.example/telamon@sha256:0f9c…
        telamon install --image registry.acme.example/telamon@sha256:0f9c… --metrics service-monitor
        telamon install --image registry.acme.example/telamon@sha256:0f9c… --pull-secret registry
        telamon install --crds-only --context staging
        telamon install --crds-only --output manifests
        telamon install --chart charts/telamon-operator
    """
    if chart is not None:
        if crds_only or folder is not None:
            raise UsageError(
                "a chart has everything in it, in a folder of its own",
                remedy="Leave --crds-only and --output out.",
            )
        charted = _charted(
            session,
            chart,
            image=image,
            metrics=metrics,
            pull_secret=pull_secret or "",
            priority_class=priority_class or "",
        )
        session.answer(lambda: charted, lambda: text_of(charted))
        return
    if crds_only == (image is not None):
        raise UsageError(
            "either the image of the operator or --crds-only has to be said",
            remedy="Write `telamon install --image NAME@sha256:…`, or `telamon install --crds-only`.",
        )
    if crds_only and (pull_secret or priority_class):
        raise UsageError(
            "--pull-secret and --priority-class are said of the operator, and --crds-only installs none",
            remedy="Leave them out, or name the image of the operator.",
        )
    objects = tuple(
        wanted(
            session,
            image,
            metrics=metrics,
            pull_secret=pull_secret or "",
            priority_class=priority_class or "",
        )
    )
    answer = _applied(objects, kubeconfig, context) if folder is None else _written(objects, folder)
    session.answer(lambda: answer, lambda: text_of(answer))


def wanted(
    session: Session,
    image: str | None,
    *,
    metrics: str,
    pull_secret: str = "",
    priority_class: str = "",
) -> Iterator[Mapping[str, Any]]:
    """What a cluster gets once.

    Args:
        session: whose wiring knows the products.
        image: of the operator; ``None``: the custom resources alone.
        metrics: how Prometheus finds the operator.
        pull_secret: by which its image is pulled; "" for none.
        priority_class: of its pods; "" for the cluster's usual one.

    Raises:
        UsageError: the image has no digest, or a name can be none.
    """
    from telamon.desired.kubernetes.installation import Metering, installation
    from telamon.stackfile.crds import custom_resources

    yield from custom_resources(session.wiring().registry())
    if image is None:
        return
    image = _pinned(image)
    _checked(pull_secret, priority_class)
    yield from installation(
        image, metrics=Metering(metrics), pull_secret=pull_secret, priority_class=priority_class
    )


def _pinned(image: str) -> str:
    """The name of an image that has a digest."""
    from telamon.desired.kubernetes.images import parse

    reference = parse(image)
    if re.fullmatch(r"sha256:[0-9a-f]{64}", reference.digest) is None:
        raise UsageError(
            f"{image} has no digest, and a tag can move", remedy="Write it as NAME@sha256: and 64 digits."
        )
    return str(reference)


def _checked(pull_secret: str, priority_class: str) -> None:
    """Refuse what can be no name of an object."""
    from telamon.naming import domain_fault

    for option, name in (("--pull-secret", pull_secret), ("--priority-class", priority_class)):
        fault = domain_fault(name, longest=253) if name else None
        if fault is not None:
            raise UsageError(
                f"{option} {name!r} {fault}", remedy="Write the name of an object of Kubernetes."
            )


def _charted(
    session: Session,
    folder: Path,
    *,
    image: str | None,
    metrics: str,
    pull_secret: str,
    priority_class: str,
) -> Installed:
    from telamon import __version__
    from telamon.cli.manifest_words import Installed, InstalledResource
    from telamon.desired.kubernetes.chart import MARK, Chosen, chart
    from telamon.desired.kubernetes.installation import Metering
    from telamon.platforms.folder import write
    from telamon.stackfile.crds import custom_resources

    _checked(pull_secret, priority_class)
    chosen = Chosen("" if image is None else _pinned(image), Metering(metrics), pull_secret, priority_class)
    files = chart(tuple(custom_resources(session.wiring().registry())), version=__version__, chosen=chosen)
    done = write(folder, files, mark=MARK, ending=".yaml")
    return Installed(
        str(folder),
        tuple(InstalledResource("file", name, "made" if name in done.written else "same") for name in files),
    )


def _written(objects: Sequence[Mapping[str, Any]], folder: Path) -> Installed:
    from telamon.cli.manifest_words import Installed
    from telamon.desired.kubernetes.render import text_of as yaml_of
    from telamon.platforms.folder import write

    mark = "# Written by telamon install; changes are overwritten."
    names = {_file(item): item for item in objects}
    done = write(
        folder,
        {name: f"{mark}\n{yaml_of([item])}" for name, item in names.items()},
        mark=mark,
        ending=".yaml",
    )
    return Installed(
        str(folder),
        tuple(resource(item, "made" if name in done.written else "same") for name, item in names.items()),
    )


def _file(item: Mapping[str, Any]) -> str:
    """Path of an object's file; in the order of the alphabet they can be applied one after the other."""
    from telamon.desired.kubernetes.site import OPERATOR

    name = str(item["metadata"]["name"])
    if item["kind"] == "CustomResourceDefinition":
        return f"custom-resources/{name}.yaml"
    number = 0 if item["kind"] == "Namespace" else 9 if item["kind"] == "Deployment" else 5
    which = name.removeprefix(OPERATOR) if name.startswith(OPERATOR) else ""
    return f"operator/{number}0-{item['kind'].lower()}{which}.yaml"


def _applied(objects: Sequence[Mapping[str, Any]], kubeconfig: Path | None, context: str | None) -> Installed:
    from telamon.cli.manifest_words import Installed

    with connected(kubeconfig, context) as api:
        from telamon.platforms.kubernetes.definitions import bring

        done = bring(api, objects)
    return Installed("", tuple(resource(item, change) for item, change in done))


def resource(item: Mapping[str, Any], change: str) -> Any:
    """An object, and what became of it, as a line of the answer."""
    from telamon.cli.manifest_words import InstalledResource

    return InstalledResource(str(item["kind"]), str(item["metadata"]["name"]), change)


def text_of(answer: Installed) -> str:
    """An answer for people.

    Args:
        answer: what was done.
    """
    head = [f"{answer.folder}:"] if answer.folder else []
    return "\n".join([*head, *(f"{each.change:<8}{each.kind}/{each.name}" for each in answer.resources)])
