"""The page of the command line: made of the verbs themselves and of the classes of their JSON answers."""

from __future__ import annotations

import dataclasses
import inspect
import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import click

from telamon.cli import charts_words, findings, manifest_words
from telamon.cli.documents.changed import Changed, Down, Retried
from telamon.cli.documents.checked import (
    GroundForeseen,
    Judged,
    Plan,
    PlanStep,
    PlanWait,
    RoomChecked,
    Validation,
)
from telamon.cli.documents.foreseen import ClosedEgress, ClusterPlan, ObjectForeseen, RestartForeseen
from telamon.cli.documents.ground import Drifted, DriftedThing, GroundLayer, GroundStatus
from telamon.cli.documents.program import Script, Version
from telamon.cli.documents.rendered import CostChoice, CostPart, Rendered
from telamon.cli.documents.shape import camel
from telamon.cli.documents.told import (
    Certificate,
    JournalEntry,
    LogLine,
    Logs,
    MemberIndex,
    SecretKeys,
    SecretList,
    SecretOne,
)
from telamon.cli.drill_words import (
    DrillCompared,
    DrillDone,
    Drilled,
    DrillFigure,
    DrillLimit,
    DrillTold,
)
from telamon.cli.infra_words import InfraChange, InfraDone, InfraFinding, InfraPlan
from telamon.cli.machine_words import (
    MachineChanged,
    MachineRolled,
    Machines,
    MachineShown,
    MachinesRolled,
    RollForgotten,
)
from telamon.cli.main import PROGRAM, program
from telamon.cli.options import Verb
from telamon.cli.promotion_words import (
    Compared,
    Difference,
    MovedImage,
    Promoted,
    PromotionObjection,
    PromotionStep,
)
from telamon.cli.verbs import CHAPTERS
from telamon.errors import Problem
from telamon.importer.compare import ChartDifference
from telamon.stackfile.explain import Explanation, SubField
from telamon.stackfile.rehearsal import NotRehearsed
from telamon.state.backups import BackupEntry

HEAD: Final = """\
# The command line

Made of the verbs by `make docs`; change the verbs, not this page. `telamon VERB --help` says the same in a terminal.

- Standard output carries the answer and nothing else. Progress, warnings, questions and errors go to standard error.
- Every verb takes `-o json` (`--output json`). An error is then an answer too, on standard output: see
  [below](#errors-in-json).
- The exit code tells what sort of error it was: see the [exit codes](errors.md). When nobody reads the answer any more
  (`telamon logs | head`), the verb ends quietly with 141.
- `--debug` shows where a defect of Telamon (exit code 70) happened, for a report of it.
- On a terminal progress is drawn as a live board, elsewhere as plain lines. `NO_COLOR` and `TERM=dumb` are honoured.
- A verb that would destroy something, or take a product away from its users, asks first. Without a terminal it refuses,
  unless `--yes` is given.
- A verb that waits tells, when its time is over, what every component still waits for. Ctrl-C ends the waiting, not the
  work: the controller goes on.
- `STACK` is the name of a stack or a stack file. Left out, it is the stack of `stack.yaml` in this folder, or else the
  only stack of this user on this machine. `--state` (or `TELAMON_STATE`) names its state folder.
"""

ERRORS: Final = """\
## Errors in JSON

| key | holds |
|---|---|
| `error` | what is wrong |
| `remedy` | what would help, or null |
| `branch` | the class in `telamon/errors.py` |
| `exit` | the exit code |
| `problems` | of a stack file only: every problem, each a [Problem](#problem) |
| `guard` | of a refusal only: the guard's name |
| `url` | of a set-up page only: where a person goes on |
"""

COMPLETION: Final = """\
## Shell completion

Completion knows verbs, options, their words, and files. It takes effect in a new shell.

| shell | what to do once |
|---|---|
| bash 4.4 or newer | put `eval "$(telamon completion bash)"` into `~/.bashrc` |
| zsh | put `eval "$(telamon completion zsh)"` into `~/.zshrc`, after `compinit` |
| fish | `telamon completion fish > ~/.config/fish/completions/telamon.fish` |
"""

OPERATION: Final = (
    "The Operation, as in [the controller's answer](controller-api.md); `list` answers with a list of them."
)

