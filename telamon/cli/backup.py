"""``telamon backup``: take backups, and see what there is to come back to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import (
    Verb,
    Verbs,
    agreed_option,
    plan_option,
    wait_options,
    yes_option,
)
from telamon.cli.places import Place, place_options

if TYPE_CHECKING:
    from collections.abc import Mapping

    from telamon.cli.session import Backups, Session
    from telamon.state.backups import BackupEntry
    from telamon.state.listing import ListedBackup, Listing
    from telamon.units import Duration

TAKE = "take"


class _Backup(Verbs):
    """Its verbs; where none is named it is a backup that is wanted."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the verb in that was left out."""
        named = any(word in self.commands for word in args) or "--help" in args[:1]
        return super().parse_args(ctx, args if named else [TAKE, *args])


@click.group(cls=_Backup)
def command() -> None:
    """Take backups of what users keep, and see what there is.

    A backup holds database and shared home of one product as of one instant, taken while it serves. It is listed
    when it was read back, loaded and judged: every row with its file, every repository whole. `telamon restore` puts
    one back.

    Examples:
        telamon backup
        telamon backup jira
        telamon backup list
        telamon backup verify jira-20260312T101500Z
        telamon backup prune
        telamon backup tidy jira
    """


@command.command(TAKE, cls=Verb)
@click.argument("product", required=False)
@place_options
@agreed_option
@plan_option
@wait_options("6h")
@click.pass_obj
def take(
    session: Session,
    *,
    product: str | None,
    place: Place,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Take a backup of one product, or of every product in turn.

    Equal content is stored once, so the second backup takes little room.

    Examples:
        telamon backup take
        telamon backup take confluence --no-wait
    """
    from telamon.cli.keepers import keeper_of
    from telamon.cli.operating import Asked, Where, operate

    where = Where(place, wait, timeout, plan=plan)
    with keeper_of(session, place) as keeper:
        products = keeper.stack().products
    for name in [product] if product else sorted(products):
        operate(session, Asked("backup", name), where=where)


@command.command("list", cls=Verb)
@place_options
@click.pass_obj
def list_(session: Session, *, place: Place) -> None:
    """List the backups of a stack, the newest last. No controller is needed.

    One whose page is damaged is listed at the end, with what is wrong; only a restore that needs it is refused, and no
    old backup is cleared away until it is mended.

    In a cluster the backups lie where its pods alone can read them: what is listed is what the last job on them that
    ended well has told, the newest about twenty of each product.

    Examples:
        telamon backup list
        telamon backup list -o json
        telamon backup list --context production
    """
    from telamon.state.listing import listing

    if place.in_cluster:
        _list_cluster(session, place)
        return
    backups = _backups(session, place.stack, state=place.state)
    entries, damaged = backups.entries(), backups.damaged()
    session.answer(lambda: (*entries, *damaged), lambda: _table(listing(entries, damaged)))
    for page in damaged:
        session.terminal.note(f"{page.damaged}. {page.remedy}")


def _list_cluster(session: Session, place: Place) -> None:
    """List what the jobs of a cluster have told."""
    from telamon.state.backups import DamagedPage
    from telamon.state.listing import Listing

    found = _told(session, place)
    lines = [line for told in found.values() for line in told.backups]
    whole = Listing(
        tuple(sorted(lines, key=lambda line: (line.taken, line.name))),
        tuple(name for told in found.values() for name in told.damaged),
    )
    damaged = [
        DamagedPage(name, "its page cannot be read", "Put it back from a copy.") for name in whole.damaged
    ]
    session.answer(lambda: (*whole.backups, *damaged), lambda: _table(whole))
    for name, told in found.items():
        if told.left_off:
            session.terminal.note(f"{told.left_off} older backups of {name} are not listed.")


def _told(session: Session, place: Place) -> Mapping[str, Listing]:
    """What the jobs of a cluster have told last, by product; without those that have told nothing yet."""
    from telamon.cli.clusters import connected
    from telamon.cli.keepers import stack_name
    from telamon.naming import component_name
    from telamon.platforms.kubernetes.asking import Asking

    with connected(place.kubeconfig, place.context) as api:
        asking = Asking(api, stack_name(session, api, given=place.stack))
        names = [component_name(name) for name in asking.asked_for().spec.products]
        return asking.all_backups(sorted(names))


def _show_cluster(session: Session, place: Place, *, name: str) -> None:
    """Show what the jobs of a cluster have told of one backup."""
    from telamon.cli.names import unknown
    from telamon.errors import PlatformError

    told = _told(session, place)
    lines = {line.name: (product, line) for product, listed in told.items() for line in listed.backups}
    if any(name in listed.damaged for listed in told.values()):
        raise PlatformError(f"the page of {name} cannot be read", remedy="Put it back from a copy.")
    if name not in lines:
        raise unknown("backup", name, known=list(lines))
    product, line = lines[name]
    session.answer(lambda: line, lambda: _line_text(product, line))


def _product_of(name: str, *, told: Mapping[str, Listing]) -> str:
    from telamon.cli.names import unknown
    from telamon.state.listing import product_of

    if (product := product_of(name, told)) is None:
        raise unknown(
            "backup", name, known=[line.name for listed in told.values() for line in listed.backups]
        )
    return product


@command.command("show", cls=Verb)
@click.argument("name")
@place_options
@click.pass_obj
def show(session: Session, *, name: str, place: Place) -> None:
    """Show what one backup holds. No controller is needed.

    In a cluster it is what the last job on backups has told; rows and files are on its page, on the claim.

    Examples:
        telamon backup show jira-20260312T101500Z
        telamon backup show jira-20260312T101500Z --context production
    """
    if place.in_cluster:
        _show_cluster(session, place, name=name)
        return
    entry = _backups(session, place.stack, state=place.state).get(name)
    session.answer(lambda: entry, lambda: _text(entry))


@command.command("verify", cls=Verb)
@click.argument("name")
@place_options
@agreed_option
@plan_option
@wait_options("6h")
@click.pass_obj
def verify(session: Session, *, name: str, place: Place, plan: bool, wait: bool, timeout: Duration) -> None:
    """Restore a backup where nobody is disturbed, and judge it.

    All of it is read. The dump is loaded into a server of its own, rows are counted, every row is asked for its file
    or commit, and git looks at every repository.

    In a cluster a job does it, where its pods can read the backups.

    Examples:
        telamon backup verify jira-20260312T101500Z
        telamon backup verify jira-20260312T101500Z --context production
    """
    from telamon.cli.operating import Asked, Where, operate

    if place.in_cluster:
        product = _product_of(name, told=_told(session, place))
    else:
        product = _backups(session, place.stack, state=place.state).get(name).product
    operate(
        session,
        Asked("verify-backup", product, params={"from": name}),
        where=Where(place, wait, timeout, plan=plan),
    )


@command.command("tidy", cls=Verb)
@click.argument("product", shell_complete=completing.PRODUCTS)
@click.option("--discard", is_flag=True, help="Remove it without a backup: nobody needs what was before.")
@place_options
@yes_option
@plan_option
@wait_options("6h")
@click.pass_obj
def tidy(
    session: Session,
    *,
    product: str,
    discard: bool,
    place: Place,
    yes: bool,
    plan: bool,
    wait: bool,
    timeout: Duration,
) -> None:
    """Make what a restore has kept aside a backup, and remove it there.

    A restore does so by itself in the end. Where no backup could be made of what was before, its end says why; until
    this has come to a good end, no other restore of that product can begin. Users notice nothing.

    Examples:
        telamon backup tidy jira
        telamon backup tidy jira --context production
        telamon backup tidy jira --discard --yes
    """
    from telamon.cli.operating import Asked, Where, operate

    if discard:
        session.confirm(f"Remove what was before the last restore of {product}, for good?", yes=yes or plan)
    params = {"discard": "yes"} if discard else {}
    operate(
        session, Asked("tidy-restore", product, params=params), where=Where(place, wait, timeout, plan=plan)
    )


@command.command("prune", cls=Verb)
@place_options
@yes_option
@wait_options("6h")
@click.pass_obj
def prune(session: Session, *, place: Place, yes: bool, wait: bool, timeout: Duration) -> None:
    """Remove backups that are past their time, and what unfinished ones have left.

    spec.backup.keep says how long one is kept. The newest of a product stays however old it is, and so does the newest
    that was verified. Telamon does the same after every backup.

    In a cluster a job does it, for each product in turn.

    Examples:
        telamon backup prune --yes
        telamon backup prune --context production --yes
    """
    from datetime import UTC, datetime

    session.confirm("Remove backups that are past their time?", yes=yes)
    if place.in_cluster:
        from telamon.cli.operating import Asked, Where, operate

        for product in sorted(_told(session, place)):
            operate(session, Asked("prune-backups", product), where=Where(place, wait, timeout))
        return
    now = datetime.fromtimestamp(session.clock.now(), UTC)
    gone = _backups(session, place.stack, state=place.state).prune(now)
    names = [entry.name for entry in gone]
    session.answer(lambda: {"removed": names}, lambda: f"removed: {', '.join(names) or 'nothing'}")


def _backups(session: Session, stack: str | None, *, state: Path | None) -> Backups:
    from telamon.cli.target import find

    return session.wiring().backups(find(session, stack, state=state).root)


def _table(listed: Listing) -> str:
    if not listed.backups and not listed.damaged:
        return "there is no backup yet; `telamon backup` takes one"
    rows = [
        (
            line.name,
            line.reason,
            line.release,
            _mebibytes(line.size),
            _mebibytes(line.added),
            _state(line.verified, line.lacking),
        )
        for line in listed.backups
    ]
    rows += [(name, "", "", "", "", "its page is damaged") for name in listed.damaged]
    head = ("NAME", "REASON", "RELEASE", "SIZE", "ADDED", "STATE")
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    lines = [
        "  ".join(f"{word:{width}}" for word, width in zip(row, widths, strict=True)) for row in (head, *rows)
    ]
    return "\n".join(line.rstrip() for line in lines)


def _state(verified: str, lacking: int) -> str:
    words = f"verified {verified}" if verified else "never verified"
    return f"{words}; the product lacked {lacking} files" if lacking else words


def _text(entry: BackupEntry) -> str:
    lines = [
        f"{entry.name}: {entry.product} {entry.release} of the stack {entry.stack}",
        f"  instant   {entry.taken} (write-ahead log {entry.lsn})",
        f"  reason    {entry.reason}",
        f"  rows      {entry.row_count} in {len(entry.rows)} tables, from PostgreSQL {entry.database_release}",
        f"  files     {entry.files}",
        f"  size      {_mebibytes(entry.size)}, of which {_mebibytes(entry.added)} were new",
        f"  snapshot  {entry.snapshot}",
        f"  state     {_state(entry.verified, len(entry.lacking))}",
        *(f"  lacked    {finding}" for finding in entry.lacking[:20]),
    ]
    return "\n".join(lines)


def _line_text(product: str, line: ListedBackup) -> str:
    lines = [
        f"{line.name}: {product} {line.release}",
        f"  instant   {line.taken}",
        f"  reason    {line.reason}",
        f"  size      {_mebibytes(line.size)}, of which {_mebibytes(line.added)} were new",
        f"  state     {_state(line.verified, line.lacking)}",
    ]
    return "\n".join(lines)


def _mebibytes(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"
