"""Write what a suite of drills has shown as a page that Git may keep, and its data without the single requests.

``python -m tools.drill_page REPORT --commit COMMIT`` reads the folder that ``telamon drill suite --report`` wrote, and
writes ``docs/evidence/drills.md`` and ``drills.json``.
"""

from __future__ import annotations

import argparse
import json
import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from telamon.proof.drill.outcome import FORMAT

EVIDENCE = Path(__file__).parent.parent / "docs" / "evidence"
SHOWN = ("lost", "anomalies", "failed_reads", "stall", "routed_around", "writes_back", "healed")
"""Findings that have a column."""

HEAD = """\
# The drill suite

Written by `python -m tools.drill_page` from what `telamon drill suite` reported, as root on a clean clone of commit
`{commit}`: `telamon up examples/drills.yaml`, then
`telamon drill suite --stack examples/drills.yaml --seed {seed} --yes`. {verdicts}, in {minutes:.0f} minutes. Requests
come at {rate:g} a second to the products that a drill hurts, from clients of their own, and everything that was
acknowledged is read back after each drill.

{around}

A figure in **bold** is worse than its drill allows. Times are seconds. The data is in [drills.json](drills.json); each
drill is repeated alone by the command that stands there.

| drill | product | verdict | sent | lost | other wrong | failed reads | stall | routed around | writes back | healed |
|---|---|---|---:|---:|---:|---:|---:|---:|---:|---:|
"""


def page(runs: Sequence[Mapping[str, Any]], *, commit: str, around: str) -> str:
    """The page of a suite.

    Args:
        runs: as the report has them.
        commit: that was measured.
        around: what else the machine did, as a sentence.
    """
    verdicts = Counter(str(run["verdict"]) for run in runs)
    head = HEAD.format(
        commit=commit,
        seed=runs[0]["seed"],
        verdicts=", ".join(f"{count} drills {verdict}" for verdict, count in sorted(verdicts.items())),
        minutes=sum(float(run["seconds"]) for run in runs) / 60,
        rate=runs[0]["settings"]["requests per second"],
        around=around,
    )
    head = "\n\n".join(map(_wrapped, head.split("\n\n")))
    rows = "\n".join(map(_row, runs))
    reasons = "\n".join(_reasons(runs))
    return f"{head}{rows}\n\n## Not passed\n\n{reasons or 'None.'}\n"


def compact(run: Mapping[str, Any]) -> dict[str, Any]:
    """A run without the series of its requests; `telamon drill compare` reads it as it does the whole.

    Args:
        run: as the report has it.
    """
    return {**run, "seen": [{**each, "load": {**each["load"], "series": []}} for each in run["seen"]]}


def data(runs: Sequence[Mapping[str, Any]]) -> str:
    """The data of a suite, a line for each drill.

    Args:
        runs: as the report has them.
    """
    lines = ",\n".join(json.dumps(compact(run), separators=(",", ":")) for run in runs)
    return f'{{"format":{FORMAT},"runs":[\n{lines}\n]}}\n'


def _wrapped(paragraph: str) -> str:
    if paragraph.startswith(("#", "|")):
        return paragraph
    return textwrap.fill(paragraph, 120, break_long_words=False, break_on_hyphens=False)


def _row(run: Mapping[str, Any]) -> str:
    found = {str(each["key"]): each for each in run["findings"]}
    sent = sum(int(each["load"]["sent"]) for each in run["seen"])
    cells = [_cell(found.get(key)) for key in SHOWN]
    count = f"{sent:,}" if sent else ""
    return f"| {' | '.join((run['drill'], run['product'], run['verdict'], count, *cells))} |"


def _cell(finding: Mapping[str, Any] | None) -> str:
    if finding is None or finding["value"] is None:
        return ""
    value, most = float(finding["value"]), finding["most"]
    words = f"{value:.2f}" if finding["unit"] == "s" else f"{value:.0f}"
    return f"**{words}**" if most is not None and value > float(most) else words


def _reasons(runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for run in runs:
        if run["verdict"] != "passed":
            what = f"{run['drill']} {run['product']}".rstrip()
            yield f"- {what} ({run['verdict']}): {run['reason']}."


def main() -> None:
    """Read the command line, and write the page."""
    parser = argparse.ArgumentParser(prog="tools.drill_page", description=__doc__)
    parser.add_argument("report", type=Path, help="folder of the report")
    parser.add_argument("--commit", required=True, help="that was measured")
    parser.add_argument("--around", required=True, help="what else the machine did, as a sentence")
    given = parser.parse_args()
    runs = json.loads((given.report / "report.json").read_text(encoding="utf-8"))["runs"]
    EVIDENCE.mkdir(exist_ok=True)
    (EVIDENCE / "drills.md").write_text(
        page(runs, commit=given.commit, around=given.around), encoding="utf-8"
    )
    (EVIDENCE / "drills.json").write_text(data(runs), encoding="utf-8")


if __name__ == "__main__":
    main()
