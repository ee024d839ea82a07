"""Options and arguments that several verbs share, and how a verb's help looks."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from telamon.cli import completing
from telamon.errors import MachineError, UsageError

if TYPE_CHECKING:
    from telamon.cli.session import Output, Session
    from telamon.units import Duration

Decorated = TypeVar("Decorated", bound=Callable[..., Any])

EXAMPLES: Final = "Examples:"
DEFAULT_FILE: Final = Path("stack.yaml")


class Verb(click.Command):
    """A verb: it takes ``-o`` and ``--debug`` besides its own options, and ends its help with examples.

    The examples stand in the docstring, after a line that says so.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params += [output_option(), debug_option()]

    @property
    def prose(self) -> str:
        """The help without the examples."""
        return inspect.cleandoc(self.help or "").partition(EXAMPLES)[0].strip()

    @property
    def examples(self) -> tuple[str, ...]:
        """The examples, a command each."""
        lines = (line.strip() for line in (self.help or "").partition(EXAMPLES)[2].splitlines())
        return tuple(line for line in lines if line)

    def format_help_text(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the help without the examples."""
        formatter.write_paragraph()
        with formatter.indentation():
            formatter.write_text(self.prose)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples last, where the eye ends up."""
        with formatter.section("Examples"):
            for example in self.examples:
                formatter.write(f"{'':{formatter.current_indent}}{example}\n")


class Verbs(Verb, click.Group):
    """A verb that has verbs of its own."""


def output_option() -> click.Option:
    """How the answer is written; it goes into the session, where every part of the verb finds it."""

    def _keep(context: click.Context, _parameter: click.Parameter, value: Output | None) -> None:
        if value is not None:
            session: Session = context.obj
            context.obj = replace(session, output=value)

    return click.Option(
        ("-o", "--output"),
        type=click.Choice(("text", "json")),
        expose_value=False,
        callback=_keep,
        help="How the answer is written; text where nothing is said.",
    )


def debug_option() -> click.Option:
    """Whether a defect shows where it happened; :func:`telamon.cli.main.run` sees to it."""
    return click.Option(
        ("--debug",), is_flag=True, expose_value=False, help="Show where a defect of Telamon happened."
    )


def file_argument(function: Decorated) -> Decorated:
    """The stack file a verb works on, by default the one in this folder."""
    return click.argument("file", type=click.Path(path_type=Path), default=DEFAULT_FILE, metavar="[FILE]")(
        function
    )


def stack_argument(function: Decorated) -> Decorated:
    """The stack a verb works on, by its name or its file; see :func:`telamon.cli.target.find`."""
    return click.argument("stack", required=False, metavar="[STACK]", shell_complete=completing.STACKS)(
        function
    )


def stack_option(function: Decorated) -> Decorated:
    """The same as an option, for verbs whose arguments mean something else."""
    return click.option(
        "-s",
        "--stack",
        metavar="STACK",
        shell_complete=completing.STACKS,
        help="Name of the stack, or its file. Default: stack.yaml here, or the only stack.",
    )(function)


def _readable(context: click.Context, _: click.Parameter, folder: Path | None) -> Path | None:
    """Refuse a state folder of another user before anything is looked for in it."""
    if folder is not None and not context.resilient_parsing:
        try:
            barred = folder.is_dir() and not os.access(folder, os.R_OK | os.X_OK)
        except PermissionError:
            barred = True
        if barred:
            raise MachineError(
                f"you have no right to read {folder}",
                remedy="Run as the user who made the state folder, or choose another place with --state.",
            )
    return folder


def state_option(function: Decorated) -> Decorated:
    """Where the state of the stack is kept."""
    return click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False, readable=False),
        callback=_readable,
        envvar="TELAMON_STATE",
        metavar="DIR",
        help="Folder of the stack's state (TELAMON_STATE). Default: one a stack, below the user's own.",
    )(function)


def key_option(function: Decorated) -> Decorated:
    """Whose signature it is."""
    return click.option(
        "--key",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="TELAMON_SSH_KEY",
        metavar="FILE",
        help="SSH key to sign with (TELAMON_SSH_KEY): a private key, or the public one of a key in an agent.",
    )(function)


