"""``telamon reach``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli.clusters import cluster_options
from telamon.cli.options import Verb, file_argument

if TYPE_CHECKING:
    from collections.abc import Sequence

    from telamon.cli.manifest_words import Reached
    from telamon.cli.session import Session
    from telamon.reach.proof import OpenFlow


@click.command(cls=Verb)
@file_argument
@click.option(
    "--from",
    "source",
    metavar="NAME",
    help="Only flows from there: acme-wiki/wiki, or an address with --port.",
)
@click.option("--to", "target", metavar="NAME", help="Only flows to there; likewise.")
@click.option("--port", metavar="PORT", help="Whether this flow is open, and what decides: 8080, or 53/UDP.")
@click.option(
    "--policies",
    "place",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="Manifests of anybody, in a folder or a file, in place of a stack file.",
)
@click.option(
    "--facts",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    metavar="FILE",
    help="What `terraform output -json` prints of a layer; once for each. Needed on AWS.",
)
@cluster_options
@click.pass_obj
def command(
    session: Session,
    *,
    file: Path,
    source: str | None,
    target: str | None,
    port: str | None,
    place: Path | None,
    facts: tuple[Path, ...],
    kubeconfig: Path | None,
    context: str | None,
) -> None:
    """Show which flows the network policies of a stack allow, and by which rule.

    The answer is worked out exactly from the policies that `telamon render` writes; nothing is sampled, and no cluster
    is asked. It is held against the list of flows that the stack needs: where more is open than is listed, or less,
    the verb says what, and ends with exit code 4. FILE is stack.yaml where none is named.

    With --policies the workloads and network policies are those of any manifests, and with --context or --kubeconfig
    those that live in a cluster: its pods, with their addresses. They are held against no list. With --port one flow is
    asked for, between two workloads or one and an address, of IPv4 or IPv6: the rules that decide are named where it is
    open, and where it is closed what the rules open that come closest.

    Examples:
        telamon reach production.yaml
        telamon reach production.yaml --from acme-jira/jira --to 203.0.113.7 --port 25
        telamon reach --policies manifests --from shop/web --to shop/database --port 5432
        telamon reach --context production --to acme-jira/jira-0
        telamon reach production.yaml --to acme-jira/jira -o json
    """
    from telamon.cli.manifest_words import FlowShown, Reached
    from telamon.cli.manifests import site_of
    from telamon.cli.reaching import Question, living, manifests, tell, tell_flow
    from telamon.cli.reading import note_doubts, read_file
    from telamon.desired.kubernetes.flows import flows
    from telamon.desired.kubernetes.render import bundles
    from telamon.errors import RefusedError, UsageError
    from telamon.reach.proof import policies_of, prove, workloads_of

    asked = Question(source, target, port)
    named = kubeconfig is not None or context is not None
    if named and place is not None:
        raise UsageError("manifests and a cluster are two things", remedy="Leave one of them out.")
    if named or place is not None:
        tell(session, living(kubeconfig, context) if place is None else manifests(place), question=asked)
        return
    found = read_file(session, file)
    note_doubts(session, found)
    known = site_of(found, file=file, facts=facts)
    made, listed = bundles(known), flows(known)
    if port is not None:
        workloads, _ = workloads_of(made, listed)
        tell_flow(session, workloads, policies=policies_of(made), question=asked)
        return
    proof = prove(made, listed)

    def shown(all_of_them: Sequence[OpenFlow]) -> tuple[FlowShown, ...]:
        return tuple(
            FlowShown(each.source, each.target, each.ports, each.why, each.because)
            for each in all_of_them
            if source in {None, each.source} and target in {None, each.target}
        )

    answer = Reached(known.stack, proof.holds, shown(proof.open), shown(proof.unlisted), shown(proof.closed))
    session.answer(lambda: answer, lambda: _text(answer))
    if not proof.holds:
        session.terminal.flush()
        raise RefusedError(
            f"{len(proof.unlisted)} flows are open that nobody lists, {len(proof.closed)} are listed and closed",
            guard="only-listed-flows",
            remedy="Look at the patches of the stack file that touch network policies.",
        )


def _text(answer: Reached) -> str:
    lines = [f"{answer.stack}: {len(answer.open)} flows are open"]
    for title, flows in (
        ("", answer.open),
        ("Open, and not listed:", answer.unlisted),
        ("Listed, and closed:", answer.closed),
    ):
        if flows and title:
            lines += ["", title]
        for each in flows:
            why = f" ({each.why})" if each.why else ""
            lines.append(f"  {each.source} -> {each.target}: {each.ports}{why}")
            lines += [f"      {reason}" for reason in each.because]
    if answer.holds:
        lines += ["", "Exactly what is listed is open."]
    return "\n".join(lines)
