"""Rules about maintenance windows."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import available_timezones

from telamon.model.zones import zone
from telamon.stackfile.findings import Finding, Subject
from telamon.stackfile.nearest import nearest


def time_zone_is_known(subject: Subject) -> Iterator[Finding]:
    """A window opens by a wall clock, so the rules of its zone must be known."""
    for index, window in enumerate(subject.spec.maintenance.windows):
        if zone(window.timezone) is None:
            known = available_timezones()
            meant = nearest(window.timezone, known)
            yield Finding(
                ("spec", "maintenance", "windows", index, "timezone"),
                f"no time zone is called {window.timezone}"
                if known
                else f"this machine knows no time zones, {window.timezone} among them",
                _remedy(meant) if known else "Install the package tzdata, or write UTC.",
            )


def _remedy(meant: str | None) -> str:
    return f"Write {meant}." if meant else "Write one as IANA names it, such as Europe/Berlin."
