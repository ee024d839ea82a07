"""``telamon drift``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from telamon.cli.clusters import cluster_options
from telamon.cli.options import Verb, file_argument, ground_option, state_option, yes_option

if TYPE_CHECKING:
    from telamon.cli.documents.ground import Drifted
    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.infra.drift import Drift
    from telamon.platforms.aws.drifting import Seen
    from telamon.platforms.kubernetes.drifting import ClusterSeen

EXIT_CODES: Final = (0, 21, 22, 23)
"""By severity: nothing, low, medium, high."""
CLUSTER: Final = "kubernetes"
GROUND: Final = ("state", "network", "cluster", "data", "edge", "operations")


@click.command(cls=Verb)
@file_argument
@state_option
@ground_option
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NAME",
    type=click.Choice((*GROUND, CLUSTER)),
    help="What is looked at: a layer of Terraform, or kubernetes; may be given several times. Default: all.",
)
@click.option("--fix", is_flag=True, help="Take back rules of security groups that were added by hand.")
@click.option(
    "--facts",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="What `terraform output -json` prints of a layer; once for each. Default: what `telamon up` has kept.",
)
@cluster_options
@yes_option
@click.pass_obj
def command(
    session: Session,
    *,
    file: Path,
    state: Path | None,
    ground: Path | None,
    layers: tuple[str, ...],
    fix: bool,
    facts: tuple[Path, ...],
    kubeconfig: Path | None,
    context: str | None,
    yes: bool,
) -> None:
    """Compare what lives on AWS and in Kubernetes with what a stack file says.

    Each difference is told with what it means. Of AWS, rules that somebody added to a security group come first: no
    plan of Terraform shows them. With --fix they are taken back by their ids, after a question; everything else goes
    the usual way, by a plan that others approve.

    Of a cluster every object that the file renders is held against what lives and what an apply would make of it, which
    the API server rehearses: defaults are no difference, and nothing is written. Who changed something, and when, is
    told where the cluster knows; so is what was added by hand in the namespaces of the stack, and which secrets are
    missing. It takes the rights to get, list and patch; what is denied is told by verb and kind, and the exit code is 7
    then. On aws the cluster is looked at where --context or --kubeconfig names it.

    The exit code is that of the gravest difference: 21 low, 22 medium, 23 high; 0 where there is none. FILE is
    stack.yaml where none is named.

    Examples:
        telamon drift
        telamon drift production.yaml --context production
        telamon drift production.yaml --ground deploy --layer network --layer cluster --fix
        telamon drift -o json
    """
    from telamon.cli.reading import read_file
    from telamon.errors import PlatformError, RefusedError
    from telamon.infra.drift import worst

    found = read_file(session, file)
    stack = found.stack
    kind = stack.spec.platform.kind
    if kind not in {"aws", CLUSTER}:
        raise RefusedError(
            f"the stack {stack.metadata.name} runs on {kind}, of which nothing can drift here",
            guard="platform-drifts",
            remedy="Compare a stack whose spec.platform.kind is aws or kubernetes.",
        )
    chosen = _chosen(kind, layers, named=kubeconfig is not None or context is not None)

    def tell(sentence: str) -> None:
        if session.output == "text":
            session.terminal.note(sentence)

    root = session.wiring().state_root(stack.metadata.name, state)
    below = None
    if wanted := tuple(each for each in chosen if each != CLUSTER):
        only = () if wanted == GROUND else wanted
        below = _ground(session, root, ground=ground, layers=only, fix=fix, yes=yes, tell=tell)
    above = None
    if CLUSTER in chosen:
        kept = facts or (_kept_facts(session, root, ground=ground) if kind == "aws" else ())
        above = _cluster(found, file=file, facts=kept, where=(kubeconfig, context), tell=tell)
    document = _document(stack.metadata.name, below, above, kind=kind)
    session.answer(lambda: document, lambda: _text(document))
    session.terminal.flush()
    code = PlatformError.exit_code if document.denied else EXIT_CODES[worst(_all(below, above))]
    raise click.exceptions.Exit(code)


def _chosen(kind: str, layers: Sequence[str], *, named: bool) -> tuple[str, ...]:
    """What is looked at, in order."""
    from telamon.errors import UsageError

    if kind == CLUSTER:
        if strange := [each for each in layers if each != CLUSTER]:
            raise UsageError(
                f"a stack on a cluster has no layer {', '.join(strange)}", remedy="Leave --layer out."
            )
        return (CLUSTER,)
    if layers:
        return tuple(each for each in (*GROUND, CLUSTER) if each in layers)
    return (*GROUND, CLUSTER) if named else GROUND


def _ground(
    session: Session,
    root: Path,
    *,
    ground: Path | None,
    layers: tuple[str, ...],
    fix: bool,
    yes: bool,
    tell: Callable[[str], None],
) -> Seen:
    drifting = session.wiring().drifting(root, ground=ground)
    seen = drifting.look(layers, tell=tell)
    if fix and seen.added:
        rules = "; ".join(f"{rule.id} ({rule})" for rule in seen.added)
        session.confirm(f"Take back {len(seen.added)} rules: {rules}?", yes=yes)
        drifting.remove(seen)
        seen = drifting.look(layers, tell=tell)
    return seen


def _kept_facts(session: Session, root: Path, *, ground: Path | None) -> tuple[Path, ...]:
    """What the ground told when it was brought up; rendering says what lacks without it."""
    from telamon.cli.ground import FACTS

    kept = session.wiring().ground_folder(root, ground) / FACTS
    return (kept,) if kept.is_file() else ()


def _cluster(
    found: FileRead,
    *,
    file: Path,
    facts: Sequence[Path],
    where: tuple[Path | None, str | None],
    tell: Callable[[str], None],
) -> ClusterSeen:
    from telamon.cli.clusters import connected
    from telamon.cli.manifests import site_of
    from telamon.desired.kubernetes.render import bundles
    from telamon.desired.kubernetes.wanted import wanted_secrets

    site = site_of(found, file=file, facts=facts)
    made = bundles(site)
    with connected(*where) as api:
        from telamon.platforms.kubernetes.drifting import ClusterDrifting

        return ClusterDrifting(api, made, wanted_secrets(site, made)).look(tell=tell)


def _all(below: Seen | None, above: ClusterSeen | None) -> tuple[Drift, ...]:
    return (*(below.drift if below else ()), *(above.drift if above else ()))


def _document(name: str, below: Seen | None, above: ClusterSeen | None, *, kind: str) -> Drifted:
    from telamon.cli.documents.ground import Drifted, DriftedThing
    from telamon.infra.drift import worst

    drift = _all(below, above)
    left = below.left if below is not None else GROUND if kind == "aws" else ()
    return Drifted(
        stack=name,
        severity=worst(drift).word,
        looked=(*(below.looked if below else ()), *((CLUSTER,) if above else ())),
        left=(*left, *(() if above else (CLUSTER,))),
        denied=above.denied if above else (),
        differences=tuple(
            DriftedThing(
                each.layer, each.address, each.what.value, each.severity.word, each.told, each.risk, each.rule
            )
            for each in sorted(drift, key=lambda each: -each.severity)
        ),
    )


def _text(document: Drifted) -> str:
    lines = [f"{document.stack}: {_counted(document)} in {', '.join(document.looked)}"]
    for each in document.differences:
        rule = f" {each.rule}" if each.rule else ""
        lines += [
            "",
            f"  {each.severity:6}  {each.layer}/{each.address}{rule}: {each.what}",
            f"          {each.told}",
            f"          risk: {each.risk}",
        ]
    if document.left:
        lines += ["", f"not looked at: {', '.join(document.left)}"]
    if document.denied:
        lines += ["", "may not be looked at:", *(f"  {each}" for each in document.denied)]
    return "\n".join(lines)


def _counted(document: Drifted) -> str:
    count = len(document.differences)
    if not count:
        return "no difference"
    return f"{count} difference{'s' if count > 1 else ''}, the gravest {document.severity},"
