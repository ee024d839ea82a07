"""Environments as ``promote`` and ``compare`` name them: a stack file with its lock, and how it stands."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from telamon.cli.locking import lock_path, read_lock_beside
from telamon.cli.options import DEFAULT_FILE
from telamon.cli.reading import note_doubts, read_file, read_json
from telamon.errors import NotReadyError, UsageError, brief

if TYPE_CHECKING:
    from telamon.cli.session import Session
    from telamon.model.stack import Stack
    from telamon.plan.promotion import Ran, Stage

FORMS: Final = ("{}", "{}/stack.yaml", "{}.yaml")
"""What the name of a stage may stand for."""
_REPORT: Final = "Give what `telamon status -o json` prints, or the Stack as its cluster tells it."


@dataclass(frozen=True)
class Place:
    """A stage and where it is written.

    Attributes:
        stage: what it says.
        file: the stack file.
    """

    stage: Stage
    file: Path

    @property
    def lock(self) -> Path:
        """Its lock."""
        return lock_path(self.file)


@dataclass(frozen=True)
class Sources:
    """Where to hear how stages stand, by their names as typed.

    Attributes:
        states: folder of the state, where it is not the usual one.
        reports: file with the Stack and its status, of stages that no controller of this machine keeps.
        contexts: of the kubeconfig, of stages that live in a cluster.
        kubeconfig: file; ``None``: as ``kubectl`` finds it.
    """

    states: Mapping[str, Path]
    reports: Mapping[str, Path]
    contexts: Mapping[str, str] = field(default_factory=dict)
    kubeconfig: Path | None = None


def read_stage(session: Session, name: str) -> Place:
    """Read a stage.

    Args:
        session: whose wiring knows the products.
        name: a stack file, a folder with a ``stack.yaml``, or either without its ending.

    Raises:
        UsageError: there is no such file.
        StackFileError: the file or the lock has problems.
    """
    from telamon.desired.kubernetes.site import wanted_images
    from telamon.plan.promotion import Stage

    file = _file(name)
    found = read_file(session, file)
    note_doubts(session, found)
    images = wanted_images(found.stack, session.wiring().products(found.stack))
    return Place(Stage(name, found.stack, images, read_lock_beside(file)), file)


def look(session: Session, place: Place, *, sources: Sources) -> Ran:
    """What is known of a stage that runs.

    Args:
        session: whose wiring knows its controller, and what lies under it.
        place: of the stage.
        sources: where to ask.

    Raises:
        NotReadyError: nobody keeps it here, and no report of it was given.
        UsageError: the report is of another stack, or none at all.
    """
    from telamon.cli.client import Controller
    from telamon.cli.target import target_of
    from telamon.plan.promotion import Ran

    stage = place.stage
    name = stage.stack.metadata.name
    target = target_of(session, name, state=sources.states.get(stage.name))
    report, context = sources.reports.get(stage.name), sources.contexts.get(stage.name)
    if report is not None:
        stack = _stack(read_json(session, report, remedy=_REPORT), source=str(report))
    elif context is not None:
        stack = _stack(_told(sources.kubeconfig, context, name), source=f"the cluster of {context}")
    else:
        try:
            stack = _stack(Controller(target.socket).stack().document, source=f"the controller of {name}")
        except NotReadyError as error:
            raise NotReadyError(
                f"how {stage.name} stands is not known: {brief(error)}",
                remedy=f"Bring it up, name its cluster with --context {stage.name}=NAME, or give "
                f"--status {stage.name}=FILE with what that tells of the Stack.",
            ) from error
    if stack.metadata.name != name:
        raise UsageError(
            f"{stage.name} is the stack {name}, and the report is of {stack.metadata.name}",
            remedy="Give the report of that stack.",
        )
    return Ran(stack, _drift(session, stack, target.root))


def _told(kubeconfig: Path | None, context: str, name: str) -> object:
    from telamon.cli.clusters import connected

    with connected(kubeconfig, context) as api:
        from telamon.platforms.kubernetes.standing import stack_as_told

        return stack_as_told(api, name)


def by_stage(
    given: tuple[str, ...], *, option: str, stages: tuple[str, ...], what: str = "PATH"
) -> Mapping[str, str]:
    """Read ``STAGE=…`` of an option that may be given for every stage.

    Args:
        given: as typed.
        option: its name.
        stages: that there are.
        what: stands behind the name of the stage.

    Raises:
        UsageError: one is of another form, or names no stage.
    """
    from telamon.cli.names import unknown

    found: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise UsageError(f'{option} takes STAGE={what}, and not "{text}"')
        if name not in stages:
            raise unknown("stage", name, known=stages)
        found[name] = value
    return found


def _file(name: str) -> Path:
    tried = [Path(form.format(name)) for form in FORMS]
    for path in tried:
        if path.is_file():
            return path
    raise UsageError(
        f"there is no stage {name}: none of {', '.join(map(str, tried[1:]))} is a file",
        remedy=f"A stage is a stack file, or a folder with a {DEFAULT_FILE}.",
    )


def _stack(document: object, *, source: str) -> Stack:
    from pydantic import ValidationError

    from telamon.model.metadata import Metadata
    from telamon.model.stack import Stack

    if isinstance(document, dict) and isinstance(document.get("metadata"), dict):
        # A cluster adds much of its own; a stack has a few of these alone.
        ours = {field.alias or name for name, field in Metadata.model_fields.items()}
        kept = {key: value for key, value in document["metadata"].items() if key in ours}
        document = document | {"metadata": kept}
    try:
        return Stack.model_validate_json(json.dumps(document))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"{source} tells of no Stack: {path}: {first['msg']}",
            remedy=_REPORT,
        ) from error


def _drift(session: Session, stack: Stack, root: Path) -> tuple[str, ...]:
    """What lies otherwise under a stack on AWS than it was applied."""
    if stack.spec.platform.kind != "aws":
        return ()

    def tell(sentence: str) -> None:
        if session.output == "text":
            session.terminal.note(sentence)

    seen = session.wiring().drifting(root, ground=None).look(tell=tell)
    return tuple(f"{each.layer}/{each.address}: {each.told}" for each in seen.drift)
