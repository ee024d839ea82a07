"""``telamon upgrade``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from telamon.cli import completing
from telamon.cli.clusters import cluster_options
from telamon.cli.options import (
    DEFAULT_FILE,
    Verb,
    auth_option,
    lab_option,
    state_option,
    wait_options,
    window_option,
    yes_option,
)
from telamon.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from telamon.cli.bringing import Wishes
    from telamon.cli.client import Controller
    from telamon.cli.reading import FileRead
    from telamon.cli.session import Session
    from telamon.cli.target import Target
    from telamon.cli.version_change import VersionChange
    from telamon.model.operation import Operation
    from telamon.units import Duration

WHOLE: Final = re.compile(r"\d+\.\d+\.\d+(-.*)?")
"""A version that names one release; what else is written is refused for that."""


@click.command(cls=Verb)
@click.argument("product", shell_complete=completing.PRODUCTS)
@click.argument("version")
@click.option(
    "-f",
    "--file",
    type=click.Path(path_type=Path, dir_okay=False),
    default=DEFAULT_FILE,
    help="The stack file. Default: stack.yaml here.",
)
@click.option(
    "--downtime", is_flag=True, help="Agree to an interruption where the vendor allows nothing better."
)
@click.option("--unlisted", is_flag=True, help="Take a version that this Telamon has never heard of.")
@click.option("--print", "only_print", is_flag=True, help="Print the change to the file, and do nothing.")
@lab_option
@state_option
@yes_option
@window_option
@wait_options("2h")
@cluster_options
@auth_option
@click.pass_obj
def command(
    session: Session,
    *,
    product: str,
    version: str,
    file: Path,
    downtime: bool,
    unlisted: bool,
    only_print: bool,
    lab: bool,
    state: Path | None,
    yes: bool,
    in_window: bool,
    wait: bool,
    timeout: Duration,
    kubeconfig: Path | None,
    context: str | None,
    auth: Path | None,
) -> None:
    """Bring a product to another version.

    Writes the version into the stack file (or the file that it extends), and sends it to the controller. Where the
    vendor allows it, nodes are replaced one by one while the others serve; a version that fails on its first node is
    taken back by itself and held; a backup is taken first where spec.backup says so. Where it is not allowed the
    upgrade is refused, unless --downtime agrees to an interruption: then a backup is made first, and users see a
    maintenance page until the new version serves.

    With --in-window nothing is touched before the next maintenance window opens; until then the upgrade is listed as an
    operation, which can be cancelled.

    A version that this Telamon has never heard of is refused with the nearest ones that it knows. --unlisted takes it,
    for one that came out later.

    In a cluster (--context or --kubeconfig) the digests of the new images are locked as well, and the Stack is written
    as `telamon up` writes it. --downtime agrees to this upgrade alone, with the annotation telamon.dev/downtime.

    Examples:
        telamon upgrade jira 11.3.5
        telamon upgrade confluence 10.2.7 --downtime
        telamon upgrade jira 11.3.5 --in-window
        telamon upgrade jira 11.3.5 --print
        telamon upgrade jira 11.3.5 -f production.yaml --context production
    """
    from telamon.cli.bringing import Wishes, refuse_other_platforms
    from telamon.cli.reading import read_file
    from telamon.cli.target import target_of
    from telamon.cli.version_change import version_change

    before = read_file(session, file, lab=lab)
    _check_product(product, tuple(map(str, before.stack.spec.products)))
    if not unlisted:
        _check_version(session, before, product, version=version)
    change = version_change(file, product, version=version)
    if only_print:
        session.answer(lambda: {"file": str(change.file), "patch": change.patch()}, change.patch)
    elif before.stack.spec.platform.kind != "lab" and (kubeconfig is not None or context is not None):
        from telamon.cli.upgrading import ClusterUpgrade, upgrade_in_cluster

        if in_window:
            told = "in a cluster an upgrade begins once the Stack is written"
            raise UsageError(told, remedy="Leave out --in-window.")
        seconds = timeout.seconds if wait else None
        wanted = ClusterUpgrade(kubeconfig, context, auth, state, downtime, seconds)
        upgrade_in_cluster(session, change, product=product, file=file, wishes=wanted)
    else:
        # Whoever has Argo CD write the Stack changes the file, and nothing else.
        told = "--context NAME or --kubeconfig FILE upgrades in a cluster, and --print shows the change to the file."
        refuse_other_platforms(before, else_do=told)
        agreed, later = ((product,) if asked else () for asked in (downtime, in_window))
        wishes = Wishes(yes, wait, timeout, downtime=agreed, in_window=later)
        target = target_of(session, before.stack.metadata.name, state=state)
        _upgrade_here(
            session,
            change,
            product=product,
            read=lambda: read_file(session, file, lab=lab),
            target=target,
            wishes=wishes,
        )


def _upgrade_here(
    session: Session,
    change: VersionChange,
    *,
    product: str,
    read: Callable[[], FileRead],
    target: Target,
    wishes: Wishes,
) -> None:
    """Change the file, send it to the controller of this machine, and follow what becomes of it."""
    from telamon.cli import bringing
    from telamon.cli.client import Controller
    from telamon.cli.operating import tell
    from telamon.cli.reading import note_doubts

    controller = Controller(target.socket)
    controller.version()
    with change.written():
        found = read()
        note_doubts(session, found)
        sent = bringing.send(session, controller, found=found, wishes=wishes)
    if session.output == "text":
        session.terminal.note(change.patch())
    later = _postponed(controller, product) if wishes.in_window else None
    if later is None:
        bringing.follow(session, controller, found=found, wishes=wishes, sent=sent)
    else:
        tell(session, later)


def _postponed(controller: Controller, product: str) -> Operation | None:
    """The upgrade that waits for a window; ``None`` where there is nothing to upgrade, or it has begun."""
    from telamon.naming import ProductName, component_name
    from telamon.plan.operation import UPGRADING

    component = component_name(ProductName(product))
    waiting = [
        one
        for one in controller.operations()
        if one.spec.target.component == component
        and one.spec.verb in UPGRADING
        and one.status.phase == "Pending"
    ]
    return waiting[-1] if waiting else None


def _check_product(product: str, known: tuple[str, ...]) -> None:
    if product not in known:
        from telamon.cli.names import unknown

        raise unknown("product", product, known=known)


def _check_version(session: Session, found: FileRead, product: str, *, version: str) -> None:
    """Refuse a version that nobody has heard of; one that the stack file names somewhere is known by that.

    Raises:
        UsageError: naming the nearest ones.
    """
    from telamon.naming import ProductName
    from telamon.products.release import is_known, nearest_known

    newest = session.wiring().products(found.stack)[product].newest_releases
    name, drills = ProductName(product), found.stack.spec.drills
    named = {
        release
        for releases in (drills.broken_releases.get(name), drills.later_releases.get(name))
        if releases is not None
        for release in releases.model_dump().values()
    }
    if not newest or version in named or WHOLE.fullmatch(version) is None or is_known(version, newest):
        return
    *others, last = nearest_known(version, newest)
    raise UsageError(
        f'nobody has heard of {product} "{version}"',
        remedy=f"The nearest that are known are {', '.join(others)} and {last}. Give --unlisted for one that came out "
        "after this Telamon.",
    )
