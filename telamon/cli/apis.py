"""``telamon apis``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telamon.cli.clusters import cluster_options, connected
from telamon.cli.options import DEFAULT_FILE, Verb

if TYPE_CHECKING:
    from telamon.cli.manifest_words import ApiRequested, ApisUsed
    from telamon.cli.session import Session
    from telamon.platforms.kubernetes.living import Living

LIST = "Give what `kubectl get … -A -o json --show-managed-fields` prints."


@click.command(cls=Verb)
@click.argument("file", type=click.Path(path_type=Path), required=False, metavar="[FILE]")
@click.option(
    "--to",
    "version",
    metavar="VERSION",
    help="Minor version of Kubernetes. Default: the newest that EKS offers.",
)
@click.option(
    "--objects",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="Objects that live in a cluster, as JSON with their managed fields; - is standard input.",
)
@click.option(
    "--facts",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="What `terraform output -json` prints of a layer; once for each. Needed on AWS.",
)
@click.option("--live", is_flag=True, help="Look into a cluster too. --context and --kubeconfig mean it.")
@cluster_options
@click.pass_obj
def command(
    session: Session,
    *,
    file: Path | None,
    version: str | None,
    objects: Path | None,
    facts: tuple[Path, ...],
    live: bool,
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Find what uses APIs that a version of Kubernetes no longer serves.

    Looked at is what `telamon render` writes of FILE, and what lives in a cluster: there the managed fields tell who
    writes an object in which version, whichever version it was read in. With --live the cluster itself is asked, for
    the metadata of every kind that has lost an API, and for the deprecated APIs that somebody has asked its API server
    for since that was started. --objects gives what somebody else has read from a cluster.

    Exit code 4 where anything is found that the version does not serve, and 7 where nothing is, and not everything may
    be looked at. FILE is stack.yaml where none is named; --objects and --live alone look at no file.

    Examples:
        telamon apis production.yaml --to 1.36
        telamon apis --live --context production
        kubectl get all,pdb,hpa -A -o json --show-managed-fields | telamon apis --objects -
    """
    from telamon.cli.manifest_words import ApiRequested, ApisUsed, ApiUse
    from telamon.desired.kubernetes.removals import uses
    from telamon.errors import PlatformError, RefusedError
    from telamon.model.kubernetes import OFFERED

    minor = _minor(version) if version is not None else OFFERED[-1].minor
    asks = live or kubeconfig is not None or context is not None
    looked: list[Mapping[str, Any]] = []
    if file is not None or not (asks or objects is not None):
        looked += _rendered(session, file or DEFAULT_FILE, facts)
    if objects is not None:
        looked += _living(session, objects)
    seen = _asked(kubeconfig, context, minor=minor) if asks else None
    if seen is not None:
        looked += seen.objects
    answer = ApisUsed(
        version=f"1.{minor}",
        objects=len(looked),
        uses=tuple(
            ApiUse(each.kind, each.name, each.removal.api, each.writer, each.removal.instead)
            for each in uses(looked, minor=minor)
        ),
        requested=tuple(
            ApiRequested(
                each.resource,
                each.api,
                "" if each.removed is None else f"1.{each.removed}",
                each.is_gone(minor),
            )
            for each in (seen.requested if seen is not None else ())
        ),
        denied=seen.denied if seen is not None else (),
    )
    session.answer(lambda: answer, lambda: _text(answer))
    session.terminal.flush()
    if answer.uses or any(each.gone for each in answer.requested):
        raise click.exceptions.Exit(RefusedError.exit_code)
    if answer.denied:
        raise click.exceptions.Exit(PlatformError.exit_code)


def _asked(kubeconfig: Path | None, context: str | None, *, minor: int) -> Living:
    with connected(kubeconfig, context) as api:
        from telamon.platforms.kubernetes.living import look

        return look(api, minor=minor)


def _minor(version: str) -> int:
    from telamon.errors import UsageError
    from telamon.model.kubernetes import minor_of

    minor = minor_of(version) if version.startswith("1.") else None
    if minor is None:
        raise UsageError(f'"{version}" is no minor version of Kubernetes', remedy="Write it like 1.36.")
    return minor


def _rendered(session: Session, file: Path, facts: Sequence[Path]) -> list[Mapping[str, Any]]:
    from telamon.cli.manifests import site_of
    from telamon.cli.reading import note_doubts, read_file
    from telamon.desired.kubernetes.render import bundles

    found = read_file(session, file)
    note_doubts(session, found)
    return [item for bundle in bundles(site_of(found, file=file, facts=facts)) for item in bundle.objects]


def _living(session: Session, path: Path) -> list[Mapping[str, Any]]:
    from telamon.cli.reading import read_json
    from telamon.errors import UsageError

    document = read_json(session, path, remedy=LIST)
    items = document.get("items", [document]) if isinstance(document, dict) else document
    if not isinstance(items, list) or not all(isinstance(item, dict) and "kind" in item for item in items):
        raise UsageError(f"{path} holds no objects of a cluster", remedy=LIST)
    return items


def _text(answer: ApisUsed) -> str:
    if answer.uses:
        lines = [f"{len(answer.uses)} uses of APIs that {answer.version} does not serve:"]
    else:
        lines = [f"none of {answer.objects} objects uses an API that {answer.version} does not serve"]
    for each in answer.uses:
        by = f" by {each.writer}" if each.writer else ""
        lines.append(f"  {each.kind} {each.name}: written as {each.api}{by}; write {each.instead}")
    if answer.requested:
        lines.append("deprecated APIs that somebody has asked the API server for since it was started:")
        lines += [f"  {each.resource} as {each.api}: {_end(each)}" for each in answer.requested]
    if answer.denied:
        lines += ["may not be looked at:", *(f"  {each}" for each in answer.denied)]
    return "\n".join(lines)


def _end(each: ApiRequested) -> str:
    return f"served no more from {each.removed} on" if each.removed else "no end is announced"
