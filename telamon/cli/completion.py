"""``telamon completion``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from telamon.cli.options import Verb
from telamon.errors import InternalError

if TYPE_CHECKING:
    from telamon.cli.session import Session


@click.command(cls=Verb)
@click.argument("shell", type=click.Choice(("bash", "zsh", "fish")))
@click.pass_obj
def command(session: Session, shell: str) -> None:
    """Print the script that lets a shell complete commands.

    The shell has to read it once at its start: bash (4.4 or newer) from ~/.bashrc, zsh from ~/.zshrc, fish from a file
    of its own.

    Examples:
        echo 'eval "$(telamon completion bash)"' >> ~/.bashrc
        echo 'eval "$(telamon completion zsh)"' >> ~/.zshrc
        telamon completion fish > ~/.config/fish/completions/telamon.fish
    """
    from click.shell_completion import get_completion_class

    from telamon.cli.documents.program import Script
    from telamon.cli.main import COMPLETE, PROGRAM, program

    maker = get_completion_class(shell)
    if maker is None:
        raise InternalError(f"the command line library knows no {shell}")
    script = maker(program(), {}, PROGRAM, COMPLETE).source()
    session.answer(lambda: Script(shell, script), lambda: script)
