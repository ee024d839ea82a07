"""``telamon import``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from telamon.cli.options import Verb
from telamon.errors import UsageError

if TYPE_CHECKING:
    from telamon.cli.charts_words import Imported as Answer
    from telamon.cli.session import Session
    from telamon.importer.assemble import Imported
    from telamon.importer.homes import Claim
    from telamon.importer.values import Values
    from telamon.products.base import Product


@click.command(cls=Verb)
@click.argument("files", nargs=-1, metavar="[[PRODUCT=]FILE]...")
@click.option(
    "--release",
    "releases",
    multiple=True,
    metavar="NAME",
    help="A live release of Helm: a file with its secret, or its name, which kubectl is asked for. Several times.",
)
@click.option(
    "--namespace", default="", metavar="NAME", help="Where the releases are. Default: kubectl's own."
)
@click.option("--name", default="stack", metavar="NAME", help="Name of the stack. Default: stack.")
@click.option(
    "--domain", default="", metavar="DOMAIN", help="Domain of all products. Default: that of their hosts."
)
@click.option(
    "--version",
    "versions",
    multiple=True,
    metavar="PRODUCT=VERSION",
    help="Version that runs, where no value names one.",
)
@click.option(
    "--claims",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="What `kubectl get pvc -A -o json` prints: the volumes are taken over, and nothing is copied.",
)
@click.option(
    "--shared-class",
    default="",
    metavar="CLASS",
    help="Storage class of shared homes that no value names a place for.",
)
@click.pass_obj
def command(
    session: Session,
    *,
    files: tuple[str, ...],
    releases: tuple[str, ...],
    namespace: str,
    name: str,
    domain: str,
    versions: tuple[str, ...],
    claims: Path | None,
    shared_class: str,
) -> None:
    """Make a stack file of the values of the vendor's Helm charts.

    Each FILE holds the values of one release: what was given to `helm install --values`, or what `helm get values`
    prints. Live releases are read with --release. Every value is carried over, or listed with the reason why not:
    what Telamon has no place for and what the chart does not know is told on standard error, and -o json lists all.
    Passwords in plain text are neither carried over nor shown.

    The stack file is printed. It is for platform kubernetes, and valid; where a value makes it invalid, it is printed
    all the same, its problems are told, and the exit code is 3. Nothing is changed anywhere.

    Examples:
        telamon import jira.yaml confluence.yaml bitbucket.yaml --name acme > stack.yaml
        telamon import jira=values.yaml --version jira=11.3.1 --domain acme.example
        telamon import --release jira --release confluence --namespace tools --claims claims.json
        telamon import values.yaml -o json
    """
    from telamon.importer.assemble import Wishes, assemble
    from telamon.stackfile.reader import read

    registry = session.wiring().registry()
    sources = [*_of_files(files, registry), *_of_releases(releases, registry, namespace=namespace)]
    if not sources:
        raise UsageError(
            "there is nothing to import", remedy="Name a file of values, or a release with --release."
        )
    wishes = Wishes(name, domain, _versions(versions, registry), shared_class)
    made = assemble(sources, wishes, claims=_claims(claims))
    reading = read(made.text, source="imported.yaml", registry=registry, today=session.today)
    answer = _answer(made)
    if session.output == "text":
        _tell(session, answer)
    if reading.stack is None and session.output == "text":
        session.terminal.say(made.text.rstrip("\n"))
    reading.require()
    session.answer(lambda: answer, lambda: made.text.rstrip("\n"))


def _answer(made: Imported) -> Answer:
    from telamon.cli.charts_words import ChartValue
    from telamon.cli.charts_words import Imported as Answer

    values = tuple(ChartValue(each.product, each.path, each.fate.value, each.why) for each in made.accounts)
    return Answer(made.document, values)


def _tell(session: Session, answer: Answer) -> None:
    """Tell a person what was not carried over."""
    count = {
        fate: sum(each.fate == fate for each in answer.values)
        for fate in ("taken", "ours", "lost", "unknown")
    }
    session.terminal.note(
        f"{len(answer.values)} values: {count['taken']} carried over, {count['ours']} that Telamon sees to by itself, "
        f"{count['lost']} lost, {count['unknown']} unknown"
    )
    for fate in ("unknown", "lost"):
        for each in answer.values:
            if each.fate == fate:
                session.terminal.note(f"{fate}: {each.product}: {each.path}: {each.why}")


def _of_files(files: Sequence[str], registry: Mapping[str, Product]) -> Iterator[tuple[Product, Values]]:
    from telamon.importer.values import Values

    for given in files:
        before, mark, after = given.partition("=")
        named, path = (before, Path(after)) if mark and not Path(given).exists() else ("", Path(given))
        for document in _documents_of(path):
            found = _of_release(document, registry)
            if found is None:
                product = _product(named, document, registry, path=path)
                found = product, Values(document)
            yield found


def _of_releases(
    releases: Sequence[str], registry: Mapping[str, Product], *, namespace: str
) -> Iterator[tuple[Product, Values]]:
    from telamon.platforms.helm import release_secrets
    from telamon.stackfile.foreign import documents

    for given in releases:
        if Path(given).is_file():
            read = _documents_of(Path(given))
        else:
            _check_name(given)
            read = documents(release_secrets(given, namespace=namespace), source=f"release {given}")
        for document in read:
            found = _of_release(document, registry)
            if found is None:
                raise UsageError(
                    f"there is no release {given}", remedy="`helm list --all-namespaces` shows what there is."
                )
            yield found


def _of_release(document: Any, registry: Mapping[str, Product]) -> tuple[Product, Values] | None:
    from telamon.importer.release import release_of
    from telamon.importer.values import Values

    release = release_of(document)
    if release is None:
        return None
    product = next(
        (each for each in registry.values() if each.chart and each.chart.section == release.chart), None
    )
    if product is None:
        raise UsageError(
            f"the release {release.name} is of the chart {release.chart}, which Telamon does not know",
            remedy=f"Known are {', '.join(sorted(registry))}.",
        )
    return product, Values(release.values, release.product_release, release.name)


def _product(named: str, document: Any, registry: Mapping[str, Product], *, path: Path) -> Product:
    """Whose values a file holds: what was said, or whose section stands in it, or what the file is called."""
    if named:
        if named not in registry:
            from telamon.cli.names import unknown

            raise unknown("product", named, known=sorted(registry))
        return registry[named]
    if not isinstance(document, dict):
        raise UsageError(f"{path} holds no values", remedy="Give what `helm get values` prints.")
    with_chart = [each for each in registry.values() if each.chart is not None]
    found = [each for each in with_chart if each.chart is not None and each.chart.section in document]
    found = found or [each for each in with_chart if each.name in path.name]
    if len(found) != 1:
        raise UsageError(
            f"{path} does not say whose values it holds",
            remedy=f"Write PRODUCT={path}, e.g. {with_chart[0].name}={path}.",
        )
    return found[0]


def _versions(given: Sequence[str], registry: Mapping[str, Product]) -> dict[str, str]:
    found = {}
    for each in given:
        name, mark, version = each.partition("=")
        if not mark or not version:
            raise UsageError(f'"{each}" names no version', remedy="Write PRODUCT=VERSION.")
        if name not in registry:
            from telamon.cli.names import unknown

            raise unknown("product", name, known=sorted(registry))
        found[name] = version
    return found


def _claims(path: Path | None) -> tuple[Claim, ...]:
    from telamon.importer.homes import claims_of

    if path is None:
        return ()
    return tuple(claim for document in _documents_of(path) for claim in claims_of(document))


def _check_name(name: str) -> None:
    from telamon.naming import domain_fault

    fault = domain_fault(name, longest=53)
    if fault is not None:
        raise UsageError(
            f'"{name}" {fault}, so it is no release', remedy="Name a release, or a file with its secret."
        )


def _documents_of(path: Path) -> tuple[Any, ...]:
    """The documents of a file; one that is empty holds no values, which is a document too."""
    from telamon.cli.foreign_files import documents_of

    return documents_of(path) or ({},)
