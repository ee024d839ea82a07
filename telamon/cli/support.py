"""``telamon support``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb
from telamon.cli.places import place_options

if TYPE_CHECKING:
    from telamon.cli.findings import Support
    from telamon.cli.places import Place
    from telamon.cli.session import Session


@click.command(cls=Verb)
@click.argument("member", required=False, shell_complete=completing.MEMBERS)
@click.option(
    "--file",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The archive to write. Default: a name with the time in it, in this folder.",
)
@place_options
@click.pass_obj
def command(session: Session, *, member: str | None, target: Path | None, place: Place) -> None:
    """Gather logs, dumps and the state of things in one archive without secrets.

    Works whether a controller runs or not. Nodes that can are asked for a dump of their threads first. Homes,
    databases and keys are left out; known secrets, and whatever looks like one, are replaced. With MEMBER it holds the
    logs of that member and of what it stands on. Read it before you hand it on: nobody knows here what users typed.

    In a cluster `telamon quarantine` has the operator gather what it can read of a member, in a secret that
    administrators of the product may read. This fetches what was gathered of MEMBER last; it gathers nothing itself.

    Examples:
        telamon support
        telamon support jira-1 --file jira-1.tar.gz
        telamon support jira-1 --context production
    """
    if place.in_cluster:
        answer = _fetched(session, place, member=member, target=target)
    else:
        answer = _gathered(session, place, member=member, target=target)
    session.answer(lambda: answer, lambda: _text(answer))


def _gathered(session: Session, place: Place, *, member: str | None, target: Path | None) -> Support:
    """Gather on this machine."""
    from telamon.cli.findings import Support
    from telamon.cli.names import unknown
    from telamon.cli.target import find
    from telamon.errors import NotReadyError

    found = find(session, place.stack, state=place.state)
    if not found.exists:
        raise NotReadyError(
            f"nothing of {found.name} was ever started here", remedy="Run `telamon up` first."
        )
    if member is not None and not (found.logs / f"{member}.log").exists():
        known = sorted({path.name.removesuffix(".log") for path in found.logs.glob("*.log")})
        raise unknown("member", member, known=known)
    at = session.time
    path = (target or Path(f"telamon-support-{found.name}-{at:%Y%m%dT%H%M%S}.tar.gz")).absolute()
    gathered = session.wiring().support(found.root, path, member=member or "", at=at)
    return Support(
        path=str(gathered.path),
        files=gathered.files,
        redacted=gathered.redacted,
        left_out=gathered.left_out,
        dumped=gathered.dumped,
    )


def _fetched(session: Session, place: Place, *, member: str | None, target: Path | None) -> Support:
    """Fetch what the operator of a cluster has gathered."""
    from telamon.cli.findings import Support
    from telamon.cli.keepers import cluster_keeper
    from telamon.cli.operating import member_component
    from telamon.errors import UsageError
    from telamon.platforms.disk import located, replace_file
    from telamon.platforms.evidence import told_by

    if member is None:
        raise UsageError(
            "whom is it about? In a cluster evidence is kept of each member that was set aside",
            remedy=f"Name a member; `telamon status{place.words}` lists them.",
        )
    component = member_component(session, place, member=member)
    with cluster_keeper(session, place) as keeper:
        name, archive = keeper.evidence(component, member)
    told = told_by(archive)
    path = (target or Path(f"telamon-support-{name}")).absolute()
    with located(path):
        replace_file(path, archive, mode=0o600)
    return Support(str(path), told.files, told.redacted, told.left_out, ())


def _text(answer: Support) -> str:
    lines = [f"{answer.path}: {len(answer.files)} files, {answer.redacted} secrets taken out"]
    if answer.dumped:
        lines.append(f"threads were dumped by {', '.join(answer.dumped)}")
    lines += [f"left out: {line}" for line in answer.left_out]
    return "\n".join(lines)