def approvers_option(*, required: bool) -> Callable[[Decorated], Decorated]:
    """Who may approve changes of the ground.

    Args:
        required: whether the verb needs to know, whatever the stack.
    """
    return click.option(
        "--approvers",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="TELAMON_APPROVERS",
        required=required,
        metavar="DIR",
        help="Folder with the lists of approvers (TELAMON_APPROVERS). Never inside the configuration.",
    )


def scan_options(function: Decorated) -> Decorated:
    """Whether a scanner judges the plans, and what somebody answers for."""
    waivers = click.option(
        "--waivers",
        type=click.Path(path_type=Path, dir_okay=False),
        envvar="TELAMON_WAIVERS",
        metavar="FILE",
        help="Checks that somebody answers for, each with owner, reason and day (TELAMON_WAIVERS).",
    )
    scan = click.option(
        "--scan/--no-scan",
        default=True,
        help="Whether checkov judges the plan, if it is installed (TELAMON_CHECKOV). Default: it does.",
    )
    return scan(waivers(function))


def ground_option(function: Decorated) -> Decorated:
    """Where the layers of the ground lie."""
    return click.option(
        "--ground",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="TELAMON_GROUND",
        metavar="DIR",
        help="On aws: folder of the layers (TELAMON_GROUND). Default: ground, in the state folder.",
    )(function)


def lab_option(function: Decorated) -> Decorated:
    """Whether the file is mapped to this machine."""
    return click.option(
        "--lab", is_flag=True, help="Rehearse on this machine, whatever platform and size the file names."
    )(function)


def auth_option(function: Decorated) -> Decorated:
    """Who logs in to registries."""
    return click.option(
        "--auth",
        type=click.Path(path_type=Path, dir_okay=False),
        metavar="FILE",
        help="Logins to registries, as `docker login` keeps them. Default: config.json of DOCKER_CONFIG or ~/.docker.",
    )(function)


def yes_option(function: Decorated) -> Decorated:
    """Whether the question is answered beforehand."""
    return click.option("-y", "--yes", is_flag=True, help="Agree to what would otherwise be asked.")(function)


def agreed_option(function: Decorated) -> Decorated:
    """``--yes`` of a verb that never asks; scripts may give it to every verb that changes something."""
    return click.option(
        "-y",
        "--yes",
        is_flag=True,
        expose_value=False,
        help="Taken as by every verb that changes something.",
    )(function)


def window_option(function: Decorated) -> Decorated:
    """Whether what is asked for begins at once."""
    return click.option(
        "--in-window",
        is_flag=True,
        help="Begin when the next maintenance window of the stack file opens, and do not wait for that.",
    )(function)


def wait_options(timeout: str) -> Callable[[Decorated], Decorated]:
    """Whether the verb waits for the end, and how long at most.

    Args:
        timeout: how long where nothing is said, e.g. ``15m``.
    """

    def add(function: Decorated) -> Decorated:
        waiting = click.option(
            "--wait/--no-wait", default=True, help="Whether to wait until it is done. Default: wait."
        )
        return waiting(timeout_option(timeout)(function))

    return add


def plan_option(function: Decorated) -> Decorated:
    """Whether the verb shows what it would do, and does nothing."""
    return click.option("--plan", is_flag=True, help="Show step by step what it would do, and do nothing.")(
        function
    )


def timeout_option(timeout: str) -> Callable[[Decorated], Decorated]:
    """How long the verb waits at most.

    Args:
        timeout: how long where nothing is said.
    """
    return _duration_option("--timeout", timeout, what="How long to wait at most, e.g. 90s.")


def max_wait_option(longest: str) -> Callable[[Decorated], Decorated]:
    """How long one step of many may take at most.

    Args:
        longest: how long where nothing is said.
    """
    return _duration_option("--max-wait", longest, what="How long each step may take at most, e.g. 30m.")


def _duration_option(name: str, default: str, *, what: str) -> Callable[[Decorated], Decorated]:
    return click.option(
        name, callback=_duration, default=default, metavar="DURATION", help=f"{what} Default: {default}."
    )


def _duration(_context: click.Context, _parameter: click.Parameter, value: str) -> Duration:
    from telamon.units import Duration

    return Duration.parse(value)


def usage(error: click.ClickException) -> UsageError:
    """Translate what the library says of a command line.

    Args:
        error: its complaint.
    """
    context = getattr(error, "ctx", None)
    path = context.command_path if context is not None else "telamon"
    message = error.format_message().strip()
    return UsageError(message[:1].lower() + message[1:], remedy=f"See `{path} --help`.")
