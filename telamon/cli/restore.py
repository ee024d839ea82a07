"""``telamon restore``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb, plan_option, wait_options, yes_option
from telamon.cli.places import Place, place_options

if TYPE_CHECKING:
    from telamon.cli.session import Backups, Session
    from telamon.units import Duration


@click.command(cls=Verb)
@click.argument("product", shell_complete=completing.PRODUCTS)
@click.option("--from", "source", metavar="BACKUP", help="Name of the backup; `telamon backup list`.")
@click.option(
    "--to-time",
    "at",
    metavar="TIME",
    help="The instant, with its time zone; where spec.backup.continuous is set.",
)
@place_options
@yes_option
@plan_option
@wait_options("6h")
@click.pass_obj
def command(
    session: Session,
    *,
    product: str,
    source: str | None,
    at: str | None,
    place: Place,
    yes: bool,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Put a product's data back to those of a backup, or to an instant.

    The backup is fetched, judged and loaded beside what is in force while the product serves; a damaged one is refused
    there. Then users see the maintenance page, the data change places, and the product starts. If it does not start on
    them, what was before is put back. Else a backup of what was before is taken, so that nothing is lost by it.

    To an instant the database goes exactly. Files come from the backups around it: one that came after the backup
    before it, and had gone by the one after it, is lost, and the rows that lack it are listed on the page of the backup
    that is made of the instant (`telamon backup show`).

    In a cluster the backups lie where its pods alone can read them: a name that is none of theirs is told, with the
    nearest, before anything changes.

    Examples:
        telamon restore jira --from jira-20260312T101500Z
        telamon restore jira --to-time 2026-03-12T10:15:00Z
        telamon restore bitbucket --from bitbucket-20260312T101500Z --yes
        telamon restore jira --from jira-20260312T101500Z --context production
    """
    from telamon.cli.operating import Asked, Where, operate
    from telamon.errors import UsageError

    if (source is None) == (at is None):
        raise UsageError(
            "it is not clear to where", remedy="Name a backup with --from, or an instant with --to-time."
        )
    params = _params(session, place, product=product, source=source or "", at=at or "")
    words = params.pop("words")
    session.confirm(f"Interrupt {product}, and put its data back to {words}?", yes=yes or plan)
    operate(session, Asked("restore", product, params=params), where=Where(place, wait, timeout, plan=plan))


def _params(session: Session, place: Place, *, product: str, source: str, at: str) -> dict[str, str]:
    """Particulars of the operation, and in ``words`` to what the data go back."""
    from telamon.cli.target import find
    from telamon.errors import UsageError

    if place.in_cluster and at:
        raise UsageError(
            "in a cluster nobody goes back to an instant between two backups",
            remedy="Name a backup with --from.",
        )
    if place.in_cluster:
        return {"from": source, "words": f"those of {source}"}
    backups = session.wiring().backups(find(session, place.stack, state=place.state).root)
    return _to_backup(backups, product, source) if source else _to_instant(session, backups, product, at=at)


def _to_backup(backups: Backups, product: str, source: str) -> dict[str, str]:
    from telamon.errors import UsageError

    entry = backups.get(source)
    if entry.product != product:
        raise UsageError(
            f"{source} is a backup of {entry.product}, not of {product}",
            remedy=f"Write `telamon restore {entry.product} --from {source}`, or choose another backup.",
        )
    return {"from": source, "release": entry.release, "words": entry.taken}


def _to_instant(session: Session, backups: Backups, product: str, *, at: str) -> dict[str, str]:
    """Particulars of going back to an instant, the name of the backup that is made of it among them."""
    from datetime import UTC, datetime

    from telamon.errors import UsageError

    example = "Write it as in 2026-03-12T10:15:00Z."
    try:
        instant = datetime.fromisoformat(at)
    except ValueError as error:
        raise UsageError(f"{at} is no instant", remedy=example) from error
    if instant.tzinfo is None:
        raise UsageError(f"{at} does not say in which time zone", remedy=example)
    if instant.timestamp() >= session.clock.now():
        raise UsageError(f"{at} is not over yet", remedy="Name an instant that is.")
    around = backups.around(product, instant)
    utc = instant.astimezone(UTC)
    after = f"those of {around.after.name}" if around.after else "those of now"
    return {
        "from": f"{product}-at-{utc:%Y%m%dT%H%M%S%fZ}",
        "time": utc.isoformat(),
        "release": around.before.release,
        "words": f"{utc:%Y-%m-%dT%H:%M:%SZ}, with the files of {around.before.name} and {after}",
    }
