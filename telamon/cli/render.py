"""Tables and live boards: the only module that knows the terminal library."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from io import StringIO
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from telamon.cli.terminal import Stream, printable

if TYPE_CHECKING:
    from telamon.cli.client import Report
    from telamon.cli.progress import Line
    from telamon.model.status import MemberStatus, StackStatus

UNWRAPPED: Final = 10_000
"""Columns of a stream that nobody looks at directly."""
BAR: Final = 12
TURNING: Final = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
TURNS_EVERY: Final = 0.5
"""Seconds between two signs of life beside a component that is not done."""

GOOD: Final = frozenset({"Serving", "Ready", "True", "yes", "ok"})
BAD: Final = frozenset(
    {"Quarantined", "Failed", "Exited", "Hung", "Stalled", "DatabaseLost", "IndexBroken", "Isolated", "no"}
)


def status_text(report: Report, *, now: datetime, stream: Stream) -> str:
    """A stack as ``telamon status`` shows it.

    Args:
        report: what its controller says.
        now: since when ages are counted.
        stream: where it will be shown.
    """
    spec, status = report.document["spec"], report.status
    platform = spec.get("platform", {}).get("kind", "")
    head = f"{report.name}: {spec.get('environment', '')}, {platform}, generation {report.generation}"
    parts: list[RenderableType] = [Text(head, "bold"), Text(), _components(status, now)]
    if status.conditions:
        parts += [Text(), _conditions(status, now)]
    persons = {
        f"{component.name}: a person has to go on at": component.url
        for component in status.components
        if component.url
    }
    parts += [part for pairs in (persons, status.urls) if pairs for part in (Text(), _pairs(pairs))]
    return drawn(Group(*parts), stream)


def plan_text(
    name: str, steps: Sequence[Mapping[str, Any]], *, waits: Sequence[Mapping[str, Any]], stream: Stream
) -> str:
    """A preview as ``telamon plan`` shows it.

    Args:
        name: of the stack.
        steps: with ``component``, ``step`` and ``because``, in order.
        waits: what would be left undone, with ``component``, ``reason`` and ``message``.
        stream: where it will be shown.
    """
    parts: list[RenderableType] = [Text(f"{name}: {counted(len(steps), 'step')}", "bold")]
    if steps:
        table = _table("", "component", "step", "because")
        for number, step in enumerate(steps, start=1):
            table.add_row(f"{number}", step["component"], _plain(step["step"]), _plain(step["because"]))
        parts += [Text(), table]
    if waits:
        table = _table("held", "by", "because")
        for wait in waits:
            table.add_row(wait["component"], _coloured(wait["reason"], "yellow"), _plain(wait["message"]))
        parts += [Text(), table]
    return drawn(Group(*parts), stream)


def doctor_text(
    machine: Sequence[Mapping[str, Any]], products: Sequence[Mapping[str, Any]], *, stream: Stream
) -> str:
    """Checks as ``telamon doctor`` shows them.

    Args:
        machine: checks of this machine.
        products: the products' own checks.
        stream: where it will be shown.
    """
    table = _table("where", "check", "", "found")
    for check in machine:
        found = f"{check['reason']}. {check['remedy']}" if check["remedy"] else check["reason"]
        table.add_row("machine", _plain(check["name"]), _verdict(check["healthy"]), _plain(found))
    for check in products:
        where = check["member"] or check["component"]
        table.add_row(where, _plain(check["name"]), _verdict(check["healthy"]), _plain(check["reason"]))
    return drawn(table, stream)


def secrets_text(secrets: Sequence[tuple[str, Sequence[str]]], *, stream: Stream) -> str:
    """Names and keys of secrets, never a value.

    Args:
        secrets: each with its keys.
        stream: where it will be shown.
    """
    table = _table("secret", "keys")
    for name, keys in secrets:
        table.add_row(name, ", ".join(keys))
    return drawn(table, stream)


def board(lines: Sequence[Line], elapsed: float) -> RenderableType:
    """One picture of a live board.

    Args:
        lines: a component each.
        elapsed: seconds since the begin.
    """
    table = Table.grid(padding=(0, 1))
    turning = Text(TURNING[int(elapsed / TURNS_EVERY) % len(TURNING)], "yellow")
    for line in lines:
        bar = ProgressBar(total=max(line.members, 1), completed=line.serving, width=BAR)
        words = Text(f"{line.words} {line.url}".rstrip(), "dim" if line.done else "")
        mark = Text("✓", "green") if line.done else turning
        table.add_row(mark, line.component, bar, f"{line.serving}/{line.members}", words)
    return Group(table, Text(f"{elapsed:.0f} s", "dim"))


@contextmanager
def live_board(stream: Stream) -> Iterator[LiveBoard]:
    """A board that is redrawn in place, and gone at the end."""
    with Live(console=_console(stream), transient=True, auto_refresh=False) as live:
        yield LiveBoard(live)


class LiveBoard:
    """A board on a screen. Fulfils :class:`telamon.cli.progress.Board`."""

    def __init__(self, live: Live) -> None:
        self._live = live

    def show(self, lines: Sequence[Line], elapsed: float) -> None:
        """Draw it anew."""
        self._live.update(board(lines, elapsed), refresh=True)


def drawn(thing: RenderableType, stream: Stream) -> str:
    """Anything of this module as text.

    Args:
        thing: what is drawn.
        stream: where it will be shown.
    """
    console = _console(Stream(StringIO(), stream.columns, stream.styled))
    with console.capture() as captured:
        console.print(thing)
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def counted(number: int, noun: str) -> str:
    """A number with its noun, e.g. "1 step" or "2 steps"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def age(since: datetime | None, now: datetime) -> str:
    """How long ago something was, in the largest unit that says enough."""
    if since is None:
        return ""
    seconds = max(int((now - since).total_seconds()), 0)
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def _components(status: StackStatus, now: datetime) -> Table:
    table = _table("name", "version", "state", "serving", "restarts", "since", "message")
    for component in status.components:
        members = [member for member in status.members if member.component == component.name]
        serving = sum(member.serving for member in members)
        reason = "Ready" if component.done and component.ready else component.reason
        words = " ".join(part for part in (component.message, component.remedy) if part)
        row = (component.name, "", _state(reason), f"{serving}/{len(members)}", "", "", _plain(words))
        table.add_row(*row, style="bold")
        for member in members:
            table.add_row(*_member(member, now))
    return table


