"""The page that people read: everything of some drills, in one file that needs nothing else."""

from __future__ import annotations

import html
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from telamon.errors import MachineError, brief
from telamon.proof.drill.judging import number
from telamon.proof.drill.outcome import Finding, Outcome, Seen, Verdict, write
from telamon.proof.report.budget import OBJECTIVE, budget
from telamon.proof.report.pictures import PHASES, by_phase, over_time
from telamon.proof.report.style import STYLE

PAGE: Final = "report.html"
DATA: Final = "report.json"
DEFINITIONS: Final = """
<p>Load is open loop, from a process of its own: an answer's time counts from the instant at which its request was due.
A request has failed when its client saw a 5xx, a reset, a refused connection, nothing within ten seconds, or an answer
that contradicts what was acknowledged.</p>
<p>The stall is the longest that a session of a hurt member had to wait, from the instant a request was due to the next
success. Routed around: from the first fault to the first second in which nothing of those sessions was disturbed.
Healed: from the end of the last fault until everything was ready, and stayed so for three seconds. Detected: from the
first fault to the first step that the engine took.</p>
<p>A run is void when the generator itself was late: when the 99th percentile of its scheduling delay was over 20 ms.
What is lost in such a run counts all the same.</p>
"""
WORDS: Final[Mapping[Verdict, str]] = {
    Verdict.PASSED: "passed",
    Verdict.FAILED: "failed",
    Verdict.VOID: "void",
    Verdict.SKIPPED: "skipped",
    Verdict.BROKEN: "not carried through",
}


