"""``telamon support``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from telamon.cli import completing
from telamon.cli.options import Verb, stack_option, state_option

if TYPE_CHECKING:
    from telamon.cli.findings import Support
    from telamon.cli.session import Session


@click.command(cls=Verb)
@click.argument("member", required=False, shell_complete=completing.MEMBERS)
@click.option(
    "--file",
    "target",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The archive to write. Default: telamon-support-STACK-TIME.tar.gz in this folder.",
)
@stack_option
@state_option
@click.pass_obj
def command(
    session: Session, *, member: str | None, target: Path | None, stack: str | None, state: Path | None
) -> None:
    """Gather logs, dumps and the state of things in one archive without secrets.

    Works whether a controller runs or not. Nodes that can are asked for a dump of their threads first. Homes,
    databases and keys are left out; known secrets, and whatever looks like one, are replaced. With MEMBER it holds the
    logs of that member and of what it stands on. Read it before you hand it on: nobody knows here what users typed.

    Examples:
        telamon support
        telamon support jira-1 --file jira-1.tar.gz
    """
    from telamon.cli.findings import Support
    from telamon.cli.names import unknown
    from telamon.cli.target import find
    from telamon.errors import NotReadyError

    found = find(session, stack, state=state)
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
    answer = Support(
        path=str(gathered.path),
        files=gathered.files,
        redacted=gathered.redacted,
        left_out=gathered.left_out,
        dumped=gathered.dumped,
    )
    session.answer(lambda: answer, lambda: _text(answer))


def _text(answer: Support) -> str:
    lines = [f"{answer.path}: {len(answer.files)} files, {answer.redacted} secrets taken out"]
    if answer.dumped:
        lines.append(f"threads were dumped by {', '.join(answer.dumped)}")
    lines += [f"left out: {line}" for line in answer.left_out]
    return "\n".join(lines)
