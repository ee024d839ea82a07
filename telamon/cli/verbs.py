"""The table of verbs. ``telamon --help`` reads it without importing a single verb."""

from __future__ import annotations

from typing import Final, NamedTuple


class Listed(NamedTuple):
    """A verb as the overview shows it.

    Attributes:
        name: what is typed; also the name of its module in this package.
        summary: the first line of the verb's own help.
    """

    name: str
    summary: str


class Chapter(NamedTuple):
    """Verbs that belong together."""

    title: str
    verbs: tuple[Listed, ...]


CHAPTERS: Final = (
    Chapter(
        "Run a stack",
        (
            Listed("up", "Bring a stack up, or to what its file says now."),
            Listed("apply", "Send a changed file to the controller that runs."),
            Listed("down", "Stop a stack; its data stays unless --purge is given."),
            Listed("retry", "Try again what has failed, without waiting."),
        ),
    ),
    Chapter(
        "Look at it",
        (
            Listed("status", "Show how a stack stands."),
            Listed("logs", "Show what was done, or what a member wrote."),
            Listed("secret", "List a stack's secrets, or print one value."),
            Listed("trust", "Print the certificate authority of the front door."),
            Listed("doctor", "Check this machine, and what the products say of themselves."),
        ),
    ),
    Chapter(
        "Work on a stack file",
        (
            Listed("validate", "Say everything that is wrong with a stack file."),
            Listed("plan", "Show step by step what a file would do, and do nothing."),
            Listed("build", "Print a file and all that it extends as one flat Stack."),
            Listed("explain", "Explain a field of the stack file."),
            Listed("schema", "Print the JSON schema of the stack file."),
        ),
    ),
    Chapter(
        "About Telamon",
        (
            Listed("version", "Print the version."),
            Listed("completion", "Print the script that lets a shell complete commands."),
        ),
    ),
)

NAMES: Final = tuple(verb.name for chapter in CHAPTERS for verb in chapter.verbs)
