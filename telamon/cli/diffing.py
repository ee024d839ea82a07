"""``telamon diff``."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telamon.cli.options import Verb, file_argument
from telamon.errors import UsageError

if TYPE_CHECKING:
    from telamon.cli.charts_words import Compared
    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session

_SHOWN = 60
"""Characters of a value that are shown in a table."""


@click.command(cls=Verb)
@file_argument
@click.option(
    "--chart",
    "charts",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    required=True,
    metavar="FILE",
    help="What `helm template` or `helm get manifest` prints, or the secret of a release; once for each chart.",
)
@click.option(
    "--facts",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="What `terraform output -json` prints of a layer; once for each. Needed on AWS.",
)
@click.pass_obj
def command(session: Session, *, file: Path, charts: tuple[Path, ...], facts: tuple[Path, ...]) -> None:
    """Show what would be otherwise than the vendor's charts have rendered it.

    By object and field, grouped by meaning. What only a new pod can bring about is marked with R; every node gets one
    when a product moves. What the chart has and Telamon would not is marked with L: a variable, a container, a volume,
    and above all data: a claim whose volume the file does not take over. No cluster is asked, and what may be a secret
    is not shown. FILE is stack.yaml where none is named.

    Examples:
        telamon diff production.yaml --chart jira-manifests.yaml
        telamon diff production.yaml --chart release.json -o json
    """
    from telamon.cli.charts_words import Compared
    from telamon.cli.manifests import site_of
    from telamon.cli.reading import note_doubts, read_file
    from telamon.desired.kubernetes.render import bundles
    from telamon.importer.compare import compare

    found = read_file(session, file)
    note_doubts(session, found)
    known = site_of(found, file=file, facts=facts)
    ours = [item for bundle in bundles(known) for item in bundle.objects]
    theirs = [item for path in charts for item in _objects(path)]
    sections = _sections(session, found)
    differences = tuple(compare(theirs, ours, sections=sections))
    answer = Compared(
        stack=known.stack,
        restarts=tuple(sorted({each.object for each in differences if each.restarts})),
        lost=sum(each.lost for each in differences),
        differences=differences,
    )
    session.answer(lambda: answer, lambda: _text(answer))


def _sections(session: Session, found: FileRead) -> dict[str, tuple[str, ...]]:
    """By chart, the components that it can run, the product first."""
    from telamon.naming import component_name

    known = session.wiring().registry()
    sections = {}
    for name in found.stack.spec.products:
        product = known.get(str(name))
        if product is not None and product.chart is not None:
            beside = (component_name(name, companion) for companion in product.companions)
            sections[product.chart.section] = (str(name), *(str(each) for each in beside))
    return sections


def _objects(path: Path) -> Sequence[Any]:
    from telamon.cli.foreign_files import documents_of
    from telamon.importer.release import release_of
    from telamon.stackfile.foreign import documents

    read = documents_of(path)
    found: list[Any] = []
    for document in read:
        release = release_of(document)
        if release is not None:
            found += documents(release.manifest.encode(), source=str(path))
        elif isinstance(document, dict) and document.get("kind") == "List":
            found += document.get("items") or []
        else:
            found.append(document)
    for item in found:
        if not isinstance(item, dict) or not item.get("kind") or not isinstance(item.get("metadata"), dict):
            raise UsageError(
                f"{path} holds something that is no object", remedy="Give what `helm template` prints."
            )
    if not found:
        raise UsageError(f"{path} holds no objects", remedy="Give what `helm template` prints.")
    return found


def _text(answer: Compared) -> str:
    lines: list[str] = []
    for name, group in groupby(answer.differences, key=lambda each: each.object):
        lines += ["", name] if lines else [name]
        for each in group:
            marks = f"{'R' if each.restarts else ' '}{'L' if each.lost else ' '}"
            what = f"{each.meaning} {each.field}".strip()
            lines.append(f"  {marks} {what}: {_short(each.chart)} -> {_short(each.ours)}")
    count = f"{len(answer.differences)} differences, {answer.lost} of them a loss (L)"
    lines += ["", f"{count}; new pods (R): {', '.join(answer.restarts) or 'none'}"]
    return "\n".join(lines).lstrip("\n")


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
