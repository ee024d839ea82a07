"""``telamon drift``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from telamon.cli.options import Verb, file_argument, ground_option, state_option, yes_option

if TYPE_CHECKING:
    from telamon.cli.documents import Drifted
    from telamon.cli.session import Session
    from telamon.platforms.aws.drifting import Seen

EXIT_CODES: Final = (0, 21, 22, 23)
"""By severity: nothing, low, medium, high."""


@click.command(cls=Verb)
@file_argument
@state_option
@ground_option
@click.option(
    "--layer",
    "layers",
    multiple=True,
    metavar="NAME",
    type=click.Choice(("state", "network", "cluster", "data", "edge", "operations")),
    help="A layer that is looked at; may be given several times. Default: all.",
)
@click.option("--fix", is_flag=True, help="Take back rules of security groups that were added by hand.")
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
    yes: bool,
) -> None:
    """Compare what lies under a stack on AWS with what was applied.

    Each difference is told with what it means. Rules that somebody added to a security group come first: no plan of
    Terraform shows them. With --fix they are taken back by their ids, after a question; everything else goes the usual
    way, by a plan that others approve. The exit code is that of the gravest difference: 21 low, 22 medium, 23 high; 0
    where there is none. What runs in Kubernetes is not compared yet. FILE is stack.yaml where none is named.

    Examples:
        telamon drift
        telamon drift production.yaml --ground deploy --layer network --layer cluster --fix
        telamon drift -o json
    """
    from telamon.cli.reading import read_file
    from telamon.errors import RefusedError
    from telamon.infra.drift import worst

    found = read_file(session, file)
    stack = found.stack
    if stack.spec.platform.kind != "aws":
        raise RefusedError(
            f"the stack {stack.metadata.name} runs on {stack.spec.platform.kind}, of which nothing can drift here",
            guard="platform-aws",
            remedy="Compare a stack whose spec.platform.kind is aws.",
        )
    root = session.wiring().state_root(stack.metadata.name, state)
    drifting = session.wiring().drifting(root, ground=ground)

    def tell(sentence: str) -> None:
        if session.output == "text":
            session.terminal.note(sentence)

    seen = drifting.look(layers, tell=tell)
    if fix and seen.added:
        rules = "; ".join(f"{rule.id} ({rule})" for rule in seen.added)
        session.confirm(f"Take back {len(seen.added)} rules: {rules}?", yes=yes)
        drifting.remove(seen)
        seen = drifting.look(layers, tell=tell)
    document = _document(stack.metadata.name, seen)
    session.answer(lambda: document, lambda: _text(document))
    session.terminal.flush()
    raise click.exceptions.Exit(EXIT_CODES[worst(seen.drift)])


def _document(name: str, seen: Seen) -> Drifted:
    from telamon.cli.documents import Drifted, DriftedThing
    from telamon.infra.drift import worst

    things = sorted(seen.drift, key=lambda each: -each.severity)
    return Drifted(
        stack=name,
        severity=worst(seen.drift).word,
        looked=seen.looked,
        left=seen.left,
        differences=tuple(
            DriftedThing(
                each.layer, each.address, each.what.value, each.severity.word, each.told, each.risk, each.rule
            )
            for each in things
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
    return "\n".join(lines)


def _counted(document: Drifted) -> str:
    count = len(document.differences)
    if not count:
        return "no difference"
    return f"{count} difference{'s' if count > 1 else ''}, the gravest {document.severity},"
