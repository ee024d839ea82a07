"""``telamon apis``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telamon.cli.options import DEFAULT_FILE, Verb

if TYPE_CHECKING:
    from telamon.cli.manifest_words import ApisUsed
    from telamon.cli.session import Session

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
@click.pass_obj
def command(
    session: Session, *, file: Path | None, version: str | None, objects: Path | None, facts: tuple[Path, ...]
) -> None:
    """Find what uses APIs that a version of Kubernetes no longer serves.

    Looked at is what `telamon render` writes of FILE, and what lives in a cluster if --objects gives it: there the
    managed fields tell who writes an object in which version, whichever version it was read in. Exit code 4 where
    anything is found. FILE is stack.yaml where neither is named; --objects alone looks at no file.

    Examples:
        telamon apis production.yaml --to 1.36
        kubectl get all,pdb,hpa -A -o json --show-managed-fields | telamon apis --objects -
    """
    from telamon.cli.manifest_words import ApisUsed, ApiUse
    from telamon.desired.kubernetes.removals import uses
    from telamon.errors import RefusedError
    from telamon.model.kubernetes import OFFERED

    minor = _minor(version) if version is not None else OFFERED[-1].minor
    looked: list[Mapping[str, Any]] = []
    if file is not None or objects is None:
        looked += _rendered(session, file or DEFAULT_FILE, facts)
    if objects is not None:
        looked += _living(session, objects)
    answer = ApisUsed(
        version=f"1.{minor}",
        objects=len(looked),
        uses=tuple(
            ApiUse(each.kind, each.name, each.removal.api, each.writer, each.removal.instead)
            for each in uses(looked, minor=minor)
        ),
    )
    session.answer(lambda: answer, lambda: _text(answer))
    if answer.uses:
        session.terminal.flush()
        raise click.exceptions.Exit(RefusedError.exit_code)


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
    if not answer.uses:
        return f"none of {answer.objects} objects uses an API that {answer.version} does not serve"
    lines = [f"{len(answer.uses)} uses of APIs that {answer.version} does not serve:"]
    for each in answer.uses:
        by = f" by {each.writer}" if each.writer else ""
        lines.append(f"  {each.kind} {each.name}: written as {each.api}{by}; write {each.instead}")
    return "\n".join(lines)