def _member(member: MemberStatus, now: datetime) -> tuple[str | Text, ...]:
    return (
        f"  {member.name}",
        member.version or "",
        _state(member.state),
        "yes" if member.serving else "no",
        f"{member.restarts}",
        age(member.since, now),
        _plain(member.message),
    )


def _conditions(status: StackStatus, now: datetime) -> Table:
    table = _table("condition", "status", "since", "reason", "message")
    for condition in status.conditions:
        since = age(condition.last_transition_time, now)
        table.add_row(condition.type, condition.status, since, condition.reason, _plain(condition.message))
    return table


def _pairs(pairs: Mapping[str, str]) -> Table:
    table = Table.grid(padding=(0, 2))
    for name, value in pairs.items():
        # A URL that is broken over two lines can no longer be clicked.
        table.add_row(name, Text(value, no_wrap=True, overflow="ignore"))
    return table


def _table(*headings: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for heading in headings:
        table.add_column(
            heading.upper(), overflow="fold", no_wrap=heading not in {"message", "because", "found"}
        )
    return table


def _verdict(healthy: bool) -> Text:
    return _coloured("ok", "green") if healthy else _coloured("no", "bold red")


def _state(word: str) -> Text:
    colour = "green" if word in GOOD else "bold red" if word in BAD else "yellow"
    return _coloured(word, colour)


def _coloured(word: str, colour: str) -> Text:
    return Text(word, colour)


def _plain(text: str) -> Text:
    """Text from elsewhere: nothing in it is markup, and nothing moves the cursor."""
    return Text(printable(text))


def _console(stream: Stream) -> Console:
    return Console(
        file=stream.file,
        width=stream.columns or UNWRAPPED,
        force_terminal=stream.styled,
        color_system="standard" if stream.styled else None,
        markup=False,
        highlight=False,
        emoji=False,
        legacy_windows=False,
    )
