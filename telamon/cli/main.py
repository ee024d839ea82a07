"""Where ``telamon`` begins and ends: the verb is found, run, and its error put into words and an exit code."""

from __future__ import annotations

import gc
import importlib
import io
import os
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, NoReturn, cast

import click

from telamon.cli.options import debug_option, output_option, usage
from telamon.cli.session import Session
from telamon.cli.terminal import Terminal
from telamon.cli.verbs import CHAPTERS, MODULES, NAMES
from telamon.errors import InternalError, Interrupted, TelamonError, UsageError, brief
from telamon.platforms.clock import SteadyClock

if TYPE_CHECKING:
    from telamon.cli.session import Wiring

PROGRAM: Final = "telamon"
COMPLETE: Final = "_TELAMON_COMPLETE"
"""Variable by which a completion script asks for words; ``telamon completion`` prints such scripts."""
CLOSED: Final = 141
"""Exit code when nobody reads the answer any more: what a shell reports for SIGPIPE."""
NEW_OBJECTS: Final = 50_000
"""How many new objects are worth looking for unused ones among them; Python looks after every 700."""


class Verbs(click.Group):
    """All verbs; each is imported when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, as the overview has them."""
        return list(NAMES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one verb."""
        if cmd_name not in NAMES:
            return None
        return cast(click.Command, importlib.import_module(f"telamon.cli.{MODULES[cmd_name]}").command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb, or the one that was probably meant."""
        if args and args[0] not in NAMES and not args[0].startswith("-"):
            from telamon.stackfile.nearest import nearest

            near = nearest(args[0], NAMES)
            hint = f"Did you mean `{PROGRAM} {near}`?" if near else f"`{PROGRAM} --help` lists the verbs."
            raise UsageError(f'there is no verb "{args[0]}"', remedy=hint)
        return super().resolve_command(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the verbs before the options: they are what is looked for."""
        self.format_commands(ctx, formatter)
        click.Command.format_options(self, ctx, formatter)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the overview from the table alone."""
        widest = max(len(name) for name in NAMES)
        for chapter in CHAPTERS:
            with formatter.section(chapter.title):
                formatter.write_dl([(verb.name.ljust(widest), verb.summary) for verb in chapter.verbs])


def program() -> Verbs:
    """The whole command line."""
    return Verbs(
        PROGRAM,
        params=[output_option(), debug_option()],
        no_args_is_help=False,
        subcommand_metavar="VERB [OPTIONS]...",
        help="Keep a highly available stack up: one file describes it, one engine keeps it so.",
        epilog="telamon VERB --help explains a verb and shows examples.",
    )


def run(arguments: Sequence[str], session: Session) -> int:
    """Run one command line.

    Args:
        arguments: as typed, the program's name left out.
        session: streams, clock, wiring.

    Returns:
        The exit code.
    """
    try:
        return _invoke(list(arguments), session)
    except TelamonError as error:
        if isinstance(error, InternalError) and "--debug" in arguments:
            _print_traceback(error, session)
        return _report(error, arguments, session)
    except click.ClickException as error:
        return _report(usage(error), arguments, session)
    except (KeyboardInterrupt, click.Abort):
        return _report(Interrupted("interrupted"), arguments, session)
    except BrokenPipeError:
        return CLOSED
    except Exception as error:  # noqa: BLE001 - what nobody expected is a defect, and has its own exit code.
        if "--debug" in arguments:
            _print_traceback(error, session)
        return _report(_defect(error), arguments, session)


def main() -> NoReturn:
    """The console script."""
    # A verb makes most of its objects while modules are imported, and they stay: looking through them again and again
    # is a tenth of what a short verb takes. One that goes on for long is still cleared of cycles.
    gc.set_threshold(NEW_OBJECTS)
    # What is installed beside has no say over what a file means, and looking for it reads every package's description.
    # Source: pydantic documentation, "Pydantic Plugins".
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    _open_standard_streams()
    for stream in (sys.stdout, sys.stderr):
        # Under a locale that knows fewer signs, an answer with a sign missing is better than none.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    session = Session(Terminal.of_process(), SteadyClock(), _wiring)
    if COMPLETE in os.environ:
        sys.exit(_complete(session, os.environ[COMPLETE]))
    sys.exit(_settle(run(sys.argv[1:], session)))


def _invoke(arguments: list[str], session: Session) -> int:
    group = program()
    try:
        with group.make_context(PROGRAM, arguments or ["--help"], obj=session) as context:
            group.invoke(context)
    except click.exceptions.Exit as ended:
        return ended.exit_code
    session.terminal.flush()
    return 0


def _report(error: TelamonError, arguments: Sequence[str], session: Session) -> int:
    from telamon.cli.failures import as_document, as_text

    try:
        if wants_json(arguments):
            import json

            session.terminal.say(json.dumps(as_document(error), indent=2, ensure_ascii=False))
        else:
            session.terminal.note(as_text(error, styled=session.terminal.notes.styled))
        session.terminal.flush()
    except BrokenPipeError:
        return CLOSED
    return error.exit_code


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for JSON, also where the rest of it cannot be read."""
    following = zip(arguments, [*arguments[1:], ""], strict=True)
    return any(
        (word in {"-o", "--output"} and after == "json") or word in {"-ojson", "--output=json"}
        for word, after in following
    )


def _defect(error: Exception) -> InternalError:
    return InternalError(
        f"a defect of Telamon: {type(error).__name__}: {brief(error)}",
        remedy="Please report it, with what --debug shows.",
    )


def _print_traceback(error: Exception, session: Session) -> None:
    import traceback

    traceback.print_exception(error, file=session.terminal.notes.file)


def _wiring() -> Wiring:
    from telamon import wiring

    return wiring


def _complete(session: Session, instruction: str) -> int:
    from click.shell_completion import shell_complete

    return shell_complete(program(), {"obj": session}, PROGRAM, COMPLETE, instruction)


def _open_standard_streams() -> None:
    """Open what the parent has closed, or the next file opened would be taken for standard output."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            opened = os.open(os.devnull, os.O_RDWR)
            if opened != number:
                os.dup2(opened, number)
            mode = "w" if number else "r"
            # It stays open for as long as the process runs.
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


def _settle(code: int) -> int:
    """Empty the answer's buffer while its failure can still be told, and leave nothing for the interpreter to do."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return code or CLOSED
    return code