def write_report(folder: Path, outcomes: Sequence[Outcome], *, title: str) -> Path:
    """Write the page and its data.

    Args:
        folder: where; made where it is missing.
        outcomes: in the order of the page.
        title: of the page.

    Returns:
        The page.

    Raises:
        MachineError: it cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / DATA, outcomes)
        path = folder / PAGE
        path.write_text(page(outcomes, title=title), encoding="utf-8")
    except OSError as error:
        raise MachineError(f"the report in {folder} cannot be written: {brief(error)}") from error
    return path


def page(outcomes: Sequence[Outcome], *, title: str) -> str:
    """The page as text.

    Args:
        outcomes: in the order of the page.
        title: of the page.
    """
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{_safe(title)}</title>',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        f"<style>{STYLE}</style></head><body>",
        *_head(outcomes, title),
        *(line for number_, outcome in enumerate(outcomes) for line in _run(number_, outcome)),
        *_definitions(),
        "</body></html>",
    ]
    return "\n".join(parts) + "\n"


# ---------------------------------------------------------------------------------------------------------------- head


def _head(outcomes: Sequence[Outcome], title: str) -> Iterator[str]:
    counts = Counter(outcome.verdict for outcome in outcomes)
    told = ", ".join(f"{counts[verdict]} {WORDS[verdict]}" for verdict in Verdict if counts[verdict])
    began = min((outcome.began for outcome in outcomes), default=0.0)
    yield f'<h1>{_safe(title)}</h1><p class="soft">{_moment(began)} &middot; {told or "nothing was run"}</p>'
    sent = sum(outcome.sent for outcome in outcomes)
    failed = sum(sum(outcome.failed.values()) for outcome in outcomes)
    lost = sum(int(found.value) for outcome in outcomes if (found := outcome.finding("lost")) is not None)
    acknowledged = sum(seen.acknowledged for outcome in outcomes for seen in outcome.seen)
    yield '<div class="facts">'
    yield _fact(f"{sent:,}", "requests sent")
    yield _fact(f"{failed:,}", "failed")
    yield _fact(f"{acknowledged:,}", "writes acknowledged")
    yield _fact(f"{lost:,}", "of them lost")
    yield "</div>"
    if len(outcomes) > 1:
        yield from _overview(outcomes)


def _overview(outcomes: Sequence[Outcome]) -> Iterator[str]:
    yield '<div class="scroll"><table><thead><tr><th>drill</th><th>verdict</th><th class="n">sent</th>'
    yield '<th class="n">failed</th><th class="n">lost</th><th class="n">stall</th>'
    yield '<th class="n">healed</th></tr></thead><tbody>'
    for place, outcome in enumerate(outcomes):
        cells = (
            f"{outcome.sent:,}",
            f"{sum(outcome.failed.values()):,}",
            *(_figure(outcome.finding(key)) for key in ("lost", "stall", "healed")),
        )
        numbers = "".join(f'<td class="n">{cell if outcome.seen else ""}</td>' for cell in cells)
        name = f'<a href="#run-{place}">{_safe(outcome.label)}</a>'
        yield f"<tr><td>{name}</td><td>{_badge(outcome)}</td>{numbers}</tr>"
    yield "</tbody></table></div>"


# -------------------------------------------------------------------------------------------------------------- one run


def _run(place: int, outcome: Outcome) -> Iterator[str]:
    product = f' <span class="soft">({_safe(outcome.product)})</span>' if outcome.product else ""
    yield f'<section class="run" id="run-{place}">'
    yield f'<div class="head"><h2>{_safe(outcome.title)}{product}</h2>{_badge(outcome)}</div>'
    yield f"<p><b>Expected:</b> {_safe(outcome.hypothesis)}</p>"
    if outcome.reason:
        yield f'<p class="{outcome.verdict.value}"><b>Why:</b> {_safe(outcome.reason)}</p>'
    for blow in outcome.blows:
        lasts = f" for {blow.seconds:g} s" if blow.seconds > 1 else ""
        yield f'<p class="soft">At {blow.at:.1f} s: {_safe(blow.words)}{lasts}</p>'
    yield from (f'<p class="soft">{_safe(note)}</p>' for note in outcome.notes)
    if outcome.seen:
        yield from _figures(outcome)
        for seen in outcome.seen:
            yield from _seen(outcome, seen)
        yield from _budget(outcome)
    yield from _origin(outcome)
    yield "</section>"


def _figures(outcome: Outcome) -> Iterator[str]:
    yield '<h3>What was seen</h3><div class="scroll"><table><thead><tr><th>figure</th><th class="n">seen</th>'
    yield '<th class="n">at most</th><th></th></tr></thead><tbody>'
    for found in outcome.findings:
        most = "" if found.most is None else number(found.most, found.unit)
        word = "" if found.most is None else ("met" if found.met else "missed")
        mark = {"met": "passed", "missed": "failed"}.get(word, "")
        yield (
            f'<tr><td>{_safe(found.title)}</td><td class="n">{number(found.value, found.unit)}</td>'
            f'<td class="n">{most}</td><td class="{mark}">{word}</td></tr>'
        )
    yield "</tbody></table></div>"


def _seen(outcome: Outcome, seen: Seen) -> Iterator[str]:
    yield f"<h3>{_safe(seen.product)}: {seen.load.sent:,} requests of {seen.sessions} sessions</h3>"
    causes = ", ".join(f"{count} {_safe(cause)}" for cause, count in seen.load.failed.items())
    yield f"<p>Failed: {causes or 'none'}. {_writes(seen)}</p>"
    yield "<figure><figcaption>Answers over time, milliseconds"
    yield f"{_key('median')}{_key('longest')}{_key('failed')}</figcaption>"
    yield f'<div class="scroll">{over_time(seen, marks=outcome.marks)}</div></figure>'
    yield "<figure><figcaption>Percentiles, milliseconds"
    yield f"{''.join(_key(phase) for phase in PHASES)}</figcaption>"
    yield f'<div class="scroll">{by_phase(seen)}</div></figure>'
    yield from _phases(seen)
    if seen.witnesses:
        yield '<p class="failed"><b>What the checker found:</b></p><ul>'
        yield from (f"<li>{_safe(words)}</li>" for words in seen.witnesses)
        yield "</ul>"


def _writes(seen: Seen) -> str:
    found = ", ".join(f"{count} {_safe(name)}" for name, count in seen.anomalies.items())
    return (
        f"{seen.acknowledged:,} writes were acknowledged, {seen.read_back:,} of them read again, "
        f"{seen.unknown:,} are unknown; anomalies: {found or 'none'}."
    )


def _phases(seen: Seen) -> Iterator[str]:
    names = list(next(iter(seen.percentiles.values()), {}))
    head = "".join(f'<th class="n">{name}</th>' for name in names)
    yield '<div class="scroll"><table><thead><tr><th>phase</th><th class="n">requests</th><th class="n">failed</th>'
    yield f'{head}<th class="n">longest</th></tr></thead><tbody>'
    for phase in PHASES:
        found = seen.load.phases.get(phase, {})
        failed = sum((found.get("failed") or {}).values())
        cells = [seen.percentiles.get(phase, {}).get(name, math.nan) for name in names]
        longest = found.get("longest")
        cells.append(math.nan if longest is None else float(longest))
        numbers = "".join(f'<td class="n">{_milliseconds(cell)}</td>' for cell in cells)
        counts = f'<td class="n">{found.get("sent", 0):,}</td><td class="n">{failed:,}</td>'
        yield f"<tr><td>{phase}</td>{counts}{numbers}</tr>"
    yield "</tbody></table></div>"


def _budget(outcome: Outcome) -> Iterator[str]:
    found = budget(outcome)
    yield f"<h3>Against {OBJECTIVE * 100:.2f} %</h3>"
    share = (
        f"{found.failed:,} of {found.sent:,} requests failed, and {found.allowed:,.1f} may by that objective."
    )
    if found.bound is not None:
        share += (
            f" None failed, so the rate of failure is below {found.bound:.1e} with 95 % confidence (3/n)."
        )
    month = f"A month has room for {found.minutes:.1f} minutes of failure. "
    if found.such is None:
        month += "This took none of it."
    else:
        month += f"This took {found.lost:.2f} s of it, so {found.such:,} such events a month would use it up."
    yield f"<p>{share}</p><p>{month}</p>"


def _origin(outcome: Outcome) -> Iterator[str]:
    settings = ", ".join(f"{_safe(name)} {value:g}" for name, value in outcome.settings.items())
    versions = ", ".join(f"{_safe(name)} {_safe(version)}" for name, version in outcome.versions.items())
    yield f'<h3>How it was done</h3><p class="soft">{_moment(outcome.began)}, {outcome.seconds:.0f} s in all; '
    yield f"seed {outcome.seed}; {settings}.</p>"
    if versions:
        yield f'<p class="soft">{versions}.</p>'
    if outcome.repeat:
        yield f"<pre><code>{_safe(outcome.repeat)}</code></pre>"


def _definitions() -> Iterator[str]:
    yield f'<section class="run"><h2>How figures are defined</h2>{DEFINITIONS}</section>'


# --------------------------------------------------------------------------------------------------------------- inside


def _fact(value: str, words: str) -> str:
    return f'<div class="fact"><b>{value}</b><span>{words}</span></div>'


def _badge(outcome: Outcome) -> str:
    return f'<span class="badge {outcome.verdict.value}">{WORDS[outcome.verdict]}</span>'


def _key(name: str) -> str:
    return f'<span class="key"><i class="k-{name}"></i>{name}</span>'


def _figure(found: Finding | None) -> str:
    return "" if found is None else number(found.value, found.unit)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms" if math.isfinite(seconds) else ""


def _moment(began: float) -> str:
    return datetime.fromtimestamp(began, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _safe(text: object) -> str:
    return html.escape(str(text))