ANSWERS: Final[Mapping[str, tuple[type, ...] | str]] = MappingProxyType(
    {
        "up": (Changed, GroundStatus, GroundLayer),
        "apply": (Changed,),
        "down": (Down,),
        "retry": (Retried,),
        "upgrade": (Changed,),
        "index": (MemberIndex,),
        "diff": (charts_words.Compared, ChartDifference),
        "import": (charts_words.Imported, charts_words.ChartValue),
        "restart": OPERATION,
        "backup": (BackupEntry,),
        "restore": OPERATION,
        "clone": (Changed,),
        "database": OPERATION,
        "rotate": OPERATION,
        "quarantine": OPERATION,
        "release": OPERATION,
        "maintenance": OPERATION,
        "pause": OPERATION,
        "resume": OPERATION,
        "operations": OPERATION,
        "status": "The Stack with its `status`, as in [the controller's answer](controller-api.md).",
        "logs": (Logs, JournalEntry, LogLine),
        "support": (findings.Support,),
        "secret": (SecretList, SecretKeys, SecretOne),
        "trust": (Certificate,),
        "doctor": (
            findings.Examination,
            findings.LiveExamination,
            findings.ContractLine,
            findings.CheckedMachine,
            findings.CheckedProduct,
            findings.Repaired,
        ),
        "proof": (Judged,),
        "drill": (
            Drilled,
            DrillDone,
            DrillFigure,
            DrillTold,
            DrillLimit,
            DrillCompared,
        ),
        "validate": (Validation, RoomChecked, Problem, NotRehearsed),
        "infra": (InfraPlan, InfraChange, InfraFinding, InfraDone, GroundStatus),
        "drift": (Drifted, DriftedThing),
        "plan": (
            Plan,
            PlanStep,
            PlanWait,
            GroundForeseen,
            ClosedEgress,
            ClusterPlan,
            ObjectForeseen,
            RestartForeseen,
        ),
        "render": (
            manifest_words.Manifests,
            manifest_words.SecretNeeded,
            Rendered,
            CostPart,
            CostChoice,
        ),
        "reach": (
            manifest_words.Reached,
            manifest_words.FlowShown,
            manifest_words.Reachable,
            manifest_words.FlowAsked,
        ),
        "lock": (manifest_words.Locked, manifest_words.LockedImage),
        "install": (manifest_words.Installed, manifest_words.InstalledResource),
        "uninstall": (manifest_words.Installed, manifest_words.InstalledResource),
        "apis": (manifest_words.ApisUsed, manifest_words.ApiUse, manifest_words.ApiRequested),
        "machines": (Machines, MachineShown, MachineChanged, MachinesRolled, MachineRolled, RollForgotten),
        "promote": (Promoted, PromotionStep, MovedImage, PromotionObjection),
        "compare": (Compared, Difference),
        "build": "The flat Stack; its fields are in [the field reference](stack.md).",
        "explain": (Explanation, SubField),
        "schema": "The schema, as without `-o json`.",
        "version": (Version,),
        "completion": (Script,),
    }
)
"""What each verb answers in JSON: classes, the answer itself first, or a sentence."""


COMMON: Final = frozenset({"output", "debug"})
"""Options of every verb, which the head of the page explains."""


def cli_page() -> str:
    """The whole page."""
    return "\n".join([HEAD, *_verbs(), ERRORS, COMPLETION])


def attributes(kind: type) -> Mapping[str, str]:
    """What the docstring of a class says of each attribute."""
    section = inspect.cleandoc(kind.__doc__ or "").partition("Attributes:\n")[2]
    return {
        found["name"]: " ".join(found["what"].split()).replace("``", "`")
        for found in re.finditer(r"^ {4}(?P<name>\w+): (?P<what>.*(?:\n {5,}.*)*)", section, re.MULTILINE)
    }


def _verbs() -> Iterator[str]:
    shown: set[type] = set()
    with click.Context(program(), info_name=PROGRAM) as parent:
        for chapter in CHAPTERS:
            yield f"## {chapter.title}\n"
            for listed in chapter.verbs:
                verb = program().get_command(parent, listed.name)
                if not isinstance(verb, Verb):
                    raise TypeError(f"{listed.name} is no verb")
                yield from _verb(listed.name, verb, parent=parent)
                yield from _answer(listed.name, shown)


def _verb(name: str, verb: Verb, *, parent: click.Context) -> Iterator[str]:
    context = click.Context(verb, info_name=name, parent=parent)
    yield f"### {PROGRAM} {name}\n"
    yield f"{_escaped(verb.prose)}\n"
    usage = " ".join(verb.collect_usage_pieces(context))
    yield f"    {context.command_path} {usage}\n"
    own = [parameter for parameter in verb.params if parameter.name not in COMMON]
    records = [record for parameter in own if (record := parameter.get_help_record(context)) is not None]
    rows = [f"| `{_cell(option)}` | {_cell(what)} |" for option, what in records if what]
    if rows:
        yield "\n".join(("| option | what |\n|---|---|", *rows, ""))
    yield "Examples:\n"
    yield from (f"    {example}" for example in verb.examples)
    yield ""
    if isinstance(verb, click.Group):
        yield from _inner(name, verb, parent=context)


def _inner(name: str, group: click.Group, *, parent: click.Context) -> Iterator[str]:
    """The verbs of a verb, in the order in which they are listed there."""
    for inner in group.list_commands(parent):
        found = group.get_command(parent, inner)
        if isinstance(found, Verb):
            # The context of a group shows its own arguments in front of those of its verbs.
            yield from _verb(f"{name} {inner}", found, parent=parent.parent or parent)


def _answer(verb: str, shown: set[type]) -> Iterator[str]:
    answer = ANSWERS[verb]
    if isinstance(answer, str):
        yield f"With `-o json`: {answer[0].lower()}{answer[1:]}\n"
        return
    first, *others = answer
    fresh = [kind for kind in others if kind not in shown]
    shown.update(answer)
    yield f"With `-o json`, {first.__name__}:\n"
    yield from _table(first)
    for kind in fresh:
        yield f"#### {kind.__name__}\n"
        yield from _table(kind)


def _table(kind: type) -> Iterator[str]:
    told = attributes(kind)
    yield "| key | type | holds |\n|---|---|---|"
    for field in dataclasses.fields(kind):
        # Annotations are text here: every module of answers defers them.
        typed = _typed(str(field.type))
        yield f"| `{camel(field.name)}` | {typed} | {_cell(told[field.name])} |"
    yield ""


def _typed(annotation: str) -> str:
    listed = re.fullmatch(r"tuple\[(\w+), \.\.\.\]", annotation)
    if listed:
        return f"list of {_typed(listed[1])}"
    if annotation.endswith(" | None"):
        return f"{_typed(annotation.removesuffix(' | None'))}, or null"
    words = {
        "str": "text",
        "int": "number",
        "float": "number",
        "bool": "true or false",
        "Mapping[str, str]": "names with texts",
    }
    return words.get(annotation, f"[{annotation}](#{annotation.lower()})")


def _escaped(text: str) -> str:
    return text.replace("<", "\\<")


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
