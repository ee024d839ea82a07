"""``telamon proof``: judge what a load run recorded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from telamon.cli.options import Verb, Verbs
from telamon.errors import ProductError

if TYPE_CHECKING:
    from telamon.cli.documents.checked import Judged
    from telamon.cli.session import Session
    from telamon.proof.history.verdict import Verdict

SHOWN: Final = 20
"""Anomalies that are shown to people; all of them stand in the JSON."""


@click.group(cls=Verbs)
def command() -> None:
    """Judge what a load run recorded.

    Drills and benchmarks write a record of every request of a load run: what was sent, when, by whom, how it was
    answered, and what the answer showed.

    Examples:
        telamon proof check record.jsonl
    """


@command.command("check", cls=Verb)
@click.argument("record", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_context
def check(context: click.Context, *, record: Path) -> None:
    """Say what cannot have happened if the products kept their promises.

    From the record alone: writes that were lost, doubled or torn, answers that were stale or ran backwards, versions
    that nobody made, files and commits that are not there. Each is shown with the fewest requests that show it. The
    exit code is 0 where nothing is wrong, 8 where something is; a record that shows nothing is wrong in neither way,
    and says so.

    Examples:
        telamon proof check bench-results/node-kill-jira-0-jira.jsonl.gz
        telamon proof check record.jsonl -o json
    """
    session: Session = context.obj
    from telamon.cli.documents.checked import Judged
    from telamon.proof.history.checker import check as judge
    from telamon.proof.history.reading import history_of
    from telamon.proof.measure import void
    from telamon.proof.record import read_record

    read = read_record(record)
    verdict = judge(history_of(read))
    answer = Judged(name=read.name, void=void(read), **verdict.document())
    session.answer(lambda: answer, lambda: _text(answer, verdict))
    if not verdict.clean:
        context.exit(ProductError.exit_code)


def _text(answer: Judged, verdict: Verdict) -> str:
    from telamon.cli.terminal import printable
    from telamon.proof.history.words import told

    looked = (
        f"{answer.name}: {verdict.operations} operations on {verdict.things} things; {verdict.acknowledged} writes "
        f"acknowledged, {verdict.read_back} of them read again, {verdict.unknown} without an answer"
    )
    lines = [looked]
    if not verdict.read_back:
        lines.append("nothing that was written was read again, so that this proves nothing")
    if answer.void:
        lines.append(f"its figures are void: {answer.void}")
    if verdict.clean:
        return "\n".join([*lines, "nothing is wrong"])
    lines.append(", ".join(f"{count} {name}" for name, count in verdict.counts().items()))
    for anomaly in verdict.anomalies[:SHOWN]:
        lines += ["", f"{anomaly.fault.value} in {anomaly.thing}: {anomaly.words}"]
        lines += [f"  {told(operation)}" for operation in anomaly.witness]
    if len(verdict.anomalies) > SHOWN:
        lines += ["", f"{len(verdict.anomalies) - SHOWN} more: see -o json"]
    return "\n".join(printable(line) for line in lines)
