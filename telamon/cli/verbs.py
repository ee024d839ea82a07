"""The table of verbs. ``telamon --help`` reads it without importing a single verb."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple


class Listed(NamedTuple):
    """A verb as the overview shows it.

    Attributes:
        name: what is typed; also the name of its module in this package, unless ``module`` says otherwise.
        summary: the first line of the verb's own help.
        module: its module, where another one has the name.
    """

    name: str
    summary: str
    module: str = ""


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
            Listed("support", "Gather logs, dumps and the state of things in one archive without secrets."),
            Listed("secret", "List a stack's secrets, or print one value."),
            Listed("trust", "Print the certificate authority of the front door."),
            Listed("doctor", "Check this machine, and what the products say of themselves."),
            Listed("drill", "Break something on purpose while users work, and report what they saw."),
        ),
    ),
    Chapter(
        "Operate it",
        (
            Listed("upgrade", "Bring a product to another version."),
            Listed("index", "Show the search indexes of nodes, and give a node another one."),
            Listed("restart", "Restart the members of a component one by one."),
            Listed("backup", "Take backups of what users keep, and see what there is."),
            Listed("restore", "Put a product's data back to those of a backup, or to an instant."),
            Listed(
                "clone",
                "Bring up a copy of a stack beside it, from backups, that does not act as the original.",
            ),
            Listed("database", "Let the standby of the database take writes."),
            Listed("rotate", "Give what runs a new secret."),
            Listed("quarantine", "Take a member out of service, and leave it running to be looked at."),
            Listed("release", "End the quarantine of a member."),
            Listed("maintenance", "Show the users of a product a maintenance page, or let them in again."),
            Listed("pause", "Leave a component as it is: look at it, and neither heal nor change it."),
            Listed("resume", "Keep a component again that was paused by hand."),
            Listed("operations", "Show, wait for or cancel what was asked for once."),
            Listed("machines", "Empty a machine of a cluster while its products stay well."),
        ),
    ),
    Chapter(
        "Prove it",
        (Listed("proof", "Judge what a load run recorded."),),
    ),
    Chapter(
        "Work on a stack file",
        (
            Listed("validate", "Say everything that is wrong with a stack file."),
            Listed("plan", "Show step by step what a file would do, and do nothing."),
            Listed("render", "Write what a stack is made of as files for other tools.", "rendering"),
            Listed(
                "lock",
                "Find the digest of every image of a stack, and keep it in stack.lock.yaml beside the file.",
            ),
            Listed(
                "install",
                "Install the operator in a cluster, or teach it the custom resources of Telamon alone.",
            ),
            Listed(
                "uninstall", "Take the operator off a cluster. Everything that people have written stays."
            ),
            Listed("promote", "Take the locked digests of one environment on to the next."),
            Listed("compare", "Show what tells two environments apart."),
            Listed("reach", "Show which flows the network policies of a stack allow, and by which rule."),
            Listed("import", "Make a stack file of the values of the vendor's Helm charts.", "importing"),
            Listed("apis", "Find what uses APIs that a version of Kubernetes no longer serves."),
            Listed(
                "diff", "Show what would be otherwise than the vendor's charts have rendered it.", "diffing"
            ),
            Listed("build", "Print a file and all that it extends as one flat Stack."),
            Listed("explain", "Explain a field of the stack file."),
            Listed("schema", "Print the JSON schema of the stack file."),
        ),
    ),
    Chapter(
        "Change the ground under a stack",
        (
            Listed("infra", "Plan, approve and apply what lies under a stack on AWS."),
            Listed("drift", "Compare what lives on AWS and in Kubernetes with what a stack file says."),
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

MODULES: Final[Mapping[str, str]] = MappingProxyType(
    {verb.name: verb.module or verb.name for chapter in CHAPTERS for verb in chapter.verbs}
)
"""The module of each verb, by name, in the order of the overview."""
NAMES: Final = tuple(MODULES)
